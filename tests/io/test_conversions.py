"""Any format to any other that can hold the data: positions survive by name, and missing stays missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from io_samples import candidates, sample, suffix, walk

import steadypose as sp
from steadypose.rotations import geodesic
from steadypose.sequence import BodyMotion, Motion, PoseSequence, numbered

FORMATS = sp.formats()
# What a format has only beside something else, so that a new file cannot be made of it alone.
NEVER_ALONE = {
    ("alphapose", "3d"), ("phalp", "2d"), ("phalp", "3d"), ("vibe", "2d"), ("vibe", "3d"), ("threedpw", "2d"),
    ("threedpw", "3d"), ("aist", "2d"), ("bvh", "rotations"), ("keraal-text", "rotations"),
}  # fmt: skip
TO_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}


def close(a: Motion, b: Motion) -> None:
    """The same motion as far as a target's precision goes, keypoints and persons in any order."""
    if isinstance(a, BodyMotion):
        assert isinstance(b, BodyMotion)
        mine, theirs = a.skeleton.common(b.skeleton)
        assert len(mine) == min(len(a.skeleton), len(b.skeleton))
        angle = geodesic(a.rotations[:, :, mine], b.rotations[:, :, theirs])
        assert np.nanmax(angle, initial=0) < 1e-4
        return
    assert isinstance(b, PoseSequence)
    if b.skeleton.keypoints == numbered(len(a.skeleton)).keypoints:
        mine = theirs = list(range(len(a.skeleton)))  # the format has no names, and none is made up
    else:
        mine, theirs = a.skeleton.common(b.skeleton)
    assert len(mine) == len(a.skeleton), "every keypoint is there, by name"
    assert a.unit == b.unit or {a.unit, b.unit} <= set(TO_METRES), "pixels stay pixels"
    scale = TO_METRES.get(a.unit, 1.0) / TO_METRES.get(b.unit, 1.0)
    x, y = a.positions[:, :, mine] * np.float32(scale), b.positions[:, :, theirs]
    assert x.shape == y.shape
    size = float(np.nanmax(np.abs(x), initial=1e-6))
    # Persons who are not named in a format come back in an order of their own.
    orders = [[0]] if x.shape[1] == 1 else [[0, 1], [1, 0]]
    for order in orders:
        there = y[:, order]
        if (np.isnan(x) == np.isnan(there)).all() and np.nanmax(np.abs(x - there)) <= 2e-6 * size + 1e-6:
            return
    raise AssertionError("positions differ")


@pytest.mark.parametrize("source", FORMATS)
def test_from_any_format_to_any_other(source: str, tmp_path: Path) -> None:
    motion = sp.read(sample(source, tmp_path))
    wrong = {}
    for target in FORMATS:
        out = tmp_path / target / f"out{suffix(target)}"
        out.parent.mkdir()
        try:
            sp.write(motion, out, format=target)
        except sp.SteadyposeError as e:
            assert "\n" not in str(e)
            assert source != target
            assert list(out.parent.iterdir()) == []
            continue
        try:
            assert sp.detect(out) == target, "what was written is of the format that was asked for"
            same = [m for m in sp.read_streams(out).values() if kind(m) == kind(motion)]
            assert same, "a stream of the same kind"
            close(motion, same[0])
        except (AssertionError, sp.SteadyposeError) as e:
            wrong[target] = str(e)
    assert wrong == {}


@pytest.mark.parametrize("format", FORMATS)
def test_a_refined_motion_goes_back_into_its_file(format: str, tmp_path: Path) -> None:
    path = sample(format, tmp_path, "a")
    streams = sp.read_streams(path)
    refined = {name: sp.refine(m) for name, m in streams.items()}
    again = sp.read_streams(sp.write(refined, path.with_stem("b")))
    assert list(again) == list(streams)
    for name, motion in refined.items():
        back = again[name]
        assert back.persons == motion.persons
        assert back.skeleton == motion.skeleton
        np.testing.assert_allclose(back.times, motion.times)
        if isinstance(motion, PoseSequence):
            assert isinstance(back, PoseSequence)
            np.testing.assert_array_equal(back.valid, motion.valid)
            size = float(np.nanmax(np.abs(motion.positions)))
            np.testing.assert_allclose(back.positions, motion.positions, atol=2e-4 * size)
        else:
            close(motion, back)


def kind(motion: Motion) -> str:
    return f"{motion.shape[3]}d" if isinstance(motion, PoseSequence) else "rotations"


@pytest.mark.parametrize(
    ("format", "wanted"), [(n, k) for n, f in FORMATS.items() for k in f.holds if (n, k) not in NEVER_ALONE]
)
def test_a_new_file_holds_what_the_table_of_formats_says(format: str, wanted: str, tmp_path: Path) -> None:
    deep = walk("mediapipe33", 3, "normalized", "image")  # z in the scale of x
    for k, motion in enumerate([*candidates(), deep]):
        if kind(motion) == wanted:
            target = tmp_path / f"{k}{suffix(format)}"
            try:
                sp.write(motion, target, format=format)
            except sp.SteadyposeError:
                continue
            close(motion, sp.read(target))
            return
    raise AssertionError(f"{format} takes nothing that is {wanted}")
