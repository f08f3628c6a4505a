"""Windows and targets against a slow obvious version, and what motion capture becomes."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent / "train"))
from synthetic_pairs import body, track
from synthetic_pairs import pairs as synthetic

from steadypose._layouts import layouts
from steadypose.data._variation import hidden, mirrored
from steadypose.data.cameras import Camera, film_set
from steadypose.data.human36m import Recording, cameras
from steadypose.data.mocap import read_clip
from steadypose.data.noise import DetectorNoise, GaussianNoise
from steadypose.data.pairs import LiftPairs, Pairs, recorded
from steadypose.errors import DataError
from steadypose.lift._inputs import network_input
from steadypose.lift._spec import H36M17, LiftSpec

PIXELS = LiftSpec(length=5, normalisation="pixels", confidence=False, rates=(50, 50), derived=False)
PERSON = LiftSpec(length=5, rates=(25, 50))


@pytest.fixture(scope="module")
def clip():
    """A quarter of a second of CMU's, ten times as slow: 130 frames."""
    found = read_clip(Path(__file__).parent.parent / "data" / "bvh" / "02_03.bvh", unit_m=0.056444, skip=1)
    dense = found.at(500)
    return replace(dense, motion=replace(dense.motion, times=np.arange(len(dense.motion.times)) / 50))


# --- windows


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(1, 7))
def test_windows_slide_by_one_and_stay_in_their_track(frames, length):
    spec = replace(PIXELS, length=length)
    p = Pairs([track(spec, n, seed) for seed, n in enumerate(frames)], spec)
    x, y = p.batch(np.arange(len(p)))
    at = 0
    for t in p.tracks:
        n = len(t.truth)
        ends = range(length - 1, n) if n >= length else range(n)
        for end in ends:
            which = [max(k, 0) for k in range(end - length + 1, end + 1)]
            assert (x[at] == t.keypoints[which]).all()
            assert (y[at] == t.truth[which]).all()
            at += 1
    assert at == len(p) == len(x)


def test_pixels_are_the_projection_of_the_targets():
    p = synthetic(PIXELS)
    x, y = p.batch(np.array([0]))
    camera, world = p.tracks[0].camera, body(30, 0)
    pelvis = camera.to_camera(world[:5, :1])
    joints = [H36M17.index(n) for n in PIXELS.joints]
    np.testing.assert_allclose(
        x[0], camera.to_pixels(y[0, :, joints].swapaxes(0, 1) / 1000 + pelvis), atol=0.01
    )


@pytest.mark.parametrize("known", [False, True])
def test_targets_of_a_person_are_in_the_camera_that_looks_at_it(known):
    p = synthetic(PERSON, camera_known=known)
    x, y = p.batch(np.arange(len(p)))
    for n in (0, 7, len(p) - 1):
        t, f = p.tracks[p.track[n]], p.frames[n] - p.first[p.track[n]]
        rays = t.camera.rays(t.keypoints[f])
        ahead = rays.mean(axis=(0, 1))
        ahead /= np.linalg.norm(ahead)
        turn = p.turns[n].astype(float)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
        np.testing.assert_allclose(turn @ ahead, (0, 0, 1), atol=1e-6)
        np.testing.assert_allclose(y[n], t.truth[f] @ turn.T, atol=1e-3)
        if known:  # as a camera in the same place, turned that way and without a lens, would see it
            straight = Camera(
                np.ones(2), np.zeros(2), rotation=turn @ t.camera.rotation, position=t.camera.position
            )
            joints = [H36M17.index(name) for name in PERSON.joints]
            world = body(30, int(p.track[n]))[f][:, joints]
            seen = straight.project(world)
        else:
            seen = t.keypoints[f]
        expected = network_input(seen, t.confidence[f], PERSON)
        np.testing.assert_allclose(x[n], expected, atol=2e-4)


def test_a_person_needs_a_camera():
    with pytest.raises(DataError, match="track0: expected its camera"):
        Pairs([replace(track(PERSON), camera=None)], PERSON)


