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


def strike(t, width=0.2, shape="bell", at=1.0):
    """Out and back; ``width`` seconds at half its height."""
    u = (t - at) / width
    return {
        "bell": np.exp(-4 * np.log(2) * u**2),
        "straight": np.clip(1 - np.abs(u), 0, None),
        "round": np.where(np.abs(u) < 1, 0.5 + 0.5 * np.cos(np.pi * np.clip(u, -1, 1)), 0),
    }[shape]


@pytest.mark.parametrize("shape", ["bell", "straight", "round"])
@pytest.mark.parametrize("noise", [0, 0.006])
@pytest.mark.parametrize("fps", [24, 30, 60, 240])
def test_a_strike_is_no_outlier(fps, noise, shape):
    """Half a metre out and back in 0.2 s, out of a body that stands still."""
    t = np.arange(2 * fps) / fps
    for phase in (0, 0.25, 0.5):
        still = np.repeat(BODY[None], len(t), axis=0) + np.random.default_rng(0).normal(
            0, noise, (len(t), 12, 3)
        )
        still[:, 7, 0] += 0.5 * strike(t, shape=shape, at=1 + phase / fps)
        for alone in (slice(None), slice(7, 8)):
            values = still[:, alone].astype(np.float32)
            assert not find_outliers(
                values, np.ones(values.shape[:2], bool), t, np.full(values.shape[1], 1.9)
            ).any()


def test_a_slip_within_a_strike_is_found_and_the_strike_stays():
    values, valid, times = walk(noise=0.002)
    values[:, 7, 0] += 0.5 * strike(times, at=2).astype(np.float32)
    bad, planted = slip(values, 60, 7, [0, 0.6, 0])
    assert np.array_equal(find_outliers(bad, valid, times), planted)


@pytest.mark.parametrize("hertz", [4, 5, 6, 8])
@pytest.mark.parametrize("fps", [24, 30, 60, 240])
def test_a_hand_that_shakes_fast_is_no_outlier(fps, hertz):
    t = np.arange(4 * fps) / fps
    values = np.repeat(BODY[None], len(t), axis=0)
    values[:, 7, 0] += (0.15 * np.sin(2 * np.pi * hertz * t)).astype(np.float32)
    valid = np.ones(values.shape[:2], bool)
    assert not find_outliers(values, valid, t).any()
    assert not find_outliers(values[:, 7:8], valid[:, 7:8], t, np.array([1.9])).any()


def arm(fps, reach):
    """Shoulder, elbow and wrist; the upper arm swings out for a single frame by ``reach`` radians."""
    frames = 4 * fps
    angle = np.zeros(frames)
    angle[2 * fps] = reach
    direction = np.stack([np.sin(angle), -np.cos(angle), 0 * angle], axis=-1)
    elbow = 0.3 * direction
    return np.stack([0 * elbow, elbow, elbow + 0.25 * direction], axis=1).astype(np.float32)


def test_what_the_body_shares_is_motion_where_a_camera_is_too_slow_to_see_it():
    fps, bones, size = 15, np.array([[0, 1], [1, 2]]), np.full(3, 1.9)
    x, t = arm(fps, 1.0), np.arange(4 * fps) / fps
    valid = np.ones(x.shape[:2], bool)
    assert find_outliers(x, valid, t, size)[2 * fps].tolist() == [False, True, True]
    assert not find_outliers(x, valid, t, size, bones=bones).any()
    # The same for the wrist alone breaks the forearm; and no push is hard enough at a higher rate.
    x[2 * fps, 1] = x[0, 1]
    assert find_outliers(x, valid, t, size, bones=bones)[2 * fps].tolist() == [False, False, True]
    fast, t = arm(120, 1.0), np.arange(480) / 120
    found = find_outliers(fast, np.ones(fast.shape[:2], bool), t, size, bones=bones)
    assert found[240].tolist() == [False, True, True]
    assert found.sum() == 2


def test_a_jolt_of_the_whole_body_is_no_motion():
    values, valid, times = walk(noise=0.002)
    bad, planted = slip(values, 60, slice(None), [0, 0, 0.3])
    bones = np.array([[i, i + 2] for i in range(10)])
    found = find_outliers(bad, valid, times, bones=bones)
    assert np.array_equal(found, find_outliers(bad, valid, times))
    assert found[planted].mean() > 0.6


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_backwards_and_mirrored_the_same_slips_are_found(seed):
    values, valid, times = walk(90, seed=seed)
    rng = np.random.default_rng(seed)
    hit = rng.random(valid.shape) < 0.01
    values[hit] += np.float32(rng.choice([-0.5, 0.5], (hit.sum(), 3)))
    bones = np.array([[i, i + 2] for i in range(10)])
    found = find_outliers(values, valid, times, bones=bones)
    mirrored = find_outliers(values * np.float32([-1, 1, 1]), valid, times, bones=bones)
    backwards = find_outliers(values[::-1], valid, times[-1] - times[::-1], bones=bones)[::-1]
    assert (found != mirrored).sum() <= 1
    # Speed is that of the frames before, so that samples near the threshold may differ.
    assert (found != backwards).sum() <= 2
    assert found[hit].sum() >= 0.5 * hit.sum()


ROTATION_SIZE = 4 * 2**0.5  # a limb of a quarter of the body's size


def turning(frames=120, fps=30.0, seed=0, noise=0.02):
    """Ten joints that swing at 1–3 Hz; one spins and one shakes fast."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / fps
    angle = rng.uniform(0.2, 0.8, 10) * np.sin(2 * np.pi * rng.uniform(1, 3, 10) * t[:, None])
    angle[:, 0] = 2 * np.pi * 2 * t
    angle[:, 1] = np.sin(2 * np.pi * 5 * t)
    axis = rng.normal(size=(10, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    turns = Rotation.from_rotvec((angle[..., None] * axis).reshape(-1, 3))
    shaken = turns * Rotation.from_rotvec(rng.normal(0, noise, (frames * 10, 3)))
    return shaken.as_matrix().reshape(frames, 10, 9).astype(np.float32), np.ones((frames, 10), bool), t


def flip(values, frames, joint, by):
    out, planted = values.copy(), np.zeros(values.shape[:2], bool)
    bad = out[frames, joint].reshape(-1, 3, 3) @ Rotation.from_rotvec(by).as_matrix()
    out[frames, joint] = bad.reshape(-1, 9)
    planted[frames, joint] = True
    return out, planted


@pytest.mark.parametrize("length", [1, 2, 4])
def test_rotations_that_flip_for_some_frames_are_found_and_fast_turns_are_not(length):
    values, valid, times = turning()
    size = np.full(10, ROTATION_SIZE)
    assert not find_outliers(values, valid, times, size).any()
    bad, planted = flip(values, slice(50, 50 + length), 3, [0, 1.2, 0])
    bad, more = flip(bad, slice(80, 81), 6, [2.5, 0, 1])
    assert np.array_equal(find_outliers(bad, valid, times, size), planted | more)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_constant_rotations_on_either_side_do_not_matter(seed):
    values, valid, times = turning(60, seed=seed)
    values = flip(values, slice(30, 32), 4, [1.0, 0.5, 0])[0]
    left, right = Rotation.random(2, random_state=seed).as_matrix()
    turned = (left @ values.reshape(60, 10, 3, 3) @ right).reshape(60, 10, 9).astype(np.float32)
    size = np.full(10, ROTATION_SIZE)
    assert (find_outliers(values, valid, times, size) != find_outliers(turned, valid, times, size)).sum() <= 1


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
