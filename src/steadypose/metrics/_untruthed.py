"""What can be said without ground truth: how jerky, how noisy, how rigid, how well the feet stand.

None of these sees an error that moves smoothly, and all of them praise a motionless output: they compare
versions of one recording, not estimators. Shapes and ``per_joint`` as in the metrics with truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.metrics import _arrays
from steadypose.metrics._arrays import Array, Floats, Protocol, Root


def accel_magnitude(
    pred: npt.ArrayLike, *, root: Root = None, cuts: Iterable[int] = (), per_joint: bool = False
) -> float | Floats:
    """Mean ‖Δ²pred‖ per frame²: Accel against a truth that moves uniformly."""
    return _magnitude(pred, 2, root, cuts, per_joint)


def jerk(
    pred: npt.ArrayLike, *, root: Root = None, cuts: Iterable[int] = (), per_joint: bool = False
) -> float | Floats:
    """Mean ‖Δ³pred‖ per frame³."""
    return _magnitude(pred, 3, root, cuts, per_joint)


def jitter(
    pred: npt.ArrayLike,
    fps: float,
    *,
    cuts: Iterable[int] = (),
    per_joint: bool = False,
    protocol: Protocol = "default",
) -> float | Floats:
    """Jitter as EMDB reports it: mean ‖Δ³pred‖ · fps³, in tens of m/s³.

    Parameters
    ----------
    pred : array_like, shape (frames, [persons,] joints, 3)
        In metres, in the world.
    fps
        Frames per second.
    protocol
        The default divides m/s³ by 10, which is the unit that EMDB names (10 m/s³), as WHAM's evaluation
        does; ``"official"`` divides by 100, the factor on record for EMDB's own evaluation. Compare like with
        like.

    Notes
    -----
    Kaufmann et al., "EMDB: The Electromagnetic Database of Global 3D Human Pose and Shape in the Wild",
    ICCV 2023.
    """
    if not (np.isfinite(fps) and fps > 0):
        raise DataError(f"expected a frame rate above 0 fps, found {fps}")
    factor = fps**3 / (100.0 if _arrays.check_protocol(protocol) else 10.0)
    value = _magnitude(pred, 3, None, cuts, per_joint)
    return np.asarray(value) * factor if per_joint else float(value) * factor


def high_frequency_power(
    pred: npt.ArrayLike,
    fps: float,
    cutoff: float = 6.0,
    *,
    window: float = 2.0,
    cuts: Iterable[int] = (),
    per_joint: bool = False,
) -> float | Floats:
    """Percentage of the motion's spectral power above a cutoff frequency.

    Voluntary movement of the body lies almost wholly below 6 Hz (Winter, Biomechanics and Motor Control of
    Human Movement); what lies above is mostly noise.

    Parameters
    ----------
    pred
        Positions; each keypoint's runs of seen frames are analysed by themselves, never across a cut.
    fps
        Frames per second.
    cutoff
        Hertz; below half of fps.
    window
        Seconds. Windows overlap by half, lose their mean and are tapered by a Hann window. Where no run is
        that long, windows are halved, down to 8 frames.

    Returns
    -------
    float, or ndarray of shape (keypoints,)
        NaN where no window fits, nothing moves or the cutoff is not below half of fps.
    """
    if not (np.isfinite(fps) and fps > 0 and cutoff > 0 and window > 0):
        raise DataError(f"expected fps, cutoff and window above 0, found {fps}, {cutoff} and {window}")
    (x,), at = _arrays.stack(pred, cuts=cuts)
    keypoints = x.shape[1]
    there = np.asarray(np.isfinite(x).all(axis=-1))
    size = min(max(round(window * fps), 8), len(x))
    while size >= 8:
        starts = _window_starts(there, size, at)
        if any(len(s) for s in starts):
            break
        size //= 2
    else:
        return np.full(keypoints, np.nan) if per_joint else float("nan")
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    high = np.fft.rfftfreq(size, 1 / fps) > cutoff
    power = np.zeros((2, keypoints))  # above the cutoff, and in all
    for k, begin in enumerate(starts):
        curves = np.ascontiguousarray(x[:, k].T, dtype=np.float64)
        for b in _arrays.blocks(len(begin), size * x.shape[2] * 2):
            w = curves[:, begin[b][:, None] + np.arange(size)]
            waves = np.fft.rfft((w - w.mean(axis=-1, keepdims=True)) * taper)
            each = (waves.real**2 + waves.imag**2).sum(axis=(0, 1))
            each[0] = 0.0
            power[:, k] += each[high].sum(), each.sum()
    if not per_joint:
        power = power.sum(axis=1, keepdims=True)
    known = (power[1] > 0) & high.any()
    out = np.where(known, 100.0 * power[0] / np.where(power[1] > 0, power[1], 1.0), np.nan)
    return out if per_joint else float(out[0])


def bone_length_variation(
    pred: npt.ArrayLike, bones: npt.ArrayLike, *, clips: Iterable[int] = (), per_bone: bool = False
) -> float | Floats:
    """How much bones change length over time: standard deviation over mean length, percent.

    Parameters
    ----------
    pred : array_like, shape (frames, [persons,] keypoints, 3)
        3D: in an image bones rightly change length.
    bones : array_like of int, shape (bones, 2)
        Pairs of keypoints (``Skeleton.bones``).
    clips
        Frames where another person or recording begins: each has its own lengths. Gaps in time do not matter.
    per_bone
        One value a bone, shape (bones,), instead of the mean.
    """
    (x,), at = _arrays.stack(pred, cuts=clips)
    pairs = np.asarray(bones, dtype=np.intp).reshape(-1, 2)
    if pairs.size and (pairs.min() < 0 or pairs.max() >= x.shape[1]):
        raise DataError(f"expected bones between {x.shape[1]} keypoints, found index {pairs.max()}")
    total, count = np.zeros(len(pairs)), np.zeros(len(pairs))
    for clip in _arrays.segments(len(x), at):
        part = x[clip]
        long = _arrays.per_frame(part, partial(_bone_lengths, part, pairs), len(pairs))
        there = np.isfinite(long)
        n = there.sum(axis=0)
        some = np.maximum(n, 1)
        mean = np.where(there, long, 0.0).sum(axis=0) / some
        deviation = np.sqrt((np.where(there, long - mean, 0.0) ** 2).sum(axis=0) / some)
        good = (n >= 2) & (mean > 0)
        total += np.where(good, n * deviation / np.where(mean > 0, mean, 1.0), 0.0)
        count += np.where(good, n, 0)
    if not per_bone:
        known = count > 0
        return 100.0 * float((total[known] / count[known]).mean()) if known.any() else float("nan")
    return np.where(count > 0, 100.0 * total / np.maximum(count, 1), np.nan)


def foot_sliding(
    pred: npt.ArrayLike,
    feet: Sequence[int],
    up: Sequence[float],
    height: float | Sequence[float],
    *,
    cuts: Iterable[int] = (),
    floor: float | None = None,
) -> float:
    """Mean horizontal movement, per frame, of a foot that is on the floor; in the unit of the data.

    Parameters
    ----------
    pred : array_like, shape (frames, [persons,] keypoints, 3)
        In the world.
    feet
        Keypoints of the feet: ankles, heels, toes.
    up
        Direction away from the floor.
    height
        A foot below this height over its floor, in both frames, is taken to stand; it counts with the weight
        ``2 − 2 ** (h / height)``, 1 on the floor and 0 at ``height`` (Zhang et al., SIGGRAPH 2018); one for
        all, or one a foot. 25 mm for toes and heels is usual. A foot that swings low counts too: compare
        versions of one recording only.
    floor
        Height of the floor, for all feet. ``None``: of every foot keypoint its own 5th percentile, since
        ankles stand higher than toes and floors of recordings are not level.
    """
    (x,), at = _arrays.stack(pred, cuts=cuts)
    n = np.asarray(up, dtype=np.float64)
    heights = np.broadcast_to(np.asarray(height, dtype=np.float64), len(feet))
    if n.shape != x.shape[2:] or not np.linalg.norm(n) > 0 or not (heights > 0).all():
        raise DataError(
            f"expected an up direction of {x.shape[2]} numbers and a height above 0, found {up} and {height}"
        )
    n = n / np.linalg.norm(n)
    moved = weight = 0.0
    for k, limit in zip(feet, heights, strict=True):
        p = x[:, k].astype(np.float64)
        h = p @ n
        if not np.isfinite(h).any():
            continue
        h = h - (np.percentile(h[np.isfinite(h)], 5) if floor is None else floor)
        step = np.diff(p, axis=0)
        slide = _arrays.lengths(step - (step @ n)[:, None] * n)
        with np.errstate(invalid="ignore"):
            top = np.maximum(h[1:], h[:-1])
            w = np.where(top < limit, 2 - 2 ** (np.clip(top, 0.0, limit) / limit), 0.0)
        w[[c - 1 for c in at]] = 0.0
        good = np.isfinite(slide)
        moved += float((w[good] * slide[good]).sum())
        weight += float(w[good].sum())
    return moved / weight if weight > 0 else float("nan")


def _magnitude(
    pred: npt.ArrayLike, order: int, root: Root, cuts: Iterable[int], per_joint: bool
) -> float | Floats:
    (x,), at = _arrays.stack(pred, cuts=cuts)
    return _arrays.mean(_arrays.differences(x, None, order, at, root), per_joint)


def _bone_lengths(x: Array, pairs: npt.NDArray[np.intp], s: slice) -> Floats:
    return _arrays.lengths(x[s][:, pairs[:, 1]].astype(np.float64) - x[s][:, pairs[:, 0]])


def _window_starts(there: npt.NDArray[np.bool_], size: int, cuts: Sequence[int]) -> list[Array]:
    """For every keypoint, where windows half over each other start inside its runs of seen frames."""
    hop = max(size // 2, 1)
    fresh = np.zeros(len(there) + 1, np.bool_)
    fresh[[0, *cuts, len(there)]] = True
    out: list[Array] = []
    for seen in there.T:
        before = np.concatenate([[False], seen])
        after = np.concatenate([seen, [False]])
        begin = np.flatnonzero(after & (~before | fresh))
        end = np.flatnonzero(before & (~after | fresh))
        room = (end - begin - size) // hop + 1  # windows that fit in each run
        fit = room > 0
        first = np.cumsum(room[fit]) - room[fit]
        number = np.arange(room[fit].sum()) - np.repeat(first, room[fit])
        out.append(np.repeat(begin[fit], room[fit]) + hop * number)
    return out
