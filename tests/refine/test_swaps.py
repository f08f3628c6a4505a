import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walker import PARTS, SKELETON, plant, walk

from steadypose.refine._sides import sides_of
from steadypose.refine.swaps import TURN, _margins, repair_swaps
from steadypose.skeleton import Skeleton

DATA = Path(__file__).parents[1] / "data" / "behaviour"


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("length", [1, 2, 5, 20])
def test_an_exchange_is_put_back(part, length):
    # An exchange within the face is a few centimetres: it shows only where noise is millimetres.
    positions, times = walk(noise=0.003 if part in ("face", "all") else 0.008)
    bad, mark = plant(positions, part, slice(60, 60 + length))
    fixed, swapped = repair_swaps(bad, None, times, SKELETON)
    assert np.array_equal(fixed, positions)
    assert np.array_equal(swapped, mark)


def test_legs_seen_from_the_side_are_put_back_where_they_meet_as_well():
    made = np.load(DATA / "f10_legs.npz")
    truth = np.load(DATA / "f10_truth.npy")
    skeleton = Skeleton.from_names(made["keypoints"].tolist())
    times = np.arange(len(truth)) / float(made["fps"])
    fixed, swapped = repair_swaps(made["positions"], None, times, skeleton)
    shins = [skeleton.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("knee", "ankle")]
    frames = np.concatenate([np.arange(start, start + 9) for start in (35, 56, 133)])
    assert np.array_equal(np.flatnonzero(swapped.any(axis=(1, 2))), frames)
    assert swapped[np.ix_(frames, [0], shins)].all()
    assert swapped.sum() == len(frames) * len(shins)
    error, before = (np.linalg.norm(x[:, 0] - truth, axis=2).mean() for x in (fixed, made["positions"]))
    assert error < 2.6 < 3.6 < before


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("heading", [0.0, 0.8, np.pi / 2])
@pytest.mark.parametrize("fps", [30, 60])
@pytest.mark.parametrize(
    ("part", "seconds"),
    [("all", 25 / 30), ("all", 3), ("legs", 0.3), ("legs", 2.5), ("arms", 0.4), ("arms", 3)],
)
def test_exchanges_of_seconds_and_of_the_whole_body_are_put_back(part, seconds, fps, heading, dims):
    positions, times = walk(10 * fps, fps, heading, noise=0.003)
    positions = positions[..., :dims]
    bad, mark = plant(positions, part, slice(4 * fps, 4 * fps + round(seconds * fps)))
    fixed, swapped = repair_swaps(bad, None, times, SKELETON)
    # Where the sides meet it does not matter, and does not show, when they change places.
    left = np.linalg.norm(fixed - positions, axis=3)
    assert left.max() < 0.1
    assert left.sum() < 0.01 * np.linalg.norm(bad - positions, axis=3).sum()
    assert (swapped & ~mark).sum() <= 0.02 * mark.sum()


def test_a_flip_of_the_whole_body_does_not_leave_the_legs_behind():
    # Arms are apart at both ends of the flip, legs meet at the first.
    positions, times = walk(300, heading=np.pi / 2, noise=0.004)
    positions = positions[..., :2]
    arms = [SKELETON.index(f"{side}_{joint}") for side in ("left", "right") for joint in PARTS["arms"]]
    positions[:-8, 0, arms] = positions[8:, 0, arms]
    ankles = np.abs(
        np.diff(positions[100:130, 0, [SKELETON.index(f"{s}_ankle") for s in ("left", "right")], 0])
    )
    start = 100 + int(ankles.argmin())
    bad, mark = plant(positions, "all", slice(start, start + 25))
    fixed, swapped = repair_swaps(bad, None, times, SKELETON)
    assert np.linalg.norm(fixed - positions, axis=3).max() < 0.1
    assert not (swapped & ~mark).any()


@pytest.mark.parametrize("part", ["all", "legs", "arms"])
def test_an_exchange_with_a_frame_half_way_is_put_back(part):
    positions, times = walk(noise=0.003)
    bad, mark = plant(positions, part, slice(60, 80))
    for frame in (59, 80):  # as an estimator that cannot decide
        pairs = np.flatnonzero(mark.any(axis=(0, 1)))
        bad[frame, 0, pairs] = (positions[frame, 0, pairs] + positions[frame, 0, SKELETON.mirror[pairs]]) / 2
    _, swapped = repair_swaps(bad, None, times, SKELETON)
    apart = [k for k in np.flatnonzero(mark.any(axis=(0, 1))) if "ear" not in SKELETON.keypoints[k]]
    assert np.array_equal(swapped[60:80, 0, apart], mark[60:80, 0, apart])
    assert not swapped[:59].any()
    assert not swapped[81:].any()


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("turning", [0.0, 0.6, 4.0])
@pytest.mark.parametrize("fps", [12, 30, 100])
def test_legs_that_cross_and_persons_who_turn_are_left_alone(dims, turning, fps):
    for heading in (0.0, 1.4, np.pi / 2):
        positions, times = walk(5 * fps, fps, heading, turning=turning)
        kept = positions[..., :dims]
        out, swapped = repair_swaps(kept, None, times, SKELETON)
        assert out is kept
        assert not swapped.any()


