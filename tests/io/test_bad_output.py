"""Every row of docs/bad-input.md about what is written, as a test of the row's name."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from io_samples import body, openpose_folder, read_positions, sample, suffix, trc_file, turn, walk

import steadypose as sp
from steadypose.sequence import Motion


def test_output_exists(tmp_path: Path) -> None:
    seq = sp.read(trc_file(tmp_path / "a.trc"))
    target = tmp_path / "b.trc"
    target.write_text("mine")
    with pytest.raises(sp.SteadyposeError, match=r"b\.trc: exists already \(--force replaces it\)"):
        sp.write(seq, target)
    assert target.read_text() == "mine"
    assert sp.write(seq, target, force=True).read_bytes() == (tmp_path / "a.trc").read_bytes()
    folder = openpose_folder(tmp_path / "c", [[body(1.0)]])
    old = openpose_folder(tmp_path / "d", [[body(5.0)]] * 3)
    with pytest.raises(sp.SteadyposeError, match="exists already"):
        sp.write(sp.read(folder), old)
    sp.write(sp.read(folder), old, force=True)
    assert [p.name for p in old.iterdir()] == [p.name for p in folder.iterdir()]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.trc", "b.trc", "c", "d"]


def test_output_is_folder(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").touch()
    for path in (trc_file(tmp_path / "a.trc"), openpose_folder(tmp_path / "c", [[body(1.0)]])):
        with pytest.raises(sp.SteadyposeError, match="found a folder of something else"):
            sp.write(sp.read(path), photos, force=True)
    with pytest.raises(sp.SteadyposeError, match="found a folder of something else"):
        sp.write(sp.read(tmp_path / "a.trc"), tmp_path / "c", force=True)
    assert (photos / "a.jpg").exists()
    photos.joinpath("a.jpg").unlink()
    sp.write(sp.read(tmp_path / "c"), photos, force=True)
    assert sp.detect(photos) == "openpose"


def test_output_is_input(tmp_path: Path) -> None:
    path = trc_file(tmp_path / "a.trc")
    before = path.read_bytes()
    (tmp_path / "link.trc").symlink_to(path)
    os.link(path, tmp_path / "hard.trc")
    (tmp_path / "sub").mkdir()
    seq = read_positions(path)
    moved = seq.with_positions(seq.positions + 1, "moved")
    for target in (path, tmp_path / "link.trc", tmp_path / "hard.trc", tmp_path / "sub" / ".." / "a.trc"):
        with pytest.raises(sp.SteadyposeError, match="steadypose never touches its input"):
            sp.write(moved, target, force=True)
    folder = openpose_folder(tmp_path / "c", [[body(1.0)]])
    with pytest.raises(sp.SteadyposeError, match="steadypose never touches its input"):
        sp.write(sp.read(folder), folder, force=True)
    with pytest.raises(sp.SteadyposeError, match="lies in the folder that was read"):
        sp.write(sp.read(folder), folder / "steady", force=True)
    with pytest.raises(sp.SteadyposeError, match="holds the file that was read"):
        sp.write(sp.read(folder), tmp_path, force=True)
    assert path.read_bytes() == before


def test_output_folder_missing(tmp_path: Path) -> None:
    seq = sp.read(trc_file(tmp_path / "a.trc"))
    with pytest.raises(sp.SteadyposeError, match=r"expected an existing folder, found none at .*none"):
        sp.write(seq, tmp_path / "none" / "b.trc")
    with pytest.raises(sp.SteadyposeError, match=r"found none at .*a\.trc"):
        sp.write(seq, tmp_path / "a.trc" / "b.trc")
    with pytest.raises(sp.SteadyposeError, match="could not be written: File name too long"):
        sp.write(seq, tmp_path / ("a" * 300))
    assert [p.name for p in tmp_path.iterdir()] == ["a.trc"]


PERSON = json.dumps({"people": [{"pose_keypoints_2d": body(1.0)}]})


def test_output_is_another_input(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        trc_file(tmp_path / name / "p.trc")
    trc_file(tmp_path / "truth.trc")
    before = contents(tmp_path)
    refine = [str(tmp_path / "x" / "p.trc")]
    both = [*refine, str(tmp_path / "y" / "p.trc"), "-o", f"{tmp_path}/y/", "--force"]
    for arguments, touched in (
        (both, "y/p.trc"),
        ([*refine, "-o", f"{tmp_path}/truth.trc", "--tune", f"{tmp_path}/truth.trc", "--force"], "truth.trc"),
        ([*refine, "-o", f"{tmp_path}/new.trc", "--report", f"{tmp_path}/x/p.trc", "--force"], "x/p.trc"),
    ):
        assert touched in said(["refine", *arguments], 1, "never touches its input")
        assert contents(tmp_path) == before


def test_output_is_another_output(tmp_path: Path) -> None:
    source = trc_file(tmp_path / "a.trc")
    (tmp_path / "sub").mkdir()
    for page in ("out", "sub/../out"):
        arguments = [str(source), "-o", f"{tmp_path}/out", "--report", f"{tmp_path}/{page}", "--force"]
        said(["refine", *arguments], 1, "found it given twice")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.trc", "sub"]


def test_output_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = sp.read_streams(trc_file(tmp_path / "a.trc"))
    module, target = sp.formats()["trc"].module, tmp_path / "b.trc"
    whole = module.write

    def meanwhile(streams: dict[str, Motion], document: Any, made: Path) -> None:
        whole(streams, document, made)
        target.write_text("mine")

    monkeypatch.setattr(module, "write", meanwhile)
    with pytest.raises(sp.SteadyposeError, match=r"b\.trc: exists already"):
        sp.write(streams, target)
    assert target.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.trc", "b.trc"]


def test_output_is_no_file(tmp_path: Path) -> None:
    seq = sp.read(trc_file(tmp_path / "a.trc"))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    for force in (False, True):
        with pytest.raises(sp.SteadyposeError, match="a new name, found a pipe or a device"):
            sp.write(seq, tmp_path / "pipe", format="trc", force=force)
    with pytest.raises(sp.SteadyposeError, match="found a link to nothing"):
        sp.write(seq, tmp_path / "link", format="trc", force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.trc", "link", "pipe"]


def test_output_is_link(tmp_path: Path) -> None:
    seq = sp.read(trc_file(tmp_path / "a.trc"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.trc").write_text("old")
    (tmp_path / "link.trc").symlink_to("sub/b.trc")
    sp.write(seq, tmp_path / "link.trc", force=True)
    assert (tmp_path / "link.trc").is_symlink()
    assert (tmp_path / "sub" / "b.trc").read_bytes() == (tmp_path / "a.trc").read_bytes()


def test_output_mode(tmp_path: Path) -> None:
    seq = sp.read(trc_file(tmp_path / "a.trc"))
    folder = openpose_folder(tmp_path / "c", [[body(1.0)]])
    for target, given in ((tmp_path / "b.trc", seq), (tmp_path / "d", sp.read(folder))):
        sp.write(given, target)
        for mode in (0o600, 0o750):
            target.chmod(mode)
            sp.write(given, target, force=True)
            assert target.stat().st_mode & 0o777 == mode


def test_strangers(tmp_path: Path) -> None:
    source = openpose_folder(tmp_path / "in", [[body(1.0)]])
    (source / "notes.txt").write_text("of the input")
    (source / "more.txt").write_text("of the input")
    target = openpose_folder(tmp_path / "out", [[body(5.0)]] * 3)
    (target / "notes.txt").write_text("mine")
    (target / "camera.json").write_text('{"f": 1}')
    (target / "sub" / "deep").mkdir(parents=True)
    (target / "sub" / "deep" / "photo.jpg").write_text("mine")
    (target / "link").symlink_to("nothing")
    sp.write(sp.read(source), target, force=True)
    assert (target / "notes.txt").read_text() == (target / "sub" / "deep" / "photo.jpg").read_text() == "mine"
    assert (target / "more.txt").read_text() == "of the input"
    assert (target / "link").is_symlink()
    frames = sorted(p.name for p in source.glob("*.json"))
    assert sorted(p.name for p in target.glob("*.json")) == [*frames, "camera.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]


@pytest.mark.parametrize(
    "name", ["//{}/v_1.json", "/{}/v_1.json", "../../v_1.json", "\\\\{}\\v_1.json", "a/../../v_1.json"]
)
def test_outside_target(name: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    name = name.format(outside)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as z:
        z.writestr(name, PERSON)
    target = tmp_path / "deep" / "out"
    target.parent.mkdir()
    said(["convert", str(tmp_path / "in.zip"), "-o", str(target), "--to", "openpose"], 0)
    assert list(tmp_path.rglob("*v_1.json")) == [target / "v_1.json"]
    folder = tmp_path / "folder"
    folder.mkdir()
    literal = name.replace("/", "\\")
    (folder / literal).write_text(PERSON)
    sp.write(sp.read(folder), tmp_path / "deep" / "again")
    assert [p.name for p in (tmp_path / "deep" / "again").iterdir()] == [literal]
    assert not any(outside.iterdir())


def test_two_files_of_one_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as z:
        for name in ("../v_1.json", "b_2.json", "b/../../v_1.txt", "v_1.txt"):
            z.writestr(name, PERSON)
    seq = sp.read(tmp_path / "in.zip")
    with pytest.raises(sp.SteadyposeError, match="expected every file once, found another of its name"):
        sp.write(seq, tmp_path / "out")
    assert not (tmp_path / "out").exists()


SILENT = """
import resource, sys, numpy as np, steadypose as sp
layout = sp.Skeleton.from_names([f"k{i}" for i in range(9)])
x = np.arange(50 * 9 * 3, dtype=np.float32).reshape(50, 1, 9, 3) + 1
if sys.argv[1] == "sleap":
    seq = sp.PoseSequence.from_array(x[..., :2], fps=30, skeleton=layout)
