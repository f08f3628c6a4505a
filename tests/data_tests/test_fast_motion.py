"""Fast movements put on motion: sizes, widths, and what moves with what."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from steadypose.data.fast_motion import _beats, _frequency, _strikes, add_fast_motion

LIMBS = ((1, 2, 3), (4, 5, 6), (11, 12, 13), (14, 15, 16), (8, 9, 10))
ALONG = np.array([0.15, 0.55, 1.0])


def added(seed: int, noise: float = 0.01, weakest: float = 1.5, keypoints: int = 17, fps: float = 60.0):
    rng = np.random.default_rng(seed)
    return add_fast_motion((120, keypoints, 3), fps, noise, weakest, rng)


def peaks(noise: float, weakest: float = 1.5) -> np.ndarray:
    """Largest displacement of every call."""
    return np.array([np.linalg.norm(added(s, noise, weakest), axis=-1).max() for s in range(60)])


@pytest.mark.parametrize("keypoints", [1, 3, 17])
def test_the_same_chance_gives_the_same_movement(keypoints):
    x = added(5, keypoints=keypoints)
    assert x.shape == (120, keypoints, 3)
    assert np.isfinite(x).all() and x.any()
    assert np.array_equal(x, added(5, keypoints=keypoints))
    assert not np.array_equal(x, added(6, keypoints=keypoints))


def test_movements_follow_the_noise_they_are_to_be_told_from():
    little, much = peaks(0.0005), peaks(0.02)
    assert np.median(much) > 2.5 * np.median(little)
    assert np.median(peaks(0.005, 20.0)) > 1.5 * np.median(peaks(0.005, 1.5))


@pytest.mark.parametrize("noise", [0.0, 0.0005, 0.05])
def test_movements_are_what_a_body_can_do(noise):
    found = peaks(noise)
    assert found.max() < 1.2  # metres
    assert np.median(found) > 0.002


@pytest.mark.parametrize("fps", [15.0, 24.0, 30.0, 60.0, 240.0])
@pytest.mark.parametrize("wave", [_strikes, _beats])
def test_strikes_take_some_frames(wave, fps):
    t = np.arange(round(4 * fps)) / fps
    # Beats are all of one height; of strikes those that come alone.
    alone = [s for s in range(200) if wave is _beats or np.random.default_rng(s).integers(1, 6) == 1]
    for seed in alone[:40]:
        x = wave(t, fps, np.random.default_rng(seed))
        assert x.min() > -1e-9
        runs, at = [], 0
        for high, group in groupby(x > x.max() / 2):
            length = len(list(group))
            if high and at > 0 and at + length < len(x):  # whole ones
                runs.append(length)
            at += length
        # Half as high for 2.5 frames or 0.07 s, whichever is more: a slip is gone after one.
        assert all(n >= max(2, round(0.07 * fps) - 1) for n in runs)


def test_limbs_grow_from_the_trunk_and_move_as_one():
    together = 0
    for seed in range(100):
        x = added(seed)
        moving = {int(k) for k in np.flatnonzero(np.abs(x).max(axis=(0, 2)))}
        limbs = [limb for limb in LIMBS if moving >= set(limb)]
        if moving and moving == {k for limb in limbs for k in limb}:
            parts = [x[:, list(limb)] / ALONG[:, None] for limb in limbs]
            together += all(np.allclose(p, p[:, -1:], atol=1e-9) for p in parts)
    assert 50 < together < 80  # two thirds


@pytest.mark.parametrize("fps", [15.0, 30.0, 240.0])
def test_no_frequency_is_beyond_what_a_rate_shows(fps):
    rng = np.random.default_rng(0)
    found = [_frequency(fps, rng) for _ in range(300)]
    assert 0.5 <= min(found) < 0.7
    assert 0.8 * min(12.0, 0.36 * fps) < max(found) <= min(12.0, 0.36 * fps)
