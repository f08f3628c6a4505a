"""How far samples are believed: what lies far off alone counts less, what moves together does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.refine._believe import belief, drawn_to_spline


def calm(frames: int = 200, keypoints: int = 2, axes: int = 3, seed: int = 0) -> np.ndarray:
    """Noise of one size about a curve at zero."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.01, (frames, keypoints, axes)).astype(np.float32)


def sparse(seed: int = 0, share: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Samples of which some are off, each to the other side than the one before, and which."""
    rng = np.random.default_rng(seed)
    hit = (rng.permutation(300) < round(300 * share))[:, None]
    side = (1 - 2 * (np.arange(300) % 2))[:, None]
    x = np.zeros((300, 1, 2))
    x[..., 0] = np.where(hit, 0.2 * side * np.abs(rng.standard_normal((300, 1))), 0)
    return x.astype(np.float32), hit


def weights_of(x: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    found = belief(x, np.zeros_like(x), weights)
    return np.ones(x.shape[:2], np.float32) if found is None else found


def test_single_samples_far_off_hardly_count():
    x = calm()
    slips = [20, 77, 140]
    x[slips, 0, 1] += np.float32(0.5)
    w = weights_of(x)
    assert w[slips, 0].max() < 0.05
    others = np.delete(w[:, 0], slips)
    assert others.mean() > 0.8
    assert (w[:, 1] > 0.9).all()


def test_neighbours_off_to_the_same_side_are_motion():
    x = calm(axes=2)
    together, alone = x.copy(), x.copy()
    together[100:103, 0, 0] += np.float32(0.5)
    alone[100:103, 0, 0] += np.float32(0.5) * np.array([1, -1, 1], np.float32)
    assert weights_of(together)[100:103, 0].min() > 0.85
    assert weights_of(alone)[100:103, 0].max() < 0.1


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_noise_of_one_size_counts_as_it_is(axes):
    for seed in range(10):
        w = weights_of(calm(600, 17, axes, seed))
        assert w.min() > 0.5
        assert w.mean() > 0.995


def test_nothing_off_is_no_reason_to_doubt():
    assert belief(np.zeros((50, 3, 2), np.float32), np.zeros((50, 3, 2), np.float32), None) is None


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_where_many_samples_are_exact_those_far_off_hardly_count(share):
    x, hit = sparse(share=share)
    w = weights_of(x)
    assert np.median(w[hit]) < 0.15
    assert w[~hit].min() > 0.99


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(-12, 12), st.sampled_from([0.2, 0.5]))
def test_unit_place_sign_and_direction_of_time_do_not_matter(seed, power, share):
    x, _ = sparse(seed, share)
    x += calm(300, 1, 2, seed)
    y = 0.1 * calm(300, 1, 2, seed + 1)
    w = belief(x, y, None)
    assert w is not None
    factor = np.float32(2.0**power)  # by which all arithmetic is exact
    for changed in ((factor * x, factor * y), (-x, -y), (x[..., ::-1], y[..., ::-1])):
        found = belief(*changed, None)
        assert found is not None
        assert np.allclose(found, w, atol=1e-5)
    backwards = belief(x[::-1], y[::-1], None)
    assert backwards is not None
    assert np.allclose(backwards[::-1], w, atol=1e-5)
    assert w.min() >= 0 and w.max() <= 1


def test_confidence_is_multiplied_in():
    x, _ = sparse()
    confidence = np.full((300, 1), 0.5, np.float32)
    assert np.allclose(weights_of(x, confidence), 0.5 * weights_of(x))
    even = np.zeros_like(x)
    assert belief(even, even, confidence) is confidence
    assert belief(even, even, np.ones((300, 1), np.float32)) is None


def test_keypoints_are_judged_each_by_itself():
    x, _ = sparse()
    both = np.concatenate([x, calm(300, 1, 2)], axis=1)
    assert np.allclose(weights_of(both)[:, :1], weights_of(x), atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_curves(frames):
    x = calm(frames)
    assert np.isfinite(weights_of(x)).all()


def test_samples_are_drawn_to_a_spline_by_as_much_as_they_are_doubted():
    times = np.arange(120) / 30
    truth = np.sin(2 * np.pi * 0.4 * times)[:, None, None].astype(np.float32) * np.ones((1, 2, 2), np.float32)
    x, w = truth.copy(), np.ones((120, 2), np.float32)
    x[60, 0] += 1
    w[60, 0] = 0.01
    y = drawn_to_spline(x, w, times)
    assert np.abs(y[60, 0] - truth[60, 0]).max() < 0.1
    assert np.array_equal(y[:, 1], x[:, 1])
    assert np.array_equal(np.delete(y[:, 0], 60, axis=0), np.delete(x[:, 0], 60, axis=0))
    assert drawn_to_spline(x, np.ones_like(w), times) is x
