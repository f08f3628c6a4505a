"""A truth of rigid targets: what was put in is found again, and what cannot be found is said."""

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import steadypose as sp
from steadypose import metrics
from steadypose.errors import DataError
from steadypose.metrics import _rigid
from steadypose.metrics._align import CARRIERS
from steadypose.metrics._rigid import smooth_path, warp
from steadypose.rotations import from_axis_angle, from_quaternion
from steadypose.skeleton import canonical_name, skeleton

CUT = Path(__file__).parents[1] / "data" / "keraal-align" / "elk_60.npz"
KINECT, VICON = skeleton("kinect25"), skeleton("vicon17")


@dataclass
class Made:
    """A recording of both devices, and what it was made of."""

    pred: sp.PoseSequence
    positions: sp.PoseSequence
    rotations: sp.BodyMotion
    joints: np.ndarray  # of the prediction, without noise, mm, NaN where no target carries them
    rows: np.ndarray
    offsets: dict[str, np.ndarray]
    R: np.ndarray
    t: np.ndarray

    @property
    def streams(self):
        return {"positions": self.positions, "rotations": self.rotations}


def waves(rng, shape, t, size):
    freq, phase = rng.uniform(0.2, 1.2, (3, *shape)), rng.uniform(0, 6, (3, *shape))
    at = t.reshape(-1, *[1] * len(shape))
    return sum(np.sin(2 * np.pi * f * at + p) for f, p in zip(freq, phase, strict=True)) * size


