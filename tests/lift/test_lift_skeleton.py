"""From a tool's keypoints to a network's joints: one rule, whoever found them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import steadypose as sp
from steadypose._layouts import layouts
from steadypose.lift._skeleton import ABOVE_EARS, derive, to_inputs
from steadypose.lift._spec import H36M17, LiftSpec

ALL17 = LiftSpec(joints=H36M17)
NAMED = LiftSpec(joints=H36M17, derived=False)
WHOLE = ("coco17", "coco18", "body25", "body25b", "halpe26", "halpe136", "wholebody133", "mediapipe33")


def points(layout: str, seed: int = 0, frames: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    k = len(layouts()[layout])
    return rng.normal(500, 100, (frames, k, 2)), rng.uniform(0.2, 1, (frames, k))


def made(layout: str, x: np.ndarray, c: np.ndarray | None = None, spec: LiftSpec = ALL17) -> dict:
    xy, believed = derive(x, c, layouts()[layout], spec)
    return {n: (xy[..., j, :], believed[..., j]) for j, n in enumerate(spec.joints)}


@pytest.mark.parametrize("layout", WHOLE)
def test_every_detector_gives_every_joint_by_the_same_rule(layout: str) -> None:
    x, c = points(layout)
    at = layouts()[layout].index
    got = made(layout, x, c)

    def mean(*names: str) -> np.ndarray:
        return np.mean([x[:, at(n)] for n in names], axis=0)

    for limb in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        for side in ("left", "right"):
            np.testing.assert_allclose(got[f"{side}_{limb}"][0], x[:, at(f"{side}_{limb}")], rtol=1e-6)
    pelvis, thorax = mean("left_hip", "right_hip"), mean("left_shoulder", "right_shoulder")
    ears = mean("left_ear", "right_ear")
    wanted = {
        "pelvis": pelvis,
        "thorax": thorax,
        "spine": (pelvis + thorax) / 2,
        "neck_base": mean("nose"),
        "head": ears + ABOVE_EARS * (ears - thorax),
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(got[name][0], value, rtol=1e-5)
    least = c[:, [at("left_hip"), at("right_hip")]].min(axis=1)
    np.testing.assert_allclose(got["pelvis"][1], least, rtol=1e-6)


def test_human36m_keeps_its_own_joints_where_the_network_was_trained_on_them() -> None:
    x, c = points("h36m17")
    xy, believed = derive(x, c, layouts()["h36m17"], NAMED)
    np.testing.assert_allclose(xy, x, rtol=1e-6)
    np.testing.assert_allclose(believed, c, rtol=1e-6)
    got = made("h36m17", x, c)
    np.testing.assert_allclose(got["spine"][0], (got["pelvis"][0] + got["thorax"][0]) / 2, rtol=1e-6)
    assert np.abs(got["spine"][0] - xy[:, H36M17.index("spine")]).max() > 1
    np.testing.assert_allclose(got["head"][0], xy[:, H36M17.index("head")])  # has no face to derive it from


def test_what_is_not_seen_gives_way_frame_by_frame() -> None:
    x, _ = points("body25", frames=6)
    at = layouts()["body25"].index
    x[1, at("left_hip")] = np.nan  # the tool's own pelvis is there
    x[2, [at("left_hip"), at("pelvis")]] = np.nan
    x[3, at("left_ear")] = np.nan
    x[4, [at("left_ear"), at("right_ear")]] = np.nan
    x[5, [at("left_ear"), at("right_ear"), at("left_eye"), at("right_eye"), at("nose")]] = np.nan
    got = made("body25", x)
    thorax = x[:, [at("left_shoulder"), at("right_shoulder")]].mean(axis=1)
    np.testing.assert_allclose(got["pelvis"][0][1], x[1, at("pelvis")], rtol=1e-6)
    assert np.isnan(got["pelvis"][0][2]).all() and got["pelvis"][1][2] == 0
    assert np.isnan(got["spine"][0][2]).all() and got["spine"][1][2] == 0
    for f, beside in ((3, x[3, at("right_ear")]), (4, (x[4, at("left_eye")] + x[4, at("right_eye")]) / 2)):
        np.testing.assert_allclose(got["head"][0][f], beside + ABOVE_EARS * (beside - thorax[f]), rtol=1e-5)
    assert got["head"][1].tolist()[5] == 0
    assert got["left_knee"][1].tolist() == [1] * 6  # no confidence: what is seen is believed


def test_confidences_mean_the_same_in_every_frame() -> None:
    x, _ = points("coco17", frames=5)
    c = np.full((5, 17), 0.5)
    knee = layouts()["coco17"].index("left_knee")
    c[:, knee] = [1.7, np.nan, 0, -1, 0.01]
    x[:, 0] = np.inf
    got = made("coco17", x, c)
    np.testing.assert_allclose(got["left_knee"][1], [1, 1, 0, 0, 0.01])
    assert np.isnan(got["left_knee"][0][2:4]).all() and np.isfinite(got["left_knee"][0][[0, 1, 4]]).all()
    assert (got["neck_base"][1] == 0).all() and np.isnan(got["neck_base"][0]).all()
    alone = derive(x[4], c[4], layouts()["coco17"], ALL17)
    np.testing.assert_array_equal(alone[1], [got[n][1][4] for n in H36M17])


def test_heads_that_mean_another_point_are_not_taken_for_the_top() -> None:
    for layout, there in {"kinect25": False, "smpl24": False, "mpi17": True, "mpii16": True}.items():
        assert (made(layout, points(layout)[0])["head"][1] > 0).all() == there, layout


@given(st.integers(0, 1000), st.floats(-3, 3), st.floats(0.1, 5), st.floats(-1000, 1000))
def test_the_rules_go_along_with_turning_scaling_and_moving(seed, angle, scale, shift) -> None:
    x, _ = points("halpe26", seed)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = derive(x @ turn.T + shift, None, layouts()["halpe26"], ALL17)[0]
    still = derive(x, None, layouts()["halpe26"], ALL17)[0].astype(float)
    np.testing.assert_allclose(moved, still @ turn.T + shift, atol=2e-3 * (1 + scale))


def test_names_of_ones_own_are_understood() -> None:
    names = [f"{s}{j}" for j in ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle") for s in "LR"]
    xy, c = derive(np.ones((2, 12, 2)), None, sp.Skeleton.from_names(names), LiftSpec())
    assert (c > 0).sum() == 2 * (12 + 3)  # and pelvis, thorax, spine; no head
    assert xy.shape == (2, 16, 2)


@pytest.mark.parametrize("layout", ["openpose_hand_left21", "face68", "vicon17"])
def test_what_is_no_body_is_refused(layout: str) -> None:
    with pytest.raises(sp.DataError, match=rf"6 or more of pelvis, .*; found 0 in '{layout}'"):
        made(layout, points(layout)[0])


def test_a_point_that_was_filled_in_counts_a_little() -> None:
    x, c = points("coco17")
    seq = sp.PoseSequence.from_array(x, fps=30, skeleton="coco17", confidence=c)
    marks = np.zeros(seq.shape[:3], bool)
    marks[1, 0, seq.skeleton.index("left_knee")] = True
    from dataclasses import replace

    seen = to_inputs(replace(seq, filled=marks, confidence=np.where(marks, 0, seq.confidence)), LiftSpec())
    knee = seen.skeleton.index("left_knee")
    assert seen.confidence is not None
    assert seen.confidence[1, 0, knee] == pytest.approx(0.3) and seen.valid[1, 0, knee]
    assert seen.skeleton.keypoints == LiftSpec().joints


def test_relative_depth_is_left_out_and_metric_space_refused() -> None:
    x = np.random.default_rng(0).random((3, 33, 3))
    seq = sp.PoseSequence.from_array(x, fps=30, skeleton="mediapipe33", unit="normalized")
    assert to_inputs(seq, LiftSpec()).shape == (3, 1, 16, 2)
    world = sp.PoseSequence.from_array(x, fps=30, skeleton="mediapipe33", unit="m", space="world")
    with pytest.raises(sp.DataError, match="in the image to lift, found 3D keypoints, world"):
        to_inputs(world, LiftSpec())
