"""Smoothing by generalised cross-validation: SciPy's spline, dense matrices, and no harm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import make_smoothing_spline

from steadypose import rotations
from steadypose.refine import gcv, make_filter
from steadypose.refine.gcv import Spline, penalties

Array = np.ndarray[Any, Any]


def smooth(values: Array, weights: Array | None = None, times: Array | None = None, **parameters: Any) -> Any:
    times = np.arange(len(values)) / 60 if times is None else times
    return make_filter("gcv", **parameters).smooth(
        values.astype(np.float32), weights, times, np.ones(values.shape[1])
    )


def clock(frames: int, even: bool, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return np.arange(frames) * 1.0 if even else np.cumsum(rng.uniform(0.3, 1.7, frames))


def swing(times: Array, noise: float, seed: int = 0, dims: int = 1) -> Array:
    """A slow swing of amplitude 3; shape (frames, 1, dims)."""
    rng = np.random.default_rng(seed)
    x = 3 * np.sin(times[:, None, None] / 6 + np.arange(dims))
    return np.asarray(x + rng.normal(0, noise, x.shape))


@settings(max_examples=30)
@given(
    seed=st.integers(0, 1000),
    frames=st.integers(5, 60),
    penalty=st.floats(1e-4, 1e4),
    even=st.booleans(),
    weighted=st.booleans(),
)
def test_the_spline_is_scipys(seed: int, frames: int, penalty: float, even: bool, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    t, y = clock(frames, even, seed), rng.normal(size=(frames, 2))
    w = rng.uniform(0.02, 1, frames) if weighted else None
    expected = make_smoothing_spline(t, y, w=w, lam=penalty)(t)
    np.testing.assert_allclose(y - Spline(t, w).residual(y, penalty), expected, atol=1e-8)


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("penalty", [1e-6, 1e-2, 1.0, 1e4])
def test_degrees_of_freedom_are_those_of_the_dense_matrix(even: bool, weighted: bool, penalty: float) -> None:
    w = np.random.default_rng(1).uniform(0.02, 1, 70) if weighted else None
    spline = Spline(clock(70, even), w)
    expected = np.trace(spline.residual(np.eye(70), penalty))
    assert spline.freedom(penalty) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("frames", [20, 80, 300])
@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_smoothness_is_scipys(even: bool, frames: int, noise: float) -> None:
    t = clock(frames, even)
    y = swing(t, noise)
    expected = make_smoothing_spline(t, y[:, 0, 0])(t)
    assert np.abs(smooth(y, times=t / 25)[:, 0, 0] - expected).max() < 2e-3 * noise


def test_the_least_score_of_a_dense_grid_is_found() -> None:
    for seed in range(6):
        t = clock(100, seed % 2 == 0, seed)
        w = np.random.default_rng(seed).uniform(0.1, 1, (100, 1)).astype(np.float32)
        y = swing(t, 0.3 * seed, seed).astype(np.float32)
        (found,) = penalties(y, w, t)[0]
        spline, x = Spline(t, w[:, 0]), (y[:, 0] - y[0, 0]).astype(float)

        def score(u: float, spline: Spline = spline, x: Array = x) -> float:
            return float(spline.squares(x, u)[0] / spline.freedom(u) ** 2)

        grid = np.exp(np.arange(-18.0, 22.0, 0.05))
        assert score(found or 1e-8) <= min(map(score, grid)) * (1 + 1e-5)


def test_white_noise_is_told_from_motion_without_being_told_how_much() -> None:
    t = np.arange(400) / 60
    for noise in (0.01, 0.1, 1.0):
        truth = swing(6 * 2 * np.pi * t, 0, dims=3)
        y = truth + np.random.default_rng(0).normal(0, noise, truth.shape)
        error = np.sqrt(np.mean((smooth(y) - truth) ** 2))
        spline, flat, clean = Spline(t * 60), y[:, 0], truth[:, 0]
        best = min(np.square(flat - spline.residual(flat, p) - clean).mean() for p in np.geomspace(1e-6, 1e6))
        assert error < 1.05 * np.sqrt(best) < 0.6 * noise


@pytest.mark.parametrize("hertz", [0.5, 4.0, 10.0])
@pytest.mark.parametrize("even", [True, False])
def test_clean_motion_stays_as_it_is(hertz: float, even: bool) -> None:
    t = clock(200, even) / 60
    x = (1000 + 100 * np.sin(2 * np.pi * hertz * t))[:, None, None].astype(np.float32)
    assert np.abs(smooth(x, times=t) - x).max() <= 2e-4  # neighbours in single precision are 6e-5 apart
    still = np.full((50, 2, 3), 1234.5, np.float32)
    np.testing.assert_array_equal(smooth(still), still)


def test_errors_that_last_are_taken_for_motion() -> None:
    rng = np.random.default_rng(0)
    noise = np.cumsum(rng.normal(0, 0.1, (300, 1, 1)), axis=0)
    y = swing(np.arange(300.0), 0) + noise
    assert np.abs(smooth(y) - y).mean() < 0.1


def test_every_axis_has_its_own_smoothness_and_a_rotation_one() -> None:
    rng = np.random.default_rng(0)
    calm = swing(clock(200, True), 0.02)
    both = np.concatenate([calm, swing(clock(200, True), 1.0, 1)], axis=2)
    np.testing.assert_array_equal(smooth(both)[..., :1], smooth(calm))
    angles = np.cumsum(rng.normal(0, 0.02, (100, 2, 3)), axis=0) + rng.normal(0, 0.02, (100, 2, 3))
    nine = rotations.from_axis_angle(angles).reshape(100, 2, 9).astype(np.float32)
    found = penalties(nine, None, np.arange(100.0))
    assert (found == found[:, :1]).all() and (found > 0).all() and found[0, 0] != found[1, 0]


def test_weights_are_one_over_the_variance() -> None:
    t = np.arange(300) / 60
    deviation = np.where(np.arange(300) % 3 == 0, 1.0, 0.1)[:, None, None]
    truth = swing(6 * 2 * np.pi * t, 0)
    y = truth + deviation * np.random.default_rng(0).normal(size=truth.shape)
    weights = (0.1 / deviation[..., 0]).astype(np.float32) ** 2
    error = [np.sqrt(np.mean((smooth(y, w) - truth) ** 2)) for w in (weights, None)]
    assert error[0] < 0.4 * error[1]


def test_strength_divides_the_cutoff() -> None:
    t = np.arange(300.0)
    y = swing(t, 0.3).astype(np.float32)
    (found,) = penalties(y, None, t)[0]
    expected = y[:, 0] - Spline(t).residual(y[:, 0].astype(float), 16 * found)
    np.testing.assert_allclose(smooth(y, strength=2.0)[:, 0], expected, atol=1e-5)
    errors = [np.abs(smooth(y, strength=s) - y).mean() for s in (0.3, 0.6, 1.0, 2.0, 3.0)]
    assert errors == sorted(errors)


def test_long_recordings_go_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    t = np.arange(6000) / 60
    y = swing(t * 20, 0.3, dims=2)
    whole = smooth(y)
    monkeypatch.setattr(gcv, "LEAST_MEMORY", 100)  # blocks instead of one piece
    np.testing.assert_allclose(smooth(y), whole, atol=1e-5)
    monkeypatch.setattr(gcv, "EXCERPT", 500)  # λ from excerpts
    assert 0 < np.sqrt(np.mean((smooth(y) - whole) ** 2)) < 0.01


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_too_few_samples_to_tell(frames: int) -> None:
    y = swing(np.arange(float(frames)), 1.0)
    np.testing.assert_array_equal(smooth(y), y.astype(np.float32))
