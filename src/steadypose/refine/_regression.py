"""Local polynomial regression: the one idea behind moving average, Gaussian and Savitzky–Golay filters.

Every output value is a polynomial fitted around it by weighted least squares, read off at its own time. In
the middle of a clean, evenly sampled recording that is the classical convolution. At the ends, beside gaps,
with uneven time stamps or with confidences it is what the convolution should have been: no drag towards the
inside, no ringing, no sample counted that is not there (Cleveland 1979; Fan and Gijbels 1996, chapter 3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Kernel = Callable[[Floats], Floats]

# Multiplications of one matrix product. Up to here OpenBLAS stays on the calling thread; above, threads
# wait for each other at every product, which on a busy machine costs more than all the arithmetic.
PRODUCT = 1 << 18


def boxcar(u: Floats) -> Floats:
    """1 on [-1, 1]."""
    return (np.abs(u) <= 1 + 1e-9).astype(np.float64)


def gaussian4(u: Floats) -> Floats:
    """Gaussian bell cut off at four standard deviations, which is u = 1."""
    return np.where(np.abs(u) <= 1 + 1e-9, np.exp(-8.0 * u * u), 0.0)


def local_polynomial(
    values: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float32] | None,
    times: Floats,
    *,
    kernel: Kernel,
    radius: float,
    degree: int,
    full_window: bool,
) -> npt.NDArray[np.float32]:
    """Fit a polynomial around every frame and evaluate it there.

    Parameters
    ----------
    values : ndarray of float32, shape (frames, curves, dims)
        Without NaN.
    weights : ndarray of float32, shape (frames, curves), optional
        Above 0; ``None`` is all 1.
    times : ndarray, shape (frames,)
        Seconds, strictly increasing.
    kernel : callable
        Of (time − centre) / radius.
    radius : float
        Half the window, seconds.
    degree : int
        Of the polynomial.
    full_window : bool
        At the ends, True moves the window inwards so that it stays full (what Savitzky and Golay's ends do);
        False lets it shrink.

    Returns
    -------
    ndarray of float32, shape (frames, curves, dims)
    """
    frames = len(times)
    step = np.diff(times)
    if frames == 1 or (not full_window and radius < step.min() * (1 - 1e-6)):
        return values.copy()
    even = bool(np.ptp(step) <= 1e-6 * step[0])
    if full_window and even:  # whole frames to either side, at the ends too
        radius = max(1, int(radius / step[0] + 1e-6)) * float(step.mean())
    centre = np.clip(times, times[0] + radius, times[-1] - radius) if full_window else times
    if full_window and times[-1] - times[0] < 2 * radius:
        centre = np.full(frames, (times[0] + times[-1]) / 2)
        radius = max(radius, (times[-1] - times[0]) / 2)
    reach = radius * (1 + 1e-9)
    low = np.searchsorted(times, centre - reach, side="left")
    high = np.searchsorted(times, centre + reach, side="right")
    flat = values.reshape(frames, -1)
    reached = (
        2 * radius / float(np.median(step))
    )  # frames of a window; a block needs as many more than it makes
    size = max(16, int(np.sqrt(reached**2 / 4 + PRODUCT / max(1, flat.shape[1])) - reached / 2))
    out = np.empty_like(flat)
    cached: dict[tuple[int, int, int], Floats] = {}  # what is the same for every block between the ends
    for start in range(0, frames, size):
        stop = min(start + size, frames)
        a, b = int(low[start]), int(high[stop - 1])
        key = (start - a, b - a, stop - start)
        inner = even and a > 0 and b < frames
        if inner and key in cached:
            prepared = cached[key]
        else:
            prepared = _moments(times[start:stop], centre[start:stop], times[a:b], radius, kernel, degree)
            if weights is None:
                prepared = _matrix(prepared, degree).astype(np.float32)
            if inner:
                cached[key] = prepared
        if weights is None:
            np.matmul(prepared, flat[a:b], out=out[start:stop])
        else:
            out[start:stop] = _weighted(prepared, degree, values[a:b], weights[a:b]).reshape(stop - start, -1)
    return out.reshape(values.shape)


def _moments(at: Floats, centre: Floats, times: Floats, radius: float, kernel: Kernel, degree: int) -> Floats:
    """Kernel times (time − at)^k for k up to 2·degree; shape (2·degree + 1, outputs, samples)."""
    bell = kernel((times - centre[:, None]) / radius)
    u = (times - at[:, None]) / radius
    return np.stack([bell * u**k for k in range(2 * degree + 1)])


def _matrix(kernels: Floats, degree: int) -> Floats:
    """Rows that turn equally weighted samples into fitted values; shape (outputs, samples)."""
    sums = kernels.sum(axis=-1)
    moments = np.stack(
        [np.stack([sums[i + j] for j in range(degree + 1)], -1) for i in range(degree + 1)], -2
    )
    first = np.zeros((*moments.shape[:-1], 1))
    first[:, 0] = 1
    solved = np.linalg.solve(_regular(moments), first)[..., 0]  # (outputs, degree + 1)
    rows: Floats = np.einsum("oi,ios->os", solved, kernels[: degree + 1])
    return rows


def _weighted(
    kernels: Floats, degree: int, values: npt.NDArray[np.float32], weights: npt.NDArray[np.float32]
) -> Floats:
    """Fitted values where every curve has weights of its own; values (samples, curves, dims)."""
    samples, curves, dims = values.shape
    shifted = values - values[:1]  # moments of small numbers lose fewer digits
    weighed = (shifted * weights[..., None]).reshape(samples, -1)
    s = kernels @ weights.astype(np.float64)  # moments of the weights (2·degree + 1, outputs, curves)
    t = (kernels[: degree + 1].astype(np.float32) @ weighed).reshape(degree + 1, -1, curves, dims)
    if degree == 1:
        # The 2 × 2 solution written out; a window with a single sample has no slope.
        spread = s[0] * s[2] - s[1] ** 2
        lone = spread <= 1e-9 * s[0] ** 2
        spread = np.where(lone, s[0], spread)
        a = np.where(lone, 1.0, s[2]) / spread
        b = np.where(lone, 0.0, s[1]) / spread
        fitted: Floats = a[..., None] * t[0] - b[..., None] * t[1]
    else:
        moments = np.stack(
            [np.stack([s[i + j] for j in range(degree + 1)], -1) for i in range(degree + 1)], -2
        )
        right = np.moveaxis(t, 0, -2).astype(np.float64)  # (outputs, curves, degree + 1, dims)
        fitted = np.linalg.solve(_regular(moments), right)[..., 0, :]
    fitted += values[0]
    return fitted


def _regular(moments: Floats) -> Floats:
    """Moment matrices that can always be solved: with too few samples the highest powers give way first."""
    n = moments.shape[-1]
    ridge = 1e-9 * moments[..., :1, :1] * np.diag(np.arange(n, dtype=np.float64))
    regular: Floats = moments + ridge
    return regular
