"""Filters against their definitions: packages users know, dense solutions, and the algebra they must obey."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OneEuroFilter import OneEuroFilter
from scipy.signal import butter, freqz_sos

import steadypose as sp
from steadypose import rotations
from steadypose.errors import DataError
from steadypose.refine import METHODS, _kalman, make_filter, one_euro, refine
from steadypose.refine._blocks import walk_in_blocks
from steadypose.refine.filters import Kalman
from steadypose.refine.one_euro import OneEuro

ALONE = [name for name in METHODS if name != "smoothnet"]  # which needs weights
POSITIONS = [name for name in ALONE if "positions" in METHODS[name].handles]
WEIGHTED = ["moving_average", "gaussian", "savgol", "kalman"]
FPS = 30


def walk(seed, frames=200, curves=3, dims=3):
    steps = np.random.default_rng(seed).normal(size=(frames, curves, dims))
    return np.cumsum(steps, axis=0).astype(np.float32)


def smooth(name, values, weights=None, times=None, size=None, **parameters):
    times = np.arange(len(values)) / FPS if times is None else times
    size = np.ones(values.shape[1]) if size is None else size
    return make_filter(name, **parameters).smooth(values, weights, times, size)


def sines(frequency, frames=3000):
    t = np.arange(frames) / FPS
    return np.sin(2 * np.pi * frequency * t).astype(np.float32)[:, None, None]


def gain(name, frequency, **parameters):
    """Amplitude left in the middle of a long sine."""
    middle = smooth(name, sines(frequency), **parameters)[1000:2000, 0, 0]
    return np.abs(middle).max() / np.abs(sines(frequency)[1000:2000]).max()


def test_one_euro_is_the_package_per_scalar():
    values = walk(0, 400, 2, 1)
    mine = smooth("one_euro", values, min_cutoff=1.2, beta=0.7, derivative_cutoff=0.9)
    for c in range(2):
        theirs = OneEuroFilter(FPS, 1.2, 0.7, 0.9)
        expected = [theirs(float(v), 1 + i / FPS) for i, v in enumerate(values[:, c, 0])]
        assert np.abs(mine[:, c, 0] - expected).max() < 1e-4


def test_one_euro_sees_no_future():
    values = walk(1)
    changed = values.copy()
    changed[120:] += 50
    assert (smooth("one_euro", values)[:120] == smooth("one_euro", changed)[:120]).all()


def test_one_euro_measures_speed_in_body_sizes():
    values, size = walk(2), np.full(3, 2.5)
    metres = smooth("one_euro", values, size=size)
    millimetres = smooth("one_euro", values * 1000, size=size * 1000)
    assert np.abs(millimetres / 1000 - metres).max() < 1e-4


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(3, 60), weighted=st.booleans(), cutoff=st.floats(1, 8))
def test_kalman_is_the_maximum_of_its_posterior(seed, frames, weighted, cutoff):
    """The dense normal equations of all states at once: what the recursions solve."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.02, 0.05, frames))
    weights = rng.uniform(0.05, 1, frames).astype(np.float32) if weighted else np.ones(frames, np.float32)
    y = np.cumsum(rng.normal(size=frames)).astype(np.float32)
    q = (2 * np.pi * cutoff) ** 4 * np.median(np.diff(times))
    a, b = np.zeros((2 * frames, 2 * frames)), np.zeros(2 * frames)
    for i in range(frames):
        a[2 * i, 2 * i] += weights[i]
        b[2 * i] += weights[i] * y[i]
    a[1, 1] += np.diff(times)[0] ** 2 / 1e4
    for i, h in enumerate(np.diff(times)):
        noise = q * np.array([[h**3 / 3, h**2 / 2], [h**2 / 2, h]])
        step = np.hstack([-np.array([[1, h], [0, 1]]), np.eye(2)])
        a[2 * i : 2 * i + 4, 2 * i : 2 * i + 4] += step.T @ np.linalg.solve(noise, step)
    expected = np.linalg.solve(a, b)[::2]
    got = smooth("kalman", y[:, None, None], weights[:, None] if weighted else None, times, cutoff=cutoff)
    assert np.abs(got[:, 0, 0] - expected).max() < 1e-3


def test_kalman_halves_an_oscillation_at_its_cutoff():
    assert gain("kalman", 2.0, cutoff=2.0) == pytest.approx(0.5, abs=0.02)


