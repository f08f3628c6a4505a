"""Retargeting: bones point the way they did, bodies keep or change their lengths as asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.data import _neutral
from steadypose.data._retarget import GROUPS
from steadypose.data.mocap import load_clips, to_smpl
from steadypose.errors import DataError
from steadypose.rotations import forward_kinematics, from_euler, geodesic, to_global

MOCAP = Path(__file__).parent.parent / "data" / "mocap"
CLIPS = load_clips(MOCAP, splits=("train", "test"))
clips = pytest.mark.parametrize("clip", CLIPS, ids=lambda c: c.name)


def directions(x, parents):
    """Unit vectors of all bones with a length, shape (frames, joints, 3)."""
    bones = np.stack([x[:, j] - x[:, p] for j, p in enumerate(parents) if p >= 0], axis=1)
    length = np.linalg.norm(bones, axis=-1, keepdims=True)
    return np.where(length > 1e-3, bones / np.maximum(length, 1e-9), 0)


@clips
def test_joint_centres_are_those_of_the_file(clip):
    """Against forward kinematics of the whole body."""
    body = forward_kinematics(clip.motion)
    s = clip.joints("h36m17")
    for part in ("hip", "knee", "ankle", "shoulder", "elbow"):
        for side in ("left", "right"):
            name = f"{side}_{part}"
            own = body.positions[:, 0, body.skeleton.index(name)]
            assert s.positions[:, 0, s.skeleton.index(name)] == pytest.approx(own, abs=1e-6)


@clips
def test_smpl_rotations_put_the_joints_where_they_are(clip):
    smpl = to_smpl(clip)
    s = clip.joints("smpl24")
    x, y = forward_kinematics(smpl).positions[:, 0], s.positions[:, 0]
    parents = smpl.skeleton.parents
    assert directions(x, parents) == pytest.approx(directions(y, parents), abs=1e-5)
    # Positions too; but the neck over two bones is as long as on the average.
    assert np.abs(x - y).max() < 0.03
    still = [k for k, n in enumerate(smpl.skeleton.keypoints) if n != "head"]
    assert x[:, still] == pytest.approx(y[:, still], abs=1e-5)


@clips
def test_on_another_body_of_smpl_limbs_point_the_same_way(clip):
    smpl = to_smpl(clip)
    other = replace(smpl, offsets=_neutral.offsets(smpl.skeleton))
    x, y = forward_kinematics(other).positions[:, 0], clip.joints("smpl24").positions[:, 0]
    parents, names = smpl.skeleton.parents, smpl.skeleton.keypoints
    a, b = directions(x, parents), directions(y, parents)
    for n, name in enumerate(names[1:]):
        if name.partition("_")[2] in ("knee", "ankle", "elbow", "wrist"):
            assert a[:, n] == pytest.approx(b[:, n], abs=1e-4), name


@clips
def test_the_rest_pose_of_smpl_faces_z(clip):
    """No rotation at all is a person with arms to the sides: left of the body at +x, toes at +z."""
    smpl = to_smpl(clip)
    still = np.broadcast_to(np.eye(3), smpl.rotations.shape)
    s = forward_kinematics(replace(smpl, rotations=still, translation=np.zeros_like(smpl.translation)))
    x, k = s.positions[0, 0], s.skeleton.index
    assert x[k("left_wrist"), 0] > 0.5 > -0.5 > x[k("right_wrist"), 0]
    assert abs(x[k("left_wrist"), 1] - x[k("left_shoulder"), 1]) < 0.05
    assert x[k("left_ankle"), 1] < -0.8 and x[k("neck"), 1] > 0.3
    assert (x[k("left_foot")] - x[k("left_ankle")])[2] > 0.08 or not smpl.offsets[k("left_foot")].any()


def test_standing_with_arms_hanging_is_a_turn_of_a_quarter():
    """DeepMimic rests with its arms down, looking along x: its rest pose in SMPL's terms."""
    clip = next(c for c in CLIPS if c.source == "deepmimic")
    motion = clip.motion
    rest = np.broadcast_to(np.eye(3), motion.rotations.shape).copy()
    rest[:, :, 0] = from_euler([0.0, 0, 90], "ZYX")  # y up to z up
    smpl = to_smpl(replace(clip, motion=replace(motion, rotations=rest)))
    k = smpl.skeleton.index
    turned = to_global(smpl.rotations[0, 0], smpl.skeleton.parents)
    assert np.rad2deg(geodesic(smpl.rotations[0, 0, k("left_shoulder")], np.eye(3))) == pytest.approx(90)
    assert np.rad2deg(geodesic(smpl.rotations[0, 0, k("left_elbow")], np.eye(3))) == pytest.approx(
        0, abs=1e-5
    )
    # SMPL's z, where it looks, is the x of the file; its y is up.
    assert turned[k("pelvis")] @ [0, 0, 1] == pytest.approx([1, 0, 0], abs=1e-9)
    assert turned[k("pelvis")] @ [0, 1, 0] == pytest.approx([0, 0, 1], abs=1e-9)


