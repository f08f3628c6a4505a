"""What the whole pipeline does with rest poses, collapsed bodies and slips of rotations, and what it says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import steadypose as sp
from steadypose.refine import refine
from steadypose.rotations import forward_kinematics
from steadypose.skeleton import Skeleton

DATA = Path(__file__).parents[1] / "data"


def run():
    return sp.read(DATA / "bvh" / "02_03.bvh")  # its first row is a rest pose


def without_first(motion):
    if isinstance(motion, sp.PoseSequence):
        return sp.PoseSequence(motion.positions[1:], motion.times[1:], motion.skeleton, unit=motion.unit)
    return replace(
        motion, rotations=motion.rotations[1:], translation=motion.translation[1:], times=motion.times[1:]
    )


def test_a_rest_pose_is_kept_and_the_motion_refined_by_itself():
    motion = run()
    whole, rest = refine(motion), refine(without_first(motion))
    assert np.array_equal(whole.rotations[0], motion.rotations[0])
    assert np.array_equal(whole.translation[0], motion.translation[0])
    assert np.allclose(whole.rotations[1:], rest.rotations, atol=1e-6)
    assert np.allclose(whole.translation[1:], rest.translation, atol=1e-4)
    assert "1 row of rest pose at the start kept as it is" in whole.history[-1]
    assert "rest pose" not in rest.history[-1]


def test_a_rest_pose_in_positions_is_kept():
    seq = forward_kinematics(run())
    whole, rest = (
        refine(seq, "gaussian", outliers=True),
        refine(without_first(seq), "gaussian", outliers=True),
    )
    assert np.array_equal(whole.positions[0], seq.positions[0])
    assert np.allclose(whole.positions[1:], rest.positions, rtol=1e-5)
    assert "1 row of rest pose at the start kept as it is" in whole.history[-1]
    assert not whole.filled.any()


def test_stages_are_off_with_a_method_or_on_demand():
    for motion in (run(), sp.read(DATA / "keraal-json" / "AP-CTK-collapse.json")):
        for arguments in ({"method": "gaussian"}, {"outliers": False}):
            said = refine(motion, **arguments).history[-1]
            assert "rest pose" not in said and "collapsed" not in said and "outliers" not in said


def test_collapsed_frames_are_missing_and_the_others_stay():
    seq = sp.read(DATA / "keraal-json" / "AP-CTK-collapse.json")
    out = refine(seq)
    heaps = np.isin(np.arange(len(seq.times)), [11, 12, *range(15, 25), 26, 27, 34, 35])
    long = np.arange(15, 25)  # longer than max_gap
    assert not out.valid[long].any()
    assert out.filled[heaps & out.valid.all(axis=(1, 2))].all()
    assert out.valid[~heaps].all()
    moved = np.linalg.norm(out.positions - seq.positions, axis=-1)[~heaps]
    assert moved.max() < 0.03
    assert "16 frames where the body collapsed" in out.history[-1]


def test_rotations_that_slip_are_taken_out_and_counted():
    t = np.arange(90) / 30
    angles = np.stack([0.4 * np.sin(2 * np.pi * t), 0 * t, 0.2 * np.cos(2 * np.pi * t)], axis=-1)
    true = sp.rotations.from_axis_angle(np.repeat(angles[:, None, None], 3, axis=2))
    seen = true.copy()
    seen[40, 0, 1] = seen[40, 0, 1] @ np.diag([1.0, -1.0, -1.0])
    seen[60:62, 0, 2] = seen[60:62, 0, 2] @ sp.rotations.from_axis_angle(np.array([0, 0.8, 0]))
    path = np.stack([t, 0 * t, 0 * t], axis=-1)[:, None]
    slipped = path.copy()
    slipped[20] += 0.5
    names = Skeleton("three", ("a", "b", "c"), (-1, 0, 1), ("a",))
    out = refine(sp.BodyMotion(seen, t, names, translation=slipped))
    assert "3 outliers removed" in out.history[-1]
    assert "1 outlier of the root's path removed" in out.history[-1]
    assert sorted(np.argwhere(out.filled).tolist()) == [[40, 0, 1], [60, 0, 2], [61, 0, 2]]
    assert np.degrees(sp.rotations.geodesic(out.rotations, true)).max() < 3
    assert np.abs(out.translation - path).max() < 0.03


@pytest.mark.parametrize("method", ["gaussian", "kalman"])
def test_a_punch_keeps_its_reach(method):
    """Half a metre out and back, 0.2 s at half height: what no stage before the filter may touch."""
    t = np.arange(90) / 30
    x = np.repeat(np.random.default_rng(0).uniform(0, 1.7, (1, 12, 3)), 90, axis=0)
    x[:, 4, 0] += 0.5 * np.exp(-4 * np.log(2) * ((t - 1.5) / 0.2) ** 2)
    seq = sp.PoseSequence.from_array(x, times=t, unit="m", space="world")
    on, off = refine(seq, method, outliers=True), refine(seq, method, outliers=False)
    assert np.array_equal(on.positions, off.positions)


def test_toes_and_hands_may_turn_as_no_thigh_can():
    """A push of the toes: 20° for two frames at 30 fps in a clean walk."""
    motion = sp.read(DATA / "mocap" / "deepmimic" / "walk.bvh")
    foot, thigh = (motion.skeleton.keypoints.index(name) for name in ("LeftFoot", "LeftUpLeg"))
    for joint, slips in ((foot, 0), (thigh, 2)):
        turned = motion.rotations.copy()
        push = sp.rotations.from_axis_angle(np.array([0, 0, np.radians(17)]))
        turned[20:22, 0, joint] = turned[20:22, 0, joint] @ push
        said = refine(replace(motion, rotations=turned)).history[-1]
        assert (f"{slips} outliers removed" in said) == bool(slips)
        assert ("outliers" in said) == bool(slips)
