"""evaluate(): what is matched with what, in which unit, and what is said about it."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

import steadypose as sp
from steadypose import metrics
from steadypose.errors import DataError
from steadypose.rotations import forward_kinematics, from_axis_angle
from steadypose.skeleton import Skeleton

WITH_TRUTH = ["mpjpe", "pa_mpjpe", "n_mpjpe", "pck_150mm", "auc", "mpjve", "accel"]
AFTER = ["lag", "peak_speed_ratio", "coverage"]


def walk(frames=60, fps=30.0, keypoints=17, persons=1, dims=3, seed=0, start=0.0):
    """Smooth motion, the same whatever the frame rate."""
    rng = np.random.default_rng(seed)
    freq, phase = (
        rng.uniform(0.3, 2, (4, persons, keypoints, dims)),
        rng.uniform(0, 6, (4, persons, keypoints, dims)),
    )
    t = start + np.arange(frames)[:, None, None, None] / fps
    rest = rng.normal(size=(persons, keypoints, dims)) * 0.3
    return rest + sum(np.sin(t * f * 2 + p) for f, p in zip(freq, phase, strict=True)) * 0.1


def sequence(x, fps=30.0, skeleton="h36m17", unit="m", space="world", **more):
    return sp.PoseSequence.from_array(x, fps=fps, skeleton=skeleton, unit=unit, space=space, **more)


def noisy(seq, size=0.01, seed=1):
    rng = np.random.default_rng(seed)
    x = seq.positions + rng.normal(size=seq.positions.shape).astype(np.float32) * size
    return seq.with_positions(x.astype(np.float32), "noise")


def test_the_result_is_an_ordered_mapping_with_units_and_a_table():
    truth = sequence(walk())
    out = sp.evaluate(noisy(truth), truth)
    assert isinstance(out, Mapping) and list(out) == WITH_TRUTH + AFTER
    assert dict(out)["mpjpe"] == out["mpjpe"] and len(list(out.values())) == len(out)
    assert out.units["mpjpe"] == "mm" and out.units["accel"] == "mm/frame²" and out.frames == 60
    assert out.per_joint == {} and out.actions == {} and out.notes == ()
    lines = str(out).splitlines()
    assert lines[1].split() == ["mpjpe", f"{out['mpjpe']:.4g}", "mm"] and lines[-1] == "60 frames"


def test_values_are_those_of_the_metrics_on_arrays():
    truth = sequence(walk())
    pred = noisy(truth)
    x, y = (s.positions[:, 0].astype(float) * 1000 for s in (pred, truth))
    out = sp.evaluate(pred, truth, per_joint=True, reference=pred)
    expected = {
        "mpjpe": metrics.mpjpe(x, y, root=0),
        "pa_mpjpe": metrics.pa_mpjpe(x, y),
        "n_mpjpe": metrics.n_mpjpe(x, y, root=0),
        "mpjve": metrics.mpjve(x, y, root=0),
        "accel": metrics.accel(x, y, root=0),
        "pck_150mm": metrics.pck(x, y, root=0),
        "auc": metrics.auc(x, y, root=0),
        "lag": metrics.lag(x, y, root=0),
        "peak_speed_ratio": metrics.peak_speed_ratio(x, y, root=0),
        "mpjpe_worst": metrics.mpjpe_worst(x, y, x, root=0),
        "accel_worst": metrics.accel_worst(x, y, x, root=0),
        "coverage": 100.0,
    }
    assert set(out) == set(expected)
    for name, value in expected.items():
        assert out[name] == pytest.approx(value, rel=1e-4, abs=1e-3), name
    joints = list(out.per_joint["mpjpe"].values())
    np.testing.assert_allclose(joints, metrics.mpjpe(x, y, root=0, per_joint=True), rtol=1e-4, atol=1e-3)
    assert list(out.per_joint["mpjpe"]) == list(truth.skeleton.keypoints)
    assert np.mean(joints) == pytest.approx(out["mpjpe"], rel=1e-6)
    assert "lag" not in out.per_joint


def test_official_accel_roots_and_jitter():
    truth = sequence(walk())
    pred = noisy(truth)
    ours, theirs = sp.evaluate(pred, truth), sp.evaluate(pred, truth, protocol="official")
    assert theirs["accel"] == pytest.approx(ours["accel"] * 58 / 60)
    assert theirs["mpjpe"] == ours["mpjpe"], "Human3.6M's root is its pelvis in both"
    layout = sp.PoseSequence.from_array(
        walk(keypoints=24), fps=30, skeleton="smpl24", unit="m", space="world"
    )
    off = noisy(layout)
    hips = [layout.skeleton.index(n) for n in ("left_hip", "right_hip")]
    x, y = (s.positions[:, 0].astype(float) * 1000 for s in (off, layout))
    assert sp.evaluate(off, layout)["mpjpe"] == pytest.approx(metrics.mpjpe(x, y, root=0), rel=1e-4)
    official = sp.evaluate(off, layout, "official")
    assert official["mpjpe"] == pytest.approx(metrics.mpjpe(x, y, root=hips), rel=1e-4)
    alone = [sp.evaluate(pred, protocol=p) for p in ("default", "official")]
    assert alone[0]["jitter"] == pytest.approx(10 * alone[1]["jitter"])
    assert alone[0]["jitter"] == pytest.approx(metrics.jitter(pred.positions.astype(float), 30), rel=1e-4)
    with pytest.raises(DataError, match="protocol"):
        sp.evaluate(pred, truth, protocol="papers")


@pytest.mark.parametrize("root", [None, 0, "pelvis", ["left_hip", "right_hip"], [1, 4], "skeleton"])
def test_roots(root):
    truth = sequence(walk())
    pred = noisy(truth)
    x, y = (s.positions[:, 0].astype(float) * 1000 for s in (pred, truth))
    index = {"pelvis": 0, "skeleton": 0}.get(root, root) if not isinstance(root, list) else [1, 4]
    assert sp.evaluate(pred, truth, root=root)["mpjpe"] == pytest.approx(
        metrics.mpjpe(x, y, root=index), rel=1e-4
    )
    shifted = pred.with_positions(pred.positions + np.float32(1), "moved")
    changed = sp.evaluate(shifted, truth, root=root)["mpjpe"] > 1000
    assert changed == (root is None)


def test_root_of_skeletons_without_one():
    x = walk(keypoints=3)
    truth = sequence(x, skeleton=["tip", "middle", "end"])
    out = sp.evaluate(noisy(truth), truth)
    assert any("no root" in n for n in out.notes) and "n_mpjpe" not in out
    coco = truth_coco = sequence(walk(), skeleton="coco17")
    out = sp.evaluate(noisy(coco), truth_coco)
    hips = [coco.skeleton.index(n) for n in ("left_hip", "right_hip")]
    x, y = (s.positions[:, 0].astype(float) * 1000 for s in (noisy(coco), coco))
    assert out["mpjpe"] == pytest.approx(metrics.mpjpe(x, y, root=hips), rel=1e-4), "a virtual root is a mean"
    with pytest.raises(DataError, match="root among"):
        sp.evaluate(coco, coco, root=17)
    with pytest.raises(DataError, match="no keypoint"):
        sp.evaluate(coco, coco, root="tail")


def test_keypoints_are_matched_by_name():
    truth = sequence(walk())
    order = np.random.default_rng(0).permutation(17)[:12]
    names = [truth.skeleton.keypoints[k] for k in order]
    pred = sequence(
        noisy(truth).positions[:, :, order], skeleton=[n.upper().replace("_", " ") for n in names]
    )
    out = sp.evaluate(pred, truth, root=None)
    x, y = (s[:, 0].astype(float) * 1000 for s in (pred.positions, truth.positions[:, :, order]))
    assert out["mpjpe"] == pytest.approx(metrics.mpjpe(x, y), rel=1e-4)
    with pytest.raises(DataError, match="common keypoints"):
        sp.evaluate(pred, sequence(walk(keypoints=2), skeleton=["a", "b"]))


def test_units_and_spaces():
    truth = sequence(walk())
    pred = noisy(truth)
    want = sp.evaluate(pred, truth)["mpjpe"]
    for unit, factor in (("cm", 100), ("mm", 1000)):
        other = sequence(truth.positions * factor, unit=unit)
        assert sp.evaluate(pred, other)["mpjpe"] == pytest.approx(want, rel=1e-4)
    relative = replace(pred, space="root-relative", positions=pred.positions - pred.positions[:, :, :1])
    out = sp.evaluate(relative, truth)
    assert out["mpjpe"] == pytest.approx(want, rel=1e-4) and any(
        "relative to the root" in n for n in out.notes
    )
    for bad in (
        lambda: sp.evaluate(relative, truth, root=None),
        lambda: sp.evaluate(replace(pred, space="camera"), truth),
        lambda: sp.evaluate(replace(pred, unit="px"), truth),
        lambda: sp.evaluate(sequence(walk(dims=2), unit="px", space="image"), truth),
    ):
        with pytest.raises(DataError, match=r"expected a truth .* found"):
            bad()


def test_two_dimensions():
    truth = sequence(walk(dims=2) * 500, unit="px", space="image", skeleton="coco17")
    pred = noisy(truth, 3.0)
    out = sp.evaluate(pred, truth, reference=pred)
    assert list(out) == ["mpjpe", "mpjve", "accel", "mpjpe_worst", "accel_worst", *AFTER]
    assert out.units["mpjpe"] == "px" and out.units["accel"] == "px/frame²"
    x, y = (s.positions[:, 0].astype(float) for s in (pred, truth))
    assert out["mpjpe"] == pytest.approx(metrics.mpjpe(x, y), rel=1e-5), "no root in 2D by default"
    assert sp.evaluate(pred, truth, root=["left_hip", "right_hip"])["mpjpe"] != out["mpjpe"]
    alone = sp.evaluate(pred)
    assert list(alone) == ["accel_magnitude", "jerk", "high_frequency_power", "coverage"]
    assert alone["accel_magnitude"] == pytest.approx(metrics.accel_magnitude(x), rel=1e-5)


def test_persons_by_name_or_by_least_error():
    truth = sequence(walk(persons=3), persons=["ann", "bob", "eve"])
    pred = noisy(truth)
    want = sp.evaluate(pred, truth)["mpjpe"]
    turned = pred.select(persons=["eve", "ann", "bob"])
    assert sp.evaluate(turned, truth)["mpjpe"] == pytest.approx(want, rel=1e-5)
    strangers = replace(turned, persons=("1", "2", "3"))
    out = sp.evaluate(strangers, truth, root=None)
    assert out["mpjpe"] == pytest.approx(sp.evaluate(pred, truth, root=None)["mpjpe"], rel=1e-5)
    assert any("1 = eve, 2 = ann, 3 = bob" in n for n in out.notes)
    two = sp.evaluate(pred.select(persons=["ann", "eve"]), truth)
    assert any("not predicted: bob" in n for n in two.notes) and two.frames == 120
    one = sp.evaluate(replace(pred.select(persons=["ann"]), persons=("x",)), truth.select(persons=["ann"]))
    assert one.notes == (), "one person each needs no names"
    nobody = replace(
        pred.select(persons=["ann"]), persons=("x",), positions=np.full((60, 1, 17, 3), np.nan, np.float32)
    )
    with pytest.raises(DataError, match="at least one person"):
        sp.evaluate(nobody, truth)


def test_frames_by_time():
    slow, fast = sequence(walk(60, 30.0)), sequence(walk(240, 120.0), fps=120)
    pred = noisy(slow)
    want = sp.evaluate(pred, slow)
    against_fast = sp.evaluate(pred, fast)
    assert against_fast["accel"] == pytest.approx(want["accel"], rel=1e-3)
    assert against_fast.notes == () and against_fast.frames == 60
    between = sp.evaluate(pred, sequence(walk(140, 70.0), fps=70))
    assert between["mpjpe"] == pytest.approx(want["mpjpe"], rel=0.02) and "interpolated" in between.notes[0]
    of_fast = sp.evaluate(noisy(fast), slow)
    assert of_fast.frames == 60 and any("only the frames nearest" in n for n in of_fast.notes)
    late = slow.select(frames=slice(10, 40))
    assert sp.evaluate(pred, late).frames == 30 and "30 of 60 frames" in sp.evaluate(pred, late).notes[0]
    shaken = replace(slow, times=slow.times + np.resize([0.002, -0.002], 60))
    out = sp.evaluate(pred, shaken)
    assert out["mpjpe"] == want["mpjpe"] and any("0.06 frames" in n for n in out.notes)
    with pytest.raises(DataError, match="at the prediction's times"):
        sp.evaluate(pred, replace(slow, times=slow.times + 100))


def test_rates_never_bridge_a_gap_in_time():
    truth = sequence(walk(100))
    pred = noisy(truth)
    keep = [*range(40), *range(60, 100)]
    parts = [sp.evaluate(s[0], s[1]) for s in (
        (pred.select(frames=range(40)), truth.select(frames=range(40))),
        (pred.select(frames=range(60, 100)), truth.select(frames=range(60, 100))),
    )]  # fmt: skip
    whole = sp.evaluate(pred.select(frames=keep), truth)
    assert whole["accel"] == pytest.approx((parts[0]["accel"] + parts[1]["accel"]) / 2, rel=1e-5)


def test_missing_keypoints_lower_coverage_only():
    truth = sequence(walk())
    x = np.array(truth.positions)
    x[10:16, 0, 3] = np.nan
    out = sp.evaluate(truth.with_positions(x, "holes"), truth)
    assert out["mpjpe"] == 0 and out["coverage"] == pytest.approx(100 * (1 - 6 / (60 * 17)))
    empty = sp.evaluate(truth.with_positions(np.full_like(x, np.nan), "gone"), truth)
    assert empty.frames == 0 and empty["coverage"] == 0 and math.isnan(empty["mpjpe"])
    single = sp.evaluate(truth.select(frames=[5]), truth)
    assert single["mpjpe"] == 0 and math.isnan(single["accel"]) and single.frames == 1


@pytest.mark.parametrize(
    ("frames", "percent"), [([*range(20), *range(30, 60)], 100 * 50 / 60), (range(10, 60), 100 * 50 / 60)]
)
def test_frames_that_the_prediction_lacks_lower_coverage(frames, percent):
    truth = sequence(walk())
    out = sp.evaluate(truth.select(frames=list(frames)), truth, per_joint=True)
    assert out["mpjpe"] == 0 and out["coverage"] == pytest.approx(percent)
    assert list(out.per_joint["coverage"].values()) == pytest.approx([percent] * 17)
    assert any(note.startswith("10 of the truth's 60 frames have no prediction") for note in out.notes)


@pytest.mark.parametrize(("mine", "theirs"), [(30, 30), (30, 120), (120, 30), (29.97, 30), (25, 30)])
def test_recordings_of_one_length_at_two_rates_are_covered(mine, theirs):
    pred, truth = (sequence(walk(2 * round(fps), fps), fps) for fps in (mine, theirs))
    assert sp.evaluate(pred, truth)["coverage"] == 100
    holed = pred.select(frames=[t for t in range(len(pred.times)) if not 0.5 <= pred.times[t] < 1.0])
    assert sp.evaluate(holed, truth)["coverage"] == pytest.approx(75, abs=2)


def test_frames_of_the_truth_without_anybody_need_no_prediction():
    truth = sequence(walk())
    x = np.array(truth.positions)
    x[20:30] = np.nan
    pred = truth.select(frames=[*range(20), *range(30, 60)])
    out = sp.evaluate(pred, truth.with_positions(x, "holes"))
    assert out["coverage"] == 100 and not any("no prediction" in n for n in out.notes)


def test_actions_are_pooled_by_frames():
    truths = {"sit": sequence(walk(30)), "walk": [sequence(walk(90, seed=2)), sequence(walk(60, seed=3))]}
    preds = {
        "sit": noisy(truths["sit"], 0.03),
        "walk": [noisy(t, 0.01, seed=i) for i, t in enumerate(truths["walk"])],
    }
    out = sp.evaluate(preds, truths)
    sit, first, second = (
        sp.evaluate(p, t)
        for p, t in zip([preds["sit"], *preds["walk"]], [truths["sit"], *truths["walk"]], strict=True)
    )
    assert list(out.actions) == ["sit", "walk"] and out.frames == 180
    assert out.actions["sit"]["mpjpe"] == pytest.approx(sit["mpjpe"])
    walking = (90 * first["mpjpe"] + 60 * second["mpjpe"]) / 150
    assert out.actions["walk"]["mpjpe"] == pytest.approx(walking)
    assert out["mpjpe"] == pytest.approx((30 * sit["mpjpe"] + 150 * walking) / 180)
    assert out["accel"] == pytest.approx(
        (28 * sit["accel"] + 88 * first["accel"] + 58 * second["accel"]) / 174
    )
    official = sp.evaluate(preds, truths, "official")
    assert official["accel"] == pytest.approx(out["accel"] * 174 / 180)
    assert out.action_mean["mpjpe"] == pytest.approx((sit["mpjpe"] + walking) / 2)
    assert str(out).splitlines()[0].split() == ["metric", "sit", "walk", "mean", "pooled", "unit"]
    worst = sp.evaluate(preds, truths, reference=preds)
    assert worst["mpjpe_worst"] > worst["mpjpe"]
    assert "jerk" in sp.evaluate(preds)
    for bad in (
        {"sit": truths["sit"]},
        truths["sit"],
        {**truths, "walk": truths["walk"][:1]},
        {**truths, "walk": []},
    ):
        with pytest.raises(DataError, match="expected"):
            sp.evaluate(preds, bad)
    with pytest.raises(DataError, match="one action"):
        sp.evaluate({})


def test_without_truth():
    seq = noisy(sequence(walk()))
    out = sp.evaluate(seq, per_joint=True)
    by_joint = ["accel_magnitude", "jerk", "jitter", "high_frequency_power"]
    assert list(out) == [*by_joint, "bone_length_variation", "foot_sliding", "coverage"]
    x = seq.positions[:, 0].astype(float) * 1000
    assert out["jerk"] == pytest.approx(metrics.jerk(x), rel=1e-4)
    assert out["bone_length_variation"] == pytest.approx(
        metrics.bone_length_variation(x, seq.skeleton.bones), rel=1e-4
    )
    assert list(out.per_joint) == [*by_joint, "coverage"]
    assert "foot_sliding" not in sp.evaluate(replace(seq, space="camera")), "feet stand in the world only"
    one = sp.evaluate(seq.select(frames=[0]))
    assert one.frames == 1 and math.isnan(one["jerk"]) and "jitter" not in one


def test_feet_that_stand_and_feet_that_skate():
    names = ["head", "left_ankle", "right_ankle"]
    x = np.zeros((90, 1, 3, 3))
    x[:, 0, 0] = [0, -1.7, 0]  # y points down, as in cameras turned into worlds
    x[:, 0, 0, 0] += np.arange(90) * 0.02
    assert sp.evaluate(sequence(x, skeleton=names))["foot_sliding"] == pytest.approx(0, abs=1e-6)
    x[:, 0, 1:, 2] += np.arange(90)[:, None] * 0.004
    assert sp.evaluate(sequence(x, skeleton=names))["foot_sliding"] == pytest.approx(4, rel=1e-3)


def test_reference_must_fit():
    truth = sequence(walk())
    with pytest.raises(DataError, match="reference"):
        sp.evaluate(truth, truth, reference=truth.select(frames=range(20)))
    with pytest.raises(DataError, match="mapping"):
        sp.evaluate(truth, {"a": truth})


CHAIN = Skeleton("chain", ("pelvis", "left_knee", "left_ankle"), (-1, 0, 1), ("pelvis",))
OFFSETS = np.array([[0, 0, 0], [0, -0.4, 0], [0, -0.4, 0.0]])


def body(seed=0, frames=40, fps=30.0, **more):
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None, None, None] / fps
    R = from_axis_angle(np.sin(t * rng.uniform(1, 4, (1, 3, 3)) + rng.uniform(0, 6, (1, 3, 3))) * 0.5)
    given = {"translation": np.sin(t[:, :, 0] * [1, 2, 3]), "offsets": OFFSETS, **more}
    return sp.BodyMotion(R, t[:, 0, 0, 0], CHAIN, **given)


def turned(motion, degrees):
    bend = from_axis_angle(np.deg2rad([0, 0, degrees]))
    R = np.array(motion.rotations)
    R[:, :, 1] = R[:, :, 1] @ bend
    return motion.with_rotations(R, "bent")


def test_bodies():
    truth = body()
    out = sp.evaluate(turned(truth, 9), truth, per_joint=True)
    assert out["mpjae"] == pytest.approx(3) and out["mpjae_global"] == pytest.approx(6)
    assert out["translation_error"] == 0 and out.units["translation_error"] == "mm"
    assert out.per_joint["mpjae"]["left_knee"] == pytest.approx(9)
    assert out.per_joint["mpjae_global"]["left_ankle"] == pytest.approx(9)
    positions = sp.evaluate(forward_kinematics(turned(truth, 9)), forward_kinematics(truth))
    assert out["mpjpe"] == pytest.approx(positions["mpjpe"]) and out["mpjpe"] > 1
    parents = truth.skeleton.parents
    world = replace(truth, rotations=sp.rotations.to_global(truth.rotations, parents), relative_to="world")
    assert sp.evaluate(turned(truth, 9), world)["mpjae"] == pytest.approx(3, abs=1e-6)
    moved = replace(
        truth, translation=truth.translation * 100 + [300, 400, 0], unit="cm", offsets=OFFSETS * 100
    )
    assert sp.evaluate(moved, truth)["translation_error"] == pytest.approx(5000)


def test_bodies_with_less_known():
    truth = body()
    bare = replace(turned(truth, 9), offsets=None)
    out = sp.evaluate(bare, truth)
    assert out["mpjpe"] > 1 and any("rest offsets of one" in n for n in out.notes)
    neither = sp.evaluate(bare, replace(truth, offsets=None))
    assert "mpjpe" not in neither and neither["mpjae"] == pytest.approx(3)
    camera = sp.evaluate(replace(bare, space="camera"), replace(truth, offsets=None))
    assert list(camera) == ["mpjae"] and "global angles left out" in camera.notes[0]
    alone = sp.evaluate(bare)
    assert list(alone) == ["angular_accel"]
    assert "jerk" in sp.evaluate(truth)
    fast = body(frames=80, fps=60.0)
    assert sp.evaluate(turned(truth, 9), fast)["mpjae"] == pytest.approx(3, abs=1e-6)
    odd = sp.evaluate(turned(truth, 9), body(frames=93, fps=70.0))
    assert odd["mpjae"] == pytest.approx(3, abs=0.1)
    assert sp.evaluate(truth, forward_kinematics(truth))["mpjpe"] == pytest.approx(0, abs=1e-3)
    with pytest.raises(DataError, match="offsets"):
        sp.evaluate(bare, forward_kinematics(truth))
    with pytest.raises(DataError, match="common joints"):
        sp.evaluate(replace(truth, skeleton=Skeleton("o", ("a", "b", "c"))), truth)


def test_persons_of_bodies():
    two = body()
    R = np.concatenate([two.rotations, body(seed=4).rotations], axis=1)
    shift = np.concatenate([two.translation, two.translation + 1], axis=1)
    truth = replace(two, rotations=R, translation=shift, persons=("ann", "bob"))
    pred = replace(truth, rotations=R[:, ::-1], translation=shift[:, ::-1], persons=("1", "2"))
    out = sp.evaluate(pred, truth)
    assert out["mpjae"] == pytest.approx(0, abs=1e-6) and any("1 = bob, 2 = ann" in n for n in out.notes)


def test_nobody_to_measure_is_said_in_one_line():
    nobody = sp.PoseSequence.from_array(np.zeros((4, 0, 17, 2)), fps=30, skeleton="coco17")
    somebody = sp.PoseSequence.from_array(np.zeros((4, 1, 17, 2)), fps=30, skeleton="coco17")
    bodies = sp.BodyMotion(np.zeros((4, 0, 2, 3, 3)), np.arange(4) / 30, Skeleton("two", ("a", "b")))
    given = ((nobody,), (nobody, nobody), (somebody, nobody), (nobody, somebody), (bodies,), (bodies, bodies))
    for arguments in given:
        with pytest.raises(sp.DataError, match="expected at least one person to measure"):
            sp.evaluate(*arguments)
