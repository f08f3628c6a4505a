"""``steadypose refine`` with a network, in this process."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import steadypose as sp
from steadypose.cli import main
from steadypose.refine import DEFAULT_METHOD
from steadypose.refine.windows import WindowSpec

sys.path.append(str(Path(__file__).parent.parent / "refine"))
from refine_samples import smoother, write_network

DATA = Path(__file__).parent.parent / "data"
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
    """A folder with recordings and a network."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(DATA / "keraal-json" / "AP-CTK.json", "poses.json")
    shutil.copy(DATA / "keraal" / "G3-Kinect-CTK-P1T1-Unknown-C-0.txt", "kinect.txt")
    write_network(tmp_path / "net.onnx", WindowSpec(32, 8), smoother(32))
    return tmp_path


def test_weights_choose_the_method(run: Run, here: Path) -> None:
    code, out, err = run("refine", "poses.json", "--weights", "net.onnx", "--json")
    assert code == 0, err
    (stream,) = json.loads(out)[0]["streams"].values()
    assert "refine: network(tiny, strength=1)" in stream["done"]
    assert stream["accel_after"] < 0.7 * stream["accel_before"]
    wanted = sp.refine(sp.read("poses.json"), weights="net.onnx")  # type: ignore[type-var]
    found = sp.read("poses.steady.json")
    np.testing.assert_allclose(found.positions, wanted.positions, atol=1e-5)  # type: ignore[union-attr]


def test_strength_and_step_reach_it(run: Run, here: Path) -> None:
    accel = {}
    for strength in ("0.5", "1", "2"):
        code, out, err = run(
            "refine", "poses.json", "-m", "network", "--weights", "net.onnx", "--strength", strength,
            "--step", "4", "-o", f"{strength}.json", "--json",
        )  # fmt: skip
        assert code == 0, err
        (stream,) = json.loads(out)[0]["streams"].values()
        assert f"network(tiny, strength={strength}, step=4)" in stream["done"]
        accel[strength] = stream["accel_after"]
    assert accel["2"] < accel["1"] < accel["0.5"]


def test_positions_and_rotations_of_one_file(run: Run, here: Path) -> None:
    code, out, err = run("refine", "kinect.txt", "--weights", "net.onnx", "--json")
    assert code == 0, err
    streams = json.loads(out)[0]["streams"]
    assert {s["unit"] for s in streams.values()} == {"mm", "°"}
    assert all(s["accel_after"] < s["accel_before"] for s in streams.values())


def test_tuning_its_strength(run: Run, here: Path) -> None:
    truth = sp.refine(sp.read("poses.json"), "network", weights="net.onnx", strength=1.5)  # type: ignore[type-var]
    sp.write(truth, "truth.json")
    code, out, err = run("refine", "poses.json", "--weights", "net.onnx", "--tune", "truth.json", "--json")
    assert code == 0, err
    (done,) = json.loads(out)
    assert done["tuned"]["weights"] == "net.onnx" and 0.3 <= done["tuned"]["strength"] <= 3


def test_what_is_no_network_is_said_before_any_file_is_read(run: Run, here: Path) -> None:
    (here / "broken.json").write_text("{")
    (here / "x.pt").write_bytes(b"PK\x03\x04 a checkpoint")
    (here / "noise.onnx").write_bytes(np.random.default_rng(0).bytes(999))
    lifter = Path(sp.__file__).parent / "weights" / "lift_fcn.onnx"
    for weights, said in [
        ("x.pt", "export it first (steadypose export x.pt -o x.onnx)"),
        ("noise.onnx", "noise.onnx: expected a network in ONNX"),
        (lifter, "spec: expected a refining network's spec"),
        ("nothing.onnx", "nothing.onnx: expected a readable ONNX file"),
        ("nothing", "refining network"),
    ]:
        for inputs in (("poses.json",), ("broken.json", "poses.json")):
            code, out, err = run("refine", *inputs, "--weights", weights)
            assert (code, out) == (1, "")
            assert said in err and err.count("\n") == 1
    assert not (here / "poses.steady.json").exists()


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["-m", "network", "--strength", "7"], 1, "expected strength from 0.3 to 3, found 7"),
        (["--step", "99"], 1, "step as a whole number of frames from 1 to the window's 32"),
        (["-m", "gaussian"], 2, "--weights is no parameter of gaussian, which has --sigma"),
        (
            ["--sigma", "1"],
            2,
            "--sigma is no parameter of network, which has --strength, --weights, --step",
        ),
    ],
)
def test_settings_that_do_not_fit(run: Run, here: Path, argv: list[str], code: int, words: str) -> None:
    done, out, err = run("refine", "poses.json", "--weights", "net.onnx", *argv)
    assert (done, out) == (code, "")
    assert words in err and err.count("\n") == 1


def test_help_speaks_of_the_default(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("refine", "--help")
    flat = " ".join(out.replace("│", " ").split())
    assert f"outliers removed, gaps filled, then {DEFAULT_METHOD}." in flat
    assert "Default: repeated frames and collapsed bodies left out, swaps put back" in flat
    assert "--weights" in flat and "the network's own (network)" in flat
    assert "the shipped one (network), none (smoothnet)" in flat
