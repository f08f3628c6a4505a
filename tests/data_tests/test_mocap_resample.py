"""Frame rates: what both rates can show survives, what the lower cannot is gone, nothing gets longer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.data import _resample
from steadypose.data.mocap import load_clips
from steadypose.rotations import from_axis_angle, from_euler, geodesic, slerp

MOCAP = Path(__file__).parent.parent / "data" / "mocap"
rates = st.sampled_from([24.0, 25.0, 30.0, 47.952, 50.0, 60.0, 100.0, 120.0])


@settings(max_examples=40, deadline=None)
@given(rates, rates, st.floats(0.05, 0.33), st.floats(0, 6.3))
def test_a_band_limited_signal_survives_there_and_back(a, b, band, phase):
    """A tone below 0.34 of the lower rate, away from the ends by as much as the kernel reaches."""
    low = min(a, b)
    t = np.arange(round(3 * a) + 1) / a
    x = np.sin(2 * np.pi * band * low * t + phase)[:, None]
    there = _resample.new_times(t, b)
    y = _resample.positions(x, t, there)
    inside = (there > 20 / low) & (there < there[-1] - 20 / low)
    truth = np.sin(2 * np.pi * band * low * there + phase)
    assert np.abs(y[inside, 0] - truth[inside]).max() < 2e-3
    back = _resample.positions(y, there, t[t <= there[-1]])
    inside = (t > 40 / low) & (t < there[-1] - 40 / low)
    assert np.abs(back[inside[: len(back)], 0] - x[inside, 0]).max(initial=0) < 4e-3


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 0.95), st.floats(0, 6.3), st.sampled_from([25.0, 30.0, 50.0]))
def test_what_the_lower_rate_cannot_show_is_gone(tone, phase, fps):
    """A tone above half of the new rate would come out as a slow one if every nth frame were taken."""
    t = np.arange(481) / 120
    x = np.sin(2 * np.pi * min(tone * fps, 59) * t + phase)[:, None]
    new = _resample.new_times(t, fps)
    y = _resample.positions(x, t, new)
    inside = (new > 20 / fps) & (new < new[-1] - 20 / fps)
    assert np.abs(y[inside]).max() < 2e-3


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 300), rates, rates)
def test_the_duration_is_kept(frames, a, b):
    t = 5 + np.arange(frames) / a
    new = _resample.new_times(t, b)
    assert new[0] == 5 and np.diff(new) == pytest.approx(1 / b)
    assert new[-1] <= t[-1] + 1e-6 and t[-1] - new[-1] < 1 / b


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 90), rates, rates, st.floats(-5, 5), st.floats(-5, 5))
def test_a_straight_line_stays_one_to_its_ends(frames, a, b, start, speed):
    t = np.arange(frames) / a
    new = _resample.new_times(t, b)
    y = _resample.positions((start + speed * t)[:, None], t, new)
    assert y[:, 0] == pytest.approx(start + speed * new, abs=3e-3 * (abs(speed) + 1))


def test_faster_rotations_are_interpolated_by_slerp():
    t = np.arange(3) / 10
    r = from_euler(np.array([[0.0, 0, 0], [90, 0, 0], [90, 80, 0]]))[:, None]
    new = _resample.new_times(t, 40)
    found = _resample.rotations(r, t, new)
    for n, at in enumerate(new * 10):
        k = min(int(at), 1)
        assert geodesic(found[n], slerp(r[k], r[k + 1], at - k)).max() < 1e-7


def test_slower_rotations_are_low_passed():
    """A slow turn all the way round with a fast tremor: the turn stays, the tremor does not become slow."""
    t = np.arange(601) / 120
    slow = np.stack([0 * t, 2.5 * t, 0 * t], axis=-1)
    fast = np.stack([0.1 * np.sin(2 * np.pi * 27 * t), 0 * t, 0 * t], axis=-1)
    r = (from_axis_angle(slow) @ from_axis_angle(fast))[:, None]
    new = _resample.new_times(t, 30)
    found = _resample.rotations(r, t, new)[:, 0]
    truth = from_axis_angle(np.stack([0 * new, 2.5 * new, 0 * new], axis=-1))
    inside = slice(20, -20)
    assert geodesic(found[inside], truth[inside]).max() < 2e-3
    assert geodesic(r[::4, 0][inside], truth[inside]).max() > 0.09  # every fourth frame shows the tremor
    assert np.abs(found @ np.swapaxes(found, -1, -2) - np.eye(3)).max() < 1e-9


def test_missing_positions_stay_missing_and_spoil_nothing_else():
    t = np.arange(240) / 120
    x = np.stack([np.sin(2 * t), np.cos(2 * t)], axis=-1)
    x[100:120, 0] = np.nan
    new = _resample.new_times(t, 50)
    y = _resample.positions(x, t, new)
    gone = np.isnan(y[:, 0])
    assert gone.sum() == ((new > 99.01 / 120) & (new < 119.99 / 120)).sum()
    assert not np.isnan(y[:, 1]).any()
    assert np.abs(y[~gone, 0] - np.sin(2 * new[~gone])).max() < 0.01


@pytest.mark.parametrize("fps", [25.0, 50.0, 73.1, 200.0])
def test_a_clip_moves_the_same_at_another_rate(fps):
    for clip in load_clips(MOCAP, splits=("train", "test")):
        other = clip.at(fps)
        assert other.fps == pytest.approx(fps)
        assert other.name == clip.name and other.split == clip.split
        a, b = clip.joints("h36m17"), other.joints("h36m17")
        at = np.stack(
            [np.interp(b.times, a.times, c) for c in a.positions[:, 0].reshape(len(a.times), -1).T], -1
        )
        error = np.linalg.norm(at.reshape(-1, 17, 3) - b.positions[:, 0], axis=-1)
        assert error.mean() < 0.01 and error.max() < 0.06
        bones = b.positions[:, 0, 2] - b.positions[:, 0, 1]
        assert np.ptp(np.linalg.norm(bones, axis=-1)) < 1e-5  # bones keep their lengths


def test_the_digits_of_a_frame_time_are_no_other_rate():
    clip = load_clips(MOCAP, sources=["cmu"], splits=("test",))[0]
    assert clip.at(120) is clip
    one = replace(clip, motion=clip.at(25).motion)
    assert one.at(25) is one
