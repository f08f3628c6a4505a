"""Other frame rates: a smooth curve is the same function of time, and comes back at its own times."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from steadypose.refine._context import context_of
from steadypose.refine._rate import MARGIN, Resampled, spline

Array = np.ndarray[Any, Any]
RATES = [25, 30, 50, 59.94, 60, 75, 100, 120, 240, 1000]


def stamps(fps: float | None, seconds: float = 4.0, seed: int = 0) -> Array:
    if fps is None:
        return np.cumsum(np.random.default_rng(seed).uniform(0.01, 0.04, int(seconds * 40)))
    return np.arange(int(seconds * fps)) / fps


def wave(times: Array, hertz: float = 1.0) -> Array:
    phase = np.array([0.0, 1.0, 2.5])
    return np.asarray(np.sin(2 * np.pi * hertz * times[:, None] + phase), np.float32)


def resampled(x: Array, times: Array, rate: float | None = 60.0, strength: float = 1.0) -> Resampled:
    return Resampled(x, times, rate, strength, np.zeros(x.shape[1]))


def round_trip(curves: Resampled, like: Array, cuts: list[int] | None = None) -> tuple[Array, Array]:
    """All values at even times, and what comes back, piece by piece."""
    edges = sorted({0, curves.shape[0], *(c % curves.shape[0] for c in cuts or [])})
    pieces = [(a, curves.read(slice(a, b), slice(0, like.shape[1]))) for a, b in pairwise(edges)]
    back = np.full(like.shape, np.nan)
    for rows, piece in curves.back(pieces):
        assert np.isnan(back[rows]).all()
        back[rows] = piece
    return np.concatenate([p for _, p in pieces]), back


@pytest.mark.parametrize("fps", [*RATES, None])
@pytest.mark.parametrize(("hertz", "inside", "ends"), [(1.0, 2e-4, 1e-3), (2.0, 1e-3, 1e-2)])
def test_a_smooth_curve_is_seen_and_comes_back(
    fps: float | None, hertz: float, inside: float, ends: float
) -> None:
    times = stamps(fps)
    x = wave(times, hertz)
    curves = resampled(x, times)
    seen, back = round_trip(curves, x)
    even = np.linspace(times[0], times[-1], curves.shape[0])
    assert np.abs(seen - wave(even, hertz))[8:-8].max() < inside
    assert np.abs(seen - wave(even, hertz)).max() < ends
    assert np.abs(back - x).max() < 5 * inside
    assert curves.shape[0] == pytest.approx(
        60 * (times[-1] - times[0]) + 1, abs=0.51 if not curves.same else 9
    )
    assert curves.same == (fps in (59.94, 60))


@settings(max_examples=80)
@given(
    st.sampled_from([*RATES, None]),
    st.sampled_from([0.3, 1.0, 1.7, 3.0]),
    st.integers(2, 150),
    st.lists(st.integers(0, 10_000), max_size=6),
    st.integers(0, 99),
)
def test_pieces_are_as_one(
    fps: float | None, strength: float, frames: int, cuts: list[int], seed: int
) -> None:
    times = stamps(fps, 7.0, seed)[:frames]
    x = np.random.default_rng(seed).normal(size=(len(times), 3)).astype(np.float32)
    curves = resampled(x, times, strength=strength)
    seen, back = round_trip(curves, x)
    parts, again = round_trip(curves, x, cuts)
    np.testing.assert_allclose(parts, seen, atol=1e-5)
    np.testing.assert_allclose(again, back, atol=1e-5)
    assert np.isfinite(back).all()
    np.testing.assert_array_equal(curves[:], seen)


@settings(max_examples=40)
@given(st.sampled_from([*RATES, None]), st.integers(2, 200), st.sampled_from([0.3, 1.0, 3.0]))
def test_straight_lines_stay_straight_and_time_can_run_backwards(
    fps: float | None, frames: int, strength: float
) -> None:
    times = stamps(fps, 8.0)[:frames]
    line = (times[:, None] * [1.0, -2.0, 0.0] + [0.0, 3.0, 1.0]).astype(np.float32)
    _, back = round_trip(resampled(line, times, strength=strength), line)
    np.testing.assert_allclose(back, line, atol=1e-5)
    x = np.random.default_rng(frames).normal(size=line.shape).astype(np.float32)
    seen, back = round_trip(resampled(x, times, strength=strength), x)
    turned, returned = round_trip(resampled(x[::-1], -times[::-1], strength=strength), x)
    np.testing.assert_allclose(turned[::-1], seen, atol=2e-4)
    np.testing.assert_allclose(returned[::-1], back, atol=2e-4)


def test_a_higher_rate_is_averaged() -> None:
    x = np.random.default_rng(0).normal(size=(4000, 3)).astype(np.float32)
    for fps, most in ((120, 0.8), (240, 0.6), (480, 0.45)):
        times = np.arange(len(x)) / fps
        assert resampled(x, times)[:].std() < most


def test_strength_divides_the_rate_within_reason() -> None:
    x, times = wave(stamps(60)), stamps(60)
    frames = {s: resampled(x, times, strength=s).shape[0] for s in (0.5, 1, 2, 1e-6)}
    assert frames == {0.5: 479, 1: 240, 2: 120 + 1, 1e-6: 239 * 8 + 1}
    assert resampled(x, times, rate=None).same
    assert resampled(x, times, rate=None, strength=2.0).shape[0] == 121


def test_dropped_frames_are_bridged() -> None:
    """At a higher rate than the network's, with a hole that no parabola spans."""
    times = np.delete(np.arange(480) / 120, np.r_[100:125, 300, 305:308])
    x = wave(times, 0.5)
    seen, back = round_trip(resampled(x, times), x)
    even = np.linspace(times[0], times[-1], len(seen))
    assert np.abs(seen - wave(even, 0.5)).max() < 5e-3
    assert np.abs(back - x).max() < 2e-3


def test_context_of_a_long_recording_reads_excerpts_of_it() -> None:
    times = np.arange(30_000) / 50
    x = np.random.default_rng(0).normal(size=(30_000, 2)).astype(np.float32)
    curves = resampled(x, times)
    lazily: Any = curves
    np.testing.assert_array_equal(context_of(lazily), context_of(curves[:]))


@settings(max_examples=60)
@given(st.integers(2, 60), st.integers(0, 999), st.booleans())
def test_spline(knots: int, seed: int, even: bool) -> None:
    rng = np.random.default_rng(seed)
    t = np.arange(float(knots)) if even else np.cumsum(rng.uniform(0.5, 1.5, knots))
    x = rng.normal(size=(knots, 2)).astype(np.float32)
    np.testing.assert_allclose(spline(x, t, t), x, atol=4e-6)  # single precision of numbers up to 4
    at = np.sort(rng.uniform(t[0], t[-1], 50))
    if knots > 2 * MARGIN:  # away from the ends it is the spline of the textbook
        inner = at[(at > t[6]) & (at < t[-7])]
        np.testing.assert_allclose(spline(x, t, inner), CubicSpline(t, x)(inner), atol=0.15)
    for order in range(2):
        p = (t[:, None] ** order).astype(np.float32)
        np.testing.assert_allclose(spline(p, t, at), at[:, None] ** order, rtol=1e-5, atol=1e-5)
