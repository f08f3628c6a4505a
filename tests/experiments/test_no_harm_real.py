"""The parts of experiments/no_harm that decide what is said about real streams."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import steadypose as sp
from steadypose.refine import make_filter
from steadypose.rotations import from_axis_angle, from_euler

HERE = Path(__file__).parents[2] / "experiments" / "no_harm"
sys.path.insert(0, str(HERE))

import real_fit as fit  # noqa: E402
import real_streams as streams  # noqa: E402
from real_compare import CUTOFFS, KINDS, MODELS, compared, kalman, least, mean_of  # noqa: E402
from real_kalman import RauchTungStriebel  # noqa: E402
from real_rotations import flexion_of_rotations, hinged_legs, opensim  # noqa: E402
from real_score import around, flexion, peaks, scores  # noqa: E402
from real_store import Results  # noqa: E402

TIMES = np.arange(90) / 60.0


def body(times=TIMES, bend=0.6):
    """A person who turns, walks ahead and bends the knees by turns; limb joints (frames, 12, 3), metres."""
    x = np.zeros((len(times), len(fit.LIMBS), 3))
    for side, left in (("left", 1.0), ("right", -1.0)):
        swing = bend * (1 + np.sin(2 * np.pi * times + left))
        hip = np.stack([0.1 * left + 0 * times, 0.9 + 0 * times, 0 * times], axis=-1)
        knee = hip + 0.45 * np.stack([0 * times, -np.cos(swing / 2), np.sin(swing / 2)], axis=-1)
        ankle = knee + 0.45 * np.stack([0 * times, -np.cos(swing / 2), -np.sin(swing / 2)], axis=-1)
        arm = [hip + np.array([0.1 * left, y, z]) for y, z in ((0.5, 0.0), (0.2, 0.05), (0.0, 0.2))]
        parts = dict(zip(fit.PARTS, (*arm, hip, knee, ankle), strict=True))
        for part, place in parts.items():
            x[:, fit.LIMBS.index(f"{side}_{part}")] = place
    turn = from_axis_angle(np.stack([0 * times, 0.8 * times, 0 * times], axis=-1))
    return (
        np.einsum("tij,tnj->tni", turn, x) + np.stack([0 * times, 0 * times, 1.2 * times], axis=-1)[:, None]
    )


def stream(x, truth, root=fit.HIPS):
    raw = sp.PoseSequence.from_array(x, times=TIMES, skeleton=fit.LIMBS, unit="m", space="world")
    joints = tuple(range(len(fit.LIMBS)))
    return streams.Stream("a", "A", raw, joints, 1000 * truth, 1000 * truth, streams.MM, root)


# --- smoothers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", (2, 3))
def test_the_smoother_halves_an_oscillation_at_its_cutoff(order):
    t = np.arange(400) / 60.0
    x = np.sin(2 * np.pi * 4.0 * t)[:, None, None].astype(np.float32)
    y = RauchTungStriebel(cutoff=4.0, order=order).smooth(x, None, t, np.ones(1))
    middle = slice(100, 300)
    assert np.vdot(y[middle], x[middle]) / np.vdot(x[middle], x[middle]) == pytest.approx(0.5, abs=0.01)


def test_constant_velocity_is_the_package_s_smoother_and_uneven_steps_keep_a_line():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3, 2)).cumsum(axis=0).astype(np.float32)
    t = np.cumsum(rng.uniform(0.01, 0.03, 200))
    mine = RauchTungStriebel(cutoff=3.0).smooth(x, None, t, np.ones(3))
    np.testing.assert_allclose(
        mine, make_filter("kalman", cutoff=3.0).smooth(x, None, t, np.ones(3)), atol=1e-3
    )
    line = np.broadcast_to((1 + 2 * t)[:, None, None], (200, 1, 1)).astype(np.float32)
    np.testing.assert_allclose(
        RauchTungStriebel(cutoff=1.0, order=3).smooth(line, None, t, np.ones(1)), line, atol=1e-4
    )


# --- truths ----------------------------------------------------------------------------------------------


def test_a_camera_and_its_clock_are_found_again():
    truth_of = fit.Curve(TIMES, body())
    numbers = np.r_[2.9, 0.2, 0.1, 0.2, 0.1, 4.0, 0.9, 0.05, 1.0]
    real = fit.Camera(numbers, (720.0, 1280.0), body().mean(axis=(0, 1)))
    times = TIMES[3:70]
    pixels = real.project(truth_of(real.when(times)))
    found = fit.fit_camera(times, pixels, truth_of, (720.0, 1280.0), np.diag([1.0, -1.0, -1.0]))
    np.testing.assert_allclose(found.project(truth_of(found.when(times))), pixels, atol=0.5)
    assert found.shift == pytest.approx(0.05, abs=0.003)


def test_clock_and_axes_are_found_again():
    turn = from_axis_angle([0.1, 1.2, -0.3])
    times = TIMES[10:70]
    x = body(times + 0.04) @ turn.T
    shift, found = fit.clock_and_axes(times, x, fit.Curve(TIMES, body()))
    assert shift == pytest.approx(0.04, abs=0.006)
    np.testing.assert_allclose(found, turn, atol=0.02)


def test_offsets_in_the_body_are_taken_away_and_nothing_else():
    truth = body()
    rng = np.random.default_rng(1)
    offsets = rng.normal(0, 0.05, (12, 3))
    offsets[list(fit.HIPS)] = 0  # or the middle of the hips would move
    x = truth + np.einsum("tij,nj->tni", fit.trunk_axes(truth), offsets)
    np.testing.assert_allclose(fit.with_offsets(x, truth), x, atol=1e-9)
    wobble = x + 0.02 * np.sin(np.arange(90))[:, None, None]
    assert np.abs(fit.with_offsets(wobble, truth) - x).max() < 0.01
    flat = truth[..., :2]
    size = np.linalg.norm(flat - flat.mean(axis=1, keepdims=True), axis=-1).mean(axis=1)[:, None, None]
    np.testing.assert_allclose(
        fit.with_offsets(flat + size * offsets[:, :2], flat), flat + size * offsets[:, :2], atol=1e-9
    )


def test_the_line_of_sight_becomes_the_depth_axis():
    hips = np.random.default_rng(2).normal(0, 1, (5, 3)) + np.array([0, 0, 4])
    turned = np.einsum("tij,tj->ti", streams._towards(hips), hips)
    np.testing.assert_allclose(turned[:, :2], 0, atol=1e-9)
    np.testing.assert_allclose(turned[:, 2], np.linalg.norm(hips, axis=-1))


def test_calmed_points_stay_missing_where_they_were():
    x = np.random.default_rng(3).normal(size=(30, 2, 3))
    x[4:7, 1] = np.nan
    calm = streams._calmed(x)
    np.testing.assert_array_equal(np.isnan(calm), np.isnan(x))
    assert np.nanstd(calm) < 0.6 * np.nanstd(x)


# --- knees -----------------------------------------------------------------------------------------------


def test_hinges_bend_as_the_joints_they_come_from():
    x = body()
    np.testing.assert_allclose(flexion_of_rotations(hinged_legs(TIMES, x)), flexion(x), atol=1e-4)


def test_flexion_from_a_file_of_rotations(tmp_path):
    bend = np.radians(np.linspace(0, 70, 5))
    names = ["pelvis", "femur_r", "tibia_r", "patella_r", "femur_l", "tibia_l"]
    turns = np.zeros((5, 6, 3))
    turns[:, :, 1] = 0.5  # the whole body
    turns[:, 2, 2] = -bend  # the right shank alone, about the knee's axis
    np.savez(
        tmp_path / "a.npz", time=np.arange(5) / 100, bodies=names, rotation=turns,
        translation=np.zeros((5, 6, 3)), scale_factors=np.ones((6, 3)),
    )  # fmt: skip
    motion = opensim(tmp_path / "a.npz")
    assert motion.skeleton.keypoints == ("pelvis", "right_femur", "right_tibia", "left_femur", "left_tibia")
    np.testing.assert_allclose(flexion_of_rotations(motion)[:, 1], np.degrees(bend), atol=1e-4)
    np.testing.assert_allclose(flexion_of_rotations(motion)[:, 0], 0, atol=1e-4)
    whole = from_euler([0, 0.5, 0], "XYZ", degrees=False)
    np.testing.assert_allclose(motion.rotations[0, 0, 0], whole, atol=1e-9)


def test_peaks_are_the_truth_s_and_a_late_knee_is_lower_there():
    angles = np.stack([35 + 35 * np.cos(2 * np.pi * (TIMES - 0.7)), np.full(90, 20.0)], axis=1)
    where = peaks(TIMES, angles)
    assert where == [(42, 0)]
    assert around(TIMES, angles, where)[0] == pytest.approx(69.4, abs=0.5)
    assert around(TIMES, np.roll(angles, 9, axis=0), where)[0] < 57


# --- scores ----------------------------------------------------------------------------------------------


def test_scores_of_the_input_and_of_a_refinement_that_is_the_truth():
    truth = body()
    noisy = truth + np.random.default_rng(4).normal(0, 0.01, truth.shape)
    noisy[5, 3] = np.nan
    s = stream(noisy, truth)
    before = scores(s, None)
    assert before["change"] == 0 and before["coverage"] == 1
    after = scores(s, lambda seq: seq.with_positions(truth[:, None].astype(np.float32), "truth"))
    assert after["mpjpe"] < 1e-3 < before["mpjpe"]
    assert after["accel"] < 1e-2 and abs(after["lag"]) < 0.05
    assert after["peak_speed"] == pytest.approx(1, abs=1e-3)
    dropped = np.where(np.arange(90)[:, None, None, None] < 45, s.raw.positions, np.float32(np.nan))
    half = scores(s, lambda seq: seq.with_positions(dropped, "half"))
    assert half["coverage"] == pytest.approx(0.5, abs=0.01)


def test_families_weigh_alike():
    rows = {n: {"mpjpe": v} for n, v in (("a", 2.0), ("b", 8.0), ("c", 1.0))}
    over = {n: {"mpjpe": 1.0} for n in rows}
    assert mean_of(rows, over, "mpjpe", {"a": "A", "b": "A", "c": "C"}) == pytest.approx(2.0)


def test_the_front_is_interpolated_and_ends():
    front = np.array([[1.0, 4.0], [0.5, 2.0], [0.8, 1.0]])
    assert least(front, 0.5) == pytest.approx(2.0)
    assert least(front, 0.8) == pytest.approx(1.0)
    assert 1.0 < least(front, 0.65) < 2.0
    assert least(front, 5.0) == pytest.approx(1.0)
    assert np.isnan(least(front, 0.4))


def made_rows():
    """Results with every row that the comparison needs: a smoother's error is least at 3 Hz."""
    names = {"a": "A", "b": "A", "c": "C"}

    def row(error, accel):
        return {n: {"mpjpe": error, "offset_free": error, "accel": accel, "change": 1.0} for n in names}

    rows = {"input": row(10.0, 10.0), "before, strength 1": row(6.0, 2.0)}
    for kind in KINDS:
        for model in MODELS:
            for c in CUTOFFS:
                rows[kalman(kind, model, c)] = row(7 + np.log(c / 3) ** 2, c)
    return rows, names


