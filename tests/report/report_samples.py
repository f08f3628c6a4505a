"""Small motions for the report's tests."""

from __future__ import annotations

import numpy as np

from steadypose import rotations
from steadypose.sequence import BodyMotion, PoseSequence


def walk(frames=90, persons=2, dims=2, skeleton="coco17", seed=0, names=None, confidence=True, unit=None):
    """A noisy wave of every keypoint, with a gap, and the same without noise and gap."""
    rng = np.random.default_rng(seed)
    count = 17 if isinstance(skeleton, str) else len(list(skeleton))
    t = np.arange(frames) / 30
    phase = rng.uniform(0, 6, (1, persons, count, dims))
    clean = 500 + 100 * np.sin(2 * np.pi * 0.7 * t[:, None, None, None] + phase)
    noisy = clean + rng.normal(0, 4, clean.shape)
    noisy[20:24, :, 3] = np.nan
    c = rng.uniform(0, 1, clean.shape[:3]) if confidence else None
    kind = {"unit": unit or ("px" if dims == 2 else "mm"), "space": "image" if dims == 2 else "world"}
    before, after = (
        PoseSequence.from_array(x, fps=30, skeleton=skeleton, confidence=c, persons=names, **kind)
        for x in (noisy, clean)
    )
    filled = ~before.valid
    return before, before.with_positions(after.positions, "cleaned", filled)


def turn(frames=60, offsets=True, seed=0):
    """Joint rotations with noise, and without."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / 30
    v = 0.6 * np.sin(2 * np.pi * t)[:, None, None, None] * rng.uniform(-1, 1, (1, 1, 24, 3))
    noisy = v + rng.normal(0, 0.02, v.shape)
    from steadypose.skeleton import skeleton

    body = skeleton("smpl24")
    rest = rng.uniform(-0.3, 0.3, (24, 3)) if offsets else None
    before = BodyMotion(rotations.from_axis_angle(noisy), t, body, offsets=rest)
    return before, before.with_rotations(rotations.from_axis_angle(v), "cleaned")
