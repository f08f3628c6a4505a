"""The Kalman filter with Rauch–Tung–Striebel smoother, and how it finds its own parameters.

Model: a keypoint keeps its velocity but for white acceleration noise, and is measured with white noise. The
smoother's response to an oscillation is then 1 / (1 + (f / cutoff)^4), with cutoff the frequency at which the
spectra of motion and noise cross: the Wiener filter of such a motion.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.refine._blocks import walk_in_blocks

Values = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]

EXCERPT, EXCERPTS = 2000, 10  # frames and number of pieces of a long recording that tell its noise and motion
CURVES_BUDGET = 1 << 23  # numbers smoothed together, so that temporaries stay small beside a long recording
USUAL_CUTOFF = 3.5  # Hz: what a curve too short to say otherwise gets
MOTION_BAND = 7.0  # Hz: the acceleration of a moving body is taken as white up to here
TAIL = 2.5  # a sample this many typical distances off counts half
LEAST_BELIEF = 0.005


def smoothing_spline(values: Values, weights: Values | None, times: Floats, cutoff: Floats) -> Values:
    """Kalman filter forwards, Rauch–Tung–Striebel backwards.

    Parameters
    ----------
    values : ndarray of float32, shape (frames, curves, dims)
        Without NaN.
    weights : ndarray of float32, shape (frames, curves), optional
        Above 0: one over the variance of the noise, relative to the best samples.
    times : ndarray, shape (frames,)
        Seconds.
    cutoff : ndarray, shape (curves,) or (1,)
        Hertz.
    """
    if len(times) < 3:
        return values.copy()
    step = float(np.median(np.diff(times)))
    q = (2 * np.pi * cutoff) ** 4 * step  # acceleration noise for unit measurement noise

    def walk(x: Floats, w: Floats | None, t: Floats) -> Floats:
        return _rauch_tung_striebel(x, w, np.diff(t, axis=0), q)

    # Weaker samples make the filter remember longer; single ones among others hardly do.
    weakest = 1.0 if weights is None else max(float(weights.min()), 0.02) ** 0.25
    memory = int(np.ceil(4.0 / (float(cutoff.min()) * weakest * step))) + 2
    return walk_in_blocks(values, weights, times, memory, walk)


def adaptive_spline(
    values: Values, weights: Values | None, times: Floats, strength: float, limits: tuple[float, float]
) -> Values:
    """Smoothing with the Wiener cutoff of every curve, then again with outlying samples believed less.

    Parameters
    ----------
    values, weights, times
        As for :func:`smoothing_spline`.
    strength : float
        Divides every cutoff.
    limits : tuple of float
        Lowest and highest cutoff, hertz.
    """
    frames, curves, dims = values.shape
    if frames < 5:
        return smoothing_spline(values, weights, times, np.array([USUAL_CUTOFF / strength]))
    out = np.empty_like(values)
    width = max(1, CURVES_BUDGET // (frames * dims))  # of a very long recording a few curves at a time
    for c in range(0, curves, width):
        x = values[:, c : c + width]
        belief = np.ones(x.shape[:2], np.float32) if weights is None else weights[:, c : c + width]
        first = smoothing_spline(x, belief, times, wiener_cutoffs(x, belief, times, strength, limits))
        belief = student_weights(x, first, belief)
        cutoffs = wiener_cutoffs(x, belief, times, strength, limits)
        out[:, c : c + width] = smoothing_spline(x, belief, times, cutoffs)
    return out


def wiener_cutoffs(
    values: Values, weights: Values, times: Floats, strength: float, limits: tuple[float, float]
) -> Floats:
    """Where the spectra of motion and noise of every curve cross, in hertz; shape (curves,).

    Noise: the median square of third differences, in which motion hardly shows (their noise gain is
    1 + 9 + 9 + 1). Motion: the mean square acceleration after smoothing at the usual cutoff, less what noise
    leaves there, taken as white up to ``MOTION_BAND``.
    """
    frames, _, dims = values.shape
    step = float(np.median(np.diff(times)))
    squares, bends = [], []
    starts = range(0, frames, EXCERPT) if frames <= EXCERPTS * EXCERPT else _spread(frames)
    for start in starts:
        x, w, t = (a[start : start + EXCERPT] for a in (values, weights, times))
        if len(t) < 5:
            continue
        third = np.diff(x, 3, axis=0).astype(np.float64)
        gain = 1 / w[:-3] + 9 / w[1:-2] + 9 / w[2:-1] + 1 / w[3:]
        squares.append(np.mean(third**2, axis=2) / gain)
        calm = smoothing_spline(x, w, t, np.array([USUAL_CUTOFF]))
        bends.append(np.diff(calm, 2, axis=0).astype(np.float64) / step**2)
    square = np.concatenate(squares)
    # Median of a chi-square variable over its mean (Wilson and Hilferty 1931). Values rounded to whole pixels
    # have a median of 0 at rest: there a twentieth of the mean stands for it.
    median = (1 - 2 / (9 * dims)) ** 3
    noise = np.maximum(np.median(square, axis=0) / median, 0.05 * square.mean(axis=0))

    power = np.mean(np.concatenate(bends) ** 2, axis=(0, 2))
    left = _noise_gain(USUAL_CUTOFF, step) * noise / weights.mean(axis=0)
    power = np.maximum(power - left, 0.05 * power)

    tiny = np.finfo(np.float64).tiny
    crossing = (power / (2 * MOTION_BAND * step * np.maximum(noise, tiny))) ** 0.25 / (2 * np.pi)
    own = np.clip(crossing / strength, *limits)
    # A short clip says little: its cutoff leans towards the usual one.
    trust = (times[-1] - times[0]) / (times[-1] - times[0] + 1.0)
    usual = np.clip(USUAL_CUTOFF / strength, *limits)
    cutoffs: Floats = np.exp(trust * np.log(own) + (1 - trust) * np.log(usual))
    return cutoffs


def _spread(frames: int) -> list[int]:
    """Starts of excerpts from all over a long recording."""
    return [int(s) for s in np.linspace(0, frames - EXCERPT, EXCERPTS)]


def student_weights(values: Values, smooth: Values, weights: Values) -> Values:
    """Weights that fall with the distance of a sample from the smoothed curve, as a Student-t likelihood's
    do.

    One step of iteratively reweighted least squares (Lange, Little and Taylor 1989); distances are measured
    against the curve's own median distance.
    """
    out = np.empty_like(weights)
    frames = len(values)
    at = np.unique(np.linspace(0, frames - 1, min(frames, EXCERPT * EXCERPTS)).astype(np.intp))
    typical = np.median(np.sum((values[at] - smooth[at]) ** 2, axis=2), axis=0)
    scale = np.maximum(TAIL**2 * typical, np.finfo(np.float32).tiny)
    for start in range(0, frames, 1 << 16):
        some = slice(start, start + (1 << 16))
        far = np.sum((values[some] - smooth[some]) ** 2, axis=2) / scale
        out[some] = np.maximum(weights[some] / (1 + far), LEAST_BELIEF)
    return out


def _noise_gain(cutoff: float, step: float) -> float:
    """Mean square acceleration that unit white noise leaves after smoothing: the integral over frequency."""
    f = np.linspace(0, 0.5 / step, 2000)
    response = (2 * np.pi * f) ** 4 / (1 + (f / cutoff) ** 4) ** 2
    return float(2 * step * np.trapezoid(response, f))


def _rauch_tung_striebel(x: Floats, w: Floats | None, dt: Floats, q: Floats) -> Floats:
    """Smoothed positions, in place of x.

    x (steps, blocks, curves, dims), w (steps, blocks, curves) or None, dt (steps - 1, blocks), q (curves,) or
    (1,). State per coordinate: position and velocity; covariance per curve (one for all curves where weights
    and q are the same for all): p, c, v.
    """
    steps, blocks = x.shape[:2]
    noise = np.ones((steps, blocks, 1)) if w is None else 1.0 / w
    dt = dt[:, :, None]
    shape = np.broadcast_shapes(noise.shape[1:], q.shape)
    # Prior: position as measured, velocity unknown on the scale of one unit of noise a frame.
    p, c, v = noise[0] + np.zeros(shape), np.zeros(shape), np.full(shape, 1e4 / float(dt[0].min()) ** 2)
    covariances = np.empty((steps, 3, *shape))
    covariances[0] = p, c, v
    position, velocity = x, np.empty_like(x)  # a measurement is needed no more once it is filtered
    velocity[0] = 0.0
    for i in range(1, steps):
        h = dt[i - 1]
        p, c, v = p + h * (2 * c + h * v) + q * h**3 / 3, c + h * v + q * h**2 / 2, v + q * h
        s = 1.0 / (p + noise[i])
        kp, kv = p * s, c * s
        ahead = position[i - 1] + h[..., None] * velocity[i - 1]
        off = x[i] - ahead
        position[i] = ahead + kp[..., None] * off
        velocity[i] = velocity[i - 1] + kv[..., None] * off
        p, c, v = p - kp * p, c - kp * c, v - kv * c
        covariances[i] = p, c, v
    for i in range(steps - 2, -1, -1):
        h = dt[i]
        p, c, v = covariances[i]
        # Predicted covariance and the smoother's gain P Fᵀ (F P Fᵀ + Q)⁻¹, two by two.
        pp, cc, vv = p + h * (2 * c + h * v) + q * h**3 / 3, c + h * v + q * h**2 / 2, v + q * h
        inverse = 1.0 / (pp * vv - cc * cc)
        a, b = p + h * c, c + h * v
        g00, g01 = (a * vv - c * cc) * inverse, (c * pp - a * cc) * inverse
        g10, g11 = (b * vv - v * cc) * inverse, (v * pp - b * cc) * inverse
        off_p = position[i + 1] - (position[i] + h[..., None] * velocity[i])
        off_v = velocity[i + 1] - velocity[i]
        position[i] += g00[..., None] * off_p + g01[..., None] * off_v
        velocity[i] += g10[..., None] * off_p + g11[..., None] * off_v
    return position
