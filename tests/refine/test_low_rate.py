"""Motion near half the frame rate is left alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import steadypose as sp
from steadypose.refine import worth
from steadypose.refine.low_rate import POSITIONS, too_fast
from steadypose.rotations import from_axis_angle
from steadypose.sequence import BodyMotion
from steadypose.skeleton import Skeleton


def walk(fps, seconds=12.0, stride=0.9, noise=0.0, seed=0):
    """Hips that go along at 1.3 m/s and ankles that swing, metres; (frames, 1, 4, 3)."""
    t = np.arange(round(seconds * fps)) / fps
    x = np.zeros((len(t), 1, 4, 3))
    x[..., 0] = 1.3 * t[:, None, None] + [0, 0, 0.1, -0.1]
    x[..., 1] = [0.9, 1.5, 0.1, 0.1]
    x[..., 2] = [0, 0, 0.1, -0.1]
    for k, phase in ((2, 0.0), (3, np.pi)):
        x[:, 0, k, 0] += 0.4 * np.sin(2 * np.pi * stride * t + phase)
        x[:, 0, k, 1] += 0.1 * np.maximum(0, np.cos(2 * np.pi * stride * t + phase))
    return (x + np.random.default_rng(seed).normal(0, noise, x.shape)).astype(np.float32)


def sequence(x, fps):
    return sp.PoseSequence.from_array(x, fps=fps, unit="m", space="world")


@pytest.mark.parametrize(("fps", "stride"), [(2, 0.9), (5, 2.2)])
def test_a_walk_at_2_fps_and_running_at_5_come_back(fps, stride):
    clean = walk(fps, stride=stride)
    x = walk(fps, stride=stride, noise=0.003)
    seq = sequence(x, fps)
    steady = sp.refine(seq)
    np.testing.assert_array_equal(steady.positions[:, :, 2:], x[:, :, 2:])
    assert f"at {fps} fps their motion cannot be told from noise" in steady.history[-1]
    before, after = (np.linalg.norm(p - clean, axis=-1).mean() for p in (x, steady.positions))
    assert after <= before * 1.001
    assert worth(seq).too_fast >= 2


def test_gaps_are_filled_all_the_same():
    x = walk(5)
    x[10, 0, 2] = x[20:30, 0, 3] = np.nan
    steady = sp.refine(sequence(x, 5), max_gap=0.5)
    assert steady.filled[:, 0, 2:].sum() == 1 and steady.filled[10, 0, 2]
    assert np.linalg.norm(steady.positions[10, 0, 2] - walk(5)[10, 0, 2]) < 0.3
    assert not steady.valid[20:30, 0, 3].any()


def test_calm_motion_and_usual_rates_are_refined():
    t = np.arange(60) / 6
    calm = np.stack([0.05 * np.sin(t), 0.3 + 0.05 * np.cos(t)], axis=1)[:, None, None] + [[0.0, 0], [0.5, 1]]
    seq = sequence(calm.astype(np.float32), 6)
    assert worth(seq).too_fast == 0 and "told from noise" not in sp.refine(seq).history[-1]
    for fps in (10, 30):
        assert worth(sequence(walk(fps, noise=0.02), fps)).too_fast == 0


def test_too_few_frames_say_nothing():
    seq = sequence(walk(2, seconds=2), 2)
    assert worth(seq).too_fast == 4
    np.testing.assert_array_equal(sp.refine(seq).positions, seq.positions)
    assert worth(sequence(walk(2, seconds=0.5), 2)).too_fast == 0, "a single frame has no rate"


def test_rotations_that_swing_too_fast():
    t = np.arange(40) / 4
    angle = np.zeros((40, 1, 2, 3))
    angle[:, 0, 0, 0] = 0.8 * np.sin(2 * np.pi * 1.7 * t)
    angle[:, 0, 1, 0] = 0.1 * np.sin(0.5 * t)
    body = BodyMotion(from_axis_angle(angle), t, Skeleton.from_names("ab"))
    steady = sp.refine(body)
    assert "1 of 2 joints left as they were" in steady.history[-1]
    np.testing.assert_allclose(steady.rotations[:, :, 0], body.rotations[:, :, 0], atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(
    scale=st.sampled_from([1e-3, 1.0, 500.0]),
    flip=st.booleans(),
    angle=st.floats(0, 6.3),
    fps=st.sampled_from([2, 4, 6, 8, 12]),
)
def test_unit_rotation_and_direction_of_time_do_not_matter(scale, flip, angle, fps):
    x = walk(fps, noise=0.004)[:, 0].astype(np.float64)
    t = np.arange(len(x)) / fps
    valid = np.random.default_rng(1).uniform(size=x.shape[:2]) < 0.9
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    expected = too_fast(x, valid, t, np.full(4, 1.7), POSITIONS)
    y, v = (scale * (x @ turn))[:: -1 if flip else 1], valid[:: -1 if flip else 1]
    np.testing.assert_array_equal(too_fast(y, v, t, np.full(4, 1.7 * scale), POSITIONS), expected)
