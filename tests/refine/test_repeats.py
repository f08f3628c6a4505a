"""Frames that repeat the one before, and a body that only looks so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import steadypose as sp
from steadypose.refine import worth
from steadypose.refine.repeats import between, capture_times, find_copies
from steadypose.rotations import from_axis_angle, geodesic
from steadypose.sequence import BodyMotion
from steadypose.skeleton import Skeleton

KEYPOINTS = 6


def motion(times, seed=0):
    """Metres, (frames, KEYPOINTS, 3): limbs that swing at up to 1.5 Hz."""
    rng = np.random.default_rng(seed)
    rest, phase = rng.uniform(-0.8, 0.8, (2, KEYPOINTS, 3))
    frequency = rng.uniform(0.4, 1.5, (KEYPOINTS, 3))
    return rest + 0.2 * np.sin(2 * np.pi * frequency * np.asarray(times)[:, None, None] + 9 * phase)


def stored(own, rate, seconds=4.0, noise=0.0, seed=0):
    """Motion of ``own`` frames a second stored at ``rate``: truth at the stored times, and what is there."""
    times = np.arange(round(seconds * rate)) / rate
    starts = np.round(np.arange(round(seconds * own)) * rate / own + 1e-9)  # as video tools round them
    shown = np.searchsorted(starts, np.arange(len(times)), side="right") - 1
    seen = motion(np.arange(shown.max() + 1) / own, seed)
    seen = seen + noise * np.random.default_rng(seed).normal(size=seen.shape)
    return times, motion(times, seed), seen[shown].astype(np.float32), np.diff(shown, prepend=-1) == 0


def flat(x):
    return x.reshape(len(x), 1, -1)


def sequence(x, times):
    return sp.PoseSequence.from_array(x, times=times, unit="m", space="world")


def error(x, truth):
    return float(np.linalg.norm(x - truth, axis=-1).mean())


@pytest.mark.parametrize(
    ("own", "rate"), [(12, 60), (15, 30), (24, 60), (24, 30), (25, 30), (50, 60), (24, 25)]
)
@pytest.mark.parametrize("noise", [0.0, 0.005])
def test_copies_are_found_exactly_and_put_between(own, rate, noise):
    times, truth, x, copied = stored(own, rate, noise=noise)
    assert find_copies(flat(x), times)[:, 0].tolist() == copied.tolist()
    seq = sequence(x, times)
    steady = sp.refine(seq)
    assert f"{copied.sum()} of {len(x)} frames repeat the one before" in steady.history[-1]
    after = error(steady.positions[:, 0], truth)
    assert after < (0.4 if rate % own == 0 and not noise else 0.8) * error(x, truth)
    assert after < error(sp.refine(seq, check_rate=False).positions[:, 0], truth)
    assert steady.valid.all() and (steady.filled is None or not steady.filled.any())
    found = worth(seq)
    assert found.copies == copied.sum() and found.rate == pytest.approx(own, rel=0.1)


def test_a_named_method_sees_the_frames_as_they_are():
    times, _, x, _ = stored(12, 60)
    seq = sequence(x, times)
    assert "repeat" not in sp.refine(seq, "gaussian").history[-1]
    assert "repeat" in sp.refine(seq, "gaussian", check_rate=True).history[-1]


def test_every_frame_of_its_own():
    times = np.arange(120) / 30
    x = motion(times).astype(np.float32)
    assert not find_copies(flat(x), times).any()
    whole = np.round(400 * x).astype(np.float32)  # pixels
    assert not find_copies(flat(whole), times).any()


def test_who_is_still_is_not_repeated():
    times = np.arange(150) / 30
    still = np.repeat(motion([0.0]), 150, axis=0).astype(np.float32)
    assert not find_copies(flat(still), times).any()
    assert np.allclose(sp.refine(sequence(still, times)).positions[:, 0], still, atol=1e-6)
    pause = motion(np.concatenate([times[:60], np.full(40, times[60]), times[60:110]])).astype(np.float32)
    assert not find_copies(flat(pause), times).any(), "longer than half a second"
    rng = np.random.default_rng(0)
    rounded = np.round(400 * still + rng.normal(0, 0.3, still.shape)).astype(np.float32)
    rounded[:, 1:] = rounded[:1, 1:]  # one keypoint that flickers by a pixel
    assert not find_copies(flat(rounded), times).any()


def test_a_path_that_turns_back_may_have_the_same_numbers_twice():
    times = np.arange(120) / 30
    swing = np.cos(2 * np.pi * 2 * (times - 0.5 / 30))[:, None, None] * np.ones((1, 1, 3))
    same = np.round(swing, 4).astype(np.float32)
    assert (np.diff(same[:, 0, 0]) == 0).mean() > 0.06
    assert not find_copies(flat(same), times).any()


def test_nobody_and_nothing_seen():
    for x in (np.zeros((5, 0, 17, 2)), np.full((5, 1, 17, 2), np.nan)):
        found = worth(sequence(x.astype(np.float32), np.arange(5) / 2))
        assert (found.copies, found.too_fast) == (0, 0) and found.rate == 2


def test_every_person_has_copies_of_their_own():
    times, truth, x, copied = stored(15, 30)
    both = np.stack([x, motion(times, 5).astype(np.float32)], axis=1)
    both[40:50, 1] = np.nan
    found = find_copies(both.reshape(len(x), 2, -1), times)
    assert found[:, 0].tolist() == copied.tolist() and not found[:, 1].any()
    steady = sp.refine(sequence(both, times))
    alone = sp.refine(sequence(both[:, 1:], times))
    np.testing.assert_allclose(steady.positions[:, 1], alone.positions[:, 0], atol=1e-6)
    assert error(steady.positions[:, 0], truth) < 0.5 * error(x, truth)


def test_confidence_that_changes_says_that_the_frame_is_another():
    times, _, x, copied = stored(15, 30)
    confidence = np.random.default_rng(0).uniform(size=(len(x), 1, KEYPOINTS))
    assert not find_copies(flat(x), times, confidence).any()
    same = confidence[np.cumsum(~copied) - 1]
    assert find_copies(flat(x), times, same).sum() == copied.sum()
    assert find_copies(flat(x), times, np.full_like(same, np.nan)).sum() == copied.sum()


def test_missing_keypoints_stay_missing_and_gaps_are_filled():
    times, truth, x, _ = stored(15, 30)
    x[40:44, 2] = np.nan  # two frames of 15 a second: short enough
    x[60:90, 3] = np.nan
    steady = sp.refine(sequence(x, times))
    assert steady.filled[40:44, 0, 2].all() and steady.valid[40:44, 0, 2].all()
    assert not steady.valid[60:90, 0, 3].any() and steady.valid[:59, 0, 3].all()
    assert np.linalg.norm(steady.positions[40:44, 0, 2] - truth[40:44, 2], axis=1).max() < 0.05


def test_nothing_is_put_between_two_places():
    times, _, x, copied = stored(15, 30)
    x[60:] += np.float32(5)  # another camera
    steady = sp.refine(sequence(x, times)).positions[:, 0]
    away = np.minimum(np.abs(steady - x), np.abs(steady[:, :, :1] - x[:, :, :1]))
    assert away.max() < 0.5, "no frame lies halfway"
    assert copied[59]


def test_rotations():
    times, _, _, copied = stored(12, 60)
    turns = motion(times)
    truth = from_axis_angle(turns)[:, None]
    shown = np.cumsum(~copied) - 1
    at = np.flatnonzero(~copied)[shown]
    body = BodyMotion(truth[at], times, Skeleton.from_names("abcdef"), translation=turns[at, :1], unit="m")
    steady = sp.refine(body)
    assert "frames repeat the one before" in steady.history[-1]
    before, after = (np.degrees(geodesic(r, truth)).mean() for r in (body.rotations, steady.rotations))
    assert after < 0.4 * before
    assert (
        np.abs(steady.translation - turns[:, :1]).mean()
        < 0.4 * np.abs(body.translation - turns[:, :1]).mean()
    )


def test_capture_times_lie_on_a_line_where_the_rate_is_steady():
    kept = np.zeros(300, bool)
    kept[np.round(np.arange(240) * 1.25 + 0.1).astype(int)] = True
    times = np.arange(300) / 30
    taken = capture_times(kept, times)
    inside = slice(12, -12)
    assert np.abs(np.diff(taken[inside]) - 1 / 24).max() < 0.003
    assert np.abs(taken - times[kept]).max() < 1 / 30
    fifth = np.arange(300) % 5 == 0
    np.testing.assert_array_equal(capture_times(fifth, times), times[fifth])
    uneven = np.sort(np.random.default_rng(0).uniform(0, 10, 300))
    np.testing.assert_array_equal(capture_times(kept, uneven), uneven[kept])


@settings(deadline=None, max_examples=20)
@given(scale=st.sampled_from([1e-3, 1.0, 500.0]), every=st.integers(2, 5), seed=st.integers(0, 99))
def test_what_is_put_between_is_the_same_in_every_unit(scale, every, seed):
    times = np.arange(60) / 60
    kept = np.arange(60) % every == 0
    x = motion(times[kept], seed).astype(np.float32)
    size = np.full(KEYPOINTS, 2.5)
    full = between(x, times[kept], kept, times, size)
    np.testing.assert_array_equal(full[kept], x)
    scaled = between(x * np.float32(scale), times[kept], kept, times, scale * size) / scale
    np.testing.assert_allclose(scaled, full, atol=2e-6)
    last = np.flatnonzero(kept)[-1]
    assert np.abs(full[:last] - motion(times, seed)[:last]).max() < 0.05
