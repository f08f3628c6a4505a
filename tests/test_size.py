"""How large a body is: in any unit, from a single keypoint too, and never from what is to come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import steadypose as sp
from steadypose._size import body_size, size_so_far
from steadypose._timed import complete
from steadypose.refine import refine

Array = np.ndarray[Any, Any]
SINGLE = Path(__file__).parent / "data" / "single-keypoint"


def bodies(frames: int = 120, persons: int = 2, keypoints: int = 5, seed: int = 0) -> Array:
    """Bodies about 100 large that sway; shape (frames, persons, keypoints, 2)."""
    rng = np.random.default_rng(seed)
    shape = rng.uniform(0, 100, (1, persons, keypoints, 2))
    sway = np.cumsum(rng.normal(0, 1, (frames, persons, keypoints, 2)), axis=0)
    return np.asarray(500 + shape + sway, np.float32)


def so_far(x: Array) -> Array:
    return size_so_far(x, complete(x))


def test_the_size_so_far_ends_as_the_size_of_all() -> None:
    x = bodies(1000)
    assert np.abs(so_far(x)[-1] / body_size(x) - 1).max() < 0.03
    box = np.linalg.norm(np.ptp(x[0], axis=1), axis=-1)
    np.testing.assert_allclose(so_far(x)[0], box, rtol=1e-6)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 1000),
    keypoints=st.integers(1, 4),
    cut=st.integers(1, 119),
    missing=st.floats(0, 0.7),
)
def test_nothing_of_the_future_enters(seed: int, keypoints: int, cut: int, missing: float) -> None:
    rng = np.random.default_rng(seed)
    x = bodies(keypoints=keypoints, seed=seed)
    x[rng.random(x.shape[:3]) < missing] = np.nan
    other = x.copy()
    other[cut:] = 3 * bodies(keypoints=keypoints, seed=seed + 1)[cut:]
    np.testing.assert_array_equal(so_far(other)[:cut], so_far(x)[:cut])


@pytest.mark.parametrize("keypoints", [1, 5])
@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_sizes_grow_with_the_unit_and_do_not_mind_the_place(keypoints: int, unit: float) -> None:
    x = bodies(keypoints=keypoints).astype(np.float64)
    for size in (body_size, so_far):
        np.testing.assert_allclose(size((x - 500) * unit), size(x) * unit, rtol=1e-5, atol=1e-30)


def test_a_single_keypoint_is_measured_by_its_path_or_its_noise() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(300) / 30
    circle = 100 * np.stack([np.cos(3 * t), np.sin(3 * t)], -1)[:, None, None]
    assert 200 < body_size(circle)[0] < 300
    shaking = rng.normal(0, 1, (300, 1, 1, 2))
    assert 70 < body_size(shaking)[0] < 200
    assert body_size(np.full((9, 1, 1, 2), 7.0)) == 1 == body_size(np.full((9, 1, 1, 2), np.nan))


def test_who_comes_late_is_measured_from_then_on() -> None:
    x = bodies(300)
    late = x.copy()
    late[:200, 1] = np.nan
    np.testing.assert_array_equal(so_far(late)[200:, 1], so_far(x[200:])[:, 1])
    assert (so_far(late)[:, 0] == so_far(x)[:, 0]).all()


# --- one_euro


@pytest.mark.parametrize("persons", [1, 3])
@pytest.mark.parametrize("keypoints", [1, 17])
@pytest.mark.parametrize("cut", [1, 5, 80, 119])
def test_one_euro_knows_nothing_of_what_is_to_come(persons: int, keypoints: int, cut: int) -> None:
    x = bodies(120, persons, keypoints)
    after = x.copy()
    after[cut:] = 5 * x[cut:] - 1000  # the body grows and is elsewhere
    gone = x.copy()
    gone[cut:, 0, : 1 + keypoints // 2] = np.nan
    steady = [
        refine(sp.PoseSequence.from_array(a, fps=30), "one_euro").positions[:cut] for a in (x, after, gone)
    ]
    np.testing.assert_array_equal(steady[1], steady[0])
    np.testing.assert_array_equal(steady[2], steady[0])


@pytest.mark.parametrize("method", ["one_euro", "refinenet", None])
def test_a_single_keypoint_comes_out_alike_in_every_unit(method: str | None) -> None:
    x, truth = np.load(SINGLE / "f9_single_px.npy"), np.load(SINGLE / "f9_truth.npy").reshape(150, 1, 2)
    found = [
        refine(sp.PoseSequence.from_array(x * np.float32(unit), fps=30), method).positions[:, 0] / unit
        for unit in (1.0, 1e-3, 1e3)
    ]
    np.testing.assert_allclose(found[1], found[0], atol=0.01)
    np.testing.assert_allclose(found[2], found[0], atol=0.01)
    assert np.abs(np.diff(found[0], 2, axis=0)).mean() < 0.8 * np.abs(np.diff(x, 2, axis=0)).mean()
    if method is None:
        assert (
            np.linalg.norm(found[0] - truth, axis=-1).mean() < 0.6 * np.linalg.norm(x - truth, axis=-1).mean()
        )


def test_a_keypoint_that_stands_still_and_shakes_is_smoothed() -> None:
    x = 500 + np.random.default_rng(0).normal(0, 3, (300, 1, 2))
    steady = refine(sp.PoseSequence.from_array(x, fps=30), "one_euro").positions
    assert steady[60:].std(axis=0).max() < 0.6 * x[60:].std(axis=0).min()