else:
    seq = sp.PoseSequence.from_array(x, fps=30, skeleton=layout, unit="mm", space="world")
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
try:
    sp.write(seq, sys.argv[2], format=sys.argv[1], force=True)
except sp.SteadyposeError as e:
    print(e)
"""


@pytest.mark.parametrize("format", ["c3d", "deeplabcut-h5", "sleap"])
def test_silent_failure(format: str, tmp_path: Path) -> None:
    target = tmp_path / f"b{suffix(format)}"
    target.write_text("mine")
    arguments = [sys.executable, "-W", "ignore", "-c", SILENT, format, str(target)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "could not be written" in done.stdout and done.stdout.count("\n") == 1
    assert target.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == [target.name]


KILLED = """
import os, signal, sys, time, steadypose as sp
name = sp.formats()[sys.argv[3]].module
whole = name.write
def write(streams, document, made):
    whole(streams, document, made)
    os.kill(os.getpid(), signal.SIGKILL)
name.write = write
sp.write(sp.read_streams(sys.argv[1]), sys.argv[2], force=True)
"""


@pytest.mark.parametrize("format", ["trc", "openpose"])
def test_killed(format: str, tmp_path: Path) -> None:
    path = sample(format, tmp_path, "a")
    target = path.with_stem("b")
    said(["convert", str(path), "-o", str(target)], 0)
    before = contents(target)
    arguments = [sys.executable, "-c", KILLED, str(path), str(target), format]
    assert subprocess.run(arguments, timeout=60).returncode == -9
    assert contents(target) == before
    left = {p.name for p in tmp_path.iterdir()} - {path.name, target.name}
    assert len(left) == 1 and left.pop().startswith(".steadypose-")
    said(["refine", str(path), "-o", str(target), "--skip-existing"], 0, "1 of 1 are there already: skipped")
    assert {p.name for p in tmp_path.iterdir()} == {path.name, target.name}
    assert contents(target) == before


@pytest.mark.parametrize("format", ["long-csv", "deeplabcut-csv", "anipose", "mediapipe-csv"])
def test_formula(format: str, tmp_path: Path) -> None:
    names = (
        "=1+2",
        "+cmd|' /C calc'!A0",
        "@SUM(A1)",
        "-2+3",
        "'=1",
        "a",
        "-1.5",
        "'b",
        '=HYPERLINK("x","y")',
    )
    layout = sp.Skeleton.from_names(names) if format != "mediapipe-csv" else "mediapipe33"
    x = -np.arange(3 * len(names) * 3, dtype=np.float32).reshape(3, 1, len(names), 3) - 1.5
    if format == "mediapipe-csv":
        x = np.repeat(x[:, :, :1], 33, axis=2) / 1000
    unit = "m" if format == "mediapipe-csv" else "mm"
    person = [] if format == "anipose" else ["=1+1", "p"]
    x = np.repeat(x, max(len(person), 1), axis=1)
    space = "root-relative" if format == "mediapipe-csv" else "world"
    seq = sp.PoseSequence.from_array(
        x, fps=30, skeleton=layout, unit=unit, space=space, persons=person or None
    )
    path = sp.write(seq, tmp_path / "a.csv", format=format)
    with path.open(newline="", encoding="utf-8") as f:
        cells = [cell for row in csv.reader(f) for cell in row]
    assert any(c.startswith("'=") for c in cells)
    for cell in cells:
        if cell[:1] in ("=", "+", "@", "-"):
            float(cell)  # a number stays one
    again = read_positions(path, format=format)
    assert again.skeleton.keypoints == seq.skeleton.keypoints
    assert again.persons == seq.persons
    np.testing.assert_array_equal(again.positions, seq.positions)
    assert sp.write(again, tmp_path / "b.csv").read_bytes() == path.read_bytes()


def contents(path: Path) -> dict[str, bytes]:
    """Every file at or below a path, by its name, less what is hidden."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return {str(p.relative_to(path)): p.read_bytes() for p in files if ".steadypose-" not in str(p)}


