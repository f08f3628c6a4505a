"""``steadypose train``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from steadypose.cli import main
from steadypose.lift._network import Network
from steadypose.models import checkpoints

BVH = Path(__file__).parent.parent / "data" / "bvh" / "02_03.bvh"
CONFIG = """
[data]
cameras = "film"
views = 1
[network]
width = 8
length = 2
[optimiser]
rate = 1e-2
[trainer]
batch = 4
epochs = 2
accelerator = "cpu"
"""

REFINER = """
task = "refine"
[window]
length = 8
step = 4
rate = 120
[network]
kind = "smoothnet"
hidden = 8
inner = 4
blocks = 1
[data]
rates = [120]
detector = 0
[trainer]
batch = 64
epochs = 2
epoch_steps = 5
accelerator = "cpu"
"""

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
    """A folder with a configuration, and one clip to train and one to validate on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEADYPOSE_DATA", raising=False)
    (tmp_path / "tiny.toml").write_text(CONFIG)
    (tmp_path / "refiner.toml").write_text(REFINER)
    lines = ["path,source,licence,fps,frames,seconds,joints,label,unit_cm,rest_rows"]
    for name in ("08_01", "03_01"):  # CMU's subject 03 is for validation
        path = tmp_path / "motion" / "mocap" / "cmu" / f"{name}.bvh"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(BVH.read_bytes())
        lines.append(f"cmu/{name}.bvh,somewhere,CMU,120,30,0.25,31,walk,5.6444,1")
    (tmp_path / "motion" / "mocap" / "index.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_a_training_from_motion_capture_to_a_network(run: Run, here: Path) -> None:
    code, out, err = run("train", "tiny.toml", "--data", here / "motion", "--set", "trainer.onnx=true")
    assert code == 0, err
    assert out == "runs/tiny/best.safetensors\n"
    assert "parameters; at most 2 epochs of" in err
    assert err.count("validation MPJPE") == 2
    assert "Lightning" not in err and "GPU available" not in err
    _, card = checkpoints.load(here / out.strip())
    assert card["name"] == "tiny"
    assert card["trained_on"]["names"] == ["cmu/08_01"]
    assert card["split"] == {"train": ["cmu 08"], "validation": ["cmu 03"]}
    assert card["command"] == "steadypose train tiny.toml --set trainer.onnx=true"
    assert "CMU" in card["licence"]
    assert str(here) not in json.dumps(card)
    assert Network(here / "runs" / "tiny" / "best.onnx").name == "tiny"


def test_a_task_makes_it_a_refining_network(run: Run, here: Path) -> None:
    code, out, err = run("train", "refiner.toml", "--data", here / "motion", "--set", "loss.acceleration=1")
    assert code == 0, err
    assert out == "runs/refiner/best.safetensors\n"
    assert "smoothnet: 220 parameters; at most 2 epochs of 5 steps" in err
    assert err.count("of the input's (best position") == 2
    network, card = checkpoints.load(here / out.strip())
    assert network.spec.length == 8
    assert card["trained_on"]["names"] == ["cmu/08_01"]
    assert card["split"] == {"train": ["cmu 08"], "validation": ["cmu 03"]}
    assert card["config"]["task"] == "refine"
    assert card["config"]["loss"]["acceleration"] == 1
    assert str(here) not in json.dumps(card)
    code, _, err = run("train", "refiner.toml", "--data", here / "motion", "--resume", "-q")
    assert code == 1
    assert "expected the loss it was begun with, found another" in err


def test_going_on_needs_a_training_and_a_training_is_not_overwritten(run: Run, here: Path) -> None:
    code, _, err = run("train", "tiny.toml", "--data", "motion", "-o", "mine", "--resume")
    assert (code, err) == (1, "steadypose: mine: expected a training to go on with, found none\n")
    assert run("train", "tiny.toml", "--data", "motion", "-o", "mine", "-q")[::2] == (0, "")
    code, _, err = run("train", "tiny.toml", "--data", "motion", "-o", "mine")
    assert code == 1
    assert "mine: expected a new folder, found a training (--resume goes on with it)" in err
    more = ("--set", "trainer.epochs=3", "--resume")
    code, _, err = run("train", "tiny.toml", "--data", "motion", "-o", "mine", *more)
    assert code == 0
    assert err.count("validation MPJPE") == 1


def test_the_name_of_a_training_leads_nowhere_else(run: Run, here: Path) -> None:
    for name in ("../mine", "/tmp/mine"):
        code, _, err = run("train", "tiny.toml", "--data", "motion", "--set", f"name={name!r}")
        assert code == 1 and "found one that leads out of it" in err
    assert not (here / "mine").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("none.toml",), "none.toml: expected a readable file, found No such file or directory"),
        (("tiny.toml", "--set", "trainer.epoch=3"), "trainer.epoch: expected 'epochs', found an unknown key"),
        (("tiny.toml", "--set", "epochs"), "expected a change such as optimiser.rate=1e-3, found 'epochs'"),
        (("tiny.toml",), "STEADYPOSE_DATA"),
        (("refiner.toml",), "STEADYPOSE_DATA"),
        (
            ("tiny.toml", "--set", "task=denoise"),
            "task: expected 'lift' or 'refine' or 'gates', found 'denoise'",
        ),
        (("tiny.toml", "--data", "nowhere"), "nowhere"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run: Run, here: Path, argv: tuple[str, ...], message: str) -> None:
    code, out, err = run("train", *argv)
    assert (code, out) == (1, "")
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err


def test_without_the_extra_it_says_which_one(here: Path) -> None:
    program = (
        "import sys; sys.modules['lightning'] = None\n"
        "from steadypose.cli import main; sys.exit(main(['train', 'tiny.toml']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == 'steadypose: training needs an optional package: pip install "steadypose[train]"\n'