def test_a_point_that_no_ray_comes_from_is_missing():
    barrel = replace(film_set()[0], distortion=np.array([-0.3, 0, 0, 0, 0]))
    t = track(PERSON, 8, camera=barrel, camera_known=True)
    x = t.keypoints.copy()
    x[3, 2] = 50_000
    p = Pairs([replace(t, keypoints=x)], PERSON)
    seen, y = p.batch(np.arange(len(p)))
    assert np.isfinite(seen).all() and np.isfinite(y).all()
    assert p.confidence[3, 2] == 0
    assert (p.tracks[0].confidence == 1).all()


def test_windows_without_the_person_are_left_out():
    t = track(PERSON, 20)
    c = t.confidence.copy()
    c[10, 3:] = 0  # three joints are no person
    x = np.where(c[..., None] > 0, t.keypoints, np.nan).astype(np.float32)
    p = Pairs([replace(t, keypoints=x, confidence=c)], PERSON)
    assert sorted({int(n) for n in p.frames.ravel()}) == [n for n in range(20) if n != 10]
    assert len(p) == 6 + 5
    seen, _ = p.batch(np.arange(len(p)))
    assert np.isfinite(seen).all()


def test_without_a_channel_for_confidence_everything_has_to_be_seen():
    t = track(PIXELS, 20)
    c = t.confidence.copy()
    c[10, 0] = 0
    x = np.where(c[..., None] > 0, t.keypoints, np.nan).astype(np.float32)
    assert len(Pairs([replace(t, keypoints=x, confidence=c)], PIXELS)) == 11


def test_statistics_are_those_of_what_is_seen():
    t = track(PERSON, 40)
    c = t.confidence.copy()
    c[5:9, 2] = 0
    x = np.where(c[..., None] > 0, t.keypoints, np.nan).astype(np.float32)
    p = Pairs([replace(t, keypoints=x, confidence=c)], PERSON)
    inputs, targets = (a.astype(float) for a in p.batch(np.arange(len(p))))
    for j in (0, 2):
        seen = inputs[:, :, j][inputs[:, :, j, 2] > 0][:, :2]
        np.testing.assert_allclose(p.statistics["input_mean"][j], seen.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(p.statistics["input_std"][j], seen.std(axis=0), atol=1e-6)
    np.testing.assert_allclose(p.statistics["output_std"], targets[:, :, 1:].std(axis=(0, 1)), rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": np.zeros((30, 3, 2), np.float32)}, "keypoints of shape"),
        ({"confidence": np.zeros((29, 16), np.float32)}, "confidence of shape"),
        ({"truth": np.full((30, 17, 3), np.nan, np.float32)}, "finite positions"),
        ({"keypoints": np.full((30, 16, 2), np.nan, np.float32)}, "confidence 0 where"),
    ],
)
def test_tracks_that_do_not_fit_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        Pairs([replace(track(PIXELS), **change)], PIXELS)


def test_no_tracks_are_refused():
    with pytest.raises(DataError, match="expected tracks"):
        Pairs([], PIXELS)


# --- motion capture


def test_the_film_set_sees_a_clip_four_times_in_true_pixels(clip):
    p = LiftPairs([clip], PIXELS).epoch()
    assert [t.name.rpartition("/")[2] for t in p.tracks] == [c.name for c in film_set()]
    # One body before four cameras: turned back into the world all truths are the same.
    worlds = [t.truth.astype(float) @ t.camera.rotation for t in p.tracks]
    for other in worlds[1:]:
        np.testing.assert_allclose(other, worlds[0], atol=0.01)
    assert np.isfinite(p.keypoints[p.frames]).all()


def test_epochs_are_fixed_by_seed_and_number(clip):
    how = {"cameras": "mixed", "views": 2, "noise": GaussianNoise(), "augment": True, "layout": "coco17"}
    first, again, other = (
        LiftPairs([clip], PERSON, **how, seed=s).epoch(n) for s, n in ((3, 1), (3, 1), (3, 2))
    )
    np.testing.assert_array_equal(first.keypoints, again.keypoints)
    np.testing.assert_array_equal(first.frames, again.frames)
    assert not np.array_equal(first.keypoints, other.keypoints, equal_nan=True)
    lengths = [np.linalg.norm(p.truth[:, 1] - p.truth[:, 4], axis=-1).mean() for p in (first, other)]
    assert abs(lengths[0] - lengths[1]) > 1  # other bodies too: the hips are as wide as their augmentation