def test_butterworth_has_half_power_at_its_cutoff_and_its_slope():
    assert gain("butterworth", 3.0, cutoff=3.0) == pytest.approx(2**-0.5, abs=0.01)
    single = np.arctan(np.tan(np.pi * 3.0 / FPS) * (2**0.5 - 1) ** -0.25) * FPS / np.pi
    _, response = freqz_sos(butter(2, single, fs=FPS, output="sos"), worN=[5.0], fs=FPS)
    assert gain("butterworth", 5.0, cutoff=3.0) == pytest.approx(float(np.abs(response[0]) ** 2), abs=0.01)


def test_butterworth_refuses_a_cutoff_from_half_the_frame_rate_up():
    for fps in (10, 12, 25.0):
        seq = sp.PoseSequence.from_array(walk(0, 50, 17, 3), fps=fps, skeleton="coco17")
        refine(seq, "butterworth", cutoff=0.499 * fps)
        for cutoff in (fps / 2, fps):
            said = f"cutoff below {fps / 2:g} Hz, half of this recording's {fps:g} fps, found {cutoff:g} Hz"
            with pytest.raises(DataError, match=said):
                refine(seq, "butterworth", cutoff=cutoff)
    refine(sp.PoseSequence.from_array(walk(0, 1, 17, 3), fps=5, skeleton="coco17"), "butterworth")  # no rate


def test_a_stretch_slower_than_its_recording_is_left_as_it_is():
    times = np.concatenate([np.arange(100) / 30, 10 + np.arange(30) / 5])
    seq = sp.PoseSequence.from_array(walk(0, 130, 17, 3), times=times, skeleton="coco17")
    steady = refine(seq, "butterworth", cutoff=6).positions
    assert (steady[100:] == seq.positions[100:]).all() and (steady[:100] != seq.positions[:100]).any()


@pytest.mark.parametrize("filter_", [Kalman(4.0), OneEuro(1.0, 0.01), OneEuro(0.3, 0.5)])
def test_walking_in_blocks_changes_nothing(filter_, monkeypatch):
    values = walk(3, 6000, 2)
    weights = np.random.default_rng(0).uniform(0.02, 1, values.shape[:2]).astype(np.float32)
    arguments = (values, weights, np.arange(6000) / FPS, np.ones(2))
    blocks = filter_.smooth(*arguments)
    for module in (_kalman, one_euro):
        monkeypatch.setattr(
            module, "walk_in_blocks", lambda v, w, t, _memory, f: walk_in_blocks(v, w, t, 10**6, f)
        )
    assert np.abs(blocks - filter_.smooth(*arguments)).max() < 1e-3


@pytest.mark.parametrize("name", POSITIONS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 80))
def test_every_length_is_finite_and_keeps_its_shape(name, seed, frames):
    values = walk(seed, frames)
    out = smooth(name, values)
    assert out.shape == values.shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()


@pytest.mark.parametrize("name", POSITIONS)
@pytest.mark.parametrize("even", [True, False])
def test_a_motionless_body_stays_where_it_is(name, even):
    rng = np.random.default_rng(0)
    times = np.arange(100) / FPS if even else np.cumsum(rng.uniform(0.01, 0.06, 100))
    still = np.full((100, 2, 3), 1234.5, np.float32)
    assert np.abs(smooth(name, still, times=times) - still).max() < 2e-3


@pytest.mark.parametrize("name", [n for n in POSITIONS if n not in ("one_euro", "refinenet")])
@pytest.mark.parametrize("even", [True, False])
def test_steady_motion_is_not_dragged_at_the_ends(name, even):
    rng = np.random.default_rng(0)
    times = np.arange(100) / FPS if even else np.cumsum(rng.uniform(0.01, 0.06, 100))
    line = (times[:, None, None] * [[[3.0, -2.0, 1.0]]]).astype(np.float32)
    # On an uneven clock a median sees more samples to one side.
    tolerance = 0.2 if name == "median" and not even else 0.02
    assert np.abs(smooth(name, line, times=times) - line).max() < tolerance


@pytest.mark.parametrize("name", [n for n in POSITIONS if n != "one_euro"])
def test_time_reversal(name):
    values = walk(5)
    assert np.abs(smooth(name, values[::-1])[::-1] - smooth(name, values)).max() < 2e-3


