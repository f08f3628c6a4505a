"""Frames in which the whole body is lost, and the motions that look like it."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import steadypose as sp
from steadypose.refine.collapse import find_collapses

DATA = Path(__file__).parents[1] / "data" / "keraal-json"
HEAPS = [11, 12, *range(15, 25), 26, 27, 34, 35]

# A standing body of thirteen keypoints, 1.7 high: neck, then shoulders, elbows, wrists, hips, knees, ankles.
BODY = np.array(
    [[0, 1.5, 0]]
    + [
        [side * x, y, z]
        for x, y, z in (
            (0.2, 1.4, 0),
            (0.3, 1.1, 0),
            (0.3, 0.85, 0.1),
            (0.1, 0.9, 0),
            (0.1, 0.5, 0.05),
            (0.1, 0.05, 0),
        )
        for side in (-1, 1)
    ],
)


def estimated(name="AP-CTK-collapse"):
    seq = sp.read(DATA / f"{name}.json")
    return seq.positions.astype(np.float64), seq.times


def stand(frames=90, fps=30.0, seed=0, noise=0.005):
    """A body that sways a little."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / fps
    sway = 0.05 * np.sin(2 * np.pi * 0.7 * t[:, None, None] + rng.uniform(0, 6, (13, 3)))
    return BODY + sway + rng.normal(0, noise, (frames, 13, 3)), t


def picture(x, distance=4.0):
    """Seen by a camera that looks along z, in pixels."""
    return 1000 * x[..., :2] / (x[..., 2:] + distance)


def heap(x, frames, seed=1, size=0.3):
    """The keypoints of some frames exchanged and drawn together."""
    rng = np.random.default_rng(seed)
    out = x.copy()
    for t in frames:
        middle = x[t].mean(axis=0)
        out[t] = middle + size * rng.uniform(0.3, 1, (13, 1)) * (x[t, rng.permutation(13)] - middle)
    return out


def found(x, t):
    return np.flatnonzero(find_collapses(np.asarray(x, np.float32)[:, None], t)[:, 0]).tolist()


def test_the_heaps_of_a_real_estimator_are_found_and_nothing_else():
    x, t = estimated()
    assert np.flatnonzero(find_collapses(x, t)).tolist() == HEAPS


def test_another_person_for_a_moment_is_found():
    x, t = estimated("OP-CTK-elsewhere")
    assert np.flatnonzero(find_collapses(x, t)).tolist() == [8, 9]


@settings(max_examples=25, deadline=None)
@given(
    scale=st.sampled_from([1e-3, 0.5, 7.0, 400.0]),
    angle=st.floats(0, 6.28),
    shift=st.floats(-20, 20),
    mirrored=st.booleans(),
    backwards=st.booleans(),
)
def test_scale_place_direction_side_and_time_do_not_matter(scale, angle, shift, mirrored, backwards):
    x, t = estimated()
    c, s = np.cos(angle), np.sin(angle)
    moved = scale * (x @ np.array([[-c if mirrored else c, -s], [-s if mirrored else s, c]]) + shift)
    expected = HEAPS
    if backwards:
        moved, t = moved[::-1], t[-1] - t[::-1]
        expected = sorted(len(t) - 1 - i for i in HEAPS)
    assert np.flatnonzero(find_collapses(moved, t)).tolist() == expected


@pytest.mark.parametrize("fps", [10, 30, 120])
@pytest.mark.parametrize("flat", [True, False])
def test_planted_heaps_of_any_length_are_found(fps, flat):
    x, t = stand(6 * fps, fps)
    planted = [*range(fps, fps + 1), *range(2 * fps, 2 * fps + fps // 2), *range(4 * fps, 4 * fps + fps // 5)]
    y = heap(x, planted)
    assert found(picture(y) if flat else y, t) == planted


@pytest.mark.parametrize("frames", [range(10), range(80, 90), range(20, 65)])
def test_heaps_at_an_end_and_long_ones_are_found(frames):
    x, t = stand()
    assert found(picture(heap(x, frames)), t) == list(frames)


def test_fast_motion_of_the_whole_body_is_no_collapse():
    t = np.arange(90) / 30
    calm = stand()[0]
    # Down to half the height in a quarter of a second, and up again.
    deep = 1 - 0.5 * np.exp(-(((t - 1.5) / 0.12) ** 2))
    crouch = calm * np.stack([np.ones(90), deep, np.ones(90)], axis=1)[:, None]
    # A somersault in half a second, a turn to the side in 0.2 s, steps towards the camera and away.
    over, round_ = ((np.clip((t - 1) / s, 0, 1)) for s in (0.5, 0.2))
    roll = (
        Rotation.from_rotvec(np.outer(2 * np.pi * over, [1, 0, 0])).as_matrix()
        @ (calm - [0, 0.9, 0]).swapaxes(1, 2)
    ).swapaxes(1, 2)
    turn = (
        Rotation.from_rotvec(np.outer(np.pi / 2 * round_, [0, 1, 0])).as_matrix() @ calm.swapaxes(1, 2)
    ).swapaxes(1, 2)
    near = calm + np.stack([np.zeros(90), np.zeros(90), 2.8 * np.sin(4 * t)], axis=1)[:, None]
    run = calm + np.array([9.0, 0, 0]) * t[:, None, None]
    for motion in (crouch, roll, turn, near, run):
        assert found(picture(motion), t) == []
        assert found(motion, t) == []


def test_a_cut_to_a_smaller_picture_is_no_collapse():
    x, t = stand(120)
    for cut in (slice(40, 85), slice(60, None), slice(None, 30), slice(100, None)):
        y = picture(x)
        y[cut] *= 0.45
        assert found(y, t) == []


def test_single_slips_are_no_collapse():
    x, t = stand(600)
    rng = np.random.default_rng(3)
    y = picture(x)
    y[rng.random(y.shape[:2]) < 0.02] += rng.choice([-400, 400], 2)
    assert found(y, t) == []


def test_persons_and_missing_keypoints():
    x, t = stand()
    y = np.stack([picture(x), picture(heap(x, range(30, 34)))], axis=1)
    y[np.random.default_rng(4).random(y.shape[:3]) < 0.2] = np.nan
    y[60:70, 0] = np.nan
    collapsed = find_collapses(y, t)
    assert not collapsed[:, 0].any()
    assert np.flatnonzero(collapsed[:, 1]).tolist() == [30, 31, 32, 33]


def test_nothing_to_judge_by():
    x, t = stand()
    assert found(heap(x, [40])[:, :5], t) == []
    assert found(np.full((9, 13, 2), np.nan), np.arange(9.0)) == []
    assert found(x[:2], t[:2]) == []
    assert find_collapses(np.zeros((4, 0, 13, 2)), np.arange(4.0)).shape == (4, 0)
    assert found(np.random.default_rng(0).normal(size=(90, 13, 2)), t) == []


def test_blocks_of_a_long_recording_meet_exactly(monkeypatch):
    x, t = stand(300)
    y = picture(heap(x, [40, 41, 42, 100, 200, 201]))
    whole = found(y, t)
    monkeypatch.setattr(sys.modules["steadypose.refine.collapse"], "_BLOCK", 1)
    assert found(y, t) == whole == [40, 41, 42, 100, 200, 201]
