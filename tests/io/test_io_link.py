"""Linking detections into persons: known motions, invariances, and real people torn in two for a frame."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.errors import DataError
from steadypose.io import _bodies, _link
from steadypose.io._link import TwiceError, by_identity, link

BODY = np.random.default_rng(0).uniform(0, 100, (17, 2)) * [1, 2]


def scene(paths, rng=None, noise=0.5):
    """Detections (shuffled if rng is given), their frames and owners, for centres (persons, frames, 2)."""
    rng_noise = np.random.default_rng(1)
    points, frame, owner = [], [], []
    for f in range(len(paths[0])):
        here = [p for p in range(len(paths)) if np.isfinite(paths[p][f]).all()]
        for p in rng.permutation(here) if rng is not None else here:
            points.append(BODY + paths[p][f] + rng_noise.normal(0, noise, BODY.shape))
            frame.append(f)
            owner.append(int(p))
    return np.array(points), np.array(frame), np.array(owner)


def line(a, b, frames):
    return np.linspace(a, b, frames)


def owners(slots, owner):
    """For every linked person the set of who they really are."""
    return [{int(owner[n]) for n in column if n >= 0} for column in slots.index.T]


def test_two_people_who_cross_keep_their_identities():
    paths = [line((0, 0), (600, 0), 60), line((600, 40), (0, 40), 60)]
    points, frame, owner = scene(paths, np.random.default_rng(2))
    slots = link(points, frame, range(60))
    assert slots.index.shape == (60, 2)
    assert sorted(map(tuple, owners(slots, owner))) == [(0,), (1,)]
    assert slots.persons == ("0", "1")
    assert "2 persons linked" in slots.note


def test_one_who_leaves_is_not_the_one_who_enters_elsewhere():
    paths = np.full((2, 40, 2), np.nan)
    paths[0, :20] = line((0, 0), (100, 0), 20)
    paths[1, 20:] = line((900, 0), (800, 0), 20)
    points, frame, owner = scene(paths)
    assert owners(link(points, frame, range(40)), owner) == [{0}, {1}]


def test_a_single_person_is_split_where_no_body_could_have_jumped():
    paths = np.concatenate([line((0, 0), (20, 0), 20), line((2000, 0), (2020, 0), 10)])[None]
    points, frame, _ = scene(paths)
    slots = link(points, frame, range(30))
    assert (slots.index >= 0).sum(axis=0).tolist() == [20, 10]


def test_a_short_absence_is_remembered_and_a_long_one_is_not():
    for away, persons in ((10, 1), (_link.MEMORY + 5, 2)):
        paths = line((0, 0), (100, 0), 40 + away)[None].copy()
        paths[0, 20 : 20 + away] = np.nan
        points, frame, _ = scene(paths)
        assert len(link(points, frame, range(40 + away)).persons) == persons


def test_frames_that_every_file_skips_are_no_absence():
    points, frame, _ = scene(line((0, 0), (100, 0), 30)[None])
    assert len(link(points, frame, [10 * f for f in range(30)]).persons) == 1


def test_the_largest_and_most_seen_person_comes_first():
    paths = [np.zeros((30, 2)), np.full((30, 2), 900.0)]
    points, frame, owner = scene(paths)
    points[owner == 1] = (points[owner == 1] - 900) * 3 + 900
    assert owners(link(points, frame, range(30)), owner) == [{1}, {0}]


def test_someone_known_goes_before_half_of_a_torn_body():
    points, frame, _ = scene(np.zeros((1, 20, 2)))
    upper, lower = points[10].copy(), points[10].copy()
    upper[8:], lower[:8] = np.nan, np.nan
    upper += [150, 0]  # and a little off
    torn = np.concatenate([points[:10], upper[None], lower[None], points[11:]])
    slots = link(torn, np.insert(frame, 10, 10), range(20))
    assert (slots.index[:, 0] >= 0).all()
    assert (slots.index[:, 1:] >= 0).sum() == 1


def test_detections_without_points_belong_to_nobody():
    points, frame, _ = scene(np.zeros((1, 5, 2)))
    points[2] = np.nan
    slots = link(points, frame, range(5))
    assert slots.index[:, 0].tolist() == [0, 1, -1, 3, 4]


def test_wild_keypoints_and_numbers_beyond_reason_tear_nobody():
    points, frame, _ = scene(np.zeros((1, 20, 2)))
    points[5, 3] = 1e7
    points[6, 4] = 1e300
    assert len(link(points, frame, range(20)).persons) == 1


def test_confidence_that_is_nan_counts_as_certain():
    points, frame, _ = scene([line((0, 0), (600, 0), 30), line((600, 40), (0, 40), 30)])
    unknown = np.full(points.shape[:2], np.nan)
    plain, weighed = link(points, frame, range(30)), link(points, frame, range(30), unknown)
    assert np.array_equal(plain.index, weighed.index)


def test_single_keypoints_and_identical_detections_are_linked():
    slots = link(np.zeros((6, 1, 2)), [0, 0, 1, 1, 2, 2], range(3))
    assert slots.index.shape == (3, 2)
    assert sorted(slots.index.ravel()) == list(range(6))


def test_ghosts_share_rows():
    frames = 2000
    points, frame, _ = scene(np.zeros((1, frames, 2)))
    ghosts = np.arange(50, frames, 200)
    away = points[ghosts] + 5000
    slots = link(np.concatenate([points, away]), np.concatenate([frame, ghosts]), range(frames))
    assert len(slots.persons) == 2
    assert (slots.index >= 0).sum() == frames + len(ghosts)


def test_more_persons_than_a_video_can_have_are_refused():
    frames = 4000  # in each of them somebody else: a grid of two gigabytes
    points, frame, _ = scene(np.arange(6 * frames).reshape(3, frames, 2) % 9973 * 1000.0)
    with pytest.raises(DataError, match=f"found 12000 different ones in {frames} frames"):
        by_identity(range(len(points)), frame, frames, int(np.prod(points.shape[1:])))


def test_a_crowd_takes_time_and_memory_by_its_size_and_not_by_the_square():
    people = 2000
    points, frame, _ = scene(
        line((0, 0), (1, 0), 3) + 300.0 * np.stack(np.divmod(np.arange(people), 50), 1)[:, None]
    )
    tracemalloc.start()
    slots = link(points, frame, range(3))
    assert tracemalloc.get_traced_memory()[1] < 20 * points.nbytes  # all pairs: 64 MB for their numbers alone
    tracemalloc.stop()
    assert len(slots.persons) == people
    assert np.array_equal(np.diff(slots.index, axis=0), np.full((2, people), people))


def test_nobody_is_lost_in_a_crowd_at_one_spot():
    points, frame, _ = scene(np.zeros((300, 3, 2)))
    slots = link(points, frame, range(3))
    assert sorted(slots.index[slots.index >= 0].tolist()) == list(range(900))


@st.composite
def crowds(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    persons, frames = draw(st.integers(1, 4)), draw(st.integers(1, 25))
    start, speed = rng.uniform(0, 1500, (persons, 1, 2)), rng.normal(0, 12, (persons, 1, 2))
    paths = start + speed * np.arange(frames)[None, :, None]
    paths[rng.random((persons, frames)) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    points, frame, _ = scene(paths) if np.isfinite(paths).any() else scene(start)
    points[rng.random(points.shape[:2]) < 0.1] = np.nan
    return points, frame, max(frames, int(frame.max()) + 1), rng


@settings(max_examples=60, deadline=None)
@given(crowds(), st.sampled_from([2.0**-9, 1.0, 2.0**7]), st.integers(-(2**12), 2**12))
def test_order_origin_and_scale_do_not_matter(crowd, scale, shift):
    points, frame, frames, rng = crowd
    slots = link(points, frame, range(frames))
    mixed = rng.permutation(len(points))
    again = link(points[mixed] * scale + shift * scale, frame[mixed], range(frames))
    assert np.array_equal(np.where(again.index >= 0, mixed[again.index], -1), slots.index)
    assert again.persons == slots.persons


@settings(max_examples=60, deadline=None)
@given(crowds())
def test_every_detection_is_one_person_in_its_own_frame(crowd):
    points, frame, frames, _ = crowd
    slots = link(points, frame, range(frames))
    f, _ = np.nonzero(slots.index >= 0)
    found = slots.index[slots.index >= 0]
    assert np.array_equal(frame[found], f)
    assert sorted(found) == np.flatnonzero(np.isfinite(points).all(axis=2).any(axis=1)).tolist()


@settings(max_examples=60, deadline=None)
@given(crowds())
def test_the_shortcut_gives_what_the_solver_gives(crowd):
    points, frame, frames, _ = crowd
    quick = link(points, frame, range(frames))
    easy = _bodies.easy
    try:
        _bodies.easy = lambda bodies, order, bounds, gates: [None] * (len(bounds) - 1)
        slow = link(points, frame, range(frames))
    finally:
        _bodies.easy = easy
    assert np.array_equal(quick.index, slow.index)


def test_identities_from_the_file():
    slots = by_identity([7, 3, 3, 7, 9], [0, 0, 2, 2, 2], 3)
    assert slots.persons == ("7", "3", "9")
    assert slots.index.tolist() == [[0, 1, -1], [-1, -1, -1], [3, 2, 4]]
    assert slots.note == ""
    with pytest.raises(TwiceError) as e:
        by_identity([7, 3, 7], [0, 1, 0], 2)
    assert e.value.detection == 2
    gathered = slots.gather(np.arange(5.0)[:, None])
    assert gathered.shape == (3, 3, 1)
    assert np.isnan(gathered[1]).all()
    assert gathered[2, :, 0].tolist() == [3, 2, 4]
