import sys

import numpy as np
import pytest

from steadypose.refine.swaps import repair_swaps
from steadypose.skeleton import Skeleton

JOINTS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist", "eye", "ear")
SKELETON = Skeleton.from_names([f"{side}_{j}" for j in JOINTS for side in ("left", "right")] + ["nose"])
HEIGHT = dict(zip(JOINTS, (0.9, 0.5, 0.1, 1.4, 1.1, 0.9, 1.62, 1.6), strict=True))
WIDTH = dict(zip(JOINTS, (0.12, 0.13, 0.14, 0.2, 0.25, 0.27, 0.035, 0.075), strict=True))
SWING = dict(zip(JOINTS, (0.02, 0.2, 0.35, 0.03, 0.15, 0.3, 0.0, 0.0), strict=True))
PARTS = {
    "legs": ("hip", "knee", "ankle"),
    "shins": ("knee", "ankle"),
    "arms": ("shoulder", "elbow", "wrist"),
    "forearms": ("elbow", "wrist"),
    "face": ("eye", "ear"),
    "all": JOINTS,
}


def walk(frames=150, fps=30.0, heading=0.3, seed=0, noise=0.008, turning=0.0):
    """A walking person (frames, 1, 17, 3): limbs swing and pass each other twice a stride."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / fps
    angle = heading + turning * t
    forward = np.stack([np.sin(angle), np.zeros(frames), np.cos(angle)], axis=1)
    aside = np.stack([np.cos(angle), np.zeros(frames), -np.sin(angle)], axis=1)
    x = np.zeros((frames, 1, len(SKELETON), 3))
    for k, name in enumerate(SKELETON.keypoints[:-1]):
        side, joint = name.split("_")
        sign = 1 if side == "left" else -1
        phase = 2 * np.pi * 0.9 * t + (
            0 if (side == "left") == (HEIGHT[joint] < 0.91 and joint != "wrist") else np.pi
        )
        x[:, 0, k] = sign * WIDTH[joint] * aside + SWING[joint] * np.sin(phase)[:, None] * forward
        x[:, 0, k, 1] += HEIGHT[joint]
    x[:, 0, -1] = [0, 1.6, 0.1]
    x[..., 2] += 1.2 * t[:, None, None]
    return (x + rng.normal(0, noise, x.shape)).astype(np.float32), t


def plant(positions, part, frames, person=0):
    out, mark = positions.copy(), np.zeros(positions.shape[:3], bool)
    for joint in PARTS[part]:
        left, right = (SKELETON.keypoints.index(f"{side}_{joint}") for side in ("left", "right"))
        out[frames, person, left] = positions[frames, person, right]
        out[frames, person, right] = positions[frames, person, left]
        mark[frames, person, left] = mark[frames, person, right] = True
    return out, mark


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("length", [1, 2, 5, 20])
def test_an_exchange_is_put_back(part, length):
    # An exchange within the face is a few centimetres: it shows only where noise is millimetres.
    positions, times = walk(noise=0.003 if part in ("face", "all") else 0.008)
    bad, mark = plant(positions, part, slice(60, 60 + length))
    fixed, swapped = repair_swaps(bad, None, times, SKELETON)
    assert np.array_equal(fixed, positions)
    assert np.array_equal(swapped, mark)


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


def test_of_two_stretches_the_longer_or_the_surer_one_is_believed():
    positions, times = walk(60)
    bad, mark = plant(positions, "arms", slice(0, 25))
    assert np.array_equal(repair_swaps(bad, None, times, SKELETON)[1], mark)
    bad, mark = plant(positions, "arms", slice(0, 35))
    confidence = np.full(bad.shape[:3], 0.9, np.float32)
    confidence[:35] = 0.3
    assert np.array_equal(repair_swaps(bad, confidence, times, SKELETON)[1], mark)
    assert not np.array_equal(repair_swaps(bad, None, times, SKELETON)[1], mark)


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
    positions, times = walk(600)
    for start in range(20, 560, 37):
        positions, _ = plant(positions, "arms", slice(start, start + 1 + start % 7))
    whole = repair_swaps(positions, None, times, SKELETON)[1]
    monkeypatch.setattr(sys.modules["steadypose.refine.swaps"], "_BLOCK", 1)
    assert np.array_equal(repair_swaps(positions, None, times, SKELETON)[1], whole)
    assert whole.any(axis=(1, 2)).sum() > 30


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_recordings_and_those_of_nothing(frames):
    positions, times = walk(frames)
    assert not repair_swaps(positions, None, times, SKELETON)[1].any()
    nothing = np.full_like(positions, np.nan)
    assert repair_swaps(nothing, None, times, SKELETON)[0] is nothing
    assert repair_swaps(positions[:, :0], None, times, SKELETON)[1].shape == (frames, 0, 17)
    unnamed = Skeleton("numbers", tuple(str(i) for i in range(17)))
    assert not repair_swaps(positions, None, times, unnamed)[1].any()