def test_against_kalman_smoothers():
    rows, names = made_rows()
    at = rows[kalman("plain", "velocity", CUTOFFS[8])]
    twice = {n: r | {"accel": 2 * r["accel"]} for n, r in at.items()}
    found = compared(twice, rows, names)
    # The same error is reached on the other side of the best cutoff with a lower Accel still.
    assert found["kalman"]["plain, mpjpe"]["mean"]["accel"] > 2.0
    assert found["kalman"]["plain, mpjpe"]["streams"]["a"]["error"] > 1.0
    assert found["mean"]["before"]["mpjpe"] == pytest.approx(at["a"]["mpjpe"] / 6.0)
    better = compared(rows["before, strength 1"], rows, names)["kalman"]["cleaned, mpjpe"]
    assert better["mean"]["accel"] is None and better["mean"]["error"] < 1


def test_results_come_back_from_their_file(tmp_path):
    rows, _ = made_rows()
    rows["input"] = {
        n: r | {"shake": 1.0, "lag": float("nan"), "peak_speed": 2.0, "coverage": 1.0}
        for n, r in rows["input"].items()
    }
    made = Results(rows, {"input": {"walk": {"input": [1.0]}}})
    made.write(tmp_path / "r.json")
    again = Results.read(tmp_path / "r.json")
    assert again.knees == made.knees and list(again.rows) == list(rows)
    assert again.rows["before, strength 1"] == rows["before, strength 1"]
    assert set(again.rows["input"]["a"]) == set(rows["input"]["a"])
    assert np.isnan(again.rows["input"]["a"]["lag"])
    assert Results.read(tmp_path / "none.json").rows == {}


