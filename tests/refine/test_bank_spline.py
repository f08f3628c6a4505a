"""Cross-validation on the bank's own series: what it passes of noise and motion, beside the method gcv."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.refine.bank import BankSpec, series_of
from steadypose.refine.bank_spline import Splined, splined
from steadypose.refine.gcv import penalties

SPEC = BankSpec()
RATES = (24.0, 60.0, 240.0)


def noisy(fps: float, hertz: float, noise: float, seconds: float = 6.0, curves: int = 30) -> np.ndarray:
    """Waves of 100 mm, each of its own phase, with white noise; (frames, curves), metres."""
    rng = np.random.default_rng(0)
    t = np.arange(round(seconds * fps))[:, None] / fps
    wave = 0.1 * np.sin(2 * np.pi * hertz * t + rng.uniform(0, 6, curves))
    return np.asarray(wave + rng.normal(0, noise, wave.shape), np.float32)


def of(x: np.ndarray, fps: float) -> Splined:
    return splined(np.square(series_of(x[:, None], fps)[:, 0]), fps, SPEC)


def passes(found: Splined) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-found.passing)))


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("noise", [0.002, 0.02])
def test_the_noise_it_finds_is_there(fps, noise):
    found = of(noisy(fps, 0.7, noise), fps)
    assert np.isclose(np.sqrt(found.noise.mean()), noise, rtol=0.1)


@pytest.mark.parametrize("fps", RATES)
def test_what_it_passes_lies_near_what_the_spline_of_gcv_passes(fps):
    x = noisy(fps, 1.3, 0.01)
    clock = np.arange(len(x), dtype=float)
    found = passes(of(x, fps)).mean(axis=1)
    cutoff = penalties(x[..., None], None, clock)[:, 0] ** -0.25 / (2 * np.pi)  # per frame
    at = (np.arange(len(x)) + 1) / (2 * len(x))
    passing = (1 / (1 + (at[:, None] / cutoff) ** 4)).mean(axis=1)
    weights = np.square(SPEC.responses(len(x), fps))
    wanted = weights @ passing / weights.sum(axis=1)
    assert np.abs(found - wanted).max() < 0.1  # the ends are treated otherwise


def test_faster_motion_passes_further():
    shares = [passes(of(noisy(60.0, hertz, 0.01), 60.0)).mean(axis=1) for hertz in (0.5, 1.5, 4.0, 9.0)]
    assert (np.diff(shares, axis=0)[:, 3:] > -1e-3).all()
    assert (np.diff(shares, axis=0)[:, 5:].mean(axis=1) > 0.1).all()


@pytest.mark.parametrize("fps", RATES)
def test_white_noise_alone_is_taken_away(fps):
    x = np.random.default_rng(2).normal(0, 0.01, (round(6 * fps), 60)).astype(np.float32)
    found = of(x, fps)
    assert passes(found)[3:].mean() < 0.05
    assert (1 / (1 + np.exp(-found.free))).mean() > 0.9


def test_noise_that_lasts_is_taken_for_motion():
    rng = np.random.default_rng(3)
    x = np.zeros((1200, 30), np.float32)
    for t in range(1, len(x)):
        x[t] = 0.95 * x[t - 1] + rng.normal(0, 0.01, 30)
    assert passes(of(x, 240.0))[:-1].min() > 0.8


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 300), st.sampled_from([5.0, *RATES]), st.integers(0, 99))
def test_it_is_finite_and_knows_neither_sign_nor_direction(frames, fps, seed):
    x = np.cumsum(np.random.default_rng(seed).normal(size=(frames, 4)), axis=0).astype(np.float32)
    found = of(x, fps)
    for other in (of(-x, fps), of(x[::-1], fps)):
        assert np.allclose(other.passing, found.passing, atol=2e-2)
        assert np.allclose(other.free, found.free, atol=2e-2)
    assert np.isfinite(found.passing).all() and np.isfinite(found.free).all()
    assert found.passing.shape == (SPEC.present(fps), 4)


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_curves_that_do_not_move_have_no_noise(value):
    found = of(np.full((100, 3), value, np.float32), 30.0)
    assert np.isfinite(found.passing).all()
    assert (found.noise < 1e-12).all()
