import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from steadypose.refine.outliers import find_outliers, find_switches

# A standing body of twelve keypoints, 1.7 high.
BODY = np.array(
    [[x, y, 0.05 * i] for i, y in enumerate((0.0, 0.45, 0.9, 1.1, 1.4, 1.7)) for x in (-0.2, 0.2)], np.float32
)


def walk(frames=120, fps=30.0, seed=0, noise=0.005, dims=3):
    """A body that walks, sways its limbs at 1–2 Hz and is seen with correlated noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / fps
    sway = 0.15 * np.sin(
        2 * np.pi * rng.uniform(0.8, 2, (12, 3)) * t[:, None, None] + rng.uniform(0, 6, (12, 3))
    )
    white = rng.normal(0, noise, (frames, 12, 3))
    jitter = white + np.cumsum(rng.normal(0, noise / 4, white.shape), axis=0)
    path = BODY + sway + jitter + np.array([1.2, 0, 0.3]) * t[:, None, None]
    return path[..., :dims].astype(np.float32), np.ones((frames, 12), bool), t


def slip(values, frames, curve, by):
    out = values.copy()
    out[frames, curve] += np.float32(by)
    planted = np.zeros(values.shape[:2], bool)
    planted[frames, curve] = True
    return out, planted


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_slips_of_one_to_five_frames_are_found_and_nothing_else(dims, length):
    values, valid, times = walk(dims=dims)
    bad, planted = slip(values, slice(50, 50 + length), 3, 0.35)
    bad, more = slip(bad, slice(80, 80 + length), 9, -0.5)
    assert np.array_equal(find_outliers(bad, valid, times), planted | more)
    assert not find_outliers(values, valid, times).any()


def test_scattered_bursts_and_slips_in_the_first_and_last_frame_are_found():
    values, valid, times = walk(seed=1)
    bad = values.copy()
    bad[60:64, 5] += np.float32([[0.6, 0, 0], [-0.7, 0, 0], [0, 0.8, 0], [0, 0, -0.6]])
    bad[0, 2] += 0.5
    bad[-1, 7] += 0.5
    found = find_outliers(bad, valid, times)
    assert np.array_equal(np.argwhere(found).tolist(), [[0, 2], [60, 5], [61, 5], [62, 5], [63, 5], [119, 7]])


def test_a_punch_is_no_outlier():
    values, valid, times = walk()
    reach = np.array(
        [0, 0.05, 0.2, 0.45, 0.6, 0.62, 0.45, 0.2, 0.05, 0]
    )  # out and back within a third of a second
    values[50:60, 7, 0] += reach.astype(np.float32)
    assert not find_outliers(values, valid, times).any()


@pytest.mark.parametrize("fps", [15, 25, 60, 120])
def test_seconds_not_frames(fps):
    values, valid, times = walk(4 * fps, fps)
    bad, planted = slip(values, slice(2 * fps, 2 * fps + max(1, fps // 15)), 4, 0.4)
    assert np.array_equal(find_outliers(bad, valid, times), planted)


def test_a_motionless_curve_in_whole_pixels_is_left_alone():
    rng = np.random.default_rng(2)
    still = np.repeat(BODY[None, :, :2] * 200, 90, axis=0)
    values = np.round(still + rng.normal(0, 0.3, still.shape)).astype(np.float32)
    valid, times = np.ones((90, 12), bool), np.arange(90) / 30
    assert not find_outliers(values, valid, times).any()
    bad, planted = slip(values, 40, 6, 30)
    assert np.array_equal(find_outliers(bad, valid, times), planted)


def test_a_step_is_no_outlier():
    values, valid, times = walk()
    values[60:] += 1.5
    values[90:, 3] -= 0.8
    assert not find_outliers(values, valid, times).any()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    scale=st.sampled_from([1e-3, 0.5, 7.0, 400.0]),
    angle=st.floats(0, 6.28),
    shift=st.floats(-20, 20),
)
def test_scale_place_and_direction_do_not_matter(seed, scale, angle, shift):
    values, valid, times = walk(60, seed=seed)
    rng = np.random.default_rng(seed)
    hit = rng.random(valid.shape) < 0.02
    values[hit] += np.float32(rng.choice([-0.5, 0.5], (hit.sum(), 3)))
    valid &= rng.random(valid.shape) > 0.05
    turn = Rotation.from_rotvec(angle * np.array([0.6, 0.0, 0.8]))
    moved = (scale * (turn.apply(values.reshape(-1, 3)) + shift)).reshape(values.shape).astype(np.float32)
    a, b = find_outliers(values, valid, times), find_outliers(moved, valid, times)
    assert (a != b).sum() <= 1  # a sample on the threshold may fall to either side by rounding
    assert not a[~valid].any()


def test_missing_samples_neither_count_nor_hide_a_slip():
    values, valid, times = walk()
    bad, planted = slip(values, slice(60, 62), 3, 0.5)
    valid[1::2] = False  # seen in every other frame only
    bad[~valid] = np.nan
    assert np.array_equal(find_outliers(bad, valid, times), planted & valid)


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_too_little_to_judge_by(frames):
    values, valid, times = walk(frames)
    values[-1] += 5
    assert not find_outliers(values, valid, times).any()
    assert not find_outliers(values[:, :0], valid[:, :0], times).any()
    assert not find_outliers(np.full_like(values, np.nan), ~valid, times).any()


def test_blocks_of_a_long_recording_meet_exactly(monkeypatch):
    values, valid, times = walk(900, seed=3)
    rng = np.random.default_rng(3)
    values[rng.random(valid.shape) < 0.02] += 0.5
    valid &= rng.random(valid.shape) > 0.05
    whole = find_outliers(values, valid, times)
    monkeypatch.setattr(sys.modules["steadypose.refine.outliers"], "_BLOCK", 1)
    assert np.array_equal(find_outliers(values, valid, times), whole)
    assert whole.sum() > 100


def persons(*sequences):
    return np.stack([s[0] for s in sequences], axis=1)


def test_another_body_is_a_switch_at_its_first_frame_also_after_a_gap():
    a, b = walk(seed=4), walk(seed=5)
    positions = persons(a, b)
    positions[70:, 0] += 3.0
    positions[69, 0] = np.nan
    positions[40:, 1] -= 2.5
    switch = find_switches(positions, a[2])
    assert np.argwhere(switch).tolist() == [[40, 1], [70, 0]]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_body_that_comes_back_is_no_switch(length):
    values, _, times = walk()
    values[50 : 50 + length] += 3.0
    assert not find_switches(values[:, None], times).any()


def test_noise_running_and_single_keypoints_are_no_switch():
    values, _, times = walk(noise=0.08)
    run = values + np.array([9.0, 0, 0], np.float32) * times[:, None, None].astype(np.float32)
    run[60:, :5] += 4.0  # fewer than half of the keypoints
    run[rng_mask((120, 12), 0.3)] = np.nan
    assert not find_switches(run[:, None], times).any()


def rng_mask(shape, share):
    return np.random.default_rng(6).random(shape) < share


def test_switches_of_nothing():
    assert not find_switches(np.full((10, 2, 12, 3), np.nan, np.float32), np.arange(10.0)).any()
    assert find_switches(np.zeros((1, 0, 12, 2), np.float32), np.zeros(1)).shape == (1, 0)
