"""Every row of docs/bad-input.md about what is written, as a test of the row's name."""

from __future__ import annotations

import os
import subprocess
import sys
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
