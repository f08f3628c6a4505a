"""A bank with gates in use: recordings of any length and rate, forwards, backwards and mirrored."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest
from refine_samples import bank_network
from scipy.spatial.transform import Rotation

import steadypose as sp
from steadypose.errors import DataError, FormatError
from steadypose.refine.bank_network import CHUNK, OVERLAP, _chunks
from steadypose.refine.filters import make_filter


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network of random weights whose gates are neither open nor closed."""
    return bank_network(tmp_path_factory.mktemp("bank") / "tiny.onnx")


def clip(seconds: float, fps: float = 30.0, keypoints: int = 5, axes: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * fps)) / fps
    wave = np.sin(
        2
        * np.pi
        * (rng.uniform(0.3, 2, (keypoints, axes)) * t[:, None, None] + rng.random((keypoints, axes)))
    )
    return (0.3 * wave + rng.normal(0, 0.01, wave.shape)).astype(np.float32)


def smooth(weights, x, fps=30.0, w=None, times=None, person=None, **more):
    times = np.arange(len(x)) / fps if times is None else times
    size = np.full(x.shape[1], 1.7)
    return make_filter("network", weights=weights, **more).smooth(x, w, times, size, person)


@pytest.mark.parametrize("seconds", [0.2, 4, 31, 100])
def test_reversed_and_mirrored_recordings_come_out_so(weights, seconds):
    x = clip(seconds)
    y = smooth(weights, x)
    assert y.shape == x.shape
    assert np.abs(y - x).max() > 1e-4
    assert np.allclose(smooth(weights, x[::-1])[::-1], y, atol=2e-5)
    assert np.allclose(smooth(weights, -x), -y, atol=2e-5)


def test_pixels_and_metres_are_refined_alike(weights):
    x = clip(5)
    size = np.full(5, 1.7)
    run = make_filter("network", weights=weights)
    times = np.arange(len(x)) / 30
    pixels = run.smooth(500 * x + 300, None, times, 500 * size, None)
    assert np.allclose((pixels - 300) / 500, run.smooth(x, None, times, size, None), atol=2e-5)


@pytest.mark.parametrize("seconds", [1, 11.9, 12.1, 21.1, 300.3])
@pytest.mark.parametrize("fps", [10.0, 59.94])
def test_chunks_cover_a_recording_and_fade_into_each_other(seconds, fps):
    times = np.arange(round(seconds * fps)) / fps
    total = np.zeros(len(times))
    lengths = []
    for rows, fade in _chunks(times):
        total[rows] += fade
        lengths.append((rows.stop - rows.start) / fps)
    assert np.allclose(total, 1, atol=1e-6)
    assert max(lengths) <= CHUNK + 2 / fps
    assert len(lengths) == 1 or min(lengths) > OVERLAP


def test_persons_are_refined_each_by_itself(weights):
    x, y = clip(6, seed=1), 4 * clip(6, seed=2)
    person = np.repeat([0, 1], 5)
    both = smooth(weights, np.concatenate([x, y], axis=1), person=person)
    assert np.allclose(both[:, :5], smooth(weights, x), atol=1e-6)
    assert np.allclose(both[:, 5:], smooth(weights, y), atol=1e-6)


def test_a_turned_camera_turns_what_comes_out_of_rotations(weights):
    rng = np.random.default_rng(0)
    steps = rng.normal(0, 0.05, (150, 3, 3))
    turned = [Rotation.from_rotvec(np.cumsum(steps[:, j], axis=0)) for j in range(3)]
    camera = Rotation.random(rng=rng)
    x, z = (
        np.stack([r.as_matrix().reshape(150, 9) for r in rs], axis=1).astype(np.float32)
        for rs in (turned, [camera * r for r in turned])
    )
    y = smooth(weights, x).reshape(150, 3, 3, 3)
    assert np.allclose(smooth(weights, z).reshape(y.shape), camera.as_matrix() @ y, atol=1e-4)


def test_more_strength_takes_more_away(weights):
    x = clip(8)
    taken = [np.square(smooth(weights, x, strength=s) - x).mean() for s in (0.3, 0.5, 0.8, 1.0, 1.5, 3.0)]
    assert all(a < b for a, b in pairwise(taken))


