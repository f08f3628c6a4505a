import numpy as np
import pytest
from report_samples import turn, walk
from scipy.signal import welch

from steadypose import rotations
from steadypose.errors import DataError
from steadypose.report import signals


def test_acceleration_of_even_frames_is_the_second_difference():
    x = np.random.default_rng(0).normal(size=(12, 2, 3, 3))
    x[5, 0, 1] = np.nan
    got = signals.acceleration(x, np.arange(12) / 30)
    for f in range(12):
        for p in range(2):
            for k in range(3):
                if 0 < f < 11:
                    want = np.linalg.norm(x[f + 1, p, k] - 2 * x[f, p, k] + x[f - 1, p, k])
                    np.testing.assert_allclose(got[f, p, k], want)
                else:
                    assert np.isnan(got[f, p, k])


def test_acceleration_of_a_parabola_does_not_depend_on_the_time_steps():
    t = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.05, 30))
    x = (3.0 * t**2)[:, None, None, None]
    dt = signals.median_step(t)
    np.testing.assert_allclose(signals.acceleration(x, t)[1:-1, 0, 0], 6 * dt**2, rtol=1e-6)


def test_steady_turning_has_no_angular_acceleration():
    angle = np.linspace(0, 20, 40)  # several turns: no jump where the angle wraps
    v = angle[:, None, None, None] * np.array([0.6, 0.0, 0.8])
    a = signals.acceleration(rotations.from_axis_angle(v), np.arange(40) / 30)
    np.testing.assert_allclose(a[1:-1], 0, atol=1e-6)


def test_means_count_only_points_that_both_have():
    a = np.array([[[1.0, 3.0]], [[2.0, np.nan]], [[np.nan, np.nan]]])
    b = np.array([[[5.0, np.nan]], [[4.0, 9.0]], [[1.0, 1.0]]])
    got = signals.mean_over_points(a, [b])
    np.testing.assert_array_equal(got[0], [1, 2, np.nan])
    np.testing.assert_array_equal(got[1], [5, 4, np.nan])


@pytest.mark.parametrize("frames", [256, 300])
def test_the_spectrum_of_complete_data_is_scipys(frames):
    x = np.random.default_rng(0).normal(size=(frames, 1, 2, 2))
    t = np.arange(frames) / 30
    got = signals.spectrum([x], t)
    assert got.segment == 256
    hz, want = welch(x, 30, "hann", got.segment, detrend="linear", axis=0)
    np.testing.assert_allclose(got.hz, hz[1:])
    np.testing.assert_allclose(got.power[0], want.mean(axis=(1, 2, 3))[1:], rtol=1e-6)


def test_a_tone_among_gaps_stands_where_it_is():
    t = np.arange(600) / 60
    x = np.sin(2 * np.pi * 7.5 * t)[:, None, None, None] * np.ones((1, 2, 3, 2))
    x[np.random.default_rng(0).random((600, 2, 3)) < 0.01] = np.nan
    got = signals.spectrum([x, 0.5 * x], t)
    assert got.segment in (16, 32, 64)
    assert got.hz[got.power[0].argmax()] == pytest.approx(7.5, abs=60 / got.segment / 2)
    np.testing.assert_allclose(got.power[1], got.power[0] / 4)


def test_all_layers_are_measured_on_the_same_segments():
    x = np.random.default_rng(0).normal(size=(128, 1, 1, 1))
    y = x.copy()
    y[:64] = np.nan  # what is complete in both is the second half
    x[:64] *= 1000
    got = signals.spectrum([x, y], np.arange(128) / 30)
    np.testing.assert_allclose(got.power[0], got.power[1])


@pytest.mark.parametrize("frames", [1, 2, 15])
def test_too_short_for_a_spectrum(frames):
    got = signals.spectrum([np.zeros((frames, 1, 2, 2))], np.arange(frames) / 30)
    assert len(got.hz) == 0 and len(got.power) == 1


def test_no_segment_reaches_across_skipped_frames():
    t = np.arange(64) / 30
    t[32:] += 1.0
    assert signals.spectrum([np.random.default_rng(0).normal(size=(64, 1, 1, 1))], t).segment == 32


def test_low_confidence_follows_the_estimators_scale():
    before, _ = walk()
    assert signals.low_confidence(before) == pytest.approx(0.3)
    from dataclasses import replace

    big = replace(before, confidence=before.confidence * 6)
    assert 1.6 < signals.low_confidence(big) < 1.8
    assert signals.low_confidence(replace(before, confidence=None)) is None


def test_angles_from_first_and_mean():
    before, after = turn()
    layers = [before.rotations, after.rotations]
    first = signals.angle_from_first(layers)[0]
    want = [[np.degrees(rotations.geodesic(r, before.rotations[0, 0, 5])) for r in before.rotations[:, 0, 5]]]
    np.testing.assert_allclose(first[:, 0, 5], want[0])
    mean = signals.from_mean(layers)[0]
    np.testing.assert_allclose(mean.mean(axis=0), 0, atol=1.0)


def test_motions_that_do_not_fit_are_refused():
    before, after = walk()
    with pytest.raises(DataError, match="one shape"):
        signals.check_pair(before, after.select(frames=slice(0, 5)))
    with pytest.raises(DataError, match="one kind"):
        signals.check_pair(before, turn()[0])
    from dataclasses import replace

    with pytest.raises(DataError, match="persons"):
        signals.check_pair(before, replace(after, persons=("a", "b")))
    with pytest.raises(DataError, match="times"):
        signals.check_pair(before, replace(after, times=after.times + 1))
