"""The two fits inside :func:`align`: where joints lie on targets, and where in the truth a frame is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.rotations import from_axis_angle, procrustes, project

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

OFFSET_SCALE = 150.0  # mm: how long an offset is before the data say anything
ROUNDS = 40
PRICE = 2.0


@dataclass(frozen=True)
class Fit:
    """A rigid transform between two sensors' frames, and a fixed point on a target for every joint.

    Parameters
    ----------
    R, t
        From the truth's frame to the prediction's: ``x = R · X + t``.
    offsets : ndarray, shape (joints, 3)
        In the targets' frames.
    scale
        Robust size of the residuals, of one coordinate.
    """

    R: Floats
    t: Floats
    offsets: Floats
    scale: float

    def joints(self, p: Floats, turned: Floats) -> Floats:
        """Joints, shape (rows, joints, 3), in the prediction's frame, from the targets that carry them."""
        return np.asarray((p + np.einsum("tjab,jb->tja", turned, self.offsets)) @ self.R.T + self.t)


def fit(x: Floats, p: Floats, turned: Floats, start: Fit | None = None) -> Fit:
    """Offsets and transform that bring ``p + turned · o`` nearest to ``x``.

    Parameters
    ----------
    x : ndarray, shape (frames, joints, 3)
        Joints as an estimator saw them, mm.
    p, turned : ndarray, shape (frames, joints, 3) and (frames, joints, 3, 3)
        Position and orientation of the target that carries each joint, at the same times.
    start
        A fit to begin with; otherwise targets are taken for the joints.

    Notes
    -----
    Gauss–Newton on all unknowns at once, with Cauchy weights so that joints the estimator lost do not pull.
    Where a target hardly turns, its offset and the translation cannot be told apart: a weak pull of offsets
    towards zero chooses among what fits equally well.
    """
    joints = x.shape[1]
    seen = np.asarray(np.isfinite(x).all(-1) & np.isfinite(p).all(-1) & np.isfinite(turned).all((-1, -2)))
    if seen.sum() < 6 + 3 * joints:
        raise DataError(
            f"expected joints seen together with their targets, found {int(seen.sum())} such places"
        )
    x, p = np.where(seen[..., None], x, 0.0), np.where(seen[..., None], p, 0.0)
    turned = np.where(seen[..., None, None], turned, 0.0)
    if start is None:
        _, R, t = procrustes(p.reshape(-1, 3), x.reshape(-1, 3), seen.ravel().astype(np.float64), scale=False)
        offsets, scale = np.zeros((joints, 3)), np.inf
    else:
        R, t, offsets, scale = start.R, start.t, start.offsets, start.scale
    for _ in range(ROUNDS):
        local = p + np.einsum("tjab,jb->tja", turned, offsets)
        error = np.where(seen[..., None], x - (local @ R.T + t), 0.0)
        size = np.sqrt((error**2).sum(-1))
        new = max(1.4826 * float(np.median(size[seen])) / np.sqrt(3), 1e-6)
        weight = np.where(seen, 1 / (1 + size**2 / (3 * 4 * new**2)), 0.0)
        step = _step(local @ R.T, R @ turned, error, weight, offsets, new)
        R = project(from_axis_angle(step[:3]) @ R)
        t = t + step[3:6]
        offsets = offsets + step[6:].reshape(joints, 3)
        done = abs(new - scale) < 1e-5 * new and np.abs(step[3:]).max() < 1e-3
        scale = new
        if done:
            break
    return Fit(R, t, offsets, scale)


def _step(
    arm: Floats, turned: Floats, error: Floats, weight: Floats, offsets: Floats, scale: float
) -> Floats:
    """Change of rotation vector, translation and offsets, from the normal equations."""
    frames, joints = error.shape[:2]
    J = np.zeros((joints, frames, 3, 9))  # derivatives by rotation, translation and the joint's own offset
    J[..., :3] = -_cross(arm).swapaxes(0, 1)
    J[..., 3:6] = np.eye(3)
    J[..., 6:] = turned.swapaxes(0, 1)
    rows = J.reshape(joints, -1, 9)
    weighted = (rows * np.repeat(weight.T, 3, axis=1)[..., None]).swapaxes(1, 2)
    H, g = weighted @ rows, (weighted @ error.swapaxes(0, 1).reshape(joints, -1, 1))[..., 0]
    n = 6 + 3 * joints
    A, b = np.zeros((n, n)), np.zeros(n)
    A[:6, :6], b[:6] = H[:, :6, :6].sum(axis=0), g[:, :6].sum(axis=0)
    pull = (scale / OFFSET_SCALE) ** 2
    for j in range(joints):
        own = slice(6 + 3 * j, 9 + 3 * j)
        A[:6, own], A[own, :6] = H[j, :6, 6:], H[j, 6:, :6]
        A[own, own] = H[j, 6:, 6:] + pull * np.eye(3)
        b[own] = g[j, 6:] - pull * offsets[j]
    A[np.diag_indices(n)] += 1e-12 * A.trace()  # directions that nothing determines stay where they are
    return np.linalg.solve(A, b)


