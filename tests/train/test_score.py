"""Scores: against slow versions, and what a perfect network gets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic_pairs import pairs, track

from steadypose.data.pairs import Pairs
from steadypose.errors import DataError
from steadypose.lift._spec import LiftSpec
from steadypose.models import FCNConfig, build
from steadypose.rotations import procrustes
from steadypose.train.score import filtered, predictions, predictor, score, scores

PIXELS = LiftSpec(length=4, normalisation="pixels", confidence=False, derived=False)
PERSON = LiftSpec(length=4)


def oracle(p: Pairs):
    """Knows the answer to every window, in order."""
    at = 0

    def predict(windows):
        nonlocal at
        at += len(windows)
        return p.batch(np.arange(at - len(windows), at))[1]

    return predict


@pytest.mark.parametrize("spec", [PIXELS, PERSON])
def test_the_truth_has_no_error(spec):
    p = pairs(spec)
    for found, t in zip(predictions(oracle(p), p), p.tracks, strict=True):
        np.testing.assert_allclose(found, t.truth, atol=1e-3)
    s = score(oracle(p), p)
    assert max(s["mpjpe"], s["pa_mpjpe"], s["accel"]) < 1e-3
    assert s["share"] == 1


def test_first_windows_tell_all_their_frames_and_others_their_last():
    p = Pairs([track(PIXELS, 9), track(PIXELS, 2, 1)], PIXELS)

    def predict(windows):  # which window, and which frame of it
        y = np.zeros((len(windows), 4, 17, 3), np.float32)
        y[..., 0] = np.arange(len(windows))[:, None, None]
        y[..., 1] = np.arange(4)[None, :, None]
        return y

    long, short = predictions(predict, p)
    assert long[:, 0, :2].tolist() == [[0, 0], [0, 1], [0, 2], [0, 3], *([n, 3] for n in range(1, 6))]
    assert short[:, 0, :2].tolist() == [[6, 3], [7, 3]]


def test_frames_that_no_window_tells_do_not_count():
    t = track(PERSON, 30)
    c = t.confidence.copy()
    c[10:14] = 0
    p = Pairs([replace(t, confidence=c)], PERSON)
    found = predictions(oracle(p), p)[0]
    assert np.flatnonzero(np.isnan(found[:, 0, 0])).tolist() == [10, 11, 12, 13]
    np.testing.assert_allclose(found[14:18], t.truth[14:18], atol=1e-3)
    s = scores([found], p.tracks)
    assert s["share"] == pytest.approx(26 / 30)
    assert s["actions"]["swing"]["frames"] == 26


def test_scores_are_means_over_actions_of_means_over_frames():
    tracks = [track(PIXELS, n, k, label="ab"[k % 2]) for k, n in enumerate((10, 20, 12))]
    rng = np.random.default_rng(0)
    found = [t.truth + np.float32(20) * rng.normal(size=t.truth.shape).astype(np.float32) for t in tracks]
    for f in found:
        f[:, 0] = 0
    s = scores(found, tracks)
    expected = {"mpjpe": {}, "pa_mpjpe": {}, "accel": {}}
    for label, of in {"a": (0, 2), "b": (1,)}.items():
        errors = [np.linalg.norm(found[k] - tracks[k].truth, axis=-1)[:, 1:] for k in of]
        expected["mpjpe"][label] = np.concatenate(errors).mean()
        aligned = []
        for k in of:
            for x, y in zip(found[k].astype(float), tracks[k].truth.astype(float), strict=True):
                scale, R, t = procrustes(x, y)
                aligned.append(np.linalg.norm(scale * x @ R.T + t - y, axis=-1)[1:])
        expected["pa_mpjpe"][label] = np.mean(aligned)
        second = [np.linalg.norm(np.diff(found[k] - tracks[k].truth, 2, axis=0), axis=-1)[:, 1:] for k in of]
        expected["accel"][label] = np.concatenate(second).mean()
    for name, by_label in expected.items():
        assert s[name] == pytest.approx(np.mean(list(by_label.values())), rel=1e-5)
        for label, value in by_label.items():
            assert s["actions"][label][name] == pytest.approx(value, rel=1e-5)
    for name in ("mpjpe", "accel"):  # the root's error is zero
        assert s["with_root"][name] == pytest.approx(s[name] * 16 / 17, rel=1e-6)


def test_filters_are_those_of_five_frames():
    x = np.random.default_rng(0).normal(size=(9, 2, 3)).astype(np.float32)
    padded = np.concatenate([x[:1], x[:1], x, x[-1:], x[-1:]])
    for name, function in {"median": np.median, "mean": np.mean}.items():
        slow = [function(padded[n : n + 5], axis=0) for n in range(9)]
        np.testing.assert_allclose(filtered(x, name), slow, atol=1e-6)
    assert filtered(x[:1], "mean") == pytest.approx(x[:1])
    with pytest.raises(DataError, match="odd number"):
        filtered(x, "mean", 4)


def test_a_filter_steadies_a_per_frame_network():
    spec = replace(PIXELS, length=1)
    p = pairs(spec)
    torch.manual_seed(0)
    lifter = build(FCNConfig(width=8), spec)
    lifter.set_statistics(**p.statistics)
    own = predictor(lifter)
    found = []
    for filter in (None, "median"):
        rng = np.random.default_rng(0)
        found.append(
            score(lambda w, r=rng: own(w) + r.normal(0, 9, (len(w), 1, 17, 3)).astype("f4"), p, filter=filter)
        )
    plain, median = found
    assert median["accel"] < 0.8 * plain["accel"]


def test_predictions_must_fit_their_tracks():
    t = track(PIXELS, 5)
    with pytest.raises(DataError, match="a prediction for each"):
        scores([], [t])
    with pytest.raises(DataError, match="track0: expected a prediction of shape"):
        scores([t.truth[1:]], [t])


def test_a_clip_of_two_frames_has_no_acceleration():
    t = track(PIXELS, 2)
    s = scores([t.truth], [t])
    assert s["mpjpe"] == 0
    assert np.isnan(s["accel"])
