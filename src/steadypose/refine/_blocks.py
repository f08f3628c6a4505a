"""Recursive filters on all curves and many stretches of time at once.

A recursive filter walks frame by frame, and a walk in Python costs as much for one number as for ten
thousand. Such a filter forgets: after its memory is over, where it started no longer shows in single
precision. So a long recording is cut into blocks that walk side by side, each with a run-up (and, for
smoothers, a run-out) of one memory that is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Walk = Callable[[Floats, Floats | None, Floats], Floats]

BUDGET = 1 << 20  # numbers per array and round: 8 MB, so that peak memory does not grow with the recording


def walk_in_blocks(
    values: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float32] | None,
    times: Floats,
    memory: int,
    walk: Walk,
) -> npt.NDArray[np.float32]:
    """Run ``walk`` on every block and put the middles together.

    Parameters
    ----------
    values : ndarray, shape (frames, curves, dims)
    weights : ndarray, shape (frames, curves), optional
    times : ndarray, shape (frames,)
    memory : int
        Frames after which the filter has forgotten its start.
    walk : callable
        Takes values (steps, blocks, curves, dims), weights (steps, blocks, curves) or None and times
        (steps, blocks); returns filtered values. It may work in place.

    Returns
    -------
    ndarray of float32, shape (frames, curves, dims)
    """
    frames, curves, dims = values.shape
    kept = max(3 * memory, 64)  # frames of a block that are kept: a fifth to two fifths of the work is run-up
    length = min(frames, kept + 2 * memory)
    if length == frames:
        w = None if weights is None else weights[:, None].astype(np.float64)
        done = walk(values[:, None].astype(np.float64), w, times[:, None])
        return done[:, 0].astype(np.float32)
    out = np.empty_like(values)
    starts = np.arange(0, frames, kept)
    together = max(1, BUDGET // (length * curves * dims))
    for i in range(0, len(starts), together):
        some = starts[i : i + together]
        first = np.clip(some - memory, 0, frames - length)  # a block at either end just has a longer run-up
        rows = first + np.arange(length)[:, None]
        w = None if weights is None else weights[rows].astype(np.float64)
        done = walk(values[rows].astype(np.float64), w, times[rows])
        for b, (start, begin) in enumerate(zip(some, first, strict=True)):
            stop = min(start + kept, frames)
            out[start:stop] = done[start - begin : stop - begin, b]
    return out
