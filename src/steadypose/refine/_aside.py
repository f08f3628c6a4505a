"""What is set aside before anything is smoothed: rows of a rest pose, and frames that show no body."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from steadypose._timed import complete
from steadypose.refine._size import body_size
from steadypose.refine.collapse import find_collapses
from steadypose.refine.rest_pose import count_rest_positions
from steadypose.sequence import PoseSequence

Values = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]


def set_aside(seq: PoseSequence) -> tuple[Values, Ints, int]:
    """Positions without those frames; rows of rest pose of every person; number of frames without a body."""
    x = seq.positions
    seen = complete(x)
    size = body_size(x, seen)
    bones = seq.skeleton.bones
    rest = count_rest_positions(x, seq.times, size, bones if len(bones) else None)
    for person, rows in enumerate(rest):
        seen[:rows, person] = False
    lost = find_collapses(x, seq.times, seen, size)
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