def test_joints_are_derived_from_what_the_detector_finds(clip):
    p = LiftPairs([clip], replace(PERSON, normalisation="pixels"), layout="coco17").epoch()
    at = {n: PERSON.joints.index(n) for n in ("pelvis", "left_hip", "right_hip", "thorax", "spine")}
    x = p.keypoints
    np.testing.assert_allclose(
        x[:, at["pelvis"]], x[:, [at["left_hip"], at["right_hip"]]].mean(axis=1), atol=1e-3
    )
    np.testing.assert_allclose(x[:, at["spine"]], x[:, [at["pelvis"], at["thorax"]]].mean(axis=1), atol=1e-3)


def test_gaussian_noise_is_as_large_as_it_says(clip):
    exact, noisy = (LiftPairs([clip], PIXELS, noise=n).epoch() for n in (None, GaussianNoise(1.0, 7.0)))
    off = noisy.keypoints[noisy.confidence[:, 0] > 0] - exact.keypoints[noisy.confidence[:, 0] > 0]
    assert off.std() == pytest.approx(7.0, rel=0.03)


def test_a_simulated_detector_leaves_no_missing_point_without_the_channel(clip):
    noise = DetectorNoise(absent_rate=1.0)
    p = LiftPairs([clip], PIXELS, noise=noise).epoch()
    x, _ = p.batch(np.arange(len(p)))
    assert len(p) > 100
    assert np.isfinite(x).all()
    with_channel = LiftPairs([clip], replace(PERSON, derived=False), noise=noise).epoch()
    assert (with_channel.confidence == 0).mean() > 0.01


def test_missing_parts_come_with_confidence_zero(clip):
    p = LiftPairs([clip], PERSON, layout="mixed", cameras="phone", views=2, missing=0.4).epoch()
    x, _ = p.batch(np.arange(len(p)))
    assert np.isfinite(x).all()
    gone = x[..., 2] == 0
    assert 0.01 < gone.mean() < 0.4
    assert (x[gone] == 0).all()


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_as_much_is_hidden_as_asked_for(share):
    skeleton = layouts()["coco17"]
    gone = hidden(200_000, skeleton, 50.0, share, np.random.default_rng(0))
    assert gone.any(axis=1).mean() == pytest.approx(share, rel=0.1)


def test_a_mirrored_body_is_exchanged_and_comes_back():
    skeleton, x = layouts()["h36m17"], body(3, 1)
    y = mirrored(x, skeleton)
    left, right = skeleton.index("left_wrist"), skeleton.index("right_wrist")
    assert (y[:, left] == x[:, right] * (-1, 1, 1)).all()
    assert (mirrored(y, skeleton) == x).all()


def test_every_clip_has_a_rate_of_its_own(clip):
    made = LiftPairs([clip, clip, clip], PERSON, fps=(25.0, 50.0), cameras="film", views=1)
    rates = {c.fps for c in made.clips}
    assert len(rates) == 3
    assert all(25 <= r <= 50 for r in rates)


def test_no_clips_are_refused():
    with pytest.raises(DataError, match="expected clips"):
        LiftPairs([], PIXELS)


def test_recordings_of_human36m_become_tracks():
    camera = cameras("S9")[1]
    rng = np.random.default_rng(0)
    points = rng.uniform(200, 800, (8, 17, 2)).astype(np.float32)
    points[3, 9] = np.nan  # neck_base, which 16 joints do without
    truth = rng.normal(0, 300, (8, 17, 3)).astype(np.float32)
    p = recorded([Recording("S9", "Walking", "1", camera.name, points, None, truth)], PIXELS)
    assert p.tracks[0].label == "Walking"
    x, y = p.batch(np.arange(len(p)))
    assert len(p) == 4
    assert (x[0] == points[:5, [H36M17.index(n) for n in PIXELS.joints]]).all()
    assert (y[-1] == truth[3:]).all()
