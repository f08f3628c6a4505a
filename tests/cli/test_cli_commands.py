"""The commands one by one, in this process."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steadypose as sp
from steadypose.cli import _words, main
from steadypose.refine import METHODS
from steadypose.refine.windows import WindowSpec

sys.path.append(str(Path(__file__).parent.parent / "refine"))
from refine_samples import write_network

DATA = Path(__file__).parent.parent / "data"
POSES = DATA / "keraal-json" / "AP-CTK.json"
KINECT = DATA / "keraal" / "G3-Kinect-CTK-P1T1-Unknown-C-0.txt"
OPENPOSE = DATA / "openpose" / "cam01_json.zip"

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
    """A folder with two recordings, one of them also as something broken, and a file of another kind."""
    monkeypatch.chdir(tmp_path)
    takes = tmp_path / "takes"
    takes.mkdir()
    shutil.copy(POSES, takes / "a.json")
    shutil.copy(OPENPOSE, takes / "b.zip")
    (takes / "notes.txt").write_text("no poses here")
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


# --- refine: inputs and outputs


def test_a_folder_stands_for_its_pose_files(run: Run, here: Path) -> None:
    code, out, err = run("refine", "takes", "-o", "steady")
    assert (code, out) == (0, "")
    assert names(here / "steady") == ["a.json", "b.zip"]
    assert "1 other entries passed over" in err and "notes.txt" in err
    assert sp.detect("steady/a.json") == sp.detect("takes/a.json")


def test_results_of_an_earlier_run_are_no_inputs(run: Run, here: Path) -> None:
    assert run("refine", "takes")[0] == 0
    assert names(here / "takes") == ["a.json", "a.steady.json", "b.steady.zip", "b.zip", "notes.txt"]
    code, _, err = run("refine", "takes", "--dry-run")
    assert code == 0 and "steady.steady" not in err
    code, _, err = run("refine", "takes")
    assert code == 1 and err.count("exists already") == 2 and "2 of 2 inputs failed" in err
    assert run("refine", "takes", "--force")[0] == 0


def test_an_openpose_folder_is_one_input(run: Run, here: Path) -> None:
    shutil.unpack_archive(OPENPOSE, here)
    folder = next(p for p in here.iterdir() if p.is_dir() and p.name != "takes")
    code, _, err = run("refine", folder.name)
    assert code == 0 and err.count("\n") == 1
    assert names(here / f"{folder.name}.steady") == names(folder)


def test_quoted_patterns_are_expanded(run: Run, here: Path) -> None:
    code, out, _ = run("refine", "takes/*.json", "**/b.zip", "--dry-run")
    assert code == 0
    assert out.splitlines() == ["takes/a.json -> takes/a.steady.json", "takes/b.zip -> takes/b.steady.zip"]
    code, _, err = run("refine", "takes/*.trc")
    assert code == 1 and "match the pattern, found none" in err


def test_a_file_that_fails_does_not_stop_the_others(run: Run, here: Path) -> None:
    (here / "broken.json").write_bytes(POSES.read_bytes()[:1000])
    code, out, err = run("refine", "broken.json", "missing.json", "takes/a.json", "-o", "out", "--json")
    assert code == 1
    assert names(here / "out") == ["a.json"]
    assert "broken.json" in err and "missing.json" in err and "2 of 3 inputs failed" in err
    (one,) = json.loads(out)
    assert one["input"] == "takes/a.json" and one["output"] == "out/a.json"


def test_one_file_into_a_folder_or_to_a_name(run: Run, here: Path) -> None:
    assert run("refine", "takes/a.json", "-o", "new/")[0] == 0
    assert run("refine", "takes/a.json", "-o", "new/b.json")[0] == 0
    (here / "there").mkdir()
    assert run("refine", "takes/a.json", "-o", "there")[0] == 0
    assert run("refine", "takes/a.json", "-o", "takes/")[0] == 0  # its own folder: the name gets the mark
    assert names(here / "new") == ["a.json", "b.json"] and names(here / "there") == ["a.json"]
    assert "a.steady.json" in names(here / "takes")
    code, _, err = run("refine", "takes/a.json", "-o", "nowhere/a.json")
    assert code == 1 and "existing folder" in err


def test_the_input_is_never_replaced(run: Run, here: Path) -> None:
    before = (here / "takes" / "a.json").read_bytes()
    code, _, err = run("refine", "takes/a.json", "-o", "takes/a.json", "--force")
    assert code == 1 and "never touches its input" in err
    assert (here / "takes" / "a.json").read_bytes() == before


def test_an_interrupted_batch_goes_on(run: Run, here: Path) -> None:
    for name in ("b", "c"):
        shutil.copy(here / "takes" / "a.json", here / "takes" / f"{name}.json")
    sources = [f"takes/{name}.json" for name in "abc"]
    assert run("refine", sources[0], "-o", "out/")[0] == 0
    (here / "out" / "a.json").write_text("done before")
    code, out, _ = run("refine", *sources, "-o", "out", "--skip-existing", "--dry-run")
    assert (code, out.count("\n")) == (0, 2)
    code, _, err = run("refine", *sources, "-o", "out", "--skip-existing")
    assert code == 0 and "1 of 3 are there already: skipped" in err
    assert names(here / "out") == ["a.json", "b.json", "c.json"]
    assert (here / "out" / "a.json").read_text() == "done before"
    code, out, err = run("refine", *sources, "-o", "out", "--skip-existing", "--json")
    assert (code, json.loads(out)) == (0, []) and "3 of 3 are there already" in err
    code, _, err = run("refine", *sources, "-o", "out", "--skip-existing", "--force")
    assert code == 2 and "contradict" in err
    page = ("--report", "page.html", "--skip-existing")
    assert run("refine", sources[0], "-o", "out/a.json", *page)[0] == 0  # the page alone was missing
    assert (here / "out" / "a.json").read_text() == "done before" and (here / "page.html").exists()
    code, _, err = run("convert", sources[0], "-o", "out/a.json", "--skip-existing")
    assert code == 0 and "1 of 1 are there already" in err


def test_no_folder_is_left_where_nothing_was_written(run: Run, here: Path) -> None:
    assert run("refine", "broken.json", "-o", "new/deep/")[0] == 1
    assert run("convert", "broken.json", "-o", "new/a.json")[0] == 1
    assert not (here / "new").exists()


def test_this_folder_has_a_name(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = here / "rec"
    recording.mkdir()
    for f in range(9):
        people = [{"pose_keypoints_2d": [v for k in range(25) for v in (f + k, 2.0 * k, 0.9)]}]
        (recording / f"v_{f:012d}_keypoints.json").write_text(json.dumps({"people": people}))
    monkeypatch.chdir(recording)
    assert run("refine", ".")[0] == 0
    assert (here / "rec.steady").is_dir()


def test_two_inputs_of_one_name_are_refused(run: Run, here: Path) -> None:
    (here / "more").mkdir()
    shutil.copy(POSES, here / "more" / "a.json")
    code, _, err = run("refine", "takes/a.json", "more/a.json", "-o", "out")
    assert code == 2 and "takes/a.json and more/a.json" in err
    assert not (here / "out").exists()


def test_another_format(run: Run, here: Path) -> None:
    assert run("refine", "takes/a.json", "--to", "mediapipe-json", "-o", "m.json")[0] == 0
    assert sp.detect("m.json") == "mediapipe-json"
    assert run("refine", "takes/a.json", "--to", "plain")[0] == 0
    assert sp.detect("takes/a.steady.npz") == "plain"


def test_every_sequence_of_a_file_is_refined_or_the_one_asked_for(run: Run, here: Path) -> None:
    before = sp.read_streams(KINECT)
    assert len(before) > 1
    for asked in (None, next(iter(before))):
        target = here / f"{asked}.txt"
        code, out, _ = run("refine", KINECT, "-o", target, "--json", *(("--stream", asked) if asked else ()))
        assert code == 0
        assert list(json.loads(out)[0]["streams"]) == ([asked] if asked else list(before))
        for name, motion in sp.read_streams(target).items():
            new, old = (getattr(m, "positions", None) for m in (motion, before[name]))
            if new is None:
                new, old = motion.rotations, before[name].rotations  # type: ignore[union-attr]
            same = np.allclose(new, old, atol=1e-4, equal_nan=True)  # type: ignore[arg-type]
            assert same == (asked is not None and name != asked), name


def test_the_line_says_what_was_kept_and_taken_away_and_what_had_to_be_assumed(run: Run, here: Path) -> None:
    code, out, err = run("refine", "takes/a.json", "--json")
    assert code == 0 and err.count("\n") == 1
    (one,) = json.loads(out)
    (stream,) = one["streams"].values()
    changes = sp.metrics.compare(sp.read("takes/a.json"), sp.read("takes/a.steady.json"))
    assert 0 < stream["peak_speed_ratio"] == pytest.approx(changes.peak_speed_ratio, rel=1e-3)
    assert stream["gain"] == pytest.approx(changes.gain, rel=1e-3)
    assert stream["accel_before"] == pytest.approx(changes.accel_before)
    assert stream["fps_assumed"] is True and stream["unit_origin"] == "file"
    said = "a.json -> takes/a.steady.json: 30 frames at 30 fps (assumed), 1 person, normalized; kept "
    assert said in err and stream["said"] in err
    assert all(f"{n} {what}" in err for what, n in stream["counts"].items() if n)


def test_accel_on_the_line_is_that_of_evaluate(run: Run, here: Path) -> None:
    _, out, _ = run("refine", KINECT, "-o", "k.txt", "--json")
    for name, one in json.loads(out)[0]["streams"].items():
        for file, when in ((KINECT, "accel_before"), ("k.txt", "accel_after")):
            _, found, _ = run("evaluate", file, "--stream", name, "--json")
            measured = json.loads(found)["metrics"]
            accel = measured["angular_accel" if one["unit"] == "°" else "accel_magnitude"]
            assert one[when] == pytest.approx(accel, rel=1e-3)


def test_a_page_beside_the_result(run: Run, here: Path) -> None:
    code, _, _ = run("refine", "takes/a.json", "--report", "page.html")
    assert code == 0 and (here / "page.html").read_text("utf-8").lstrip().lower().startswith("<!doctype html")
    code, _, err = run("refine", "takes/a.json", "--report", "page.html", "-o", "other.json")
    assert code == 1 and "page.html: exists already" in err
    assert not (here / "other.json").exists()


# --- refine: methods


@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_of_every_method_is_an_option(run: Run, here: Path, name: str) -> None:
    spec = WindowSpec(32, 8)
    card = {"spec": spec.to_json(), "network": {"kind": "smoothnet"}}
    weights = write_network(here / "net.onnx", spec, card=card)
    values = {f.name: f.default for f in fields(METHODS[name])} | {"weights": weights, "step": 4}
    flags = [t for f in fields(METHODS[name]) for t in (f"--{f.name.replace('_', '-')}", str(values[f.name]))]
    source = KINECT if "positions" not in METHODS[name].handles else POSES
    which = ("--stream", "rotations") if source is KINECT else ()
    code, out, err = run("refine", source, "-o", "out" + source.suffix, "-m", name, *flags, *which, "--json")
    assert code == 0, err
    (stream,) = json.loads(out)[0]["streams"].values()
    assert f"refine: {name}(" in stream["done"]


def test_parameters_reach_the_method(run: Run, here: Path) -> None:
    run("refine", POSES, "-o", "out.json", "-m", "gaussian", "--sigma", "0.2", "--max-gap", "0.1")
    assert np.array_equal(
        sp.read("out.json").positions,  # type: ignore[union-attr]
        sp.refine(sp.read(POSES), method="gaussian", sigma=0.2, max_gap=0.1).positions,  # type: ignore[union-attr,type-var]
        equal_nan=True,
    )


def test_tuning(run: Run, here: Path) -> None:
    truth = sp.refine(sp.read(POSES), method="gaussian", sigma=0.1)  # type: ignore[type-var]
    sp.write(truth, "truth.json")
    code, out, err = run(
        "refine", POSES, "-o", "out.json", "--tune", "truth.json", "-m", "gaussian", "--json"
    )
    assert code == 0, err
    (done,) = json.loads(out)
    assert done["tuned"]["sigma"] == pytest.approx(0.1, rel=0.2)
    assert sp.evaluate(sp.read("out.json"), truth)["mpjpe"] < sp.evaluate(sp.read(POSES), truth)["mpjpe"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--sigma", "0.1", "-m", "median"], "--sigma is no parameter of median, which has --window"),
        (["--metod", "median"], "Did you mean --method?"),
        (["--format", "alfapose"], "Did you mean alphapose?"),
        (["--to", "xyzzy"], "There are "),
        (["--skeleton", "coco71"], "Did you mean coco1"),
        (["--fps", "0"], "Must be > 0"),
        (["--fps", "fast"], "--fps"),
        (["--max-gap", "-1"], "Must be >= 0"),
        (["--unit", "inch"], "There are px"),
        (["-o", "-", "--json"], "cannot both go to stdout"),
        (["-"], "cannot be mixed"),
        (["--objective", "accel"], "belong to --tune"),
    ],
)
def test_usage_errors(run: Run, here: Path, argv: list[str], words: str) -> None:
    code, out, err = run("refine", POSES, *argv)
    assert (code, out) == (2, "")
    assert words in err and err.count("\n") == 1
    assert names(here) == ["takes/a.json", "takes/b.zip", "takes/notes.txt"]


@pytest.mark.parametrize("flag", [("--tune", "x"), ("--report", "x"), ("-o", "-")])
def test_what_goes_with_one_input_only(run: Run, here: Path, flag: tuple[str, str]) -> None:
    code, _, err = run("refine", "takes", *flag)
    assert code == 2 and "goes with one input, found 2" in err


def test_no_arguments_show_help(run: Run) -> None:
    code, out, _ = run()
    assert code == 0 and "Examples:" in out


@pytest.mark.parametrize("command", ["demo", "info", "refine", "evaluate", "convert", "report"])
def test_help_has_examples_and_fits_80_columns(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(command, "--help")
    assert code == 0 and f"  steadypose {command}" in out
    assert max(map(len, out.splitlines())) <= 80
    if command in ("refine", "convert"):
        flat = " ".join(out.split())
        assert all(re.search(rf"\b{name}\b", flat) for name in sp.formats())
    if command == "refine":
        assert all(name in out for name in METHODS)


# --- the other commands


def test_info(run: Run) -> None:
    code, out, err = run("info", POSES)
    assert (code, err) == (0, "")
    assert "keraal-json" in out and "fps assumed" in out and "coco17" in out
    code, out, _ = run("info", POSES, "--json", "--fps", "25")
    facts = json.loads(out)
    assert facts["format"] == "keraal-json"
    (stream,) = facts["streams"]
    assert stream["fps"] == pytest.approx(25) and stream["fps_assumed"] is False
    assert stream["unit"] == "normalized" and stream["dims"] == 2 and len(stream["keypoints"]) == 17
    assert 0 <= stream["missing"] < 1


def test_info_of_rotations_and_of_one_stream(run: Run) -> None:
    code, out, _ = run("info", DATA / "bvh" / "02_03.bvh")
    assert code == 0 and "euler" in out and "relative to parent" in out and "translation" in out
    code, out, _ = run("info", KINECT, "--stream", "rotations", "--json")
    assert code == 0 and [s["kind"] for s in json.loads(out)["streams"]] == ["rotations"]
    code, _, err = run("info", KINECT, "--stream", "nothing")
    assert code == 1 and "expected a stream among" in err


def stored(path: Path, own: float, rate: float) -> Path:
    """Motion of ``own`` frames a second, each stored as often as it takes."""
    times = np.floor(np.arange(4 * rate) / rate * own + 1e-9) / own
    limbs = np.linspace(0, 1, 6)
    x = (
        0.4 * np.sin(2 * np.pi * (0.4 + limbs)[:, None] * times[:, None, None] + np.arange(3))
        + limbs[:, None]
    )
    np.savez(path, positions=x.astype(np.float32), fps=rate, unit="m")
    return path


def test_repeated_frames_and_low_rates_are_said(run: Run, here: Path) -> None:
    code, out, err = run("info", stored(here / "a.npz", 12, 60))
    assert code == 0, err
    assert "192 frames repeat the one before: without them 12 fps" in out
    code, _, err = run("refine", "a.npz", "-o", "b.npz")
    assert code == 0 and "192 of 240 frames repeat the one before" in err
    code, out, _ = run("info", stored(here / "c.npz", 2, 2))
    assert "too fast    6 of 6 keypoints for 2 fps" in out
    code, _, err = run("refine", "c.npz", "-o", "d.npz")
    assert code == 0 and "at 2 fps their motion cannot be told from noise" in err
    np.testing.assert_array_equal(np.load("d.npz")["positions"], np.load("c.npz")["positions"])
    code, out, _ = run("info", POSES, "--json")
    (stream,) = json.loads(out)["streams"]
    assert stream["repeated_frames"] == stream["too_fast"] == 0


def test_missing_keypoints_are_said(run: Run, here: Path) -> None:
    case = DATA / "behaviour" / "f3_zeros.dlc.csv"
    code, _, err = run("refine", case, "-o", "a.csv")
    assert code == 0 and "25 keypoints exactly at the origin (0, 0): missing" in err
    code, _, err = run("refine", case, "-o", "b.csv", "--keep-zeros", "--min-confidence", "0.5")
    assert code == 0 and "25 keypoints below confidence 0.5: 0 filled, 25 missing" in err
    code, _, err = run("refine", POSES, "-o", "c.json", "--min-confidence", "0.5")
    assert code == 0 and "no confidence: min_confidence=0.5 does nothing" in err


def test_evaluate_without_truth(run: Run) -> None:
    code, out, _ = run("evaluate", POSES)
    assert code == 0 and "accel_magnitude" in out
    code, out, _ = run("evaluate", POSES, "--json", "--per-joint")
    result = json.loads(out)
    assert result["metrics"]["coverage"] <= 100 and "nose" in result["per_joint"]["jerk"]


def test_evaluate_against_truth_and_beside_the_input(run: Run, here: Path) -> None:
    truth = sp.refine(sp.read(POSES), method="gaussian", sigma=0.1)  # type: ignore[type-var]
    sp.write(truth, "truth.json")
    sp.write(sp.refine(sp.read(POSES)), "steady.json")  # type: ignore[type-var]
    code, out, _ = run("evaluate", "steady.json", "truth.json", "--reference", POSES, "--json")
    result = json.loads(out)
    assert code == 0
    assert result["metrics"]["accel"] < result["reference"]["metrics"]["accel"]
    assert result["metrics"]["accel"] == pytest.approx(sp.evaluate(sp.read("steady.json"), truth)["accel"])
    code, out, _ = run("evaluate", "steady.json", "truth.json", "--reference", POSES)
    assert code == 0 and "MPJPE" in out and "Before" in out and "\x1b" not in out
    code, _, err = run("evaluate", "steady.json", "truth.json", "--root", "nowhere")
    assert code == 1 or err == ""  # 2D has no root to subtract


def test_convert_and_back(run: Run, here: Path) -> None:
    assert run("convert", POSES, "-o", "poses.csv", "--to", "long-csv")[0] == 0
    code, _, err = run("convert", "poses.csv", "-o", "back.npz", "--to", "plain")
    assert code == 0 and err == "poses.csv -> back.npz\n"
    old, new = sp.read(POSES), sp.read("back.npz")
    assert np.array_equal(old.positions, new.positions, equal_nan=True)  # type: ignore[union-attr]
    assert run("convert", POSES, "-o", "h36m.npz", "--remap", "h36m17")[0] == 0
    assert sp.read("h36m.npz").skeleton.name == "h36m17"
    code, _, err = run("convert", KINECT, "-o", "x.npz", "--remap", "coco17")
    assert code == 1 and "--stream" in err


def test_convert_one_person(run: Run, here: Path) -> None:
    persons = sp.read(OPENPOSE).persons
    assert len(persons) > 1
    assert run("convert", OPENPOSE, "-o", "one.npz", "--person", persons[0])[0] == 0
    assert len(sp.read("one.npz").persons) == 1
    code, _, err = run("convert", OPENPOSE, "-o", "two.npz", "--person", "nobody")
    assert code == 1 and "expected persons among" in err


def test_columns_of_a_table(run: Run, here: Path) -> None:
    rows = ["Frame,marker,X,Y"] + [f"{f},{m},{f + i},{2 * f}" for f in range(6) for i, m in enumerate("ab")]
    (here / "own.csv").write_text("\n".join(rows) + "\n")
    (here / "map.toml").write_text('frame = "Frame"\nkeypoint = "marker"\nx = "X"\ny = "Y"\n')
    for columns in ("map.toml", "frame=Frame, keypoint=marker, x=X, y=Y"):
        code, out, err = run("info", "own.csv", "--format", "long-csv", "--columns", columns, "--json")
        assert code == 0, err
        assert json.loads(out)["streams"][0]["keypoints"] == ["a", "b"]
    code, _, err = run("info", "own.csv", "--format", "long-csv", "--columns", "missing.toml")
    assert code == 1 and "missing.toml" in err and err.count("\n") == 1


def test_report(run: Run, here: Path) -> None:
    run("refine", "takes/a.json")
    code, out, err = run("report", "takes/a.json", "takes/a.steady.json", "-o", "page.html")
    assert (code, out, err) == (0, "", "report: page.html\n")
    code, _, err = run("report", "takes/a.json", "takes/a.steady.json", "-o", "page.html")
    assert code == 1 and "--force" in err


# --- progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_appears_after_a_second_and_on_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def watch(stream: io.StringIO, seconds: float, quiet: bool = False) -> str:
        monkeypatch.setattr("sys.stderr", stream)
        items: list[Any] = ["first", "second"]
        for item in _words.progress(items, items, quiet=quiet):
            time.sleep(seconds if item == "second" else 0)
        return stream.getvalue()

    monkeypatch.setenv("TERM", "xterm")
    assert "second" in watch(Terminal(), 1.4)
    assert "second" not in watch(Terminal(), 0.0)
    assert watch(io.StringIO(), 1.1) == ""
    assert watch(Terminal(), 1.1, quiet=True) == ""
