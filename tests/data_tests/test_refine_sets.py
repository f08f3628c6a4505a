"""Pairs for refinement from motion capture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from steadypose.data.mocap import read_clip
from steadypose.data.refine_sets import RefineData, RefineSets, estimated, sets_of
from steadypose.errors import DataError
from steadypose.refine.windows import WindowSpec

SPEC = WindowSpec(length=32, step=8, rate=60.0)


@pytest.fixture(scope="module")
def clip():
    """A walk of CMU's, stretched to four seconds."""
    found = read_clip(Path(__file__).parent.parent / "data" / "bvh" / "02_03.bvh", unit_m=0.056444, skip=1)
    times = np.linspace(0, 4, len(found.motion.times))
    return replace(found, motion=replace(found.motion, times=times))


def test_the_same_seed_and_epoch_give_the_same_pairs(clip):
    sets = RefineSets([clip], SPEC, RefineData(), seed=3)
    again = RefineSets([clip], SPEC, RefineData(), seed=3)
    other = RefineSets([clip], SPEC, RefineData(), seed=4)
    first = sets.epoch(0).trajectories[0]
    assert (again.epoch(0).trajectories[0].noisy == first.noisy).all()
    for t in (sets.epoch(1).trajectories[0], other.epoch(0).trajectories[0]):
        assert t.noisy.shape != first.noisy.shape or (t.noisy != first.noisy).any()
    kept = RefineSets([clip], SPEC, RefineData(fresh=0), seed=3)
    assert (kept.epoch(5).trajectories[0].noisy == kept.epoch(0).trajectories[0].noisy).all()


@pytest.mark.parametrize("fps", [25.0, 60.0])
def test_gaussian_noise_has_its_size_at_the_estimator_s_own_rate(clip, fps):
    data = RefineData(noise="gaussian", sigma=0.05, probability=0.5, rates=(fps,), dims=3, keypoints=0)
    t = RefineSets([clip], SPEC, data, training=False).epoch().trajectories[0]
    assert t.dims == 3 and t.fps == 60.0
    error = t.noisy - t.truth
    expected = 0.05 * np.sqrt(0.5)
    # Between the samples of a slower estimator a cubic curve has a little less noise.
    assert error.std() == pytest.approx(expected, rel=0.05 if fps == 60 else 0.25)
    slow = np.abs(np.diff(error, axis=0)).mean() / error.std()
    assert (slow < 0.7) == (fps == 25)


def test_motion_is_as_it_was_where_it_is_judged(clip):
    data = RefineData(amplitude=(1e-9, 1e-9), clean=0, detector=0, dims=3, keypoints=0, rates=(60.0,))
    t = RefineSets([clip], SPEC, data, training=False).epoch().trajectories[0]
    # A rigid turn leaves distances between joints.
    body = t.truth.reshape(len(t.truth), 17, 3)
    joints = clip.at(60).joints("h36m17").positions[: len(body), 0]
    lengths = [np.linalg.norm(b[:, 13] - b[:, 12], axis=-1) for b in (body, joints)]
    assert lengths[0] == pytest.approx(lengths[1], abs=1e-4)
    assert np.abs(t.noisy - t.truth).max() < 1e-6
    assert t.size == pytest.approx(1.7, abs=0.4)


def test_a_detector_s_pieces_are_pixels(clip):
    data = RefineData(dims=2, detector=1.0, rates=(30.0,))
    t = RefineSets([clip], SPEC, data).epoch().trajectories[0]
    assert t.dims == 2 and t.label == "2D detector, 30 Hz" and t.size > 30
    assert t.noisy.shape[1] == 20
    assert 0.05 < np.abs(t.noisy - t.truth).mean() < 0.2 * t.size


def test_speed_changes_in_training_only(clip):
    data = RefineData(speed=(2.0, 2.0), rates=(60.0,), detector=0)
    lengths = [
        len(RefineSets([clip], SPEC, data, training=training).epoch().trajectories[0].truth)
        for training in (True, False)
    ]
    assert lengths[0] == pytest.approx(lengths[1] / 2, abs=2)


def test_errors_of_an_estimator_last():
    rng = np.random.default_rng(0)
    noises = [estimated((600, 17, 3), 30.0, (0.01, 0.01), 0.0, rng) for _ in range(40)]
    sizes = np.array([np.abs(n).mean() for n in noises])
    assert 0.005 < np.median(sizes) < 0.05
    one_frame = [np.corrcoef(n[:-1, 3, 0], n[1:, 3, 0])[0, 1] for n in noises]
    assert np.median(one_frame) > 0.3 and min(one_frame) < 0.15
    clean = estimated((600, 17, 3), 30.0, (0.01, 0.01), 1.0, rng)
    assert np.abs(clean).mean() < 0.005


def test_bad_settings_are_named():
    with pytest.raises(DataError, match="expected rates as frame rates above 0, found"):
        RefineData(rates=())
    with pytest.raises(DataError, match="expected keypoints as 0 to 17, found 18"):
        RefineData(keypoints=18)
    with pytest.raises(DataError, match="found none"):
        RefineSets([], SPEC, RefineData())
    with pytest.raises(DataError):
        sets_of(RefineData(root="/nowhere"), "train", SPEC)
