"""Rest poses at the start of a recording, and motions that start fast."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import steadypose as sp
from steadypose._size import body_size
from steadypose.refine.rest_pose import count_rest_positions, count_rest_rotations
from steadypose.rotations import forward_kinematics

DATA = Path(__file__).parents[1] / "data"
RUN = DATA / "bvh" / "02_03.bvh"  # its first row is a rest pose
WALK = DATA / "mocap" / "deepmimic" / "walk.bvh"  # its first row is motion


def with_rest_rows(motion, rows):
    """The motion after some rows in which no joint but the root is turned."""
    rest = np.broadcast_to(np.eye(3), motion.rotations.shape[1:]).copy()
    rest[:, 0] = motion.rotations[0, :, 0]
    turned = np.concatenate([np.repeat(rest[None], rows, axis=0), motion.rotations])
    moved = np.concatenate([np.repeat(motion.translation[:1], rows, axis=0), motion.translation])
    return replace(motion, rotations=turned, translation=moved, times=np.arange(len(turned)) / motion.fps)


def part(motion, start, step=1):
    """Every so manyth row from ``start`` on."""
    return replace(
        motion,
        rotations=motion.rotations[start::step],
        translation=motion.translation[start::step],
        times=motion.times[start::step],
    )


def in_space(motion):
    """Positions, times, sizes and bones of a motion."""
    seq = forward_kinematics(motion)
    return seq.positions, seq.times, body_size(seq.positions), seq.skeleton.bones


@pytest.mark.parametrize(
    ("motion", "rows"),
    [
        (sp.read(RUN), 1),
        (part(sp.read(RUN), 1), 0),
        (sp.read(WALK), 0),
        (with_rest_rows(sp.read(WALK), 1), 1),
        (with_rest_rows(sp.read(WALK), 4), 4),
    ],
    ids=["run with its row", "run", "walk", "walk with a row", "walk with four"],
)
def test_rows_of_rest_pose_are_counted(motion, rows):
    assert count_rest_rotations(motion.rotations, motion.times).tolist() == [rows]
    assert count_rest_positions(*in_space(motion)).tolist() == [rows]


def test_a_motion_that_starts_in_full_speed_is_none():
    """Whatever row of a run or a walk comes first, at any rate."""
    for motion in (part(sp.read(RUN), 1), sp.read(WALK)):
        for start in range(len(motion.times) - 8):
            for step in (1, 2):
                piece = part(motion, start, step)
                assert not count_rest_rotations(piece.rotations, piece.times).any()
                assert not count_rest_positions(*in_space(piece)).any()


@settings(max_examples=20, deadline=None)
@given(
    scale=st.sampled_from([1e-3, 0.5, 100.0]),
    shift=st.floats(-20, 20),
    seed=st.integers(0, 1000),
    mirrored=st.booleans(),
)
def test_scale_place_direction_and_side_do_not_matter(scale, shift, seed, mirrored):
    for rows, motion in ((1, sp.read(RUN)), (0, sp.read(WALK))):
        x, times, size, bones = in_space(motion)
        turn = Rotation.random(random_state=seed).as_matrix() * (-1 if mirrored else 1)
        moved = scale * (x @ turn + size[0] * shift)
        assert count_rest_positions(moved, times, scale * size, bones).tolist() == [rows]
        left, right = Rotation.random(2, random_state=seed).as_matrix()
        assert count_rest_rotations(left @ motion.rotations @ right, times).tolist() == [rows]


def test_errors_in_the_first_frame_are_no_rest_pose():
    x, times, size, bones = in_space(sp.read(WALK))
    slipped, torn, broken = x.copy(), x.copy(), x.copy()
    slipped[0, 0, 3] += size[0]
    torn[0, 0, :7] += 0.3 * size[0]
    broken[0, 0] *= 0.6
    for bad in (slipped, torn, broken):
        assert count_rest_positions(bad, times, size, bones).tolist() == [0]
    flipped = sp.read(WALK).rotations.copy()
    flipped[0, 0, 4] = flipped[0, 0, 4] @ np.diag([1.0, -1.0, -1.0])
    assert count_rest_rotations(flipped, times).tolist() == [0]


def test_pictures_show_none_and_persons_are_judged_by_themselves():
    x, times, size, bones = in_space(sp.read(RUN))
    assert count_rest_positions(x[..., :2], times, size, bones).tolist() == [0]
    second = np.roll(x, -1, axis=0)
    second[-1] = np.nan
    late = x.copy()
    late[0] = np.nan
    both = np.concatenate([x, second, late], axis=1)
    assert count_rest_positions(both, times, np.repeat(size, 3), bones).tolist() == [1, 0, 0]


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_too_little_to_judge_by(frames):
    motion = sp.read(RUN)
    x, times, size, bones = in_space(motion)
    assert count_rest_rotations(motion.rotations[:frames], times[:frames]).tolist() == [0]
    assert count_rest_positions(x[:frames], times[:frames], size, bones).tolist() == [0]
    assert not count_rest_rotations(np.full_like(motion.rotations, np.nan), times).any()
    assert not count_rest_positions(np.full_like(x, np.nan), times, size, bones).any()
    assert count_rest_positions(x[:, :0], times, size[:0], bones).shape == (0,)