def test_the_summary_names_what_loses(tmp_path):
    pytest.importorskip("matplotlib")
    from real_summary import summarise

    rows, names = made_rows()
    more = {"shake": 1.0, "lag": 0.1, "peak_speed": 1.5, "coverage": 1.0}
    whole = ("input", "before, strength 1", "before alone, strength 1", "adaptive", "new, strength 1")
    for label in (*whole, "new alone, strength 1"):
        rows[label] = {n: r | more for n, r in rows.get(label, rows["before, strength 1"]).items()}
    rows["new, strength 1"]["b"] = rows["new, strength 1"]["b"] | {"mpjpe": 11.0}
    for label in ("before", "before alone", "adaptive", "new", "new alone"):
        for s in (0.3, 1.0, 3.0):
            short = {n: r | {"change": s} for n, r in rows["before, strength 1"].items()}
            rows.setdefault(f"{label}, strength {s:g}", short)
    walk = {"input": [70.0], "output": [61.0], "truth": [71.0], "errors": [5.0, 4.0]}
    (tmp_path / "about_real.md").write_text("# About")
    made = [stream(body(), body()) for _ in names]
    made = [replace(s, name=n, family=f) for s, (n, f) in zip(made, names.items(), strict=True)]
    summarise(tmp_path, Results(rows, {n: {"walk": walk} for n in whole}), made, (0.3, 1.0, 3.0))
    text = (tmp_path / "results_real.md").read_text()
    assert "- new, strength 1: MPJPE over the input's: 1 of 3 (b 1.100)" in text
    assert "- before, strength 1: MPJPE over the input's: 0 of 3" in text
    assert "61 (**-9.0**; 4.0)" in text
    assert (tmp_path / "front_real.png").stat().st_size > 10_000
