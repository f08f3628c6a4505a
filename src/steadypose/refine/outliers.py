"""What is not this body's motion: single keypoints that slip for some frames, and bodies that change.

A slip leaves its path and comes back (:func:`find_outliers`); another body under the same name stays where it
appeared (:func:`find_switches`). Both judge by displacement relative to the size and speed of the body,
so pixels and metres, any rotation and any scale give the same answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._size import SAMPLED_FRAMES, body_size
from steadypose._timed import complete
from steadypose.refine._rolling import rolling_median, window_span
from steadypose.refine._slips import Curves, Suspects, find_slips

Array = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]

# Chosen on captured motion at 30 fps with planted slips (experiments/cleaning).
WINDOW = 0.45
THRESHOLD = 3.0
_FLOOR = 0.01  # of the body's size: no estimator is better than that, integer pixels are not
_STEP = 1 / 30  # seconds over which speed is measured: long enough not to be noise alone at high frame rates
_BLOCK = 1 << 20  # values per block

_REACH = 0.5  # of the body's size: what most of a body cannot cover from one frame to the next …
_SPEED = 4.0  # … plus what it covers running, in body sizes per second
_STAY = 8  # frames on either side that are asked which of the two bodies they are


def find_outliers(
    values: Array,
    valid: Bools,
    times: Array,
    size: Array | None = None,
    *,
    bones: npt.NDArray[np.intp] | None = None,
    window: float = WINDOW,
    threshold: float = THRESHOLD,
) -> Bools:
    """Keypoints that leave their path for a moment: a Hampel identifier that knows about motion and bodies.

    A sample is suspected if its distance from the median of a centred window is more than ``threshold``
    times the local spread, which is the mean of three lengths: 1.4826 times the median of such distances in
    the window (the noise); the median displacement within a thirtieth of a second; and 1 % of the body's size
    (so that a motionless or quantised curve is left alone).

    A suspect is an outlier if it is as far from the line between the good samples before and after it, and
    if the curve got there and back in jumps: steps that cover half of the way and differ by as much from the
    steps beside them. What takes several steps is motion, and so is what the body shares (bones that keep
    their lengths, neighbours that move along, but less) where the push is one that a body can give.

    Parameters
    ----------
    values : ndarray, shape (frames, curves, dims)
        Finite where valid. A curve is one keypoint of one person.
    valid : ndarray of bool, shape (frames, curves)
    times : ndarray, shape (frames,)
        Seconds, strictly increasing.
    size : ndarray, shape (curves,), optional
        Size of the body each curve belongs to, or what stands for it where curves are rotation matrices
        (dims = 9, ``_reach.rotation_sizes``). None: that of all curves together.
    bones : ndarray of int, shape (bones, 2), optional
        Pairs of curves that a bone joins. None: only time is evidence.
    window
        Full width in seconds. Slips shorter than half of it are found; at its default, up to six frames
        at 30 fps.
    threshold
        In spreads.

    Returns
    -------
    ndarray of bool, shape (frames, curves)
        True for outliers; never where not valid. A curve that jumps and stays is a step, and no outlier.

    Notes
    -----
    The median is taken per coordinate in the principal axes of the data, hence turning all coordinates
    together changes nothing. Where fewer than five samples are in a window, nothing is judged.

    References
    ----------
    Pearson: Outliers in process modeling and identification, IEEE Trans. Control Systems Technology 10
    (2002).
    """
    frames, curves, dims = values.shape
    outlier = np.zeros((frames, curves), bool)
    if frames < 5 or curves == 0:
        return outlier
    half, span = window_span(times, window, lopsided=True)
    lag = max(1, round(_STEP / float(np.median(np.diff(times)))))
    floor = _FLOOR * (_common_size(values, valid) if size is None else size)
    centre, axes = _principal_axes(values, valid)
    halo = 2 * half + lag
    rows = max(4 * halo, _BLOCK // (curves * dims))
    suspects = []
    for start in range(0, frames, rows):
        stop = min(frames, start + rows)
        part = slice(max(0, start - halo), min(frames, stop + halo))
        x, v = (values[part] - centre) @ axes, valid[part]
        before, after = span[0][part], span[1][part]
        distance = _norm(x - rolling_median(x, v, half, (before, after)))
        moved, known = _displacement(x, v, lag)
        noise = rolling_median(distance[..., None], v, half, (before, after))[..., 0]
        speed = rolling_median(moved[..., None], known, half, (before, after))[..., 0]
        limit = threshold / 3 * (1.4826 * noise + speed + floor)
        # The median of a window that reaches further to one side lags behind by half of that.
        lag_behind = speed * (np.abs(after - before) / (2 * lag))[:, None]
        count = np.concatenate([np.zeros((1, curves), np.intp), np.cumsum(v, axis=0)])
        at = np.arange(len(v))
        inside = count[np.minimum(at + after + 1, len(v))] - count[np.maximum(at - before, 0)]
        with np.errstate(invalid="ignore"):
            far = (distance - lag_behind > limit) & v & (inside >= 5)
        kept = slice(start - part.start, stop - part.start)
        frame, curve = np.nonzero(far[kept])
        suspects.append((frame + start, curve, limit[kept][frame, curve]))
    frame, curve, limit = (np.concatenate(a) for a in zip(*suspects, strict=True))
    if not len(frame):
        return outlier
    order = np.lexsort((frame, curve))
    sizes = floor / _FLOOR * np.ones(curves)
    found = find_slips(
        Suspects(curve[order], frame[order], limit[order].astype(np.float64)),
        Curves(values, valid, times, sizes, half, bones),
    )
    outlier[found.frame, found.curve] = True
    return outlier


def find_switches(
    positions: Array, times: Array, seen: Bools | None = None, size: Array | None = None
) -> Bools:
    """Where a tracked person becomes another one (or the camera cuts): the whole body is elsewhere, and
    stays.

    The first frame of a new body is one in which more than half of the keypoints are further from where they
    were last seen than any body moves: half its size, and four sizes per second of the time between. Most
    of the frames around must agree: those after it lie nearer to the new body, those before nearer to the
    old one. A body that is elsewhere for some frames and comes back is no switch.

    Parameters
    ----------
    positions : ndarray, shape (frames, persons, keypoints, dims)
        NaN where missing. Root-relative positions have no place and thus show no switch.
    times : ndarray, shape (frames,)
        Seconds.
    seen : ndarray of bool, shape (frames, persons, keypoints), optional
        Where they are not missing, if that is known already.
    size : ndarray, shape (persons,), optional
        Of the bodies, if that is known already.

    Returns
    -------
    ndarray of bool, shape (frames, persons)
        True at the first frame of a new body.
    """
    switch = np.zeros(positions.shape[:2], bool)
    seen = complete(positions) if seen is None else seen
    size = body_size(positions, seen) if size is None else size
    for person in range(positions.shape[1]):
        x = positions[:, person]
        count = np.count_nonzero(seen[:, person], axis=1)
        least = max(3, int(np.ceil(0.25 * count.max(initial=0))))
        there = np.flatnonzero(count >= least)
        for i in _sudden(x, there, times, float(size[person])):
            old, new = x[there[i - 1]], x[there[i]]
            before, after = x[there[max(0, i - 1 - _STAY) : i - 1]], x[there[i + 1 : i + 1 + _STAY]]
            if (
                len(before) >= 2
                and len(after) >= 2
                and _nearer(before, old, new)
                and _nearer(after, new, old)
            ):
                switch[there[i], person] = True
    return switch


def _sudden(x: Array, there: npt.NDArray[np.intp], times: Array, size: float) -> npt.NDArray[np.intp]:
    """Which of the frames ``there`` show most of the body far from the frame before."""
    found = []
    rows = max(1, _BLOCK // max(1, x[0].size))
    for start in range(1, len(there), rows):
        now = there[start : start + rows]
        last = there[start - 1 : start - 1 + len(now)]
        if len(there) == len(x):  # nobody missing anywhere: slices need no copy
            step = x[start : start + len(now)] - x[start - 1 : start - 1 + len(now)]
        else:
            step = x[now] - x[last]
        limit = size * (_REACH + _SPEED * (times[now] - times[last]))
        if max(step.max(), -step.min()) <= limit.min() / np.sqrt(x.shape[2]):  # never where one is NaN
            continue
        away = np.einsum("fkd,fkd->fk", step, step)
        far = np.count_nonzero(away > np.square(limit)[:, None], axis=1)
        common = np.count_nonzero(np.isfinite(away), axis=1)
        found.append(start + np.flatnonzero((2 * far > common) & (common >= 3)))
    return np.concatenate(found) if found else np.empty(0, np.intp)


def _nearer(frames: Array, this: Array, other: Array) -> bool:
    """Whether most frames lie nearer to one body than to the other, judged by most keypoints."""
    nearer = _norm(frames - this) < _norm(frames - other)
    common = complete(frames + this + other)
    votes = 2 * (nearer & common).sum(axis=1) > common.sum(axis=1)
    return bool(2 * votes.sum() > len(frames))


def _norm(x: Array) -> Array:
    length: Array = np.sqrt(np.einsum("...d,...d->...", x, x))
    return length


def _displacement(x: Array, valid: Bools, lag: int) -> tuple[Array, Bools]:
    """How far each sample is from the last valid one at least ``lag`` frames earlier, and where there is
    one."""
    moved, known = np.zeros_like(x[..., 0]), np.zeros_like(valid)
    if len(x) <= lag:
        return moved, known
    if valid.all():
        earlier = x[:-lag]
        known[lag:] = True
    else:
        last = np.maximum.accumulate(np.where(valid, np.arange(len(x))[:, None], -1), axis=0)[:-lag]
        known[lag:] = valid[lag:] & (last >= 0)
        earlier = np.take_along_axis(x, np.maximum(last, 0)[..., None], axis=0)
    moved[lag:] = _norm(x[lag:] - earlier)
    return moved, known


def _sample(values: Array, valid: Bools) -> tuple[Array, Bools]:
    there = np.flatnonzero(valid.any(axis=1))
    some = there[:: max(1, len(there) // SAMPLED_FRAMES)]
    return values[some].astype(np.float64), valid[some]


def _common_size(values: Array, valid: Bools) -> float:
    """Size of all curves as one body; for a single curve the extent of its path."""
    x, v = _sample(values, valid)
    if not v.any():
        return 0.0
    if v.shape[1] > 1:
        return float(body_size(np.where(v[..., None], x, np.nan)[:, None])[0])
    low, high = np.quantile(x[v], [0.05, 0.95], axis=0)
    return float(np.linalg.norm(high - low))


def _principal_axes(values: Array, valid: Bools) -> tuple[Array, Array]:
    """Mean and principal axes of the samples."""
    x, v = _sample(values, valid)
    cloud = x[v]
    if len(cloud) < 2:
        return np.zeros(values.shape[2], values.dtype), np.eye(values.shape[2], dtype=values.dtype)
    centre = cloud.mean(axis=0)
    axes = np.linalg.eigh((cloud - centre).T @ (cloud - centre))[1]
    return centre.astype(values.dtype), axes.astype(values.dtype)
