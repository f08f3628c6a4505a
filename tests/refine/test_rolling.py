import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from steadypose.refine._rolling import rolling_median, rolling_medoid, window_span

NUMBERS = st.floats(-1e3, 1e3, width=32) | st.integers(-3, 3).map(float)


@st.composite
def samples(draw, dims=2, frames=24):
    shape = (draw(st.integers(1, frames)), draw(st.integers(1, 3)))
    values = draw(hnp.arrays(np.float32, (*shape, dims), elements=NUMBERS))
    valid = draw(hnp.arrays(np.bool_, shape))
    return values, valid


def slow(values, valid, before, after, middle):
    out = np.full_like(values, np.nan)
    for t in range(len(values)):
        for c in range(values.shape[1]):
            frames = range(max(0, t - int(before[t, c])), min(len(values), t + int(after[t, c]) + 1))
            kept = [f for f in frames if valid[f, c]]
            if kept:
                out[t, c] = middle(values[kept, c], np.array(kept) - t)
    return out


def median(window, _offsets):
    return np.median(window, axis=0)


def medoid(window, offsets):
    window = window.astype(np.float64)
    total = np.linalg.norm(window[:, None] - window[None], axis=-1).sum(axis=1)
    return window[min(range(len(window)), key=lambda i: (round(total[i], 4), abs(offsets[i]), offsets[i]))]


def spread(a, curves):
    return np.broadcast_to(a.reshape(len(a), -1), (len(a), curves))


@settings(max_examples=60)
@given(samples(), st.integers(0, 9))
def test_median_is_the_slow_nanmedian_with_windows_that_shrink_at_the_ends(data, half):
    values, valid = data
    at = np.arange(len(values))
    even = spread(np.minimum(half, np.minimum(at, at[::-1])), values.shape[1])
    assert np.array_equal(
        rolling_median(values, valid, half), slow(values, valid, even, even, median), equal_nan=True
    )


@pytest.mark.parametrize("half", [1, 4, 7, 15, 40, 41])
@pytest.mark.parametrize("missing", [0.0, 0.05, 0.97])
def test_median_of_long_curves_crosses_blocks_exactly(half, missing):
    rng = np.random.default_rng(half)
    values = rng.normal(size=(250, 40, 3)).astype(np.float32)
    values[~(valid := rng.random((250, 40)) >= missing)] = np.nan
    got = rolling_median(values, valid, half)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for t in range(250):
            reach = min(half, t, 249 - t)
            assert np.array_equal(
                got[t], np.nanmedian(values[t - reach : t + reach + 1], axis=0), equal_nan=True
            )


@settings(max_examples=60)
@given(samples(), st.data())
def test_median_over_uneven_times_holds_the_frames_within_half_the_window(data, draw):
    values, valid = data
    frames, curves = valid.shape
    steps = draw.draw(
        st.lists(st.sampled_from([0.01, 0.02, 0.033, 0.05, 0.4]), min_size=frames, max_size=frames)
    )
    times, window = np.cumsum(steps), draw.draw(st.sampled_from([0.0, 0.03, 0.1, 0.25, 1.0]))
    half, span = window_span(times, window)
    reach = np.minimum(window / 2, np.minimum(times - times[0], times[-1] - times)) + 1e-6 * window
    near = np.abs(times[:, None] - times[None]) <= reach[:, None]
    at = np.arange(frames)
    before, after = ((near & side).sum(axis=1) for side in (at[None] < at[:, None], at[None] > at[:, None]))
    assert np.array_equal(before, span[0])
    assert np.array_equal(after, span[1])
    want = slow(values, valid, spread(before, curves), spread(after, curves), median)
    assert np.array_equal(rolling_median(values, valid, half, span), want, equal_nan=True)


