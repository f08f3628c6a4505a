"""Windows: what they cover, what normalisation takes away, and that overlap-add is a weighted mean."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refine_samples import mlp, run_mlp, smoother

from steadypose.errors import DataError
from steadypose.refine import _overlap
from steadypose.refine._context import context_of, relative
from steadypose.refine.windows import WindowSpec, normalise, refine_curves

Array = np.ndarray[Any, Any]
specs = st.integers(2, 40).flatmap(
    lambda t: st.builds(
        WindowSpec,
        length=st.just(t),
        step=st.integers(1, t),
        normalisation=st.sampled_from(["window", "body", "none"]),
        taper=st.sampled_from(["hann", "flat"]),
    )
)


def curves(frames: int, channels: int = 3, seed: int = 0) -> Array:
    steps = np.random.default_rng(seed).normal(size=(frames, channels))
    return np.cumsum(steps, axis=0).astype(np.float32)


def refined(x: Array, spec: WindowSpec, weights: Any = None, **more: Any) -> Array:
    weights = mlp(spec.length) if weights is None else weights
    size = more.pop("size", np.ones(x.shape[1]))
    if isinstance(weights, tuple):
        return refine_curves(x, lambda w, c: run_mlp(w, c, weights), spec, size=size, **more)
    return refine_curves(x, lambda w, c: w @ weights, spec, size=size, **more)


def slowly(x: Array, spec: WindowSpec, size: Array) -> Array:
    """The weighted mean over windows, one window after the other."""
    total, weight = np.zeros(x.shape), np.zeros((len(x), 1))
    t = np.arange(spec.length)
    bell = (1 - np.cos(2 * np.pi * (t + 0.5) / spec.length)) / 2 if spec.taper == "hann" else np.ones(len(t))
    for start in spec.starts(len(x)).tolist():
        for channel in range(x.shape[1]):
            window = x[start : start + spec.length, channel].astype(np.float64)
            offset, scale = window.mean(), window.std()
            if spec.normalisation == "body":
                scale = size[channel] / 1.7
            if spec.normalisation == "none":
                offset, scale = 0.0, 1.0
            done = run_mlp((window[None] - offset) / scale, None, mlp(spec.length))[0] * scale + offset
            total[start : start + spec.length, channel] += bell * done
        weight[start : start + spec.length, 0] += bell
    return total / weight


@given(specs, st.integers(0, 300))
def test_windows_reach_everywhere_and_are_the_same_from_either_end(spec: WindowSpec, more: int) -> None:
    frames = spec.length + more
    starts = spec.starts(frames)
    assert starts[0] == 0 and starts[-1] == frames - spec.length
    assert (np.diff(starts) > 0).all() and (np.diff(starts) <= spec.step).all()
    assert (starts == frames - spec.length - starts[::-1]).all()
    assert len(starts) <= 2 + more / spec.step + 1  # no more than needed, but for the middle


@settings(max_examples=150)
@given(specs, st.integers(0, 300), st.integers(1, 3), st.integers(1, 3))
def test_it_is_the_weighted_mean_over_windows(
    spec: WindowSpec, more: int, channels: int, workers: int
) -> None:
    x, size = curves(spec.length + more, channels, seed=more), np.linspace(0.5, 2, channels)
    found = refined(x, spec, size=size, workers=workers)
    np.testing.assert_allclose(found, slowly(x, spec, size), atol=1e-4 * (1 + np.abs(x).max()))
    assert found.shape == x.shape and found.dtype == np.float32


@settings(max_examples=30)
@given(specs, st.integers(1, 300), st.integers(1, 9), st.integers(1, 600), st.integers(1, 4))
def test_how_the_work_is_divided_does_not_show(
    spec: WindowSpec, frames: int, chunk: int, block: int, workers: int
) -> None:
    x = curves(frames, 5)
    whole = refined(x, spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_overlap, "CHUNK", chunk)
        patch.setattr(_overlap, "BLOCK", block)
        np.testing.assert_allclose(refined(x, spec, workers=workers), whole, atol=1e-4)


@settings(max_examples=60)
@given(specs, st.integers(1, 300))
def test_no_seams(spec: WindowSpec, frames: int) -> None:
    """A network that changes nothing changes nothing, whatever the windows."""
    t = np.linspace(-1, 1, frames)[:, None]
    x = np.concatenate([3 * t**3 - t + 5, np.sin(9 * t), np.zeros_like(t), 0 * t + 7], axis=1)
    found = refined(x.astype(np.float32), spec, np.eye(spec.length, dtype=np.float32))
    assert np.abs(found - x).max() < 1e-5


@settings(max_examples=60)
@given(
    st.integers(2, 40),
    st.integers(1, 120),
    st.floats(-1e3, 1e3),
    st.sampled_from([1e-3, 0.01, 0.3, 25.0, 1e3]),
    st.permutations(range(4)),
)
def test_place_unit_and_order_of_axes_do_not_matter(
    length: int, frames: int, place: float, unit: float, order: list[int]
) -> None:
    spec = WindowSpec(length, max(1, length // 3))
    x = curves(frames, 4)
    wanted = refined(x, spec)
    moved = refined((x + place).astype(np.float32), spec)
    limit = 1e-4 + 4e-6 * abs(place) * length**0.5
    assert np.abs(moved - place - wanted).max() <= limit * (1 + np.ptp(x))
    np.testing.assert_allclose(
        refined(x * np.float32(unit), spec) / unit, wanted, atol=1e-4 * (1 + np.ptp(x))
    )
    np.testing.assert_allclose(refined(x[:, order], spec), wanted[:, order], atol=1e-5)


@settings(max_examples=60)
@given(specs, st.integers(1, 300))
def test_mirrored_and_reversed_curves(spec: WindowSpec, frames: int) -> None:
    """A network that is odd, or the same in either direction, stays so."""
    x = curves(frames)
    odd = mlp(spec.length, odd=True)
    np.testing.assert_allclose(refined(-x, spec, odd), -refined(x, spec, odd), atol=1e-5)
    even = smoother(spec.length)
    np.testing.assert_allclose(refined(x[::-1], spec, even)[::-1], refined(x, spec, even), atol=1e-4)


@pytest.mark.parametrize("frames", [1, 2, 3, 7, 31, 32, 33, 95])
def test_short_clips_go_on_beyond_their_ends(frames: int) -> None:
    spec = WindowSpec(32, 8)
    t = np.arange(frames, dtype=np.float32)[:, None]
    straight = refined(0.5 * t + 3, spec, smoother(32))
    np.testing.assert_allclose(straight, 0.5 * t + 3, atol=1e-5)
    x = curves(frames)
    smooth = refined(x, spec, smoother(32, 1.0))
    assert np.abs(smooth - x).max() <= (0 if frames == 1 else 3)
    if frames > 3:
        assert np.abs(np.diff(smooth, 2, axis=0)).mean() < 0.5 * np.abs(np.diff(x, 2, axis=0)).mean()


def test_far_away_and_at_rest() -> None:
    spec = WindowSpec(16, 4)
    far = (curves(100) * 0.01 + 1e4).astype(np.float32)  # as exactly as single precision has it
    near = (far.astype(np.float64) - 1e4).astype(np.float32)
    assert np.abs(refined(far, spec).astype(np.float64) - 1e4 - refined(near, spec)).max() < 6e-4
    still = np.full((50, 2), 123.456, np.float32)
    assert (refined(still, spec) == still).all()


@given(st.sampled_from(["window", "body", "none"]), st.integers(2, 64), st.integers(0, 99))
def test_normalisation_is_undone(normalisation: Any, length: int, seed: int) -> None:
    spec = WindowSpec(length, 1, normalisation=normalisation)
    x = curves(length, 5, seed).T
    kept = x.copy()
    size = np.linspace(0.5, 2, 5)
    n, offset, scale = normalise(x, spec, size)
    np.testing.assert_allclose(n * scale + offset, x, atol=1e-5 * (1 + np.abs(x).max()))
    assert (x == kept).all() and n.dtype == np.float32 and n.flags.c_contiguous
    if normalisation != "none":
        np.testing.assert_allclose(n.mean(axis=-1), 0, atol=1e-5)
    if normalisation == "window":
        np.testing.assert_allclose(n.std(axis=-1), 1, atol=1e-4)
    if normalisation == "body":
        np.testing.assert_allclose(scale[:, 0], size / 1.7, rtol=1e-6)


def test_every_window_is_told_of_its_own_curve_relative_to_its_own_scale() -> None:
    spec = WindowSpec(8, 4, context=8)
    x = curves(60, 3)
    about = context_of(x)
    seen: list[tuple[Array, Array]] = []

    def run(windows: Array, context: Array | None) -> Array:
        assert context is not None
        seen.append((windows, context))
        return windows

    refine_curves(x, run, spec, size=np.ones(3), context=about)
    windows, context = (np.concatenate(both) for both in zip(*seen, strict=True))
    starts = spec.starts(60)
    assert len(windows) == 3 * len(starts)
    for c in range(3):
        for start in starts:
            n, _, scale = normalise(x[None, start : start + 8, c], spec)
            (at,) = np.flatnonzero(np.abs(windows - n).max(axis=1) < 1e-4)
            np.testing.assert_allclose(context[at], relative(about[c], scale)[0], atol=1e-4)
    np.testing.assert_allclose(
        refined(x * 1000, spec, mlp(8), context=context_of(x * 1000)) / 1000,
        refined(x, spec, mlp(8), context=about),
        atol=1e-3,
    )


def test_memory_does_not_grow_with_the_recording() -> None:
    def extra(frames: int) -> int:
        x = np.zeros((frames, 6), np.float32)
        tracemalloc.start()
        refined(x, WindowSpec(32, 8), np.eye(32, dtype=np.float32), workers=2)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - x.nbytes

    extra(40_000)  # what is imported and kept on a first call is not counted
    few, many = extra(40_000), extra(200_000)
    assert many < few + 500_000
    assert many < 8_000_000


def test_what_a_spec_refuses() -> None:
    for wrong, said in [
        ({"length": 1}, "expected length of windows as a whole number from 2 up, found 1"),
        ({"length": 8.0}, "length"),
        ({"step": 0}, "step of windows as a whole number from 1 up"),
        ({"step": 65}, "expected a step of at most the length 64, found 65"),
        ({"rate": 0}, "rate of windows above 0 hertz, or None, found 0"),
        ({"rate": float("nan")}, "rate"),
        ({"normalisation": "person"}, "one of 'window', 'body', 'none', found 'person'"),
        ({"taper": ["hann"]}, "taper"),
        ({"context": -1}, "context"),
    ]:
        with pytest.raises(DataError, match=said):
            WindowSpec(**wrong)
    spec = WindowSpec()
    with pytest.raises(DataError, match="at least 64 frames, a window's, found 63"):
        spec.starts(63)
    with pytest.raises(DataError, match="step from 1 to the window's 64 frames, found 65"):
        spec.starts(100, 65)
    with pytest.raises(DataError, match="size of the body"):
        normalise(np.zeros((2, 64)), replace(spec, normalisation="body"))


@given(specs)
def test_a_spec_survives_json(spec: WindowSpec) -> None:
    assert WindowSpec.from_json(spec.to_json()) == spec
    for broken in (None, {}, {**spec.to_json(), "more": 1}, [1]):
        with pytest.raises(DataError, match="expected a refining network's spec with length, step"):
            WindowSpec.from_json(broken)
