"""``steadypose lift``, in this process."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import steadypose as sp
from steadypose.cli import main
from steadypose.lift import LiftSpec, Network

sys.path.append(str(Path(__file__).parent.parent / "lift"))
from lift_samples import write_network

DATA = Path(__file__).parent.parent / "data"
Run = Callable[..., tuple[int, str, str]]
CALIBRATION = """
[cam_01]
size = [1088.0, 1920.0]
matrix = [[1681.2, 0.0, 532.9], [0.0, 1681.0, 948.1], [0.0, 0.0, 1.0]]
distortions = [-0.0007, 0.0021, 9.5e-06, 1.0e-05]

[cam_02]
matrix = [[1673.7, 0.0, 534.4], [0.0, 1673.7, 963.2], [0.0, 0.0, 1.0]]
"""


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: str | Path) -> tuple[int, str, str]:
        code = main([str(a) for a in argv])
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with recordings in pixels and in fractions, one in 3D, a network and a calibration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "takes").mkdir()
    shutil.copy(DATA / "openpose" / "cam01_json.zip", "takes/op.zip")
    shutil.copy(DATA / "mediapipe-npz" / "pose2sim_single_cam01_0-40.npz", "takes/mp.npz")
    shutil.copy(DATA / "keraal-json" / "AP-CTK.json", "fractions.json")
    shutil.copy(DATA / "keraal" / "G3-Kinect-CTK-P1T1-Unknown-C-0.txt", "kinect.txt")
    shutil.copy(DATA / "caliscope" / "xy_HOLISTIC.csv", "four.csv")
    Path("Calib.toml").write_text(CALIBRATION)
    write_network(tmp_path / "n.onnx", LiftSpec())
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_beside_the_input_into_a_folder_and_to_a_name(run: Run, here: Path) -> None:
    code, out, err = run("lift", "takes", "-w", "n.onnx")
    assert (code, out) == (0, "")
    assert "mp.npz -> takes/mp.lifted.npz: 40 frames, 1 person, 40 bodies lifted" in err
    assert names(here / "takes") == ["mp.lifted.npz", "mp.npz", "op.lifted.npz", "op.zip"]
    code, _, err = run("lift", "takes", "-w", "n.onnx")  # its own results are no inputs
    assert (
        code == 1 and err.count("exists already (--force replaces it)") == 2 and "2 of 2 inputs failed" in err
    )
    assert run("lift", "takes", "-w", "n.onnx", "--force", "-q")[0] == 0
    assert run("lift", "takes", "-w", "n.onnx", "-o", "out")[0] == 0
    assert names(here / "out") == ["mp.npz", "op.npz"]
    assert run("lift", "takes/mp.npz", "-w", "n.onnx", "-o", "mp.json")[0] == 0
    back = sp.read("mp.json")
    assert isinstance(back, sp.PoseSequence)
    assert (back.skeleton.name, back.unit, back.shape) == ("h36m17", "mm", (40, 1, 17, 3))


def test_it_is_what_the_function_gives(run: Run, here: Path) -> None:
    options = ("--online", "--stature", "1.8", "--max-gap", "0.1", "--fps", "60")
    assert run("lift", "takes/op.zip", "-w", "n.onnx", "-o", "a.npz", *options)[0] == 0
    seq = sp.read("takes/op.zip", fps=60)
    wanted = sp.lift(seq, weights=Network("n.onnx"), online=True, stature=1.8, max_gap=0.1)
    got = sp.read("a.npz")
    np.testing.assert_allclose(got.positions, wanted.positions, atol=1e-3)
    assert got.history == wanted.history and got.fps == pytest.approx(60)


def test_a_camera_from_a_calibration_file(run: Run, here: Path) -> None:
    plain = ("lift", "takes/op.zip", "-w", "n.onnx", "--force", "-o", "a.npz")
    assert run(*plain, "--camera", "Calib.toml", "--camera-name", "cam_01")[0] == 0
    assert "turned to the person and back" in sp.read("a.npz").history[-1]
    code, _, err = run(*plain, "--camera", "Calib.toml")
    assert code == 1 and "found several: cam_01, cam_02" in err
    code, _, err = run(*plain, "--camera-name", "cam_01")
    assert code == 2 and "--camera-name belongs to --camera" in err
    code, _, err = run(
        "lift", "four.csv", "-w", "n.onnx", "--camera", "Calib.toml", "--camera-name", "cam_01"
    )
    assert code == 1 and "the sequence that --camera belongs to (--stream)" in err


def test_fractions_and_their_image(run: Run, here: Path) -> None:
    code, _, err = run("lift", "fractions.json", "-w", "n.onnx")
    assert code == 1 and "fractions.json: expected the size of the image" in err and err.count("\n") == 1
    assert run("lift", "fractions.json", "-w", "n.onnx", "--size", "960x544")[0] == 0
    assert "pixels of an image of 960 x 544" in sp.read("fractions.lifted.npz").history
    for wrong in ("960", "960x", "0x544", "axb", "1x2x3"):
        code, _, err = run("lift", "fractions.json", "-w", "n.onnx", "--size", wrong)
        assert code == 2 and "expected --size as WIDTHxHEIGHT" in err


def test_every_sequence_in_the_image_is_lifted_or_the_one_asked_for(run: Run, here: Path) -> None:
    flat = sp.read_streams("four.csv")
    code, out, _ = run("lift", "four.csv", "-w", "n.onnx", "--json")
    assert code == 0
    (done,) = json.loads(out)
    assert done["network"] == "tiny" and list(done["streams"]) == list(flat) and len(flat) > 1
    assert list(sp.read_streams("four.lifted.npz")) == list(flat)
    name = list(flat)[1]
    assert run("lift", "four.csv", "-w", "n.onnx", "--stream", name, "-o", "one.npz")[0] == 0
    one, all_ = sp.read("one.npz"), sp.read_streams("four.lifted.npz")
    np.testing.assert_array_equal(one.positions, all_[name].positions)


def test_what_is_not_in_the_image_is_refused(run: Run, here: Path) -> None:
    code, _, err = run("lift", "kinect.txt", "-w", "n.onnx")
    assert (
        code == 1 and "kinect.txt: expected 2D keypoints in the image, found" in err and err.count("\n") == 1
    )
    code, _, err = run("lift", "kinect.txt", "takes/mp.npz", "-w", "n.onnx", "-o", "out")
    assert code == 1 and "1 of 2 inputs failed" in err
    assert names(here / "out") == ["mp.npz"]


def test_the_input_is_never_replaced(run: Run, here: Path) -> None:
    before = Path("takes/mp.npz").read_bytes()
    code, _, err = run("lift", "takes/mp.npz", "-w", "n.onnx", "-o", "takes/mp.npz", "--force")
    assert code == 1 and "is the file that was read; steadypose never touches its input" in err
    assert Path("takes/mp.npz").read_bytes() == before


def test_stdin_and_stdout(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(Path("fractions.json").read_bytes())

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Stdin())
    code, _, err = run("lift", "-", "-w", "n.onnx", "--size", "960x544", "-o", "a.npz")
    assert code == 0 and err.startswith("stdin -> a.npz: 30 frames")
    code, _, err = run("lift", "-", "takes/mp.npz", "-w", "n.onnx")
    assert code == 2 and "stdin (-) cannot be mixed" in err
    code, _, err = run("lift", "takes", "-w", "n.onnx", "-o", "-")
    assert code == 2 and "-o - goes with one input, found 2" in err
    code, _, err = run("lift", "takes/mp.npz", "-w", "n.onnx", "-o", "-", "--json")
    assert code == 2 and "cannot both go to stdout" in err


def test_dry_run_needs_no_network_and_writes_nothing(run: Run, here: Path) -> None:
    code, out, _ = run("lift", "takes", "--dry-run", "-w", "none.onnx")
    assert code == 0
    assert out.splitlines() == ["takes/mp.npz -> takes/mp.lifted.npz", "takes/op.zip -> takes/op.lifted.npz"]
    code, out, _ = run("lift", "takes/op.zip", "--dry-run", "--to", "long-csv")
    assert out.splitlines() == ["takes/op.zip -> takes/op.lifted.csv"]
    assert names(here / "takes") == ["mp.npz", "op.zip"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-w", "none.onnx"], 1, "none.onnx: expected a readable ONNX file"),
        (["-w", "Calib.toml"], 1, "Calib.toml: expected a network in ONNX"),
        (["-w", "n.onnx", "--stature", "175"], 1, "expected stature in metres"),
        (["-w", "n.onnx", "--max-gap", "-1"], 2, "max-gap"),
        (["-w", "n.onnx", "--camera", "gone.toml"], 1, "gone.toml: expected a readable file"),
        (["-w", "n.onnx", "--stream", "left"], 1, "expected a stream among"),
        (["-w", "n.onnx", "--to", "nothing"], 2, "No format has that name"),
        (["-w", "n.onnx", "-o", "gone/a.npz"], 1, "existing folder"),
        (["-w", "n.onnx", "-o", "a.zip"], 1, "expected a layout that OpenPose has"),
    ],
)
def test_errors_are_one_line(run: Run, here: Path, arguments: list[str], code: int, said: str) -> None:
    found, out, err = run("lift", "takes/mp.npz", *arguments)
    assert (found, out) == (code, "") and said in err and err.count("\n") == 1
    assert names(here / "takes") == ["mp.npz", "op.zip"]
