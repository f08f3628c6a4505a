import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from steadypose import rotations as rot
from steadypose._layouts import layouts
from steadypose.errors import DataError
from steadypose.io import _smpl
from steadypose.io._smpl import AXIS_ANGLE, MATRICES, nearest_axis_angle
from steadypose.sequence import BodyMotion

vectors = arrays(np.float64, (3, 2, 3), elements=st.floats(-20, 20))


@given(v=vectors)
def test_untouched_axis_angle_keeps_its_numbers(v):
    np.testing.assert_array_equal(AXIS_ANGLE.encode(v, AXIS_ANGLE.decode(v)), v)
    single = v.astype(np.float32)
    np.testing.assert_array_equal(AXIS_ANGLE.encode(single, AXIS_ANGLE.decode(single)), single)


@settings(deadline=None)
@given(v=vectors, small=arrays(np.float64, (3, 2, 3), elements=st.floats(-0.05, 0.05)))
def test_a_small_turn_stays_on_the_same_turn(v, small):
    R = rot.from_axis_angle(small) @ rot.from_axis_angle(v)
    near = nearest_axis_angle(R, v)
    assert rot.geodesic(rot.from_axis_angle(near), R).max() < 1e-6
    # No other turn of the same rotation is nearer to the numbers before.
    angle = np.linalg.norm(near, axis=-1, keepdims=True)
    axis = near / np.where(angle > 1e-6, angle, 1)
    for k in (-1, 1):
        other = near + 2 * np.pi * k * axis
        closer = np.linalg.norm(near - v, axis=-1) - np.linalg.norm(other - v, axis=-1)
        assert (closer[angle[..., 0] > 1e-6] < 1e-6).all()


def test_a_whole_turn_about_an_axis_is_kept():
    near = nearest_axis_angle(np.eye(3), [0.0, 2 * np.pi + 0.01, 0.0])
    np.testing.assert_allclose(near, [0.0, 2 * np.pi, 0.0], atol=1e-12)
    np.testing.assert_array_equal(nearest_axis_angle(np.eye(3), [0.0, 0.0, 0.0]), 0)
    half = nearest_axis_angle(rot.from_axis_angle([3.2, 0, 0]), [np.nan] * 3)
    np.testing.assert_allclose(half, [3.2 - 2 * np.pi, 0, 0])


def test_missing_rotations_stay_missing():
    v = np.full((1, 2, 3), 0.5)
    v[0, 1, 2] = np.nan
    R = AXIS_ANGLE.decode(v)
    assert np.isnan(R[0, 1]).all() and np.isfinite(R[0, 0]).all()
    np.testing.assert_array_equal(AXIS_ANGLE.encode(v, R), v)
    gone = R.copy()
    gone[0, 0] = np.nan
    assert np.isnan(AXIS_ANGLE.encode(v, gone)[0, 0]).all()


def test_matrices_that_are_nearly_rotations_come_back_as_they_were():
    R = rot.from_axis_angle(np.random.default_rng(0).normal(size=(4, 24, 3))).astype(np.float32)
    rough = R + np.float32(1e-4)
    np.testing.assert_array_equal(MATRICES.encode(rough, MATRICES.decode(rough)), rough)
    turned = MATRICES.decode(rough) @ rot.from_axis_angle([0, 0, 0.01])
    np.testing.assert_array_equal(MATRICES.encode(rough, turned), turned)


def test_joint_22_is_a_hand_in_smpl_and_the_jaw_in_smplx():
    assert _smpl.skeleton_of(24).keypoints[22:] == ("left_hand", "right_hand")
    assert _smpl.skeleton_of(55).keypoints[22] == "jaw"
    assert _smpl.skeleton_of(22).keypoints == _smpl.skeleton_of(24).keypoints[:22]
    assert _smpl.skeleton_of(17) is None


def test_new_files_are_of_the_bodies_they_can_hold():
    R = np.tile(np.eye(3), (3, 1, 24, 1, 1))
    other = BodyMotion(R, np.arange(3), layouts()["smpl24"].subset(range(24)[::-1]))
    with pytest.raises(DataError, match="smpl24"):
        _smpl.new(other, (24,), "wham")
    assert _smpl.new(BodyMotion(R, np.arange(3), layouts()["smpl24"]), (24,), "wham").poses.shape == (
        3,
        1,
        72,
    )


def test_world_orientations_are_written_relative_to_parents():
    skeleton = layouts()["smpl24"]
    local = rot.from_axis_angle(np.random.default_rng(0).normal(0, 0.5, (2, 1, 24, 3)))
    world = rot.to_global(local, skeleton.parents)
    made = [
        _smpl.new(BodyMotion(R, np.arange(2), skeleton, relative_to=kind), (24,), "x").poses
        for R, kind in ((local, "parent"), (world, "world"))
    ]
    np.testing.assert_allclose(made[0], made[1], atol=1e-9)


def test_poses_of_new_files_do_not_jump_at_half_a_turn():
    angles = np.linspace(3.0, 3.3, 8)
    R = rot.from_axis_angle(np.outer(angles, [0, 1.0, 0]))[:, None, None]
    motion = BodyMotion(np.tile(R, (1, 1, 24, 1, 1)), np.arange(8), layouts()["smpl24"])
    poses = _smpl.new(motion, (24,), "x").poses.reshape(8, 24, 3)
    assert np.abs(np.diff(poses, axis=0)).max() < 0.1