def made(seed=0, frames=120, noise=5.0, late=0.05, drops=(), exchange=(), lost=()):
    """Targets that move and turn on a person; a camera at half their rate sees the joints they carry."""
    rng = np.random.default_rng(seed)
    clock = np.arange(2 * frames + 60) / 60
    rest = rng.normal(size=(17, 3)) * 400
    p = rest + waves(rng, (17, 3), clock, 60.0)
    Q = from_axis_angle(waves(rng, (17, 3), clock, 0.4)) @ from_axis_angle(rng.normal(size=(17, 3)))
    drop = np.zeros(frames, int)
    drop[list(drops)] = 2  # the camera left out a frame before this one
    rows = np.round((np.arange(frames) * 2) + late * 60).astype(int) + np.cumsum(drop)
    names = [canonical_name(n) for n in KINECT.keypoints]
    R, t = from_axis_angle(rng.normal(size=3)), rng.normal(size=3) * 1000
    offsets, joints = {}, np.full((frames, 25, 3), np.nan)
    for k, name in enumerate(names):
        if name in CARRIERS:
            target = VICON.keypoints.index(CARRIERS[name])
            offsets[name] = rng.normal(size=3) * 80
            joints[:, k] = (p[rows, target] + Q[rows, target] @ offsets[name]) @ R.T + t
    for side in exchange:
        a, b = (VICON.keypoints.index(f"{side}_{n}_target") for n in ("upper_arm", "forearm"))
        p[:, [a, b]], Q[:, [a, b]] = p[:, [b, a]], Q[:, [b, a]]
    seen = joints + rng.normal(size=joints.shape) * noise
    seen[:, names.index("right_hand")] = 0
    for name, span in lost:
        seen[span, names.index(name)] += [250, -150, 100]
    return Made(
        sp.PoseSequence.from_array(seen / 1000, fps=30, skeleton=KINECT, unit="m", space="camera"),
        sp.PoseSequence.from_array(p, fps=60, skeleton=VICON, unit="mm", space="world"),
        sp.BodyMotion(Q[:, None], clock, VICON, relative_to="world"),
        joints,
        rows,
        offsets,
        R,
        t,
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_offsets_transform_and_time_are_found(seed):
    m = made(seed)
    out = metrics.align(m.pred, m.streams)
    assert out.exchanged == ()
    assert set(out.offsets) == set(m.offsets)
    for name, offset in m.offsets.items():
        np.testing.assert_allclose(out.offsets[name], offset, atol=12, err_msg=name)
    assert np.rad2deg(sp.rotations.geodesic(out.R, m.R)) < 0.5
    assert np.abs(out.rows - m.rows).mean() < 0.3
    assert out.time_shift == pytest.approx(0.05, abs=0.01)
    # What noise there was is all that is left, and leaving out changes little: nothing was bent to noise.
    assert out.residual == pytest.approx(5 * 1.54, rel=0.1)
    assert out.holdout_frames == pytest.approx(out.residual, rel=0.1)
    assert out.holdout_joints == pytest.approx(out.residual, rel=0.1)
    k = [m.pred.skeleton.index(n) for n in out.truth.skeleton.keypoints]
    away = np.linalg.norm(out.truth.positions[:, 0] * 1000 - m.joints[:, k], axis=-1)
    assert away.mean() < 3.5


def test_the_truth_has_the_predictions_times_frame_and_unit():
    m = made()
    out = metrics.align(m.pred, m.positions, m.rotations)
    truth = out.truth
    assert truth.unit == "m" and truth.space == "camera" and truth.persons == m.pred.persons
    np.testing.assert_array_equal(truth.times, m.pred.times)
    assert set(truth.skeleton.keypoints) < set(KINECT.keypoints)
    assert str(out).splitlines()[: len(out.notes)] == list(out.notes)
    assert len(str(out).splitlines()) == len(out.notes) + len(out.offsets)


@pytest.mark.parametrize("sides", [("left",), ("right",), ("left", "right")])
def test_exchanged_targets_are_noticed(sides):
    m = made(3, noise=10.0, exchange=sides)
    out = metrics.align(m.pred, m.streams)
    assert out.exchanged == sides
    assert out.targets[f"{sides[0]}_shoulder"] == f"{sides[0]}_forearm_target"
    assert out.targets[f"{sides[0]}_wrist"] == f"{sides[0]}_upper_arm_target"
    assert any("exchanged" in n for n in out.notes)
    assert out.residual == pytest.approx(10 * 1.54, rel=0.1)


def test_lost_joints_do_not_pull():
    m = made(4, lost=[("right_wrist", slice(20, 70)), ("right_elbow", slice(30, 60))])
    out = metrics.align(m.pred, m.streams)
    np.testing.assert_allclose(out.offsets["right_wrist"], m.offsets["right_wrist"], atol=25)
    assert np.abs(out.rows - m.rows).mean() < 0.4
    truth, seen = (s.select(keypoints=["right_wrist"]).positions[20:70] for s in (out.truth, m.pred))
    assert np.linalg.norm(truth - seen, axis=-1).mean() > 0.25, "their error stays to be measured"


def test_dropped_frames_are_followed():
    m = made(5, noise=3.0, drops=(40, 80))
    out = metrics.align(m.pred, m.streams)
    assert np.abs(out.rows - m.rows)[10:].mean() < 0.6
    assert out.rows[-1] - out.rows[0] == pytest.approx(m.rows[-1] - m.rows[0], abs=1.5)


def test_missing_values_on_both_sides():
    m = made(6)
    x, p = np.array(m.pred.positions), np.array(m.positions.positions)
    x[10:20, 0, KINECT.index("left_wrist")] = np.nan
    p[100:110, 0, VICON.keypoints.index("head_target")] = np.nan
    out = metrics.align(
        m.pred.with_positions(x, "holes"), {**m.streams, "positions": m.positions.with_positions(p, "holes")}
    )
    np.testing.assert_allclose(out.offsets["left_wrist"], m.offsets["left_wrist"], atol=12)
    head = out.truth.select(keypoints=["head"]).valid[:, 0, 0]
    assert 3 <= (~head).sum() <= 8, "no truth where the target was not seen"


def test_one_alignment_shows_lag_and_error_of_every_version():
    m = made(7)
    truth = metrics.align(m.pred, m.streams).truth
    assert abs(sp.evaluate(m.pred, truth)["lag"]) < 0.15
    late = m.pred.with_positions(
        np.concatenate([m.pred.positions[:1].repeat(3, 0), m.pred.positions[:-3]]), "late"
    )
    assert sp.evaluate(late, truth)["lag"] == pytest.approx(3, abs=0.15)
    assert sp.evaluate(late, m.streams, reference=m.pred)["lag"] == pytest.approx(3, abs=0.15)
    refitted = sp.evaluate(late, m.streams)
    assert abs(refitted["lag"]) < 1.5, "fitted anew, the lag is hidden"
    assert any("aligned to this very recording" in n for n in refitted.notes)
    clean = replace(
        m.pred, positions=np.where(np.isnan(m.joints), 0, m.joints / 1000)[:, None].astype(np.float32)
    )
    assert sp.evaluate(clean, truth, root=None)["mpjpe"] < sp.evaluate(m.pred, truth, root=None)["mpjpe"]


def test_real_cut_of_keraal():
    """Kinect and Vicon, a take in which the left arm's targets are exchanged."""
    cut = np.load(CUT)
    k, v = (cut[n].astype(float) for n in ("kinect", "vicon"))
    pred = sp.PoseSequence.from_array(k[..., :3], fps=30, skeleton=KINECT, unit="m", space="camera")
    p = sp.PoseSequence.from_array(v[..., :3], fps=60, skeleton=VICON, unit="mm", space="world")
    q = sp.BodyMotion(from_quaternion(v[..., 3:], "xyzw")[:, None], p.times, VICON, relative_to="world")
    out = metrics.align(pred, p, q)
    assert out.exchanged == ("left",)
    assert out.residual < 20 and out.holdout_frames < 30 and out.holdout_joints < 25
    lengths = [np.linalg.norm(o) for o in out.offsets.values()]
    assert min(lengths) > 60 and max(lengths) < 280
    assert abs(out.time_shift) < 0.1
    wrist = out.per_joint["left_wrist"]
    swapped = metrics.align(pred, sp.PoseSequence.from_array(
        v[:, [0, 3, 2, 1, *range(4, 17)], :3], fps=60, skeleton=VICON, unit="mm", space="world"
    ), replace(q, rotations=q.rotations[:, :, [0, 3, 2, 1, *range(4, 17)]]))  # fmt: skip
    assert swapped.exchanged == () and swapped.per_joint["left_wrist"] == pytest.approx(wrist, rel=1e-6)
    smooth = pred.with_positions(np.stack([
        np.convolve(np.pad(c, 2, mode="edge"), np.full(5, 0.2), mode="valid")
        for c in pred.positions.reshape(60, -1).T
    ], axis=1).reshape(pred.shape).astype(np.float32), "moving average")  # fmt: skip
    raw, steady = sp.evaluate(pred, out.truth), sp.evaluate(smooth, out.truth)
    assert steady["accel"] < 0.6 * raw["accel"] and steady["mpjpe"] < 1.05 * raw["mpjpe"]


def test_files_of_both_devices(tmp_path):
    cut = np.load(CUT)
    for name in ("kinect", "vicon"):
        np.savetxt(tmp_path / f"{name}.txt", cut[name].reshape(len(cut[name]), -1), fmt="%.6f")
    pred, truth = (sp.read(tmp_path / f"{n}.txt", format="keraal-text") for n in ("kinect", "vicon"))
    out = sp.evaluate(pred, truth, reference=pred)
    assert 10 < out["mpjpe"] < 60 and out["coverage"] == 100 and abs(out["lag"]) < 0.5
    assert "17 joints" in out.notes[0] and any("left arm and forearm are exchanged" in n for n in out.notes)
    (tmp_path / "vicon.txt").unlink()
    with pytest.raises(DataError, match="rotations"):
        sp.evaluate(pred, truth)


def test_warp_against_every_path():
    """Dynamic programming finds the cheapest of all paths, here by trying them all."""
    rng = np.random.default_rng(0)
    x, joints = rng.normal(size=(4, 2, 3)), rng.normal(size=(7, 2, 3))
    start, pace, reach, scale = np.arange(4) * 1.5, 1.5, 2, 1.0
    far = np.minimum(((x[:, None] - joints[None]) ** 2).sum(-1) / (3 * scale**2), 9).mean(-1)
    best, path = np.inf, None
    for rows in product(range(7), repeat=4):
        steps = np.diff(rows)
        low = np.maximum(np.round(start).astype(int) - reach, 0)
        if (steps < 0).any() or ((rows < low) | (rows > low + 2 * reach)).any():
            continue
        cost = sum(far[i, r] for i, r in enumerate(rows)) + _rigid.PRICE * np.abs(steps / pace - 1).sum()
        if cost < best:
            best, path = cost, rows
    assert tuple(warp(x, joints, start, pace, reach, scale)) == path


def test_single_rows_are_spread_and_drops_are_not():
    start = np.arange(40) * 2.0
    rows = np.round(start).astype(int)
    rows[20:] += 1
    path = smooth_path(rows, start)
    assert np.diff(path).max() < 2.4 and path[0] == 0 and path[-1] == rows[-1]
    rows[20:] += 3
    assert np.diff(smooth_path(rows, start))[19] == pytest.approx(6)


def test_what_cannot_be_aligned():
    m = made(frames=20)
    flat = sp.PoseSequence.from_array(m.pred.positions[:, 0, :, :2], fps=30, skeleton=KINECT, unit="px")
    two = replace(m.pred, positions=np.repeat(m.pred.positions, 2, 1), persons=("a", "b"))
    unseen = m.pred.with_positions(np.full_like(m.pred.positions, np.nan), "gone")
    few = m.pred.select(keypoints=["right_hand", "left_hand", "left_wrist"])
    for call in (
        lambda: metrics.align(m.pred, m.pred),
        lambda: metrics.align(m.pred, m.positions),
        lambda: metrics.align(m.pred, {"positions": m.positions}),
        lambda: metrics.align(flat, m.streams),
        lambda: metrics.align(unseen, m.streams),
        lambda: metrics.align(few, m.streams),
        lambda: metrics.align(m.pred.select(frames=range(3)), m.streams),
        lambda: metrics.align(two, m.streams),
        lambda: metrics.align(m.pred, m.positions, replace(m.rotations, relative_to="parent")),
    ):
        with pytest.raises(DataError, match="expected"):
            call()