@clips
@settings(max_examples=10, deadline=None)
@given(height=st.floats(1.2, 2.1))
def test_a_stature_scales_the_body_and_its_path(clip, height):
    a, b = clip.joints("coco17").positions, clip.joints("coco17", stature=height).positions
    assert b == pytest.approx(a * (height / clip.stature), abs=1e-4)


@clips
def test_proportions_change_their_bones_and_no_others(clip):
    def lengths(**kwargs):
        s = clip.joints("h36m17", **kwargs)
        x, k = s.positions[:, 0], s.skeleton.index
        pairs = {
            "legs": ("left_hip", "left_knee"),
            "arms": ("right_elbow", "right_wrist"),
            "hips": ("left_hip", "right_hip"),
        }
        return {g: np.linalg.norm(x[:, k(a)] - x[:, k(b)], axis=-1) for g, (a, b) in pairs.items()}

    before = lengths()
    for group in ("legs", "arms", "hips"):
        after = lengths(proportions={group: 1.2})
        for g in before:
            assert after[g] == pytest.approx(before[g] * (1.2 if g == group else 1), rel=1e-4)
    for group in GROUPS:
        a = clip.joints("h36m17").positions
        assert np.abs(clip.joints("h36m17", proportions={group: 1.2}).positions - a).max() > 1e-3
    # Longer legs take longer steps, and stay on the floor.
    feet = clip.joints("h36m17", proportions={"legs": 1.2}).positions[:, 0, [3, 6], 2]
    assert feet.min() > -0.05


def test_what_cannot_be_retargeted_is_said():
    clip = CLIPS[0]
    with pytest.raises(DataError, match=r"legs, arms, .*found 'ears'"):
        clip.joints(proportions={"ears": 2})
    with pytest.raises(DataError, match="factor above 0 for legs"):
        clip.joints(proportions={"legs": 0})
    with pytest.raises(DataError, match="stature above 0 m, found nan"):
        clip.joints(stature=float("nan"))
    with pytest.raises(DataError, match="h36m17, coco17, smpl24, found 'body25'"):
        clip.joints("body25")


def test_a_rest_pose_that_is_none_has_positions_but_no_smpl_rotations():
    """Rigs with every joint's x axis along its bone stand in no pose at all without rotations."""
    clip = next(c for c in CLIPS if c.source == "deepmimic")
    motion = clip.motion
    # The same motion with the axes of all joints turned: q_j in the joint's own frame, offsets with it.
    own = from_euler(np.random.default_rng(0).uniform(-180, 180, (motion.shape[2], 3)))
    parents = motion.skeleton.parents
    world = to_global(motion.rotations[:, 0], parents) @ own
    local = world.copy()
    offsets = motion.offsets.copy()
    for j, p in enumerate(parents):
        if p >= 0:
            local[:, j] = np.swapaxes(world[:, p], -1, -2) @ world[:, j]
            offsets[j] = own[p].T @ motion.offsets[j]
    twisted = replace(clip, motion=replace(motion, rotations=local[:, None], offsets=offsets))
    a, b = clip.joints("h36m17"), twisted.joints("h36m17")
    body = [k for k, n in enumerate(a.skeleton.keypoints) if n not in ("neck_base", "head")]
    assert b.positions[:, :, body] == pytest.approx(a.positions[:, :, body], abs=1e-5)
    # The head looks as on the average; here it hardly moves.
    assert np.abs(a.positions - b.positions).max() < 0.1
    with pytest.raises(DataError, match="stands at rest"):
        to_smpl(twisted)
