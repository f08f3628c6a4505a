"""What is set aside before anything is smoothed: rows of a rest pose, and frames that show no body."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._size import body_size
from steadypose._timed import complete
from steadypose.refine.collapse import find_collapses
from steadypose.refine.rest_pose import count_rest_positions
from steadypose.skeleton import Skeleton

Values = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.intp]


def set_aside(x: Values, times: Floats, skeleton: Skeleton) -> tuple[Values, Ints, int]:
    """Positions without those frames, rows of rest pose of every person, and how many frames show no body.

    Parameters
    ----------
    x : ndarray of float32, shape (frames, persons, keypoints, dims)
        NaN where missing.
    times : ndarray, shape (frames,)
        Seconds.
    skeleton
        Its bones say which distances stay.
    """
    seen = complete(x)
    size = body_size(x, seen)
    bones = skeleton.bones
    rest = count_rest_positions(x, times, size, bones if len(bones) else None)
    for person, rows in enumerate(rest):
        seen[:rows, person] = False
    lost = find_collapses(x, times, seen, size)
    if rest.any() or lost.any():
        x = x.copy()
        x[lost] = np.nan
        for person, rows in enumerate(rest):
            x[:rows, person] = np.nan
    return x, rest, int(lost.sum())


def say_rest(rest: Ints) -> dict[str, int]:
    """Rows of rest pose, as they are counted in a history."""
    rows = int(rest.max(initial=0))
    kept = "row of rest pose at the start kept as it is"
    return {kept if rows == 1 else "rows of rest pose at the start kept as they are": rows}
