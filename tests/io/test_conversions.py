"""Any format to any other that can hold the data: positions survive by name, and missing stays missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from io_samples import sample, suffix

import steadypose as sp
from steadypose.rotations import geodesic
from steadypose.sequence import BodyMotion, Motion, PoseSequence

FORMATS = sp.formats()
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


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_from_any_format_to_any_other(source: str, target: str, tmp_path: Path) -> None:
    motion = sp.read(sample(source, tmp_path))
    out = tmp_path / f"out{suffix(target)}"
    try:
        sp.write(motion, out, format=target)
    except sp.SteadyposeError as e:
        assert "\n" not in str(e)
        assert not out.exists()
        assert source != target
        return
    assert sp.detect(out) == target, "what was written is of the format that was asked for"
    streams = sp.read_streams(out)
    same = [m for m in streams.values() if isinstance(m, type(motion))]
    if isinstance(motion, PoseSequence):
        same = [m for m in same if isinstance(m, PoseSequence) and m.shape[3] == motion.shape[3]]
    assert same, "a stream of the same kind"
    close(motion, same[0])
