import dataclasses
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from steadypose import metrics
from steadypose.errors import DataError
from steadypose.refine import METHODS, make_filter, refine, tune
from steadypose.sequence import BodyMotion, PoseSequence
from steadypose.skeleton import Skeleton

NAMES = ("left_hip", "right_hip", "left_knee", "right_knee")


def pair(seed=0, frames=120, fps=30.0, noise=0.02, hertz=1.0):
    """A swinging body and the same with white noise; metres."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / fps
    clean = np.arange(4)[:, None] + 0.2 * np.sin(
        2 * np.pi * hertz * t[:, None, None] * rng.uniform(0.5, 1.5, (4, 3)) + rng.uniform(0, 6, (4, 3))
    )
    noisy = clean + rng.normal(0, noise, clean.shape)
    make = lambda x: PoseSequence.from_array(x, fps=fps, skeleton=NAMES, unit="m", space="world")  # noqa: E731
    return make(noisy), make(clean)


def mpjpe(motion, truth):
    return metrics.evaluate(motion, truth)["mpjpe"]


def test_the_best_of_a_dense_grid_is_reached():
    noisy, truth = pair()
    found = tune(noisy, truth, "gaussian")
    grid = np.geomspace(*METHODS["gaussian"].__dataclass_fields__["sigma"].metadata["range"], 80)
    best = min(mpjpe(refine(noisy, "gaussian", sigma=float(s)), truth) for s in grid)
    assert found.after["mpjpe"] <= best * 1.002
    assert found.after["mpjpe"] < 0.6 * found.before["mpjpe"]
    assert found.best.error == pytest.approx(found.after["mpjpe"])
    assert found.best.accel == pytest.approx(found.after["accel"])
    assert found.best == min(found.trials, key=lambda t: t.error)
    same = refine(noisy, "gaussian", **found.params)
    assert np.array_equal(found.motion.positions, same.positions)
    assert "expect less on other recordings" in str(found)


def test_noise_and_speed_move_the_answer_the_right_way():
    calm, fast = (tune(*pair(hertz=h), "butterworth", order=2).params["cutoff"] for h in (0.5, 3.0))
    loud = tune(*pair(noise=0.08, hertz=3.0), "butterworth", order=2).params["cutoff"]
    assert calm < fast
    assert loud < fast


def test_a_cutoff_that_the_frame_rate_does_not_allow_is_passed_over():
    found = tune(*pair(fps=10.0, hertz=0.5), "butterworth")  # its default and its range lie above 5 Hz
    assert 0 < max(t.params["cutoff"] for t in found.trials) < 5
    assert found.after["mpjpe"] < found.before["mpjpe"]
    with pytest.raises(DataError, match="cutoff below 5 Hz, half of this recording's 10 fps, found 6 Hz"):
        tune(*pair(fps=10.0), "butterworth", cutoff=6.0)


def test_whole_numbers_are_all_tried_and_fixed_parameters_kept():
    found = tune(*pair(), "savgol")
    assert {t.params["order"] for t in found.trials} == {1.0, 2.0, 3.0, 4.0}
    fixed = tune(*pair(), "savgol", order=3, max_gap=0.1)
    assert {t.params["order"] for t in fixed.trials} == {3.0}
    assert found.best.error <= fixed.best.error + 1e-9


def test_bounds_are_kept():
    found = tune(*pair(), "gaussian", bounds={"sigma": (0.2, 0.5)})
    assert all(0.2 - 1e-9 <= t.params["sigma"] <= 0.5 + 1e-9 for t in found.trials)
    assert found.params["sigma"] == pytest.approx(0.2)  # the optimum lies below


def test_lowest_error_at_a_given_acceleration_error():
    noisy, truth = pair()
    free = tune(noisy, truth, "gaussian")
    limit = free.best.accel * 0.8
    held = tune(noisy, truth, "gaussian", objective="accel", target_accel=limit)
    assert held.best.accel <= limit
    assert held.best.error >= free.best.error
    assert held.best.error == min(t.error for t in held.trials if t.accel <= limit)
    assert held.best.accel > 0.9 * limit  # no smoother than it has to be
    out_of_reach = tune(noisy, truth, "gaussian", target_accel=1e-9, bounds={"sigma": (0.01, 0.02)})
    assert any("no parameters reach" in note for note in out_of_reach.notes)


def test_steadiest_without_losing_the_truth():
    noisy, truth = pair()
    found = tune(noisy, truth, "gaussian", objective="accel")
    assert found.after["mpjpe"] <= found.before["mpjpe"]
    assert found.best.accel == min(t.accel for t in found.trials if t.error <= found.before["mpjpe"])
    assert found.best.accel < tune(noisy, truth, "gaussian").best.accel


def test_several_recordings_are_pooled():
    a, b = pair(0, frames=120), pair(1, frames=60, noise=0.06)
    found = tune([a[0], b[0]], [a[1], b[1]], "gaussian")
    assert isinstance(found.motion, list)
    errors = [mpjpe(m, t) for m, t in zip(found.motion, (a[1], b[1]), strict=True)]
    assert found.best.error == pytest.approx(np.average(errors, weights=[120, 60]), rel=1e-5)
    alone = [tune(*p, "gaussian").params["sigma"] for p in (a, b)]
    assert min(alone) * 0.9 <= found.params["sigma"] <= max(alone) * 1.1


def test_rotations_are_tuned_by_their_angles():
    rng = np.random.default_rng(0)
    t = np.arange(90) / 30
    vector = 0.6 * np.sin(2 * np.pi * t[:, None, None] * rng.uniform(0.3, 0.8, (2, 3)))
    clean = Rotation.from_rotvec(vector.reshape(-1, 3))
    noisy = clean * Rotation.from_rotvec(rng.normal(0, 0.06, (180, 3)))
    layout = Skeleton("two", ("pelvis", "spine"), (-1, 0), ("pelvis",))
    truth, motion = (
        BodyMotion(r.as_matrix().reshape(90, 1, 2, 3, 3), times=t, skeleton=layout) for r in (clean, noisy)
    )
    found = tune(motion, truth, "slerp")
    assert found.after["mpjae"] < 0.75 * found.before["mpjae"]
    assert found.best.error == pytest.approx(found.after["mpjae"])
    two = tune([motion, motion], [truth, truth], "slerp")
    assert two.params == found.params
    with pytest.raises(DataError, match="truth with rotations"):
        tune(motion, pair(frames=90)[1], "slerp")


def test_progress_sees_every_trial_once():
    seen = []
    found = tune(*pair(frames=60), "median", progress=seen.append)
    assert tuple(seen) == found.trials
    assert len({tuple(t.params.values()) for t in seen}) == len(seen)


def test_exclusive_values_are_passed_over(monkeypatch):
    def picky(method, **params):
        if params.get("sigma", 0) > 0.02:
            raise DataError("too much")
        return make_filter(method, **params)

    monkeypatch.setattr(sys.modules["steadypose.refine.tune"], "make_filter", picky)
    found = tune(*pair(frames=60), "gaussian", bounds={"sigma": (0.01, 1.0)})
    assert all(t.params["sigma"] <= 0.02 for t in found.trials)
    assert 0.017 < found.params["sigma"] <= 0.02


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("a method among", {"method": "magic"}),
        ("parameters among sigma", {"cutoff": 3}),
        ("bounds among sigma", {"bounds": {"window": (1, 2)}}),
        ("0 < low <= high", {"bounds": {"sigma": (0, 2)}}),
        ("objective to be one of", {"objective": "pretty"}),
        ("target_accel above 0", {"target_accel": -1}),
    ],
)
def test_what_cannot_be_is_said(words, arguments):
    with pytest.raises(DataError, match=words):
        tune(*pair(frames=30), **arguments)


def test_recordings_and_truths_must_match():
    noisy, truth = pair(frames=30)
    with pytest.raises(DataError, match="found 1 for 2"):
        tune([noisy, noisy], [truth])
    with pytest.raises(DataError):
        tune(noisy, dataclasses.replace(truth, times=truth.times + 1e3))
    nothing = noisy.with_positions(np.full_like(noisy.positions, np.nan), "nothing seen")
    with pytest.raises(DataError, match="found none"):
        tune(nothing, truth)