def test_uneven_times_are_minded(weights):
    x = clip(6)
    rng = np.random.default_rng(3)
    even = np.arange(len(x)) / 30
    times = even + rng.uniform(-0.012, 0.012, len(x))
    t, frequency, phase = times[:, None, None], 0.7, np.arange(15).reshape(5, 3)
    truth = np.sin(2 * np.pi * frequency * t + phase).astype(np.float32)
    noisy = truth + rng.normal(0, 0.02, truth.shape).astype(np.float32)
    minded = smooth(weights, noisy, times=times)
    assert np.abs(minded - truth).mean() < np.abs(noisy - truth).mean()
    assert np.abs(minded - truth).mean() < np.abs(smooth(weights, noisy, times=even) - truth).mean()


def test_samples_that_are_not_believed_hardly_count(weights):
    x = clip(6)
    spoilt, w = x.copy(), np.ones(x.shape[:2], np.float32)
    spoilt[60:64, 2] += 0.5
    w[60:64, 2] = 0.02
    y, clean, unspoilt = smooth(weights, spoilt, w=w), smooth(weights, x), smooth(weights, x, w=w)
    # Of half a metre: the spline that they are drawn to sees a little of them.
    assert np.abs(y - unspoilt)[:, 2].max() < 0.1
    assert np.abs(y - clean)[:, 2].max() < 0.13
    assert np.allclose(y[:, 0], clean[:, 0], atol=0.01)


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 5])
def test_very_short_recordings(weights, frames):
    x = clip(1)[:frames]
    y = smooth(weights, x)
    assert y.shape == x.shape
    assert np.isfinite(y).all()


def test_history_says_which_network_it_was(weights):
    seq = sp.PoseSequence.from_array(
        clip(2, keypoints=17)[:, None], fps=30, skeleton="h36m17", unit="m", space="world"
    )
    assert "GateNet (steadypose)" in sp.refine(seq, method="network", weights=weights).history[-1]


def test_a_step_is_refused(weights):
    with pytest.raises(DataError, match="no step"):
        make_filter("network", weights=weights, step=4)


def test_a_file_whose_spec_does_not_fit_is_refused(tmp_path):
    path = bank_network(tmp_path / "bad.onnx", spec={"edges": [3, 1]})
    with pytest.raises(FormatError, match="edges"):
        make_filter("network", weights=path)


def test_the_result_does_not_depend_on_the_number_of_threads(weights, monkeypatch):
    x = clip(40)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one = smooth(weights, x)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert np.array_equal(smooth(weights, x), one)


def test_bodies_of_very_many_keypoints_go_piece_by_piece(weights, monkeypatch):
    x = clip(8, keypoints=11)
    whole = smooth(weights, x)
    monkeypatch.setattr(sys.modules[_chunks.__module__], "AT_ONCE", 500)
    np.testing.assert_allclose(smooth(weights, x), whole, atol=1e-6)


@pytest.mark.parametrize("fps", [0.03, 0.1, 0.5, 2.0, 1000.0, 20_000.0])
@pytest.mark.parametrize("frames", [7, 300])
def test_any_frame_rate_is_refined_and_even_noise_does_not_grow(weights, fps, frames):
    x = clip(10)[:frames]
    y = smooth(weights, x, fps)
    assert np.isfinite(y).all()
    assert np.abs(y - x).max() <= 2 * np.ptp(x)


@pytest.mark.parametrize("unit", [1e-28, 1e-12, 1e12, 1e25])
def test_squares_of_huge_and_tiny_units_do_not_overflow(weights, unit):
    x = clip(4)
    run, times, size = make_filter("network", weights=weights), np.arange(120) / 30, np.full(5, 1.7)
    with np.errstate(all="raise", under="ignore"):
        y = run.smooth((unit * x).astype(np.float32), None, times, unit * size, None)
    assert np.allclose(y / unit, run.smooth(x, None, times, size, None), atol=1e-4)


def test_times_that_nearly_repeat_make_no_spikes(weights):
    x = clip(20)
    times = np.cumsum(np.tile([1e-6, 1e-6, 0.1], 200))
    assert np.abs(smooth(weights, x, times=times) - x).max() < np.ptp(x)
