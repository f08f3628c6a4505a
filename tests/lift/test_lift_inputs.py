"""Windows and what is in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.lift._inputs import (
    BRIDGED_CONFIDENCE,
    bridge,
    hold,
    network_input,
    normalise_person,
    runs,
    step,
    window_ends,
    window_frames,
)
from steadypose.lift._spec import LiftSpec


@pytest.mark.parametrize(
    ("fps", "frames"), [(50, 1), (60, 1), (90, 2), (100, 2), (120, 2), (240, 5), (5, 1), (float("nan"), 1)]
)
def test_fast_recordings_are_seen_at_a_rate_that_was_trained_on(fps: float, frames: int) -> None:
    assert step(fps, LiftSpec(rates=(25, 50))) == frames


@given(st.integers(0, 20), st.integers(1, 60), st.integers(1, 6), st.integers(1, 4))
def test_windows_reach_every_frame_of_a_run_and_none_beside_it(first, frames, length, every) -> None:
    stop = first + frames
    ends = window_ends(first, stop, length, every)
    windows = window_frames(ends, first, length, every)
    assert set(windows.ravel()) == set(range(first, stop))
    assert (windows[:, -1] == ends).all() and ends[-1] == stop - 1
    last = windows[(windows == stop - 1).any(axis=1)]
    if frames > 1:  # the last frame is in the one window that ends with it, as online
        assert len(last) == 1
    if frames >= length * every:
        assert (np.diff(windows, axis=1) == every).all()


def test_before_its_first_frame_a_window_repeats_it() -> None:
    np.testing.assert_array_equal(window_frames([5, 6, 9], 5, 3, 2), [[5, 5, 5], [5, 5, 6], [5, 7, 9]])


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-2000, 2000), st.floats(-2000, 2000))
def test_a_person_is_the_same_wherever_and_however_large(seed, scale, dx, dy) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 50, (4, 5, 16, 2))
    known = rng.random((4, 5, 16)) < 0.8
    moved = np.where(known[..., None], x * scale + [dx, dy], np.nan)
    a, b = normalise_person(x, known), normalise_person(moved, known)
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert (a[~known] == 0).all()
    for window, seen in zip(a, known, strict=True):
        np.testing.assert_allclose(window[seen].mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose((window[seen] ** 2).sum(axis=1).mean(), 1, rtol=1e-5)


def test_points_that_are_all_one_or_none_at_all_become_zero() -> None:
    x = np.full((2, 5, 16, 2), 700.0)
    known = np.ones((2, 5, 16), bool)
    known[1] = False
    assert (normalise_person(x, known) == 0).all()


def test_what_enters_the_network() -> None:
    rng = np.random.default_rng(0)
    x, c = rng.normal(0, 50, (3, 5, 16, 2)), rng.uniform(0.1, 1, (3, 5, 16))
    c[0, 0, 0], x[0, 0, 0] = 0, np.nan
    three = network_input(x, c, LiftSpec())
    assert three.shape == (3, 5, 16, 3) and three.dtype == np.float32
    np.testing.assert_array_equal(three[..., 2], c.astype(np.float32))
    np.testing.assert_array_equal(three[..., :2], network_input(x, c, LiftSpec(confidence=False)))
    pixels = network_input(x, c, LiftSpec(normalisation="pixels"))[..., :2]
    np.testing.assert_allclose(pixels, np.nan_to_num(x), rtol=1e-6)


def gappy(frames: int = 60, seed: int = 0, share: float = 0.4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (frames, 3, 2)).cumsum(axis=0).astype(np.float32)
    x[rng.random((frames, 3)) < share] = np.nan
    c = np.where(np.isnan(x[..., 0]), 0, 0.9).astype(np.float32)
    return x, c, np.cumsum(rng.uniform(0.02, 0.06, frames))


@settings(max_examples=30)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.05, 0.1, 0.3]))
def test_holding_is_what_a_loop_does(seed: int, max_gap: float) -> None:
    x, c, times = gappy(seed=seed)
    got_x, got_c = hold(x, c, times, max_gap)
    for j in range(3):
        last = None
        for f in range(len(x)):
            if c[f, j] > 0:
                last = f
                wanted, believed = x[f, j], c[f, j]
            elif last is not None and times[f] - times[last] <= max_gap + 1e-9 and max_gap:
                wanted, believed = x[last, j], BRIDGED_CONFIDENCE
            else:
                wanted, believed = np.full(2, np.nan), 0
            np.testing.assert_array_equal(got_x[f, j], wanted)
            assert got_c[f, j] == pytest.approx(believed)


def test_gaps_are_bridged_from_both_sides_and_long_ones_left() -> None:
    times = np.arange(30) / 50
    x = np.stack([np.linspace(0, 29, 30), np.zeros(30)], axis=-1)[:, None].astype(np.float32)
    c = np.ones((30, 1), np.float32)
    x[5:8], c[5:8] = np.nan, 0
    x[12:29], c[12:29] = np.nan, 0
    got_x, got_c = bridge(x, c, times, 0.25)
    np.testing.assert_allclose(got_x[:12, 0, 0], np.arange(12), atol=1e-5)
    np.testing.assert_allclose(got_c[5:8, 0], BRIDGED_CONFIDENCE)
    assert np.isnan(got_x[12:29]).all() and (got_c[12:29] == 0).all()
    assert np.isnan(x[5:8]).all()  # what was given is not touched
    assert bridge(x, c, times, 0.0)[0] is x


def test_runs_end_where_nobody_is_there_and_where_the_clock_jumps() -> None:
    there = np.array([0, 1, 1, 1, 0, 1, 1, 1], bool)
    times = np.array([0, 1, 2, 3, 4, 5, 6, 17.0])
    assert list(runs(there, times, 1.5)) == [(1, 4), (5, 7), (7, 8)]
    assert list(runs(np.zeros(8, bool), times, 1.5)) == []
    assert list(runs(np.ones(1, bool), times[:1], 1.5)) == [(0, 1)]
