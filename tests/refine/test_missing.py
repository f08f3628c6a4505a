"""What an estimator doubts: with a threshold, and without one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import steadypose as sp
from steadypose.errors import DataError
from steadypose.refine.missing import below, find_strays, leaps

CASES = Path(__file__).parents[1] / "data/behaviour"
FPS = 30
WRIST = 9


def path(frames=90, seed=0):
    """A keypoint that swings, in body sizes; (frames, 1, 2)."""
    t = np.arange(frames) / FPS
    noise = np.random.default_rng(seed).normal(0, 0.003, (frames, 2))
    return (np.stack([0.3 * np.sin(4 * t), 0.2 * np.cos(5 * t)], axis=1) + noise)[:, None].astype(np.float32)


def strays(x, confidence, valid=None, size=1.0):
    valid = np.ones(x.shape[:2], bool) if valid is None else valid
    found = find_strays(x, valid, confidence, np.arange(len(x)) / FPS, np.full(x.shape[1], size))
    return np.flatnonzero(found[:, 0]).tolist()


def test_a_wrist_on_something_else_drags_nobody():
    sequence, truth = sp.read(CASES / "f11_lowconf.npz"), np.load(CASES / "f11_truth.npy")
    steady = sp.refine(sequence)
    doubted = sequence.confidence[:, 0, WRIST] < 0.5
    error = np.linalg.norm(steady.positions[:, 0] - truth, axis=2)
    before = np.linalg.norm(sequence.positions[:, 0] - truth, axis=2)
    assert error[~doubted, WRIST].max() < 10 and error[~doubted].mean() < 0.7 * before[~doubted].mean()
    # Too long a gap to be filled: nothing better is known, and nothing is lost.
    np.testing.assert_array_equal(steady.positions[doubted, 0, WRIST], sequence.positions[doubted, 0, WRIST])
    assert "15 keypoints astray at low confidence: 0 filled, 15 left as they were" in steady.history[-1]
    assert np.linalg.norm(sp.refine(sequence, strays=False).positions[:, 0] - truth, axis=2)[49, WRIST] > 100


def test_a_threshold_makes_them_missing_whatever_the_method():
    sequence, truth = sp.read(CASES / "f11_lowconf.npz"), np.load(CASES / "f11_truth.npy")
    doubted = sequence.confidence[:, 0, WRIST] < 0.5
    for method in (None, "gaussian"):
        steady = sp.refine(sequence, method, min_confidence=0.5)
        assert np.isnan(steady.positions[doubted, 0, WRIST]).all() and steady.valid.sum() == 120 * 17 - 15
        error = np.linalg.norm(steady.positions[:, 0] - truth, axis=2)
        assert np.nanmax(error[:, WRIST]) < 10
        assert "15 keypoints below confidence 0.5: 0 filled, 15 missing" in steady.history[-1]
    filled = sp.refine(sequence, "gaussian", min_confidence=0.5, max_gap=1)
    assert filled.filled[doubted, 0, WRIST].all() and filled.valid.all()
    kept = sp.refine(sequence, "gaussian", min_confidence=0.2)
    np.testing.assert_array_equal(kept.positions, sp.refine(sequence, "gaussian").positions)


def test_a_threshold_without_confidence_is_said():
    sequence = sp.PoseSequence.from_array(path()[:, None], fps=FPS)
    steady = sp.refine(sequence, "gaussian", min_confidence=0.5)
    assert "no confidence: min_confidence=0.5 does nothing" in steady.history[-1] and steady.valid.all()
    with pytest.raises(DataError, match="min_confidence as a number"):
        sp.refine(sequence, min_confidence=float("nan"))


def test_confidence_that_is_not_known_is_not_below():
    assert below(np.array([0.2, np.nan, 0.8]), 0.5).tolist() == [True, False, False]


def test_strays_need_two_witnesses():
    x, sure = path(), np.full((90, 1), 0.9, np.float32)
    away = x.copy()
    away[40:55] += 0.4
    doubted = sure.copy()
    doubted[40:55] = 0.3
    assert strays(away, doubted) == list(range(40, 55))
    assert strays(away, sure) == [], "believed: a leap alone may be the truth"
    assert strays(x, doubted) == [], "on its path: doubt alone says nothing"
    drifting = x.copy()
    drifting[40:60, 0] += 0.4 * np.sin(np.linspace(0, np.pi, 20))[:, None]
    slow = sure.copy()
    slow[40:60] = 0.3
    assert strays(drifting, slow) == [], "reached step by step"


def test_an_estimator_that_is_never_sure_loses_nothing():
    x = path()
    x[40:55] += 0.4
    confidence = np.random.default_rng(1).uniform(0.2, 0.5, (90, 1)).astype(np.float32)
    assert strays(x, confidence) == []
    confidence[:60] = 0.1  # doubted most of the time
    assert strays(x, confidence) == []


def test_another_body_is_judged_by_itself():
    x, confidence = path(), np.full((90, 1), 0.9, np.float32)
    x[50:] += 3
    confidence[50:] = 0.3
    assert strays(x, confidence) == list(range(50, 90))
    cuts = np.zeros((90, 1), bool)
    cuts[50] = True
    times, size = np.arange(90) / FPS, np.ones(1)
    assert not find_strays(x, np.ones((90, 1), bool), confidence, times, size, cuts).any()


def test_at_the_ends_of_the_recording_and_beside_gaps():
    x, confidence = path(), np.full((90, 1), 0.9, np.float32)
    for a, b in ((0, 10), (80, 90)):
        y, c = x.copy(), confidence.copy()
        y[a:b] += 0.5
        c[a:b] = 0.2
        assert strays(y, c) == list(range(a, b))
    y, c = x.copy(), confidence.copy()
    y[40:50] += 0.5
    c[40:50] = 0.2
    valid = np.ones((90, 1), bool)
    valid[36:40] = valid[50:53] = False
    assert strays(y, c, valid) == list(range(40, 50))
    assert strays(y, np.full_like(c, np.nan)) == []


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 99),
    scale=st.sampled_from([1e-3, 1.0, 400.0]),
    angle=st.floats(0, 6.3),
    flip=st.booleans(),
    start=st.integers(0, 80),
)
def test_unit_rotation_and_direction_of_time_do_not_matter(seed, scale, angle, flip, start):
    x = path(seed=seed).astype(np.float64)
    confidence = np.full((90, 1), 0.9)
    x[start : start + 10] += 0.5
    confidence[start : start + 10] = 0.2
    expected = strays(x, confidence)
    assert expected == list(range(start, min(start + 10, 90)))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    y, c = scale * (x @ turn) + 7, confidence
    y, c = (y[::-1], c[::-1]) if flip else (y, c)
    found = strays(y, c, size=scale)
    assert sorted(89 - k for k in found) == expected if flip else found == expected


def test_fast_motion_is_no_leap():
    t = np.arange(60) / FPS
    punch = np.exp(-0.5 * ((t - 1) / 0.085) ** 2)[:, None] * [0.3, 0.0]  # 0.5 m in 0.2 s
    assert not leaps(punch, t, 1.0).any()
    assert leaps(np.array([[0.0, 0], [0, 0], [0.5, 0], [0.5, 0]]), t[:4], 1.0).tolist() == [0, 0, 1, 0]
    assert not leaps(np.zeros((1, 2)), t[:1], 1.0).any()