def test_noise_slips_and_missing_keypoints_make_no_exchange():
    positions, times = walk(noise=0.04, seed=4)
    rng = np.random.default_rng(4)
    hit = rng.random(positions.shape[:3]) < 0.03
    positions[hit] += rng.normal(0, 0.4, (hit.sum(), 3)).astype(np.float32)
    positions[rng.random(positions.shape[:3]) < 0.1] = np.nan
    assert not repair_swaps(positions, None, times, SKELETON)[1].any()


def test_one_slip_that_reaches_over_to_the_other_side_is_no_exchange():
    positions, times = walk()
    left, right = (SKELETON.keypoints.index(f"{side}_ankle") for side in ("left", "right"))
    positions[60:63, 0, left] = positions[60:63, 0, right]  # both ankles on the same foot
    assert not repair_swaps(positions, None, times, SKELETON)[1].any()


def test_persons_and_limbs_are_judged_by_themselves_and_scale_does_not_matter():
    a, times = walk()
    b, _ = walk(seed=1, heading=0.8)
    positions = np.concatenate([a, b + np.float32(3.0)], axis=1) * np.float32(400)
    bad, first = plant(positions, "arms", slice(30, 37))
    bad, second = plant(bad, "shins", slice(80, 90), person=1)
    fixed, swapped = repair_swaps(bad, None, times, SKELETON)
    assert np.array_equal(fixed, positions)
    assert np.array_equal(swapped, first | second)


def test_of_two_stretches_the_shorter_or_the_less_sure_one_is_the_exchanged_one():
    positions, times = walk(300, noise=0.003)
    for frames in (slice(0, 60), slice(240, None)):
        bad, mark = plant(positions, "all", frames)
        assert np.array_equal(repair_swaps(bad, None, times, SKELETON)[1], mark)
    bad, mark = plant(positions, "all", slice(0, 140))
    assert not repair_swaps(bad, None, times, SKELETON)[1].any()  # either may be: left alone
    confidence = np.full(bad.shape[:3], 0.9, np.float32)
    confidence[:140] = 0.3
    assert np.array_equal(repair_swaps(bad, confidence, times, SKELETON)[1], mark)


def test_of_two_stretches_the_one_that_fits_the_rest_of_the_body_is_right():
    positions, times = walk(300)
    for part in ("arms", "forearms"):
        bad, mark = plant(positions, part, slice(0, 180))
        assert np.array_equal(repair_swaps(bad, None, times, SKELETON)[1], mark)


def test_an_exchange_moves_what_is_missing_too_but_does_not_reach_into_another_body():
    positions, times = walk()
    positions[60:63, 0, SKELETON.keypoints.index("left_wrist")] = np.nan
    bad, mark = plant(positions, "arms", slice(58, 66))
    fixed, swapped = repair_swaps(bad, None, times, SKELETON)
    assert np.array_equal(swapped, mark)
    assert np.array_equal(fixed, positions, equal_nan=True)
    positions, times = walk()
    positions[90:] += 4.0
    bad, mark = plant(positions, "arms", slice(84, 90))  # ends where the other body begins
    fixed, swapped = repair_swaps(bad, None, times, SKELETON)
    assert not swapped[90:].any()


def test_blocks_of_a_long_recording_meet_exactly(monkeypatch):
    positions, times = walk(900)
    for start in range(20, 860, 37):
        positions, _ = plant(positions, "arms", slice(start, start + 1 + start % 7))
    positions[np.random.default_rng(1).random(positions.shape[:3]) < 0.1] = np.nan
    whole = repair_swaps(positions, None, times, SKELETON)[1]
    monkeypatch.setattr(sys.modules["steadypose.refine._turns"], "_BLOCK", 1)
    monkeypatch.setattr(sys.modules["steadypose.refine.swaps"], "_ROWS", 7)
    assert np.array_equal(repair_swaps(positions, None, times, SKELETON)[1], whole)
    assert whole.any(axis=(1, 2)).sum() > 30


