"""What was kept and what was taken away, without a truth: known gains, noise, slips, and rotations."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import steadypose as sp
from steadypose import metrics
from steadypose.errors import DataError
from steadypose.metrics._changes import percentage
from steadypose.metrics._movement import fastest_movements
from steadypose.rotations import from_axis_angle, to_global
from steadypose.skeleton import Skeleton

Array = np.ndarray[Any, Any]


def shaking(hertz: float, fps: float = 60.0, seconds: float = 4.0, share: float = 1.0) -> Array:
    """Three keypoints that sway, and the first shakes by 150 in the middle; shape (frames, 3, 3)."""
    t = np.arange(int(seconds * fps)) / fps
    x = 20 * np.sin(2 * np.pi * 0.4 * t[:, None, None] + np.arange(9).reshape(3, 3))
    burst = np.exp(-(((t - seconds / 2) / 0.4) ** 2))
    x[:, 0, 0] += share * 150 * burst * np.sin(2 * np.pi * hertz * t)
    return np.asarray(x)


def noise(like: Array, size: float, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).normal(0, size, like.shape))


def sequence(x: Array, fps: float = 60.0, unit: Any = "mm") -> Any:
    return sp.PoseSequence.from_array(x, fps=fps, unit=unit, space="world")


# --- the fastest movements


@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0, 240.0])
@pytest.mark.parametrize("hertz", [2.0, 4.0, 6.0])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_what_is_left_of_a_shaking_hand_is_found(fps: float, hertz: float, share: float) -> None:
    before = shaking(hertz, fps)
    for size in (0.0, 3.0):
        found = fastest_movements(before + noise(before, size), shaking(hertz, fps, share=share), fps)
        assert found.curve == 0 and abs(found.frame / fps - 2) < 0.3
        assert found.speed_kept == pytest.approx(share, abs=0.06)
        assert found.reach_kept == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize("dims", [2, 3])
def test_noise_alone_is_no_movement(dims: int) -> None:
    x = noise(np.empty((20_000, 5, dims)), 6.0)
    found = fastest_movements(x, 0.2 * x, 60.0)
    assert math.isnan(found.speed_kept) and math.isnan(found.reach_kept) and found.curve == -1


@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0])
@pytest.mark.parametrize("length", [1, 2, 5, 20])
def test_slips_are_no_movement(fps: float, length: int) -> None:
    """A keypoint that is elsewhere for some frames is faster than any hand, and is rightly taken out."""
    truth = shaking(3.0, fps)
    before = truth + noise(truth, 2.0)
    for start in (10, 60, 90):
        before[start : start + length, 1] += 700
    found = fastest_movements(before, truth, fps)
    assert found.curve == 0
    assert found.speed_kept == pytest.approx(1, abs=0.05) and found.reach_kept == pytest.approx(1, abs=0.05)


def test_a_punch_that_is_cut_down() -> None:
    t = np.arange(90) / 30
    punch = 500 * np.exp(-4 * np.log(2) * ((t - 1.5) / 0.2) ** 2)
    before = np.zeros((90, 2, 3))
    before[:, 1, 2] = punch
    found = fastest_movements(before, before * 0.466, 30.0)
    assert (found.curve, found.speed_kept) == (1, pytest.approx(0.466))
    assert found.reach_kept == pytest.approx(0.466)


def test_a_late_peak_keeps_its_speed() -> None:
    before = shaking(2.0)
    late = np.roll(before, 3, axis=0)
    found = fastest_movements(before, late, 60.0)
    assert found.speed_kept == pytest.approx(1, abs=0.01) and found.reach_kept < 0.95


def test_gaps_and_cuts_are_no_movement() -> None:
    x = shaking(2.0)
    before = x.copy()
    before[100:] += 5000  # a cut
    before[40:44] = np.nan
    found = fastest_movements(before, before, 60.0, (100,))
    assert found.speed < 3000 and found.speed_kept == 1
    assert math.isnan(fastest_movements(np.full((50, 2, 2), np.nan), np.zeros((50, 2, 2)), 60.0).speed)
    assert math.isnan(fastest_movements(x[:2], x[:2], 60.0).speed)
    assert math.isnan(fastest_movements(x[:1], x[:1], math.nan).speed)


@settings(max_examples=20)
@given(seed=st.integers(0, 100), scale=st.floats(0.01, 100), mirror=st.booleans(), turn=st.booleans())
def test_scale_mirror_and_direction_of_time_do_not_matter(
    seed: int, scale: float, mirror: bool, turn: bool
) -> None:
    before = shaking(3.0) + noise(shaking(3.0), 3.0, seed)
    after = shaking(3.0, share=0.7)
    wanted = fastest_movements(before, after, 60.0)
    step = -1 if turn else 1
    factor = np.array([-scale if mirror else scale, scale, scale])
    found = fastest_movements(before[::step] * factor, after[::step] * factor, 60.0)
    assert found.speed == pytest.approx(wanted.speed * scale)
    assert found.speed_kept == pytest.approx(wanted.speed_kept)
    assert found.reach_kept == pytest.approx(wanted.reach_kept)


# --- before and after in numbers


def test_numbers_of_positions() -> None:
    before = sequence(shaking(3.0)[:, None].repeat(2, axis=1) / 1000, unit="m")
    shifted = before.positions.copy()
    shifted[:, 1, 2] += np.float32(0.003)
    filled = np.zeros(before.shape[:3], bool)
    filled[5, 0, 0] = True
    shifted[5, 0, 0] += 1  # was replaced: that is counted, not measured
    found = metrics.compare(before, before.with_positions(shifted, "moved", filled))
    n = filled.size
    assert found.moved == pytest.approx(3 * math.sqrt(3 * n / 6 / (n - 1)), rel=1e-3)
    assert found.unit == "mm" and (found.keypoint, found.person) == ("0", "0")
    assert found.fastest == pytest.approx(150 * 2 * math.pi * 3, rel=0.25)
    assert found.accel_before == pytest.approx(metrics.evaluate(before)["accel_magnitude"])


def test_what_is_said() -> None:
    before = sequence(shaking(3.0))
    half = metrics.compare(before, sequence(shaking(3.0, share=0.5)))
    assert str(half).startswith("kept 50 % of the speed and 50 % of the reach of the fastest movement (2.")
    assert " m/s), moved " in str(half) and " mm (rms), accel " in str(half)
    still = sequence(np.zeros((30, 3, 3)))
    nothing = str(metrics.compare(still, still))
    assert nothing == "no movement stands above the noise, moved 0 mm (rms), accel 0 → 0 mm/frame²"
    gone = sequence(np.full((30, 3, 3), np.nan))
    assert str(metrics.compare(gone, gone)) == "no movement stands above the noise"
    assert [percentage(x) for x in (1, 0.9996, 0.9964, 0.991, 1.02)] == [
        "100 %", "100 %", "99.6 %", "99 %", "102 %",
    ]  # fmt: skip


@pytest.mark.parametrize("unit", ["px", "normalized", "cm", "m"])
def test_unchanged_keeps_everything(unit: str) -> None:
    seq = sequence(shaking(3.0), unit=unit)
    found = metrics.compare(seq, seq)
    assert (found.moved, found.peak_speed_ratio, found.gain) == (0, 1, 1)
    assert found.accel_before == found.accel_after


def test_motions_that_do_not_fit() -> None:
    seq = sequence(shaking(3.0))
    with pytest.raises(DataError, match="one kind and shape"):
        metrics.compare(seq, sequence(shaking(3.0)[:-1]))


# --- rotations

NAMES = Skeleton("three", ("a", "b", "c"), (-1, 0, 1), ("a",))


def body(seed: int = 0, scale: float = 1.0) -> sp.BodyMotion:
    """Joints that turn smoothly, the last one quickly; shape (frames, 2 persons, 3 joints)."""
    t = np.arange(120)[:, None, None, None] / 60
    v = 0.3 * np.sin(2 * np.pi * 0.5 * t + np.random.default_rng(seed).uniform(0, 6, (1, 2, 3, 3)))
    v[:, 1, 2, 0] += scale * 0.5 * np.sin(2 * np.pi * 3 * t[:, 0, 0, 0])
    return sp.BodyMotion(from_axis_angle(v), t.ravel(), NAMES)


def test_accel_of_rotations_is_one_number_everywhere() -> None:
    local = body()
    world = replace(local, rotations=to_global(local.rotations, NAMES.parents), relative_to="world")
    wanted = metrics.acceleration(local)
    assert metrics.acceleration(world) == pytest.approx(wanted)
    assert metrics.evaluate(local)["angular_accel"] == pytest.approx(wanted)
    assert metrics.compare(local, local).accel_before == pytest.approx(wanted)
    assert metrics.angular_accel(world.rotations) == pytest.approx(wanted)
    assert metrics.angular_accel(local.rotations, parents=NAMES.parents) == pytest.approx(wanted)
    assert metrics.angular_accel(local.rotations) != pytest.approx(wanted, rel=0.01)


def test_numbers_of_rotations() -> None:
    before = body()
    turn = from_axis_angle(np.deg2rad([0.0, 0.0, 2.0]))
    turned = metrics.compare(before, before.with_rotations(before.rotations @ turn, "turned"))
    assert turned.unit == "°" and turned.moved == pytest.approx(2)
    assert turned.gain == pytest.approx(1, abs=0.01)
    half = metrics.compare(before, body(scale=0.5))
    assert (half.keypoint, half.person) == ("c", "1")
    assert half.gain == pytest.approx(0.5, abs=0.1) and half.peak_speed_ratio == pytest.approx(0.5, abs=0.1)
    assert half.fastest == pytest.approx(math.degrees(0.5 * 2 * math.pi * 3), rel=0.25)
    assert "°/s), moved " in str(half) and "°/frame²" in str(half)
