"""The bank: bands add up and have no phase; numbers of them have no unit, sign or direction."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from steadypose.errors import DataError
from steadypose.refine.bank import BankSpec, bands_of, noise_of, series_of, to_frames
from steadypose.refine.bank_numbers import Described, describe, scale_of

SPEC = BankSpec()
RATES = (24.0, 30.0, 60.0, 240.0)


def curves(frames: int, keypoints: int = 4, axes: int = 3, seed: int = 0) -> np.ndarray:
    """Slow motion with noise, (frames, 1, keypoints, axes), in metres."""
    rng = np.random.default_rng(seed)
    path = np.cumsum(np.cumsum(rng.normal(0, 1e-3, (frames, 1, keypoints, axes)), axis=0), axis=0)
    return (path + rng.normal(0, 0.01, path.shape)).astype(np.float32)


def banded(x: np.ndarray, fps: float) -> np.ndarray:
    return bands_of(series_of(x, fps), fps, SPEC)


def described(x: np.ndarray, fps: float, size: float = 1.7) -> Described:
    bodies = np.full(x.shape[1], size)
    return describe(banded(x, fps), series_of(x, fps), scale_of(x, bodies), fps, SPEC)


def same(a: Described, b: Described, tolerance: float = 2e-3) -> bool:
    pairs = ((getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    return all(np.allclose(x, y, atol=tolerance) for x, y in pairs)


def reversed_in_time(d: Described) -> Described:
    return Described(d.now[::-1], d.always, d.axis_now[::-1], d.axis_always)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("frequency", [1.0, 3.0, 7.0])
def test_a_band_passes_what_its_response_says_and_keeps_the_phase(fps, frequency):
    t = np.arange(round(14 * fps)) / fps
    x = np.sin(2 * np.pi * frequency * t).astype(np.float32)[:, None]
    bands = banded(x, fps)[..., 0]
    edges = np.array(SPEC.edges[: len(bands)])
    low = 1 / (1 + (frequency / edges) ** SPEC.slope)
    inside = slice(round(5 * fps), -round(5 * fps))
    for band, response in list(zip(bands, np.diff(low, append=1.0), strict=True))[2:]:  # slow ones ring long
        assert np.abs(band - response * x[:, 0])[inside].max() < 0.015


def test_a_series_has_the_energy_of_its_curve_about_the_line():
    x = curves(133)
    line = x - series_about(x, 30.0)
    assert np.abs(np.diff(line, 2, axis=0)).max() < 1e-5
    assert np.isclose(np.square(series_of(x, 30.0)).sum(), np.square(x - line).sum(), rtol=1e-4)


def series_about(x: np.ndarray, fps: float) -> np.ndarray:
    """The curve that a series is of."""
    from scipy.fft import idst

    return np.asarray(idst(series_of(x, fps), type=2, axis=0, norm="ortho"))


def test_bands_of_a_clip_are_those_of_the_clip_reversed_and_mirrored():
    x = curves(133)
    bands = banded(x, 30.0)
    assert np.allclose(banded(x[::-1], 30.0)[:, ::-1], bands, atol=1e-5)
    assert np.allclose(banded(-x, 30.0), -bands, atol=1e-6)


@pytest.mark.parametrize("fps", RATES)
def test_where_a_calm_curve_ends_is_told_by_many_of_its_frames(fps):
    rng = np.random.default_rng(3)
    curve = 0.2 * np.sin(np.arange(round(5 * fps)) / fps)[:, None, None, None]
    noisy = (curve + rng.normal(0, 0.02, (len(curve), 1, 400, 3))).astype(np.float32)
    slowest = banded(noisy, fps)
    left = noisy - slowest.sum(axis=0) - (curve - banded(curve.astype(np.float32), fps).sum(axis=0))
    few = max(3, round(0.1 * fps))
    assert np.sqrt(np.square(left[[0, -1]]).mean()) < 0.75 * 0.02 * 2 / few**0.5


@pytest.mark.parametrize("fps", [60.0, 120.0, 240.0])
@pytest.mark.parametrize("phase", [0.0, 1.0, 2.0])
def test_where_a_fast_curve_ends_is_told_by_few(fps, phase):
    t = np.arange(round(3 * fps)) / fps
    wave = np.sin(2 * np.pi * 4 * t + phase)[:, None, None, None].astype(np.float32)
    # All bands are closed: what is left is the slowest motion, which begins and ends where the curve does.
    left = wave - banded(wave, fps).sum(axis=0)
    assert abs(left[0, 0, 0, 0] - wave[0, 0, 0, 0]) < 0.25
    assert abs(left[-1, 0, 0, 0] - wave[-1, 0, 0, 0]) < 0.25


@pytest.mark.parametrize("frames", range(2, 12))
def test_straight_lines_of_a_few_frames_have_no_bands(frames):
    line = (np.arange(frames)[:, None] * np.array([1.0, -2.0]) + 3).astype(np.float32)
    assert np.abs(banded(line, 30.0)).max() < 1e-5


def test_straight_lines_have_no_bands():
    line = (np.linspace(0, 50, 300)[:, None] * np.array([1.0, -2.0]) + 3).astype(np.float32)
    assert np.abs(banded(line, 60.0)).max() < 2e-4


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 400), st.sampled_from(RATES), st.integers(0, 999))
def test_open_gates_take_nothing_away_and_closed_ones_all_bands(frames, fps, seed):
    x = curves(frames, seed=seed)
    bands = banded(x, fps)
    logits = np.full((SPEC.gates(frames, fps), 4, 3, len(SPEC.edges)), 16.0, np.float32)
    assert np.abs(noise_of(bands, logits)).max() < 1e-6
    assert np.allclose(noise_of(bands, -logits), bands.sum(axis=0), atol=1e-5)
    shared = noise_of(bands, np.zeros_like(logits[:, :, :1]))
    assert np.allclose(shared, bands.sum(axis=0) / 2, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 300), st.sampled_from(RATES), st.sampled_from([1, 2, 5]), st.sampled_from([2, 3, 9]))
def test_numbers_do_not_know_unit_sign_place_or_direction(frames, fps, keypoints, axes):
    x = curves(frames, keypoints, axes)
    seen = described(x, fps)
    for f in dataclasses.fields(seen):
        assert np.isfinite(getattr(seen, f.name)).all()
        assert getattr(seen, f.name).shape[-1] == SPEC.numbers[f.name]
    assert same(described(1000 * x, fps, 1700.0), seen)
    assert same(described(-x, fps), seen)
    assert same(described(x[::-1], fps), reversed_in_time(seen))
    assert same(described(x + np.float32(3), fps), seen, 0.05)  # single precision


@pytest.mark.parametrize("fps", RATES)
def test_white_noise_is_as_high_in_every_band_at_every_rate(fps):
    rng = np.random.default_rng(4)
    x = rng.normal(0, 0.01, (round(10 * fps), 1, 60, 3)).astype(np.float32)
    seen, bands = described(x, fps), len(SPEC.edges)
    mean = seen.always.reshape(60, -1)[:, : 8 * bands].reshape(60, 8, bands)[:, 0].mean(axis=0)
    present = SPEC.present(fps)
    assert np.abs(mean[3:present]).max() < 0.25  # of a logarithm; slow bands last longer than a gate
    above = seen.always[:, : 8 * bands].reshape(60, 8, bands)[:, 4, :present].mean(axis=0)
    assert np.abs(above[2:]).max() < 0.1


def test_numbers_of_rotations_do_not_know_how_the_camera_stands():
    rng = np.random.default_rng(1)
    turned = Rotation.from_rotvec(np.cumsum(rng.normal(0, 0.03, (200, 3)), axis=0))
    camera = Rotation.random(rng=rng)
    x, y = (r.as_matrix().reshape(200, 1, 1, 9).astype(np.float32) for r in (turned, camera * turned))
    assert same(described(np.tile(x, (1, 1, 2, 1)), 60.0), described(np.tile(y, (1, 1, 2, 1)), 60.0), 0.01)


def test_bodies_do_not_see_each_other():
    x, y = curves(150, seed=1), 5 * curves(150, seed=2)
    both = described(np.concatenate([x, y], axis=1), 60.0)
    assert np.allclose(both.now[:, :4], described(x, 60.0).now, atol=1e-4)
    assert np.allclose(both.now[:, 4:], described(y, 60.0).now, atol=1e-4)


def test_a_single_keypoint_is_seen_alike_in_every_unit():
    x = curves(120, keypoints=1)
    assert same(described(x, 30.0, 1.0), described(500 * x, 30.0, 1.0))


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 500), st.sampled_from([10.0, *RATES]))
def test_gates_are_interpolated_linearly_and_the_same_from_either_end(frames, fps):
    gates = SPEC.gates(frames, fps)
    spread = to_frames(frames, gates).toarray()
    assert np.allclose(spread.sum(axis=1), 1, atol=1e-6)
    assert np.allclose(spread[::-1, ::-1], spread, atol=1e-4)
    assert np.allclose(spread @ np.linspace(0, 1, gates), np.linspace(0, 1, frames), atol=1e-5)


def test_the_spec_goes_through_json():
    spec = BankSpec(edges=(1.0, 3.0), gate_rate=10.0)
    assert BankSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edges": []}, "edges"),
        ({"edges": [3, 2]}, "edges"),
        ({"edges": ["a"]}, "edges"),
        ({"slope": 0}, "slope"),
        ({"gate_rate": True}, "gate_rate"),
        ({"more": 1}, "spec"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        BankSpec.from_json({**SPEC.to_json(), **change})
