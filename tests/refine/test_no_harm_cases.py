"""The default, with nothing set: fast motion, clean input and single keypoints come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from walker import walk

import steadypose as sp
from steadypose.data._processes import correlated
from steadypose.rotations import geodesic

DATA = Path(__file__).parents[1] / "data" / "no-harm"


def body(frames: int, fps: float, seed: int = 0) -> np.ndarray:
    """Somebody who stands nearly still, (frames, 17, 3) in metres."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None, None] / fps
    places = rng.uniform(-0.8, 0.8, (17, 3))
    sway = 0.01 * np.sin(2 * np.pi * (0.3 * t + rng.random((17, 3))))
    return np.asarray(places + sway)


def sequence(x: np.ndarray, fps: float) -> sp.PoseSequence:
    return sp.PoseSequence.from_array(
        x.astype(np.float32), fps=fps, skeleton="h36m17", unit="m", space="world"
    )


def strike(t: np.ndarray, middle: float, half: float) -> np.ndarray:
    """Out and back with least jerk; ``half`` seconds wide at half of its height."""
    u = np.clip(np.abs(t - middle) / half, 0, 1)
    return np.asarray(1 - u**3 * (10 - 15 * u + 6 * u * u))


def test_a_wrist_that_shakes_15_cm_at_4_hz_without_noise_comes_back():
    seq = sp.read(DATA / "f1_4hz.npz")
    assert np.abs(sp.refine(seq).positions - seq.positions).max() < 0.001


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_a_punch_keeps_its_reach(fps):
    t = np.arange(round(4 * fps)) / fps
    x = body(len(t), fps)
    x[:, 16, 0] += 0.5 * strike(t, 2.0, 0.2)
    x[:, 15, 0] += 0.25 * strike(t, 2.0, 0.2)
    out = sp.refine(sequence(x, fps)).positions[:, 0]
    reach = np.ptp(out[:, 16, 0]) / np.ptp(x[:, 16, 0])
    assert 0.99 < reach < 1.01


@pytest.mark.parametrize("fps", [30.0, 60.0, 240.0])
@pytest.mark.parametrize("frequency", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0])
def test_what_stands_ten_times_above_the_noise_stays(fps, frequency):
    if fps == 30 and frequency > 6:
        pytest.skip("asked for up to 6 Hz at 30 fps")
    rng = np.random.default_rng(1)
    t = np.arange(round(5 * fps)) / fps
    wave = 0.1 * np.sin(2 * np.pi * frequency * t)
    x = body(len(t), fps)
    x[:, 16, 0] += wave
    x[:, 15, 0] += wave / 2
    noisy = x + rng.normal(0, 0.007, x.shape)  # the wave's rms is ten times that
    out = sp.refine(sequence(noisy, fps)).positions[:, 0].astype(float)
    middle = slice(round(fps / 2), -round(fps / 2))
    gain = 1 + ((out - x)[middle, 16, 0] @ wave[middle]) / (wave[middle] @ wave[middle])
    assert 0.93 < gain < 1.05  # experiments/no_harm asks for .95 and says where it is less
    error, given = (np.linalg.norm(a - x, axis=-1).mean() for a in (out, noisy))
    assert error < 0.7 * given


def test_a_fast_hand_comes_back():
    seq = sp.read(DATA / "19-npz-fast-hand-flattened.npz", fps=70)
    out = sp.refine(seq)
    off = np.linalg.norm(out.positions - seq.positions, axis=-1)[seq.valid]
    assert np.sqrt(np.square(off).mean()) < 0.001


def test_toes_that_bend_in_a_clean_walk_come_back():
    motion = sp.read(DATA / "20-bvh-toe-flexion-erased.bvh")
    out = sp.refine(motion)
    turned = np.degrees(geodesic(motion.rotations, out.rotations))
    assert np.sqrt(np.square(turned).mean()) < 0.3
    toes = [k for k, n in enumerate(motion.skeleton.keypoints) if "toe" in n.lower()]
    before, after = (
        np.degrees(geodesic(r[:1, :, toes], r[:, :, toes])).max() for r in (motion.rotations, out.rotations)
    )
    assert before > 30
    assert abs(after - before) < 2


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_a_single_keypoint_is_not_made_worse(unit):
    rng = np.random.default_rng(2)
    t = np.arange(300) / 30
    truth = np.stack([np.cos(3 * t), np.sin(2 * t), 0.2 * t], axis=1)[:, None]
    noisy = unit * (truth + rng.normal(0, 0.02, truth.shape))
    seq = sp.PoseSequence.from_array(noisy.astype(np.float32), fps=30, unit="mm", space="world")
    out = sp.refine(seq).positions[:, 0]
    error, given = (np.linalg.norm(x - unit * truth, axis=-1).mean() for x in (out, noisy))
    assert error < 0.8 * given


@pytest.mark.parametrize("fps", [24.0, 60.0, 240.0])
@pytest.mark.parametrize("metres", [0.002, 0.02])
def test_white_noise_leaves_hardly_more_than_gcv_does(fps, metres):
    truth, _ = walk(round(5 * fps), fps, noise=0)
    noisy = truth[:, 0] + np.random.default_rng(4).normal(0, metres, truth[:, 0].shape)
    error, of_gcv = (
        np.linalg.norm(sp.refine(sequence(noisy, fps), method).positions - truth, axis=-1).mean()
        for method in ("network", "gcv")
    )
    assert error < 1.2 * of_gcv


@pytest.mark.parametrize("fps", [30.0, 120.0])
def test_a_strike_under_errors_that_last_is_not_made_worse(fps):
    rng = np.random.default_rng(5)
    t = np.arange(round(5 * fps)) / fps
    x = body(len(t), fps)
    for middle in (1.0, 2.2, 3.6):
        x[:, 16, 0] += 0.5 * strike(t, middle, 0.25)
        x[:, 15, 0] += 0.25 * strike(t, middle, 0.25)
    noisy = x + 0.006 * correlated(x.shape, 0.05 * fps, rng)
    out = sp.refine(sequence(noisy, fps), "network").positions[:, 0]
    error, given = (np.linalg.norm(a - x, axis=-1)[:, 14:].mean() for a in (out, noisy))
    assert error < given
    assert np.ptp(out[:, 16, 0]) > 0.93 * np.ptp(x[:, 16, 0])


def test_straight_lines_and_stillness_come_back():
    line = np.linspace(0, 6, 240)[:, None, None] * np.array([1.0, 0.2, 0.0]) + np.zeros((240, 17, 3))
    for x in (line, np.ones_like(line)):
        assert np.abs(sp.refine(sequence(x, 30)).positions[:, 0] - x).max() < 1e-4
