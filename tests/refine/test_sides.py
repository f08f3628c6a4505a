import numpy as np
import pytest

from steadypose.refine._sides import sides_of
from steadypose.skeleton import Skeleton, skeleton


def named(sides, layout):
    return [[layout.keypoints[left] for left, _ in level] for level in sides.levels]


def test_levels_follow_the_limbs():
    layout = skeleton("mediapipe33")
    levels = named(sides_of(layout), layout)
    assert levels[:4] == [
        ["left_hip"],
        ["left_knee"],
        ["left_ankle", "left_heel", "left_foot_index"],
        ["left_shoulder"],
    ]
    assert "left_index" in levels[5]
    assert "left_mouth" in levels[6]


def test_names_of_other_tools_are_understood():
    joints = ("UpLeg", "Leg", "Foot", "Arm", "ForeArm", "Hand")
    names = ["Hips", "Spine", *(f"{side}{joint}" for joint in joints for side in ("Left", "Right"))]
    sides = sides_of(Skeleton.from_names(names))
    assert [len(level) for level in sides.levels] == [1] * 6


def test_what_turns_at_once_is_one_event():
    layout = skeleton("coco17")
    sides = sides_of(layout)
    hip, knee, ankle, shoulder, elbow, wrist, face = np.eye(7, dtype=bool)
    legs, arms = hip | knee | ankle, shoulder | elbow | wrist
    for turned, events in (
        (legs | arms | face, 1),
        (legs | arms, 1),
        (legs, 1),
        (knee | ankle, 1),
        (elbow | wrist, 1),
        (face, 1),
        (legs | wrist, 2),
        (hip, 2),
    ):
        state = np.flatnonzero((sides.states == turned).all(axis=1))
        assert len(state) == 1
        assert sides.between[0, state[0]] == events
        assert sides.made_of[state[0]].sum() == events


@pytest.mark.parametrize("layout", ["coco17", "h36m17", "mediapipe33"])
def test_events_between_states_are_a_distance(layout):
    sides = sides_of(skeleton(layout))
    between = sides.between
    assert not sides.states[0].any()
    assert np.array_equal(between, between.T)
    assert np.array_equal(between == 0, np.eye(len(between), dtype=bool))
    assert (between[:, None] <= between[:, :, None] + between[None]).all()
    turned = np.logical_xor.reduce(sides.made_of[:, :, None] & sides.events, axis=1)
    assert np.array_equal(turned, sides.states)


def test_some_events_leave_the_states_made_of_them():
    sides = sides_of(skeleton("coco17"))
    legs = np.flatnonzero(sides.events.sum(axis=1) == 3)[:1]
    some = sides.of_events(np.isin(np.arange(len(sides.events)), legs))
    assert np.array_equal(some.states, [np.zeros(7, bool), sides.events[legs[0]]])
    assert np.array_equal(some.between, [[0, 1], [1, 0]])


def test_without_pairs_there_is_nothing_to_exchange():
    assert sides_of(Skeleton("numbers", tuple("0123"))) is None
    only = sides_of(Skeleton.from_names(["left_ear", "right_ear"]))
    assert np.array_equal(only.states, [[False], [True]])
