"""Motion too fast for its frame rate: a walk at 2 frames a second, running at 5.

Near half the frame rate, motion and noise look the same: neighbours say nothing about a frame, and whatever
smooths does harm. They differ in size. No estimator errs by as much as limbs swing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]

# Below this rate nothing was gained by smoothing captured motion with noise of 3 to 30 mm, and from this
# error of prediction on the motion lost (experiments/missing).
LOWEST = 9.0  # frames a second
POSITIONS = 0.03  # of the body's size, at that rate; at half of it a quarter, and so on
ROTATIONS = 0.15  # radians, likewise


def too_fast(values: Floats, valid: Bools, times: Floats, size: Floats, least: float) -> Bools:
    """Which curves are not predictable from one frame to the next, at a low frame rate.

    Every frame is predicted from two on either side by the cubic through them; judged is the root of the mean
    squared distance. Where no frame can be predicted, that is so as well.

    Parameters
    ----------
    values : ndarray, shape (frames, curves, dims)
        Finite where valid.
    valid : ndarray of bool, shape (frames, curves)
    times : ndarray, shape (frames,)
        Seconds.
    size : ndarray, shape (curves,)
        Of the body each curve belongs to.
    least
        Error of prediction from which on a curve is too fast at ``LOWEST``, in sizes; at lower rates it is
        smaller by the square, for less and less is gained.

    Returns
    -------
    ndarray of bool, shape (curves,)
    """
    seen: Bools = np.asarray(valid.any(axis=0))
    steps = np.diff(times)
    step = float(np.median(steps)) if len(steps) else 0.0
    if step * LOWEST <= 1:
        return np.zeros_like(seen)
    if len(times) < 5:
        return seen
    even = np.abs(steps - step) < 0.25 * step
    known = np.ones((len(times) - 4, values.shape[1]), bool)
    for shift in range(5):
        known &= valid[shift : len(times) - 4 + shift]
    for shift in range(4):
        known &= even[shift : len(times) - 4 + shift, None]
    near = values[1:-3] + values[3:-1]
    off = values[2:-2] - (4 * near - (values[:-4] + values[4:])) / 6
    squared = np.where(known, np.square(off).sum(axis=2), 0.0).sum(axis=0)
    fast: Bools = seen & (squared >= np.square(least * size / (step * LOWEST) ** 2) * known.sum(axis=0))
    return fast
