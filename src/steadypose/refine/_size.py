"""How large a body is in the units of its data, so that thresholds need no units."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLED_FRAMES = 500


def body_size(positions: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Median over frames of the diagonal of the box around the keypoints seen; 1 for a person never seen so.

    Parameters
    ----------
    positions : ndarray, shape (frames, persons, keypoints, dims)
        NaN where missing.

    Returns
    -------
    ndarray, shape (persons,)
    """
    size = np.ones(positions.shape[1])
    for person in range(positions.shape[1]):
        # Sampled among the frames with this person: one who is there briefly counts as well.
        there = np.flatnonzero(np.isfinite(positions[:, person]).all(axis=2).sum(axis=1) > 1)
        x = positions[there[:: max(1, len(there) // SAMPLED_FRAMES)], person].astype(np.float64)
        seen = np.isfinite(x).all(axis=2, keepdims=True)
        top, bottom = np.where(seen, x, -np.inf).max(axis=1), np.where(seen, x, np.inf).min(axis=1)
        diagonal = np.linalg.norm(top - bottom, axis=1)
        if (diagonal > 0).any():
            size[person] = np.median(diagonal[diagonal > 0])
    return size