def warp(
    x: Floats, joints: Floats, start: Floats, pace: float, reach: int, scale: float, largest: int = 4
) -> Indices:
    """Row of the truth for every frame, by dynamic time warping in a band.

    Parameters
    ----------
    x : ndarray, shape (frames, joints, 3)
    joints : ndarray, shape (rows, joints, 3)
        The truth's joints in the frame of ``x``.
    start : ndarray, shape (frames,)
        Rows by the clocks alone; the middle of the band.
    pace
        Rows a frame by the clocks. Steps away from it cost, so that time does not follow noise while nobody
        moves; steps of 0 … ``largest`` times the pace are possible, for dropped frames.
    reach
        Half the width of the band, in rows.
    scale
        Size of one coordinate's noise.
    """
    frames, rows = len(x), len(joints)
    low = np.clip(np.round(start).astype(int) - reach, 0, rows - 1)
    row = low[:, None] + np.arange(2 * reach + 1)  # of every cell of the band
    inside = row < rows
    row = np.minimum(row, rows - 1)
    with np.errstate(invalid="ignore"):
        far = ((x[:, None] - joints[row]) ** 2).sum(-1) / (3 * scale**2)
    far = np.where(np.isfinite(far), np.minimum(far, 9.0), np.nan)  # a lost joint must not bend time
    count = np.isfinite(far).sum(-1)
    cost = np.where(count > 0, np.nansum(far, axis=-1) / np.maximum(count, 1), 0.0)
    cost = np.where(inside, cost, np.inf)
    steps = np.arange(0, int(np.ceil(largest * pace)) + 1)
    price = PRICE * np.abs(steps / pace - 1)
    total, came = cost[0], np.zeros(cost.shape, np.intp)
    for i in range(1, frames):
        before = row[i][:, None] - steps - low[i - 1]  # cell of the previous frame, for every step
        ok = (before >= 0) & (before <= 2 * reach)
        options = np.where(ok, total[np.clip(before, 0, 2 * reach)] + price, np.inf)
        best = np.argmin(options, axis=1)
        came[i] = before[np.arange(len(best)), best]
        total = cost[i] + options[np.arange(len(best)), best]
    cell = int(np.argmin(total))
    path = np.empty(frames, np.intp)
    for i in range(frames - 1, -1, -1):
        path[i] = row[i, cell]
        cell = came[i, cell]
    return path


def smooth_path(rows: Indices, start: Floats, reach: int = 4) -> Floats:
    """Fractional rows: steps of a single row, which only come from counting in rows, spread over some frames.

    As they are they would shake the truth by half a frame of motion. Larger steps are dropped frames: kept.

    Parameters
    ----------
    rows
        From :func:`warp`.
    start
        Rows by the clocks alone.
    reach
        Frames to either side over which a step is spread.
    """
    ahead = rows - start
    jump = np.diff(ahead, prepend=ahead[0])
    dropped = np.cumsum(np.where(np.abs(jump) >= 1.5, jump, 0.0))
    rest = np.pad(ahead - dropped, reach, mode="edge")
    kernel = np.hanning(2 * reach + 3)[1:-1]
    return np.asarray(np.convolve(rest, kernel / kernel.sum(), mode="valid") + dropped + start)


def _cross(v: Floats) -> Any:
    k = np.zeros((*v.shape[:-1], 3, 3))
    k[..., 2, 1], k[..., 0, 2], k[..., 1, 0] = v[..., 0], v[..., 1], v[..., 2]
    return k - k.swapaxes(-1, -2)
