"""The adaptive smoother: it finds the noise, the cutoff and the samples not to believe."""

import numpy as np

from steadypose.refine import make_filter
from steadypose.refine._kalman import smoothing_spline, student_weights, wiener_cutoffs

LIMITS = (0.5, 14.0)


def motion(frames=400, curves=4, fps=30, seed=0):
    """Sums of slow sines, like limbs: most of the acceleration below 3 Hz."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / fps
    f, phase = rng.uniform(0.3, 2.0, (8, curves, 3)), rng.uniform(0, 6, (8, curves, 3))
    waves = np.sin(2 * np.pi * f * t[:, None, None, None] + phase) / f**1.5
    return (100 * waves.sum(axis=1)).astype(np.float32), t


def adaptive(values, times, weights=None, **parameters):
    return make_filter("adaptive", **parameters).smooth(values, weights, times, np.ones(values.shape[1]))


def rms(a):
    return float(np.sqrt(np.mean(np.square(a, dtype=np.float64))))


def test_never_far_from_the_best_cutoff_while_every_fixed_one_is_somewhere():
    cutoffs = np.array([1.5, 3.0, 6.0, 12.0])
    worst = np.zeros(len(cutoffs) + 1)
    for fps in (30, 120):
        for noise in (0.3, 5.0, 200.0):
            x, t = motion(10 * fps, 3, fps)
            y = (x + np.random.default_rng(1).normal(0, noise, x.shape)).astype(np.float32)
            errors = [rms(smoothing_spline(y, None, t, np.array([c])) - x) for c in cutoffs]
            ratios = np.array([*errors, rms(adaptive(y, t) - x)]) / min(errors)
            worst = np.maximum(worst, ratios)
    assert worst[-1] < 1.6
    assert (worst[:-1] > 2).all()


def test_more_noise_means_a_lower_cutoff_and_the_unit_does_not_matter():
    x, t = motion()
    rng = np.random.default_rng(1)
    y = [(x + rng.normal(0, s, x.shape)).astype(np.float32) for s in (1, 5, 25)]
    ones = np.ones(x.shape[:2], np.float32)
    cutoffs = [wiener_cutoffs(v, ones, t, 1.0, LIMITS) for v in y]
    assert (cutoffs[0] > cutoffs[1]).all()
    assert (cutoffs[1] > cutoffs[2]).all()
    assert np.allclose(wiener_cutoffs(y[1] * 0.001, ones, t, 1.0, LIMITS), cutoffs[1], rtol=1e-3)


def test_every_curve_by_itself():
    x, t = motion()
    x[:, ::2] += np.random.default_rng(1).normal(0, 20, x[:, ::2].shape).astype(np.float32)
    together, alone = adaptive(x, t), adaptive(x[:, 1:2], t)
    assert np.abs(together[:, 1:2] - alone).max() < 1e-3


def test_clean_motion_is_hardly_touched():
    x, t = motion()
    assert rms(adaptive(x, t) - x) < 0.003 * rms(x - x.mean(0))


def test_bursts_are_not_believed():
    x, t = motion()
    rng = np.random.default_rng(2)
    y = x + rng.normal(0, 2, x.shape)
    bad = rng.random(x.shape[:2]) < 0.05
    y[bad] += rng.normal(0, 120, (bad.sum(), 3))
    y = y.astype(np.float32)
    fixed = min(rms(smoothing_spline(y, None, t, np.array([c])) - x) for c in np.geomspace(1, 12, 12))
    assert rms(adaptive(y, t) - x) < 0.5 * fixed


def test_student_weights_fall_with_distance_and_never_rise_above_what_came_in():
    rng = np.random.default_rng(0)
    smooth = np.zeros((1000, 2, 3), np.float32)
    values = rng.normal(size=smooth.shape).astype(np.float32)
    came = rng.uniform(0.1, 1, (1000, 2)).astype(np.float32)
    weights = student_weights(values, smooth, came)
    assert (weights <= came).all()
    assert (weights > 0).all()
    order = np.argsort(np.linalg.norm(values[:, 0], axis=-1))
    assert (np.diff((weights / came)[order, 0]) <= 1e-6).all()


def test_whole_pixels_at_rest_stay_at_rest():
    rng = np.random.default_rng(0)
    y = (200 + (rng.random((600, 2, 2)) < 0.03)).astype(np.float32)
    out = adaptive(y, np.arange(600) / 30)
    assert rms(np.diff(out, 2, axis=0)) < 0.1 * rms(np.diff(y, 2, axis=0))


def test_strength_moves_every_cutoff():
    x, t = motion()
    y = (x + np.random.default_rng(1).normal(0, 10, x.shape)).astype(np.float32)
    rough = [rms(np.diff(adaptive(y, t, strength=s), 2, axis=0)) for s in (0.5, 1.0, 2.0)]
    assert rough[0] > rough[1] > rough[2]


def test_short_clips_lean_on_the_usual_cutoff():
    x, t = motion(6)
    ones = np.ones(x.shape[:2], np.float32)
    clean = wiener_cutoffs(x, ones, t, 1.0, LIMITS)
    assert ((clean > 3) & (clean < 6)).all()
