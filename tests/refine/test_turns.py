import numpy as np
import pytest
from walker import SKELETON, plant, walk

from steadypose.refine._sides import sides_of
from steadypose.refine._turns import NEVER, SLIDE, find_turns

LEVELS = sides_of(SKELETON).levels
BODY = slice(0, 6)  # all levels but the face


def evidence(positions, times, size=1.7):
    return find_turns(positions[:, 0], times, LEVELS, size).evidence


@pytest.mark.parametrize("fps", [15, 30, 60, 120])
def test_a_turn_shows_where_it_is_and_nowhere_else(fps):
    positions, times = walk(4 * fps, fps, noise=0.003)
    bad, _ = plant(positions, "all", slice(2 * fps, None))
    found = evidence(bad, times)[:, BODY].sum(axis=1)
    assert found[2 * fps] > 20
    assert (np.delete(found, [0, 2 * fps]) < 0).all()


def test_motion_is_evidence_against_turns():
    found = evidence(*walk(heading=np.pi / 2))[1:]
    assert (found[:, BODY].sum(axis=1) < 0).all()
    assert (found == NEVER).any()  # most of it is not worked out


def test_a_turn_that_takes_three_frames_shows_at_one():
    positions, times = walk(noise=0.003)
    share = np.clip((np.arange(150) - 73) / 3, 0, 1)[:, None, None, None]  # 74 and 75 lie between
    bad = (1 - share) * positions + share * positions[:, :, SKELETON.mirror]
    found = evidence(bad.astype(np.float32), times)[:, BODY].sum(axis=1)
    assert 74 <= int(found.argmax()) <= 76
    assert found.max() > 20 - 6 * SLIDE
    assert (found > 0).sum() == 1


def test_a_slip_of_one_keypoint_is_hardly_evidence():
    positions, times = walk(noise=0.003)
    left, right = (SKELETON.index(f"{side}_wrist") for side in ("left", "right"))
    slip = positions.copy()
    slip[70, 0, left] = 2 * positions[70, 0, right] - positions[70, 0, left]  # the vector across turns round
    bad, _ = plant(positions, "arms", slice(70, 71))
    assert evidence(slip, times)[70:72, 5].max() < 3 < evidence(bad, times)[70:72, 5].min()


def test_another_body_is_foreign_and_an_exchange_is_not():
    positions, times = walk()
    other, _ = walk(seed=3, heading=2.5)
    bad, _ = plant(positions, "all", slice(50, 70))
    assert not find_turns(bad[:, 0], times, LEVELS, 1.7).foreign.any()
    # Relative to their roots bodies have no place, but a posture.
    both = np.concatenate([positions[:100], other[100:] * np.array([1, -1, 1], np.float32)])
    both -= both[:, :, [SKELETON.index("left_hip")]]
    assert np.flatnonzero(find_turns(both[:, 0], times, LEVELS, 1.7).foreign).tolist() == [100]


def test_repeated_frames_tell_nothing_new():
    positions, times = walk(60, 12, noise=0.003)
    bad, _ = plant(positions, "all", slice(30, None))
    often = np.repeat(bad, 5, axis=0)
    found, plain = evidence(often, np.arange(300) / 60), evidence(bad, times)
    assert not found[np.arange(300) % 5 > 0].any()
    assert found[150, BODY].sum() > 0.5 * plain[30, BODY].sum() > 5


def test_a_turn_while_keypoints_are_missing_shows_when_they_are_back():
    positions, times = walk(noise=0.003)
    bad, _ = plant(positions, "all", slice(75, None))
    bad[73:76] = np.nan
    found = evidence(bad, times)
    assert not found[73:76].any()
    assert found[76, BODY].sum() > 15
    bad[70:78] = np.nan  # longer than a quarter of a second
    assert not evidence(bad, times)[70:79].any()


def test_nothing_is_judged_below_nine_frames_a_second():
    positions, _ = walk(60, 6)
    assert not evidence(plant(positions, "all", slice(20, 30))[0], np.arange(60) / 6).any()