def test_nothing_drags_at_the_ends_of_a_recording_or_of_a_stretch():
    times = np.arange(20) / 30
    ramp = np.arange(20, dtype=np.float32)[:, None, None]
    valid = np.ones((20, 1), bool)
    assert np.array_equal(rolling_median(ramp, valid, 4), ramp)
    valid[8:13] = False  # a gap: two stretches, each with its own ends
    first = np.where(np.arange(20) < 8, 0, 13)[:, None]
    last = np.where(np.arange(20) < 8, 7, 19)[:, None]
    half, span = window_span(times, 0.3, first, last)
    assert np.array_equal(rolling_median(ramp, valid, half, span)[valid], ramp[valid])
    assert not np.array_equal(rolling_median(ramp, valid, 4)[valid], ramp[valid])


def test_windows_in_seconds_are_frames_where_times_are_even():
    for fps in (24, 29.97, 30, 120):
        half, (before, after) = window_span(np.arange(50) / fps, 10 / fps)
        assert half == 5
        assert before[5:-5].tolist() == after[5:-5].tolist() == [5] * 40
        assert before[:5].tolist() == after[:5].tolist() == [0, 1, 2, 3, 4]


def test_memory_stays_bounded():
    values = np.zeros((40_000, 17, 3), np.float32)
    valid = np.ones((40_000, 17), bool)
    for function in (rolling_median, rolling_medoid):
        tracemalloc.start()
        function(values, valid, 5)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < values.nbytes + 120e6


@settings(max_examples=50)
@given(samples(dims=3, frames=14), st.integers(0, 5))
def test_medoid_is_the_slow_medoid(data, half):
    values, valid = data
    at = np.arange(len(values))
    even = spread(np.minimum(half, np.minimum(at, at[::-1])), values.shape[1])
    got, want = rolling_medoid(values, valid, half), slow(values, valid, even, even, medoid)
    assert np.array_equal(np.isnan(got), np.isnan(want))
    # Sums can be equal but for rounding: then either sample will do, so compare the sums.
    for t, c in np.argwhere(np.isfinite(want[..., 0])):
        reach = even[t, c]
        window = values[t - reach : t + reach + 1, c][valid[t - reach : t + reach + 1, c]].astype(np.float64)
        assert (window == got[t, c]).all(axis=1).any()
        sums = [np.linalg.norm(window - v[t, c], axis=1).sum() for v in (got, want)]
        assert np.isclose(*sums, rtol=1e-5, atol=1e-4)


def test_medoid_of_rotations_turns_with_them_and_outvotes_a_flip():
    rng = np.random.default_rng(3)
    wander = np.cumsum(rng.normal(0, 0.05, (60, 2, 3)), axis=0).reshape(-1, 3)
    clean = Rotation.from_rotvec(wander)
    bad = np.zeros((60, 2), bool)
    bad[[10, 11, 30], 0] = bad[45, 1] = True
    flipped = clean * Rotation.from_rotvec(np.where(bad.reshape(-1, 1), [[0, 0, 3.0]], 0.0))
    valid = rng.random((60, 2)) > 0.1
    left, right = Rotation.random(2, rng=rng)

    def run(rotations):
        return rolling_medoid(rotations.as_matrix().reshape(60, 2, 9), valid, 3)

    out = run(flipped)
    turned = run(left * flipped * right)
    both = (left * Rotation.from_matrix(out.reshape(-1, 3, 3)) * right).as_matrix().reshape(60, 2, 9)
    assert np.allclose(turned, both, atol=1e-9)
    error = (Rotation.from_matrix(out.reshape(-1, 3, 3)) * clean.inv()).magnitude().reshape(60, 2)
    assert error.max() < 0.5
    assert np.isin(out.reshape(-1, 9), flipped.as_matrix().reshape(-1, 9)).all()


def test_medoid_of_a_moving_curve_does_not_drag_and_keeps_to_time_windows():
    ramp = np.arange(12, dtype=np.float64)[:, None, None] * np.ones(9)
    valid = np.ones((12, 1), bool)
    assert np.array_equal(rolling_medoid(ramp, valid, 3), ramp)
    half, span = window_span(np.arange(12) * 1.0, 0.5)
    valid[4] = False
    assert np.isnan(rolling_medoid(ramp, valid, half, span)[4]).all()
    assert np.array_equal(rolling_medoid(ramp, valid, 3, span)[valid], ramp[valid])
