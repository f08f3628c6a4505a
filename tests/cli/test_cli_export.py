"""``steadypose export``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from steadypose.cli import main
from steadypose.lift._network import Network
from steadypose.lift._spec import LiftSpec
from steadypose.models import (
    Seq2SeqConfig,
    SmoothNet,
    SmoothNetConfig,
    build,
    build_refiner,
    load_smoothnet,
    save,
)
from steadypose.models.checkpoints import REQUIRED
from steadypose.refine.windows import INPUT, METADATA, WindowSpec

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: str | Path) -> tuple[int, str, str]:
        code = main([str(a) for a in argv])
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with weights as SmoothNet's authors save them."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = SmoothNet(SmoothNetConfig(length=8, hidden=24, inner=6, blocks=2))
    scores = [{"output_accel": np.float64(1.03)}]
    content = {"epoch": 69, "state_dict": network.state_dict(), "performance": scores, "optimizer": {}}
    torch.save(content, tmp_path / "checkpoint_8.pth.tar")
    return tmp_path


def card(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads({p.key: p.value for p in onnx.load(path).metadata_props}[METADATA])
    return found


def test_released_weights(run: Run, here: Path) -> None:
    code, out, err = run("export", "checkpoint_8.pth.tar", "-o", "net.onnx")
    assert (code, out) == (0, "")
    assert err.startswith(
        "checkpoint_8.pth.tar -> net.onnx: SmoothNet, length 8, hidden 24, inner 6, blocks 2, "
    )
    assert "1,052 parameters" in err and err.count("\n") == 1
    network = load_smoothnet("checkpoint_8.pth.tar")
    assert sum(p.numel() for p in network.parameters()) == 1052
    x = torch.randn(5, 8)
    session = onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
    with torch.no_grad():
        np.testing.assert_allclose(
            session.run(None, {INPUT: x.numpy()})[0], network(x[:, None])[:, 0], atol=1e-5
        )
    found = card(here / "net.onnx")
    wanted = WindowSpec(length=8, step=2, rate=None, normalisation="body", taper="hann")
    assert WindowSpec.from_json(found["spec"]) == wanted
    assert found["name"] == "checkpoint_8" and found["licence"] is None
    assert found["network"]["kind"] == "smoothnet"
    assert found["command"] == "steadypose export checkpoint_8.pth.tar -o net.onnx"
    assert str(here) not in json.dumps(found)


def test_what_the_file_does_not_say(run: Run, here: Path) -> None:
    options = [
        "--rate",
        "50",
        "--normalisation",
        "none",
        "--step",
        "1",
        "--taper",
        "flat",
        "--half",
        "--json",
    ]
    code, out, err = run("export", "checkpoint_8.pth.tar", "-o", "net.onnx", *options)
    assert (code, err) == (0, "")
    said, spec = json.loads(out), WindowSpec(8, 1, 50.0, "none", "flat")
    assert WindowSpec.from_json(said["spec"]) == spec == WindowSpec.from_json(card(here / "net.onnx")["spec"])
    assert said["parameters"] == 1052
    assert said["network"] | {"dropout": 0} == {
        "kind": "SmoothNet", "length": 8, "output": None, "hidden": 24, "inner": 6, "blocks": 2, "dropout": 0,
    }  # fmt: skip
    assert said["bytes"] == (here / "net.onnx").stat().st_size
    assert said["difference"] < 1e-5
    assert "--rate 50.0 --normalisation none" in card(here / "net.onnx")["command"]


def test_what_steadypose_has_trained(run: Run, here: Path) -> None:
    about = {**dict.fromkeys(REQUIRED), "name": "mine", "licence": "CMU"}
    spec = WindowSpec(length=16, step=4, rate=100)
    save("refiner.safetensors", build_refiner(SmoothNetConfig(hidden=8, inner=4), spec), about)
    save("lifter.safetensors", build(Seq2SeqConfig(width=8), LiftSpec(length=2)), about)
    code, _, err = run("export", "refiner.safetensors", "-o", "refiner.onnx")
    assert code == 0 and "SmoothNet, length 16" in err
    found = card(here / "refiner.onnx")
    assert WindowSpec.from_json(found["spec"]) == spec
    assert {name: found[name] for name in about} == about
    code, out, err = run("export", "lifter.safetensors", "-o", "lifter.onnx", "-q")
    assert (code, out, err) == (0, "", "")
    assert Network(here / "lifter.onnx").name == "mine"
    for option in ("--rate=60", "--taper=flat", "--step=1", "--normalisation=body"):
        code, _, err = run("export", "refiner.safetensors", "-o", "other.onnx", option)
        assert code == 2 and "refiner.safetensors says itself" in err and option.partition("=")[0] in err
    assert not (here / "other.onnx").exists()


def test_nothing_is_replaced_without_force(run: Run, here: Path) -> None:
    (here / "net.onnx").write_bytes(b"old")
    code, _, err = run("export", "checkpoint_8.pth.tar", "-o", "net.onnx")
    assert (code, err) == (1, "steadypose: net.onnx: exists already (--force replaces it)\n")
    assert (here / "net.onnx").read_bytes() == b"old"
    assert run("export", "checkpoint_8.pth.tar", "-o", "net.onnx", "--force")[0] == 0
    assert card(here / "net.onnx")["name"] == "checkpoint_8"
    assert sorted(p.name for p in here.iterdir()) == ["checkpoint_8.pth.tar", "net.onnx"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["checkpoint_8.pth.tar", "-o", "net.pb"], 2, "ends in .onnx, found 'net.pb'"),
        (["checkpoint_8.pth.tar"], 2, "--output"),
        (["checkpoint_8.pth.tar", "-o", "net.onnx", "--rate", "0"], 2, "--rate"),
        (["checkpoint_8.pth.tar", "-o", "net.onnx", "--rate", "inf"], 1, "expected rate of windows"),
        (["checkpoint_8.pth.tar", "-o", "net.onnx", "--normalisation", "bodies"], 2, "Did you mean body?"),
        (
            ["checkpoint_8.pth.tar", "-o", "net.onnx", "--step", "9"],
            1,
            "checkpoint_8.pth.tar: expected a step",
        ),
        (["checkpoint_8.pth.tar", "-o", "no/net.onnx"], 1, "no/net.onnx: expected an existing folder"),
        (["nowhere.pth", "-o", "net.onnx"], 1, "nowhere.pth: expected a file of torch.save, found no file"),
        (["nowhere.safetensors", "-o", "net.onnx"], 1, "expected a checkpoint (.safetensors), found no file"),
        (["short.pth", "-o", "net.onnx"], 1, "short.pth: expected a network that puts out all 8 frames"),
        (["words.pth", "-o", "net.onnx"], 1, "words.pth: expected a file of torch.save, found"),
    ],
)
def test_what_is_refused(run: Run, here: Path, options: list[str], code: int, words: str) -> None:
    torch.save(SmoothNet(SmoothNetConfig(8, output=5, hidden=4, inner=2)).state_dict(), here / "short.pth")
    (here / "words.pth").write_text("no weights")
    before = sorted(here.iterdir())
    status, out, err = run("export", *options)
    assert (status, out) == (code, "")
    assert words in err and err.startswith("steadypose: ") and err.count("\n") == 1, err
    assert sorted(here.iterdir()) == before


@pytest.mark.parametrize("missing", ["torch", "onnx", "safetensors"])
def test_a_missing_package_is_said_in_one_line(here: Path, missing: str) -> None:
    code = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {missing!r}:\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "from steadypose.cli import main\n"
        "sys.exit(main(['export', 'checkpoint_8.pth.tar', '-o', 'net.onnx']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.strip().endswith('pip install "steadypose[train]"') and done.stderr.count("\n") == 1
    assert not (here / "net.onnx").exists()