@pytest.mark.parametrize("name", POSITIONS)
def test_translation_scale_mirror_and_order_of_curves(name):
    values = walk(6)
    out = smooth(name, values)
    size = np.full(3, 4.0)
    moved = smooth(name, values * 4 + 100, size=size)
    assert np.abs(moved - (out * 4 + 100)).max() < 3e-3
    assert np.abs(smooth(name, values * [-1, 1, 1]) - out * [-1, 1, 1]).max() < 1e-4
    assert np.abs(smooth(name, values[:, ::-1])[:, ::-1] - out).max() < 1e-4


@pytest.mark.parametrize("name", ["moving_average", "gaussian", "savgol", "butterworth", "kalman"])
def test_linear(name):
    a, b = walk(7), walk(8)
    together = smooth(name, a + 2 * b)
    assert np.abs(together - smooth(name, a) - 2 * smooth(name, b)).max() < 1e-3


@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_that_are_all_alike_change_nothing_but_the_kalman_gain(name):
    values = walk(9)
    ones = np.ones(values.shape[:2], np.float32)
    assert np.abs(smooth(name, values, ones) - smooth(name, values)).max() < 1e-3


@pytest.mark.parametrize("name", WEIGHTED)
def test_a_slip_with_low_weight_hardly_shows(name):
    still = np.zeros((61, 1, 2), np.float32)
    still[30] = 100
    weights = np.ones((61, 1), np.float32)
    plain = np.abs(smooth(name, still, weights)).max()
    weights[30] = 0.02
    assert np.abs(smooth(name, still, weights)).max() < 0.15 * plain


@pytest.mark.parametrize("name", ["gaussian", "moving_average", "butterworth", "kalman", "median", "savgol"])
@pytest.mark.parametrize("rate", [60, 120])
def test_the_same_seconds_at_any_frame_rate(name, rate):
    def left(fps):
        t = np.arange(4 * fps) / fps
        x = np.sin(2 * np.pi * 1.5 * t).astype(np.float32)[:, None, None]
        return np.abs(smooth(name, x, times=t)[fps:-fps]).max()

    # A window holds whole frames: at 30 fps 0.2 seconds are seven of them.
    assert left(rate) == pytest.approx(left(30), abs=0.05)


# A network sees one entry of a matrix at a time and is not linear: turns by anything do not pass through it.
@pytest.mark.parametrize("name", [n for n in ALONE if n != "network"])
def test_rotations_turn_with_the_body_and_with_the_camera(name):
    angles = walk(10, 60, 4, 3).astype(float) * 0.1
    matrices = rotations.from_axis_angle(angles)
    a, b = rotations.from_axis_angle(np.array([[0.3, 2.0, 1.0], [1.0, -0.5, 0.2]]))

    def filtered(m):
        flat = m.reshape(60, 4, 9).astype(np.float32)
        out = smooth(name, flat, size=np.full(4, np.sqrt(2)))
        return rotations.project(out.reshape(60, 4, 3, 3).astype(float))

    assert np.abs(filtered(a @ matrices @ b) - a @ filtered(matrices) @ b).max() < 1e-4


def test_slerp_at_30_fps_is_one_pass_of_ratio_three_tenths():
    matrices = rotations.from_axis_angle(walk(11, 20, 1, 3) * 0.2)
    got = smooth("slerp", matrices.reshape(20, 1, 9).astype(np.float32), sigma=0.3**0.5 / 30)
    middle = rotations.slerp(matrices[:-2], matrices[2:], 0.5)
    expected = rotations.slerp(matrices[1:-1], middle, 0.3)
    assert np.abs(got[1:-1].reshape(-1, 1, 3, 3) - expected).max() < 1e-5


@pytest.mark.parametrize(
    "name, parameters, words",
    [
        ("gaussian", {"sigma": 0}, "expected sigma above 0 seconds, found 0"),
        ("gaussian", {"sigma": float("nan")}, "found nan"),
        ("butterworth", {"cutoff": -1}, "expected cutoff above 0 hertz, found -1"),
        ("savgol", {"order": 1.5}, "expected a whole number for order, 20 at most, found 1.5"),
        ("gaussian", {"cutoff": 3}, "expected parameters among sigma, found 'cutoff'"),
        ("gausian", {}, "expected a method among moving_average, median, gaussian"),
        ("kalman", {"cutoff": "fast"}, "found 'fast'"),
    ],
)
def test_wrong_parameters_say_what_is_wrong(name, parameters, words):
    with pytest.raises(DataError, match=words):
        make_filter(name, **parameters)
