"""Errors of rotations and of translation against the truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from steadypose import rotations
from steadypose.errors import DataError
from steadypose.metrics import _arrays
from steadypose.metrics._arrays import Array, Floats


def mpjae(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    parents: Sequence[int] | None = None,
    per_joint: bool = False,
) -> float | Floats:
    """Mean per-joint angle error: the mean geodesic angle between rotations, in degrees.

    Parameters
    ----------
    pred, truth : array_like, shape (frames, [persons,] joints, 3, 3)
        Rotation matrices; a joint counts where both are there.
    parents
        ``None``: rotations are compared as they are. Otherwise they are taken to be in their parents' frames
        and compared globally, where a wrong shoulder also turns the hand.
    per_joint
        One value a joint instead of the mean.

    Notes
    -----
    Papers print either; say which when you compare. Both protocols are the same.
    """
    (a, b), _ = _flat(pred, truth)

    def block(s: slice) -> Floats:
        x, y = (_matrices(m[s]) for m in (a, b))
        if parents is not None:
            x, y = rotations.to_global(x, parents), rotations.to_global(y, parents)
        return np.rad2deg(rotations.geodesic(x, y))

    return _arrays.mean(_arrays.per_frame(a, block), per_joint)


def angular_accel(
    pred: npt.ArrayLike,
    truth: npt.ArrayLike | None = None,
    *,
    parents: Sequence[int] | None = None,
    cuts: Iterable[int] = (),
    per_joint: bool = False,
) -> float | Floats:
    """Accel of rotations, degrees per frame²: mean ‖Δω_pred − Δω_truth‖, without truth mean ‖Δω_pred‖.

    ω is the rotation vector from one frame to the next, ``log(R[t+1] R[t]ᵀ)``. Never across a cut. With
    ``parents``, as in :func:`mpjae`, rotations in their parents' frames are measured in the world's.
    """
    given, at = _flat(*([pred] if truth is None else [pred, truth]), cuts=cuts)
    frames, joints = given[0].shape[:2]
    out = np.full((max(frames - 2, 0), joints), np.nan)
    for b in _arrays.blocks(frames, joints * 9, 2):
        whole = [_matrices(m[b]) for m in given]
        if parents is not None:
            whole = [rotations.to_global(m, parents) for m in whole]
        change = [np.diff(_spin(m), axis=0) for m in whole]
        out[b.start : b.stop - 2] = np.rad2deg(
            _arrays.lengths(change[0] - (change[1] if len(change) > 1 else 0.0))
        )
    for c in at:
        out[max(c - 2, 0) : c] = np.nan
    return _arrays.mean(out, per_joint)


def translation_error(pred: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Mean distance between root translations, shape (frames, [persons,] 3), in the unit of the data.

    No alignment of the trajectories: drift counts from the first frame.
    """
    (a, b), _ = _arrays.stack(*(np.asarray(t)[..., None, :] for t in (pred, truth)))
    return _arrays.mean(_arrays.lengths(a.astype(np.float64) - b))


def _flat(*matrices: npt.ArrayLike, cuts: Iterable[int] = ()) -> tuple[list[Array], tuple[int, ...]]:
    """Stacked, with each matrix as nine numbers."""
    arrays = [np.asarray(m) for m in matrices]
    for m in arrays:
        if m.shape[-2:] != (3, 3):
            raise DataError(f"expected rotations of shape (frames, [persons,] joints, 3, 3), found {m.shape}")
    return _arrays.stack(*(m.reshape(*m.shape[:-2], 9) for m in arrays), cuts=cuts)


def _matrices(flat: Array) -> Floats:
    return np.asarray(flat, dtype=np.float64).reshape(*flat.shape[:-1], 3, 3)


def _spin(m: Floats) -> Floats:
    return rotations.to_axis_angle(m[1:] @ m[:-1].swapaxes(-1, -2))