def test_memory_grows_with_the_input_and_not_with_states_or_turns():
    positions, times = walk(20_000)
    for start in range(50, 19_900, 97):
        positions, _ = plant(positions, ("all", "legs", "arms", "shins")[start % 4], slice(start, start + 9))
    tracemalloc.start()
    swapped = repair_swaps(positions, None, times, SKELETON)[1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert swapped.any(axis=(1, 2)).sum() > 1500
    assert peak < 12 * positions.nbytes + (64 << 20)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_recordings_and_those_of_nothing(frames):
    positions, times = walk(frames)
    assert not repair_swaps(positions, None, times, SKELETON)[1].any()
    nothing = np.full_like(positions, np.nan)
    assert repair_swaps(nothing, None, times, SKELETON)[0] is nothing
    assert repair_swaps(positions[:, :0], None, times, SKELETON)[1].shape == (frames, 0, 17)
    unnamed = Skeleton("numbers", tuple(str(i) for i in range(17)))
    assert not repair_swaps(positions, None, times, unnamed)[1].any()


@st.composite
def exchanges(draw):
    """A walk seen flat or not, with some exchanges well apart."""
    positions, times = walk(
        240, heading=draw(st.floats(0, 2 * np.pi)), seed=draw(st.integers(0, 99)), noise=0.004
    )
    positions = positions[..., : draw(st.sampled_from([2, 3]))]
    for start in range(40, 200, 60):
        part = draw(st.sampled_from(["all", "legs", "shins", "arms", "forearms"]))
        positions, _ = plant(positions, part, slice(start, start + draw(st.integers(1, 25))))
    return positions, times


@settings(max_examples=25)
@given(exchanges(), st.floats(-3, 3), st.floats(0, 2 * np.pi), st.booleans())
def test_scale_place_direction_and_mirror_image_do_not_matter(made, scale, angle, mirrored):
    positions, times = made
    swapped = repair_swaps(positions, None, times, SKELETON)[1]
    c, s = np.cos(angle), np.sin(angle)
    turn = np.eye(positions.shape[-1])
    turn[:2, :2] = [[c, -s], [s, c]]
    turn[0] *= -1 if mirrored else 1
    other = (10.0**scale * (positions.astype(np.float64) @ turn.T + 2.0)).astype(np.float32)
    differ = repair_swaps(other, None, times, SKELETON)[1] != swapped
    assert differ.any(axis=(1, 2)).sum() <= 1  # rounding, where the sides meet


@settings(max_examples=25)
@given(exchanges())
def test_names_of_the_sides_and_the_direction_of_time_do_not_matter(made):
    positions, times = made
    swapped = repair_swaps(positions, None, times, SKELETON)[1]
    named = repair_swaps(positions[:, :, SKELETON.mirror], None, times, SKELETON)[1]
    assert np.array_equal(named, swapped)
    back = repair_swaps(positions[::-1], None, times[-1] - times[::-1], SKELETON)[1][::-1]
    assert (back != swapped).any(axis=(1, 2)).sum() <= 1


@settings(max_examples=25)
@given(exchanges())
def test_what_is_put_back_stays(made):
    positions, times = made
    fixed, _ = repair_swaps(positions, None, times, SKELETON)
    assert repair_swaps(fixed, None, times, SKELETON)[1].any(axis=(1, 2)).sum() <= 1


@settings(max_examples=40)
@given(st.integers(0, 999), st.integers(1, 3))
def test_margins_are_those_of_all_stories(seed, turns):
    rng = np.random.default_rng(seed)
    sides = sides_of(Skeleton.from_names([f"{s}_{j}" for j in ("hip", "wrist") for s in ("left", "right")]))
    assert sides is not None
    states = len(sides.states)
    evidence, hold = rng.normal(3, 6, (turns, 2)), rng.uniform(0, 3, (turns + 1, states))
    cost = np.full((turns + 1, 2, 2), np.inf)
    for story in np.ndindex(*[states] * (turns + 1)):
        path = sides.states[list(story)]
        turned = path[1:] ^ path[:-1]
        events = sides.between[0, story[0]] + sides.between[story[-1], 0]
        events += sides.between[list(story[:-1]), list(story[1:])].sum()
        total = TURN * events - evidence[turned].sum() + hold[np.arange(turns + 1), list(story)].sum()
        at = np.arange(turns + 1)[:, None], np.arange(2), path.astype(int)
        cost[at] = np.minimum(cost[at], total)
    np.testing.assert_allclose(_margins(evidence, hold, sides), cost[..., 0] - cost[..., 1], atol=1e-9)