def said(arguments: list[str], code: int, words: str = "") -> str:
    """What a command says on stderr: one line."""
    command = [sys.executable, "-m", "steadypose", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


LIMITED = """
import resource, sys, steadypose as sp
streams = sp.read_streams(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
try:
    sp.write(streams, sys.argv[2], force=True)
except sp.SteadyposeError as e:
    print(e)
"""


@pytest.mark.parametrize("format", ["trc", "openpose", "coco", "wham", "plain", "gvhmr", "sleap", "c3d"])
def test_disk_full(format: str, tmp_path: Path) -> None:
    path = sample(format, tmp_path, "a")
    target = path.with_stem("b")
    if path.is_dir():
        (sample(format, tmp_path, "b") / "mine").touch()
    else:
        target.write_text("mine")
    # A limit on the size of files is what a full disk is: the system refuses to write on.
    arguments = [sys.executable, "-W", "ignore", "-c", LIMITED, str(path), str(target)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "could not be written" in done.stdout
    assert done.stdout.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted((path.name, target.name))
    assert (target / "mine").exists() if path.is_dir() else target.read_text() == "mine"


@pytest.mark.parametrize("format", ["trc", "openpose", "coco", "wham", "plain", "sleap"])
def test_interrupted(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sample(format, tmp_path, "a")
    streams = sp.read_streams(path)
    module = sp.formats()[format].module
    whole = module.write

    def stopped(streams: dict[str, Motion], document: Any, target: Path) -> None:
        whole(streams, document, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write", stopped)
    target = path.with_stem("b")
    with pytest.raises(KeyboardInterrupt):
        sp.write(streams, target)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    target.write_text("mine")
    with pytest.raises(KeyboardInterrupt):
        sp.write(streams, target, force=True)
    assert target.read_text() == "mine"


@pytest.mark.parametrize("format", sorted(sp.formats()))
def test_cannot_hold(format: str, tmp_path: Path) -> None:
    holds = sp.formats()[format].holds
    given = {
        "2d": walk("coco17", 2, "px", "image"),
        "3d": walk("h36m17", 3, "m", "world"),
        "rotations": turn(),
    }
    for kind, motion in given.items():
        if kind not in holds:
            target = tmp_path / f"{kind}{suffix(format)}"
            with pytest.raises(sp.SteadyposeError, match=r"expected|holds") as e:
                sp.write(motion, target, format=format)
            assert "\n" not in str(e.value)
    with pytest.raises(sp.SteadyposeError, match="expected a format for 2d data"):
        sp.write(given["2d"], tmp_path / "a.fbx")
    with pytest.raises(sp.DataError, match="expected at least one sequence to write, found none"):
        sp.write({}, tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_changed_shape(tmp_path: Path) -> None:
    path = trc_file(tmp_path / "a.trc", [f"{f + 1}\t{f / 60:.6f}\t{f}\t2\t3\t4\t5\t6" for f in range(4)])
    part = read_positions(path).select(frames=slice(1, 3), keypoints=["RHip"])
    again = read_positions(sp.write(part, tmp_path / "b.trc"))
    assert again.shape == (2, 1, 1, 3)
    assert again.skeleton.keypoints == ("RHip",)
    np.testing.assert_array_equal(again.positions, part.positions)
