"""Chance in time: noise that remembers, and stretches that come and go."""

from __future__ import annotations

import numpy as np

from steadypose.sequence import Bools, Floats


def correlated(
    shape: tuple[int, ...], constant: float, rng: np.random.Generator, smooth: bool = False
) -> Floats:
    """Stationary autoregressive noise of variance 1 along the first axis.

    Parameters
    ----------
    shape
        Of the result.
    constant
        Time constant T in frames. 0 is white noise.
    rng
        The source of chance.
    smooth
        False: first order, correlation exp(−t/T). True: the same filter twice, about (1 + t/T) exp(−t/T),
        which has a velocity.
    """
    from scipy.signal import lfilter

    a = np.exp(-1.0 / constant) if constant > 0 else 0.0
    before = int(np.ceil(6 * constant)) if smooth else 0  # frames until the second filter is stationary
    noise = rng.standard_normal((before + shape[0], *shape[1:]))
    noise[1:] *= np.sqrt(1 - a * a)
    noise = lfilter([1.0], [1.0, -a], noise, axis=0)
    if smooth:
        gain = np.sqrt((1 - a * a) ** 2 / (1 + a * a))
        noise = gain * lfilter([1.0], [1.0, -a], noise, axis=0)
    return np.asarray(noise[before:])


def runs(
    shape: tuple[int, int], rate: float | Floats, seconds: float, fps: float, rng: np.random.Generator
) -> Bools:
    """True in stretches that come and go.

    Parameters
    ----------
    shape
        Frames and columns; the columns are independent.
    rate
        How many stretches begin a second; broadcasts with the shape.
    seconds
        How long they last on average (exponentially distributed, at least a frame).
    fps
        Frames per second.
    rng
        The source of chance.
    """
    frames, columns = shape
    rate = np.broadcast_to(np.asarray(rate, dtype=np.float64), shape)
    begin = rng.random(shape) < -np.expm1(-rate / fps)
    # The first frame may be in the middle of one.
    begin[0] = rng.random(columns) < rate[0] * seconds / (1 + rate[0] * seconds)
    frame, column = np.nonzero(begin)
    last = np.ceil(rng.exponential(seconds * fps, len(frame))).astype(int).clip(1)
    edges = np.zeros((frames + 1, columns), dtype=np.int64)
    np.add.at(edges, (frame, column), 1)
    np.add.at(edges, (np.minimum(frame + last, frames), column), -1)
    return np.asarray(np.cumsum(edges[:-1], axis=0) > 0)
