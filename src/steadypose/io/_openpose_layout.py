"""BODY_25 or BODY_25B: both have 25 keypoints, and only where they lie tells them apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# What lies close together. BODY_25 has its face at 0 and 15-18, the neck (1) between the shoulders and the
# middle of the hips (8) between the hips; BODY_25B its face at 0-4, and 17 above the middle of its shoulders.
_CLUSTER = {"body25": (0, 15, 16, 17, 18), "body25b": (0, 1, 2, 3, 4)}
_BETWEEN = {"body25": ((1, 2, 5), (8, 9, 12)), "body25b": ((17, 5, 6),)}

_ENOUGH = 500  # detections, spread over the file


def body25_or_body25b(x: npt.NDArray[np.floating[Any]]) -> tuple[str, str]:
    """Which of OpenPose's two layouts of 25 keypoints these are, and a sentence that says how it shows.

    Parameters
    ----------
    x : ndarray, shape (detections, 25, 2 or 3)
        NaN where missing.

    Returns
    -------
    layout, how : str
        ``"body25"`` (OpenPose's own default, also where nothing can be said) or ``"body25b"``.
    """
    x = x[:: max(1, len(x) // _ENOUGH)]
    there = (np.abs(x) < 1e30).all(axis=-1)  # what is beyond that is no place, and its square would overflow
    seen = there.sum(axis=1) > 1
    x, there = np.where(there[..., None], x, np.nan)[seen], there[seen]
    low, high = (
        f(np.where(there[..., None], x, w), axis=1) for f, w in ((np.min, np.inf), (np.max, -np.inf))
    )
    size = np.linalg.norm(high - low, axis=-1)
    more = (_spread(x, there, "body25") - _spread(x, there, "body25b"))[size > 0] / size[size > 0]
    more = more[np.isfinite(more)]
    if not len(more):
        return "body25", "skeleton assumed: body25, for too few keypoints are there to tell it from body25b"
    name = "body25b" if np.median(more) > 0 else "body25"
    share = np.mean((more > 0) == (name == "body25b"))
    return name, f"skeleton inferred: {name}, from where face and neck are ({share:.0%} of detections agree)"


def _spread(x: npt.NDArray[Any], there: npt.NDArray[np.bool_], name: str) -> npt.NDArray[np.float64]:
    """How far apart is, on average, what is close together in that layout; NaN where none of it is there."""
    face, has = x[:, _CLUSTER[name]], there[:, _CLUSTER[name]]
    count = np.maximum(has.sum(axis=1), 1)
    centre = np.where(has[..., None], face, 0.0).sum(axis=1) / count[:, None]
    apart = np.where(has, np.linalg.norm(face - centre[:, None], axis=-1), 0.0).sum(axis=1) / count
    terms = [np.where(count > 1, apart, np.nan)]
    terms += [np.linalg.norm(x[:, k] - (x[:, a] + x[:, b]) / 2, axis=-1) for k, a, b in _BETWEEN[name]]
    all_terms = np.stack(terms)
    number = np.isfinite(all_terms).sum(axis=0)
    total = np.where(np.isfinite(all_terms), all_terms, 0.0).sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
