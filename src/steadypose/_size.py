"""How large a body is in the units of its data, so that thresholds need no units."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._timed import complete

SAMPLED_FRAMES = 200


def body_size(
    positions: npt.NDArray[np.floating[Any]], seen: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.float64]:
    """Median over frames of the diagonal of the box around the keypoints seen.

    Of a person of whom there is never more than one keypoint it is the extent of that one's path (without the
    outermost hundredth at either side), so that every unit gives the same; 1 if nothing moves at all.

    Parameters
    ----------
    positions : ndarray, shape (frames, persons, keypoints, dims)
        NaN where missing.
    seen : ndarray of bool, shape (frames, persons, keypoints), optional
        Where they are not missing, if that is known already.

    Returns
    -------
    ndarray, shape (persons,)
    """
    seen = complete(positions) if seen is None else seen
    size = np.ones(positions.shape[1])
    for person in range(positions.shape[1]):
        # Sampled among the frames with this person: one who is there briefly counts as well.
        there = np.flatnonzero(seen[:, person].sum(axis=1, dtype=np.int32) > 1)
        some = there[:: max(1, len(there) // SAMPLED_FRAMES)]
        x, known = positions[some, person].astype(np.float64), seen[some, person][..., None]
        top, bottom = np.where(known, x, -np.inf).max(axis=1), np.where(known, x, np.inf).min(axis=1)
        diagonal = np.linalg.norm(top - bottom, axis=1)
        if (diagonal > 0).any():
            size[person] = np.median(diagonal[diagonal > 0])
        elif seen[:, person].any():
            path = positions[:, person][seen[:, person]].astype(np.float64)
            low, high = np.quantile(path, [0.01, 0.99], axis=0)
            extent = float(np.linalg.norm(high - low))
            size[person] = extent if extent > 0 else 1.0
    return size
