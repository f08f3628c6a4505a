"""Errors of positions against the truth: MPJPE and its aligned forms, velocity, acceleration, worst frames.

All take arrays of shape (frames, keypoints, dims) or (frames, persons, keypoints, dims) and give one number,
or with ``per_joint`` one a keypoint, in the units of the data (rates per frame). A keypoint counts where it
is finite in both arrays; the mean is over all frames and keypoints pooled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.metrics import _arrays
from steadypose.metrics._arrays import Array, Floats, Protocol, Root
from steadypose.rotations import procrustes

THRESHOLDS = tuple(float(t) for t in range(0, 151, 5))
PA_POINTS = 3  # fewer points fit exactly under a similarity and would count as errors of zero


def mpjpe(
    pred: npt.ArrayLike, truth: npt.ArrayLike, *, root: Root = None, per_joint: bool = False
) -> float | Floats:
    """Mean per-joint position error: the mean Euclidean distance, after subtracting the root.

    Parameters
    ----------
    pred, truth
        Shape (frames, [persons,] keypoints, dims); NaN where missing.
    root
        ``None``: nothing is subtracted (2D, or absolute 3D). An index, or several (their mean, as of the
        hips): subtracted from both arrays; frames without it do not count. ``"mean"``: the mean of the
        keypoints that both have.
    per_joint
        One value a keypoint, shape (keypoints,), instead of the mean.

    Notes
    -----
    The protocols agree on the formula. The papers' code differs in roots only: 3DPW and AIST++ the middle of
    the hips (2 and 3 of their 14 joints), Human3.6M joint 0, MPI-INF-3DHP joint 14. It knows no missing
    keypoints.
    """
    (a, b), _ = _arrays.stack(pred, truth)
    return _arrays.mean(position_errors(a, b, root), per_joint)


def pa_mpjpe(pred: npt.ArrayLike, truth: npt.ArrayLike, *, per_joint: bool = False) -> float | Floats:
    """MPJPE after aligning every frame by a similarity (scale, rotation, translation; no reflection).

    Frames count where at least three keypoints are in both arrays: fewer fit exactly. Both protocols are the
    same. Parameters as in :func:`mpjpe`.
    """
    (a, b), _ = _arrays.stack(pred, truth)
    return _arrays.mean(aligned_errors(a, b), per_joint)


def n_mpjpe(
    pred: npt.ArrayLike, truth: npt.ArrayLike, *, root: Root = None, per_joint: bool = False
) -> float | Floats:
    """MPJPE after scaling every frame of ``pred`` about its root to fit the truth best.

    Rhodin et al., CVPR 2018: the scale is ⟨pred, truth⟩ / ⟨pred, pred⟩ over the keypoints that both have.
    With ``root=None`` it is about the origin. Both protocols are the same. Parameters as in :func:`mpjpe`.
    """
    (a, b), _ = _arrays.stack(pred, truth)

    def block(s: slice) -> Floats:
        x, y = _arrays.centred(a[s], b[s], root)
        both = (np.isfinite(x) & np.isfinite(y)).all(axis=-1, keepdims=True)
        x0, y0 = np.where(both, x, 0.0), np.where(both, y, 0.0)
        power = (x0 * x0).sum(axis=(1, 2), keepdims=True)
        scale = (x0 * y0).sum(axis=(1, 2), keepdims=True) / np.where(power > 0, power, 1.0)
        return _arrays.lengths(scale * x - y)

    return _arrays.mean(_arrays.per_frame(a, block), per_joint)


def mpvpe(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    roots: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    protocol: Protocol = "default",
) -> float:
    """Mean per-vertex position error (MPVPE, PVE).

    Parameters
    ----------
    pred, truth : array_like, shape (frames, [persons,] vertices, 3)
    roots : pair of array_like, shape (frames, [persons,] 3), optional
        The pelvis of both; subtracted from the vertices.
    protocol
        ``"official"`` ignores the roots: TCMR's code, and what follows it, compares vertices without aligning
        the pelvis.
    """
    given = [np.asarray(v) for v in (pred, truth)]
    if roots is not None and not _arrays.check_protocol(protocol):
        (a, b), _ = _arrays.stack(*given)
        (r, q), _ = _arrays.stack(*(np.asarray(v)[..., None, :] for v in roots))
        if len(r) != len(a) or r.shape[1:] != (1, a.shape[-1]):
            raise DataError(
                f"expected roots of shape {given[0].shape[:-2]} x {a.shape[-1]}, found {np.shape(roots[0])}"
            )

        def block(s: slice) -> Floats:
            x, y, rx, ry = (m[s].astype(np.float64) for m in (a, b, r, q))
            return _arrays.lengths((x - rx) - (y - ry))

        return _arrays.mean(_arrays.per_frame(a, block))
    _arrays.check_protocol(protocol)
    (a, b), _ = _arrays.stack(*given)
    return _arrays.mean(position_errors(a, b, None))


def mpjve(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    root: Root = None,
    cuts: Iterable[int] = (),
    per_joint: bool = False,
) -> float | Floats:
    """Mean per-joint velocity error per frame: MPJPE of first differences (Pavllo et al., CVPR 2019).

    A difference counts where both its frames have the keypoint; never across a cut. Both protocols are the
    same. Parameters as in :func:`accel`.
    """
    (a, b), at = _arrays.stack(pred, truth, cuts=cuts)
    return _arrays.mean(_arrays.differences(a, b, 1, at, root), per_joint)


def accel(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    root: Root = None,
    cuts: Iterable[int] = (),
    per_joint: bool = False,
    protocol: Protocol = "default",
) -> float | Floats:
    """Acceleration error per frame²: the mean ‖Δ²pred − Δ²truth‖ over keypoints and interior frames.

    A motionless or over-smoothed output scores well here: read it beside MPJPE, :func:`lag` and
    :func:`peak_speed_ratio`, never alone.

    Parameters
    ----------
    pred, truth, root, per_joint
        As in :func:`mpjpe`.
    cuts
        Frames that start a new clip (:func:`find_cuts` finds them in times): no difference is taken across.
        Persons never mix.
    protocol
        ``"official"`` counts a zero at both ends of every clip, as SmoothNet's release does: the value is
        (T − 2)/T times the default for clips of T frames. Two papers print mm/s² for the same mm/frame².
    """
    (a, b), at = _arrays.stack(pred, truth, cuts=cuts)
    errors = _arrays.differences(a, b, 2, at, root)
    return _arrays.mean(
        errors, per_joint, padding(errors, len(a), at) if _arrays.check_protocol(protocol) else None
    )


def mpjpe_worst(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    reference: npt.ArrayLike,
    *,
    fraction: float = 0.01,
    root: Root = None,
    per_joint: bool = False,
) -> float | Floats:
    """MPJPE on the frames whose *input* is worst (MPJPE-1 %).

    Parameters
    ----------
    pred, truth, root, per_joint
        As in :func:`mpjpe`.
    reference
        The input of the method that made ``pred``: its MPJPE picks the frames, so that every method is
        judged on the same ones.
    fraction
        Of the frames in which the input has any error to measure; at least one frame.
    """
    (a, b, c), _ = _arrays.stack(pred, truth, reference)
    frames = worst_frames(position_errors(c, b, root), fraction)
    return _arrays.mean(position_errors(a[frames], b[frames], root), per_joint)


def accel_worst(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    reference: npt.ArrayLike,
    *,
    fraction: float = 0.01,
    root: Root = None,
    cuts: Iterable[int] = (),
    per_joint: bool = False,
    protocol: Protocol = "default",
) -> float | Floats:
    """Accel on the frames whose input's MPJPE is worst (Accel-1 %): the frames of :func:`mpjpe_worst`.

    A frame's acceleration is that of the three frames around it; a first or last frame of a clip has none and
    does not count (``"official"``: counts as zero, see :func:`accel`).
    """
    (a, b, c), at = _arrays.stack(pred, truth, reference, cuts=cuts)
    frames = worst_frames(position_errors(c, b, root), fraction)
    errors = _arrays.differences(a, b, 2, at, root)
    return _arrays.mean(of_frames(errors, frames, at, _arrays.check_protocol(protocol)), per_joint)


def pck(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    threshold: float = 150.0,
    *,
    root: Root = None,
    per_joint: bool = False,
) -> float | Floats:
    """Percentage of correct keypoints: those nearer to the truth than ``threshold``, in the data's unit.

    The default is that of MPI-INF-3DHP in millimetres (Mehta et al., 3DV 2017). Other parameters as in
    :func:`mpjpe`.
    """
    (a, b), _ = _arrays.stack(pred, truth)
    return _arrays.mean(correct(position_errors(a, b, root), [threshold]), per_joint)


def auc(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    root: Root = None,
    per_joint: bool = False,
) -> float | Floats:
    """Mean of :func:`pck` over thresholds (MPI-INF-3DHP: 0, 5, … 150 mm), percent."""
    (a, b), _ = _arrays.stack(pred, truth)
    return _arrays.mean(correct(position_errors(a, b, root), thresholds), per_joint)


def correct(errors: Floats, thresholds: Sequence[float]) -> Floats:
    """Percentage of the thresholds that every error is below."""
    steps = np.sort(np.asarray(thresholds, dtype=np.float64))
    if not len(steps):
        raise DataError("expected at least one threshold, found none")
    below = len(steps) - np.searchsorted(steps, errors, side="right")
    return np.where(np.isnan(errors), np.nan, 100.0 * below / len(steps))


def position_errors(a: Array, b: Array, root: Root) -> Floats:
    """Distances (frames, keypoints) of stacked arrays, NaN where either is missing."""

    def block(s: slice) -> Floats:
        x, y = _arrays.centred(a[s], b[s], root)
        return _arrays.lengths(x - y)

    return _arrays.per_frame(a, block)


def aligned_errors(a: Array, b: Array) -> Floats:
    """Distances (frames, keypoints) after a similarity a frame."""

    def block(s: slice) -> Floats:
        x, y = a[s].astype(np.float64), b[s].astype(np.float64)
        scale, R, t = procrustes(x, y)
        errors = _arrays.lengths(scale[:, None, None] * x @ R.swapaxes(-1, -2) + t[:, None] - y)
        errors[np.isfinite(errors).sum(axis=1) < PA_POINTS] = np.nan
        return errors

    return _arrays.per_frame(a, block)


def padding(errors: Floats, frames: int, cuts: Sequence[int]) -> Floats:
    """How many zeros the official Accel counts for each keypoint: two a clip in which it has any."""
    count = np.zeros(errors.shape[1])
    for clip in _arrays.segments(frames, cuts):
        inner = errors[clip.start : max(clip.stop - 2, clip.start)]
        count += 2.0 * np.isfinite(inner).any(axis=0)
    return count


def of_frames(errors: Floats, frames: Array, cuts: Sequence[int], official: bool) -> Floats:
    """Second differences around some frames, out of those of all; NaN at the ends of clips.

    Official: zero at the ends of clips, for keypoints that have any difference.
    """
    length = len(errors) + 2
    out = np.full((len(frames), errors.shape[1]), np.nan)
    inner = (frames > 0) & (frames < length - 1)
    out[inner] = errors[frames[inner] - 1]
    for clip in _arrays.segments(length, cuts) if official else ():
        ends = (frames == clip.start) | (frames == clip.stop - 1)
        moving = np.isfinite(errors[clip.start : max(clip.stop - 2, clip.start)]).any(axis=0)
        out[np.ix_(ends, moving)] = 0.0
    return out


def worst_frames(errors: Floats, fraction: float) -> npt.NDArray[np.intp]:
    """Indices, ascending, of the frames with the largest mean error; ties go to the earlier frame."""
    if not 0 < fraction <= 1:
        raise DataError(f"expected a fraction above 0 and at most 1, found {fraction}")
    each = _arrays.row_means(errors)
    known = np.flatnonzero(np.isfinite(each))
    count = int(np.ceil(fraction * len(known)))
    return np.sort(known[np.argsort(-each[known], kind="stable")[:count]])
