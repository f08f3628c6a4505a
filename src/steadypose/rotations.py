"""Rotations as arrays: conversions, interpolation, forward kinematics and Procrustes alignment.

A rotation is a matrix of shape (..., 3, 3) that turns column vectors, ``R @ v``. Every function takes any
leading axes, computes in float64, and gives NaN, without a warning, where its input is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.sequence import BodyMotion, PoseSequence

Floats = npt.NDArray[np.float64]

__all__ = [
    "forward_kinematics",
    "from_6d",
    "from_axis_angle",
    "from_euler",
    "from_quaternion",
    "geodesic",
    "procrustes",
    "project",
    "slerp",
    "to_6d",
    "to_axis_angle",
    "to_euler",
    "to_global",
    "to_local",
    "to_quaternion",
]


def project(m: npt.ArrayLike) -> Floats:
    """The rotation nearest to a matrix in the least-squares sense, always with determinant +1.

    Parameters
    ----------
    m : array_like, shape (..., 3, 3)
        Nearly a rotation: an average of rotations, a filtered one, a network's output.

    Returns
    -------
    ndarray of float64, shape (..., 3, 3)
        ``U diag(1, 1, det(U Vᵀ)) Vᵀ`` of the singular value decomposition ``m = U S Vᵀ``. For a singular
        matrix the nearest rotation is not unique; one of them is given.
    """
    a = _matrices(m)
    missing = np.asarray(~np.isfinite(a).all(axis=(-2, -1)))[..., None, None]
    u, _, vt = np.linalg.svd(np.where(missing, np.eye(3), a))  # LAPACK raises on NaN
    u[..., 2] *= np.linalg.det(u @ vt)[..., None]
    return np.where(missing, np.nan, u @ vt)


def from_axis_angle(v: npt.ArrayLike) -> Floats:
    """Rotations from axis-angle vectors (the axis times the angle in radians), shape (..., 3).

    Returns
    -------
    ndarray of float64, shape (..., 3, 3)
        By Rodrigues' formula; exact down to angles of zero.
    """
    w = _finite(v, 3, "axis-angle vectors")
    k = _cross_matrix(w)
    with np.errstate(over="ignore", invalid="ignore"):  # an angle beyond all bounds is missing
        angle = np.linalg.norm(w, axis=-1)[..., None, None]
        # sin(a)/a and (1 - cos a)/a²; np.sinc(x) is sin(πx)/(πx) and right at 0.
        return np.asarray(
            np.eye(3) + np.sinc(angle / np.pi) * k + 0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * (k @ k)
        )


def to_axis_angle(R: npt.ArrayLike) -> Floats:
    """Axis-angle vectors of rotations, shape (..., 3); their length is the angle, 0 to π radians.

    Through quaternions, and so exact for small angles and for angles near π alike. At π the axis and its
    opposite are the same rotation; one of them is given.
    """
    q = to_quaternion(R)
    n = np.linalg.norm(q[..., 1:], axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where(n > 0, 2 * np.arctan2(n, q[..., 0]) / n, 2.0)
    return np.asarray(q[..., 1:] * factor[..., None])


def from_quaternion(q: npt.ArrayLike, order: Literal["wxyz", "xyzw"] = "wxyz") -> Floats:
    """Rotations from quaternions, shape (..., 4); they need not be of length one.

    Parameters
    ----------
    q
        A quaternion of length zero says nothing and gives NaN (the Kinect writes it for leaf joints).
    order
        Where the scalar part is: ``"wxyz"`` first, ``"xyzw"`` last.

    Returns
    -------
    ndarray of float64, shape (..., 3, 3)
    """
    a = _finite(q, 4, "quaternions")
    n = np.linalg.norm(a, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        a = np.where(n > 0, a / n, np.nan)
    a = a if _order(order) == "wxyz" else np.roll(a, 1, axis=-1)
    w, v = a[..., :1, None], a[..., 1:]
    k = _cross_matrix(v)
    return np.asarray(np.eye(3) + 2 * (w * k + k @ k))


def to_quaternion(R: npt.ArrayLike, order: Literal["wxyz", "xyzw"] = "wxyz") -> Floats:
    """Unit quaternions of rotations, shape (..., 4), with a scalar part of at least zero.

    Of the four ways to take a quaternion from a matrix the best conditioned is used for each
    (Shepperd, Journal of Guidance and Control 1(3), 1978), so that no angle loses digits.
    """
    m = _matrices(R)
    d = np.diagonal(m, axis1=-2, axis2=-1)
    trace = d.sum(axis=-1)
    four = np.empty((*m.shape[:-2], 4, 4))  # 4 q qᵀ: any row is the quaternion times one of its components
    four[..., 0, 0] = 1 + trace
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        four[..., 1 + i, 1 + i] = 1 - trace + 2 * d[..., i]
        four[..., 0, 1 + i] = four[..., 1 + i, 0] = m[..., k, j] - m[..., j, k]
        four[..., 1 + j, 1 + k] = four[..., 1 + k, 1 + j] = m[..., j, k] + m[..., k, j]
    best = np.argmax(np.diagonal(four, axis1=-2, axis2=-1), axis=-1)
    q = np.take_along_axis(four, best[..., None, None], axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    q = np.where(q[..., :1] < 0, -q, q)
    return q if _order(order) == "wxyz" else np.roll(q, -1, axis=-1)


def from_6d(x: npt.ArrayLike, layout: Literal["columns", "rows"] = "columns") -> Floats:
    """Rotations from the 6D representation: their first two columns, made orthonormal by Gram–Schmidt.

    Parameters
    ----------
    x : array_like, shape (..., 6)
    layout
        Two layouts of the same six numbers are in use, and nothing in the data tells them apart.
        ``"columns"``: the first column, then the second (Zhou et al., CVPR 2019; MEVA). ``"rows"``: the
        (3, 2) matrix of both columns read row by row, so that they are interleaved (HMR's successors SPIN,
        VIBE, TCMR). PyTorch3D stores the first two *rows* of the matrix: that is ``"columns"`` of the
        inverse rotation.

    Returns
    -------
    ndarray of float64, shape (..., 3, 3)
        NaN where the two columns are parallel or zero.

    Notes
    -----
    Zhou et al., "On the Continuity of Rotation Representations in Neural Networks", section 4.
    """
    a = _finite(x, 6, "6D rotations")
    pair = a.reshape(*a.shape[:-1], 2, 3) if _layout(layout) == "columns" else _interleaved(a)
    first = _unit(pair[..., 0, :])
    second = _unit(pair[..., 1, :] - (first * pair[..., 1, :]).sum(axis=-1, keepdims=True) * first)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def to_6d(R: npt.ArrayLike, layout: Literal["columns", "rows"] = "columns") -> Floats:
    """The 6D representation of rotations, shape (..., 6); layouts as in :func:`from_6d`."""
    two = _matrices(R)[..., :2]
    two = two.swapaxes(-1, -2) if _layout(layout) == "columns" else two
    return np.array(two.reshape(*two.shape[:-2], 6))


def from_euler(angles: npt.ArrayLike, order: str = "ZYX", degrees: bool = True) -> Floats:
    """Rotations from intrinsic Euler angles: ``R = R_first · R_second · R_third``.

    Parameters
    ----------
    angles : array_like, shape (..., 3)
        In the order of the axes.
    order
        Three different axes, as BVH's channels have them: ``"ZYX"``, ``"ZXY"``, ``"XYZ"`` …
    degrees
        Degrees, or else radians.

    Raises
    ------
    DataError
        If the order is not three different axes.
    """
    axes, _ = _axes(order)
    a = _finite(angles, 3, "Euler angles")
    a = np.deg2rad(a) if degrees else a
    first, second, third = (_about(axis, a[..., n]) for n, axis in enumerate(axes))
    return np.asarray(first @ second @ third)


def to_euler(R: npt.ArrayLike, order: str = "ZYX", degrees: bool = True) -> Floats:
    """Intrinsic Euler angles of rotations, shape (..., 3); the middle one from -90° to 90°.

    Where the middle angle is ±90° the other two turn about one axis and only their sum is known: the angles
    given still make the rotation exactly. Order and units as in :func:`from_euler`.
    """
    (i, j, k), sign = _axes(order)
    m = _matrices(R)
    middle = np.arctan2(sign * m[..., i, k], np.hypot(m[..., i, i], m[..., i, j]))
    first = np.arctan2(-sign * m[..., j, k], m[..., k, k])
    # The third angle from the rotation with the first undone: right however badly the first was determined.
    c, s = np.cos(first), sign * np.sin(first)
    third = np.arctan2(sign * (c * m[..., j, i] + s * m[..., k, i]), c * m[..., j, j] + s * m[..., k, j])
    a = np.stack([first, middle, third], axis=-1)
    return np.rad2deg(a) if degrees else a


def slerp(R0: npt.ArrayLike, R1: npt.ArrayLike, t: npt.ArrayLike) -> Floats:
    """Spherical linear interpolation: from ``R0`` (t = 0) to ``R1`` (t = 1) the short way, at constant speed.

    Parameters
    ----------
    R0, R1 : array_like, shape (..., 3, 3)
    t : array_like
        Any number (outside 0 … 1 extrapolates); its shape broadcasts with the leading axes.
    """
    a, b = _matrices(R0), _matrices(R1)
    v = to_axis_angle(a.swapaxes(-1, -2) @ b)
    return np.asarray(a @ from_axis_angle(np.asarray(t, dtype=np.float64)[..., None] * v))


def geodesic(R0: npt.ArrayLike, R1: npt.ArrayLike) -> Floats:
    """Angle between rotations, radians from 0 to π, shape (...); exact at both ends."""
    d = _matrices(R0).swapaxes(-1, -2) @ _matrices(R1)
    sine = 0.5 * np.sqrt(
        (d[..., 2, 1] - d[..., 1, 2]) ** 2
        + (d[..., 0, 2] - d[..., 2, 0]) ** 2
        + (d[..., 1, 0] - d[..., 0, 1]) ** 2
    )
    return np.asarray(np.arctan2(sine, 0.5 * (np.trace(d, axis1=-2, axis2=-1) - 1)))


def to_global(R_local: npt.ArrayLike, parents: Sequence[int]) -> Floats:
    """Rotations in the world's frame from rotations in the parents' frames.

    Parameters
    ----------
    R_local : array_like, shape (..., joints, 3, 3)
    parents
        For every joint the index of its parent, or -1. Any order.

    Returns
    -------
    ndarray of float64, shape (..., joints, 3, 3)
        NaN from a missing joint down.
    """
    out = _joints(R_local, parents).copy()
    for j in _root_first(parents):
        if parents[j] >= 0:
            out[..., j, :, :] = out[..., parents[j], :, :] @ out[..., j, :, :]
    return out


def to_local(R_global: npt.ArrayLike, parents: Sequence[int]) -> Floats:
    """Rotations in the parents' frames from rotations in the world's; the inverse of :func:`to_global`."""
    m = _joints(R_global, parents)
    out = m.copy()
    for j, p in enumerate(parents):
        if p >= 0:
            out[..., j, :, :] = m[..., p, :, :].swapaxes(-1, -2) @ m[..., j, :, :]
    return out


def forward_kinematics(motion: BodyMotion) -> PoseSequence:
    """Joint positions of a motion whose rest offsets are known.

    A joint is at its parent's position plus its offset turned by the parent's global rotation; a joint
    without a parent at ``translation + offset``.

    Returns
    -------
    PoseSequence
        Same times, persons, skeleton and unit. Same space, but ``"root-relative"`` where the motion has no
        translation. NaN where a rotation further up is missing; filled where one of those was filled in.

    Raises
    ------
    DataError
        If the motion has no offsets.
    """
    if motion.offsets is None:
        raise DataError("expected a motion with rest offsets (forward kinematics needs them), found none")
    parents = motion.skeleton.parents
    assert parents is not None
    turned = motion.rotations if motion.relative_to == "world" else to_global(motion.rotations, parents)
    offsets = np.broadcast_to(motion.offsets, (*motion.shape[1:], 3))
    start = np.zeros((*motion.shape[:2], 3)) if motion.translation is None else motion.translation
    x = np.empty((*motion.shape, 3))
    filled = None if motion.filled is None else np.zeros(motion.shape, np.bool_)
    for j in _root_first(parents):
        p = parents[j]
        if p < 0:
            x[:, :, j] = start + offsets[:, j]
            continue
        x[:, :, j] = x[:, :, p] + np.einsum("fpab,pb->fpa", turned[:, :, p], offsets[:, j])
        if filled is not None and motion.filled is not None:
            # With global orientations a joint hangs on its parent's alone, but its place on the whole chain.
            filled[:, :, j] = filled[:, :, p] | motion.filled[:, :, p]
    return PoseSequence(
        x.astype(np.float32),
        motion.times,
        motion.skeleton,
        persons=motion.persons,
        unit=motion.unit,
        space=motion.space if motion.translation is not None else "root-relative",
        history=(*motion.history, "forward kinematics"),
        filled=filled,
    )


def procrustes(
    x: npt.ArrayLike, y: npt.ArrayLike, weights: npt.ArrayLike | None = None, scale: bool = True
) -> tuple[Floats, Floats, Floats]:
    """The similarity that brings ``x`` nearest to ``y``: ``y ≈ s · R · x + t``, without reflection.

    Parameters
    ----------
    x, y : array_like, shape (..., points, dims)
        A point that is NaN in either is ignored.
    weights : array_like, shape (..., points), optional
        Of each point's squared distance; 0 ignores it.
    scale
        Whether to fit ``s``; otherwise it is 1.

    Returns
    -------
    s : ndarray, shape (...)
    R : ndarray, shape (..., dims, dims)
    t : ndarray, shape (..., dims)
        NaN where no point is left. Where the points leave a rotation open (one point, or all on a line in
        3D), one of the best is given.

    Notes
    -----
    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991.
    """
    a, b = (np.asarray(p, dtype=np.float64) for p in (x, y))
    if a.ndim < 2 or a.shape[-2:] != b.shape[-2:]:
        raise DataError(
            f"expected point sets of one shape (..., points, dims), found {a.shape} and {b.shape}"
        )
    with np.errstate(invalid="ignore", over="ignore"):
        use = np.isfinite(np.einsum("...d,...d->...", a, a) + np.einsum("...d,...d->...", b, b))
    w = (
        use.astype(np.float64)
        if weights is None
        else np.where(use, np.asarray(weights, dtype=np.float64), 0.0)
    )
    total = w.sum(axis=-1)
    none = ~(total > 0)
    w = (w / np.where(none, 1.0, total)[..., None])[..., None]
    a, b = (np.where(use[..., None], p, 0.0) for p in (a, b))
    mean_a, mean_b = ((w.swapaxes(-1, -2) @ p)[..., 0, :] for p in (a, b))
    a, b = a - mean_a[..., None, :], b - mean_b[..., None, :]
    u, sigma, vt = np.linalg.svd((w * b).swapaxes(-1, -2) @ a)
    turn = np.linalg.det(u @ vt)  # +1, or -1 where the best orthogonal matrix would be a reflection
    u[..., -1] *= turn[..., None]
    sigma[..., -1] *= turn
    R = u @ vt
    s = np.ones(total.shape)
    if scale:
        spread = np.einsum("...k,...kd,...kd->...", w[..., 0], a, a)
        s = np.where(spread > 0, sigma.sum(axis=-1) / np.where(spread > 0, spread, 1.0), 1.0)
    t = mean_b - s[..., None] * np.einsum("...ij,...j->...i", R, mean_a)
    s, t = np.where(none, np.nan, s), np.where(none[..., None], np.nan, t)
    return s, np.where(none[..., None, None], np.nan, R), t


def _matrices(m: npt.ArrayLike) -> Floats:
    a = np.asarray(m, dtype=np.float64)
    if a.ndim < 2 or a.shape[-2:] != (3, 3):
        raise DataError(f"expected matrices of shape (..., 3, 3), found {a.shape}")
    return a


def _finite(v: npt.ArrayLike, size: int, what: str) -> Floats:
    """As float64, infinities made NaN (they would raise warnings later); checks the last axis."""
    a = np.asarray(v, dtype=np.float64)
    if a.ndim < 1 or a.shape[-1] != size:
        raise DataError(f"expected {what} of shape (..., {size}), found {a.shape}")
    return np.where(np.isfinite(a), a, np.nan)


def _joints(m: npt.ArrayLike, parents: Sequence[int]) -> Floats:
    a = _matrices(m)
    if a.ndim < 3 or a.shape[-3] != len(parents):
        raise DataError(f"expected rotations of shape (..., {len(parents)}, 3, 3), found {a.shape}")
    return a


def _cross_matrix(v: Floats) -> Floats:
    """The matrix of the cross product with v."""
    k = np.zeros((*v.shape[:-1], 3, 3))
    k[..., 2, 1], k[..., 0, 2], k[..., 1, 0] = v[..., 0], v[..., 1], v[..., 2]
    return k - k.swapaxes(-1, -2)


def _about(axis: int, angle: Floats) -> Floats:
    """Rotations about a coordinate axis."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = np.zeros((*angle.shape, 3, 3))
    out[..., axis, axis] = np.where(np.isfinite(angle), 1.0, np.nan)  # in the product a NaN is everywhere
    out[..., i, i] = out[..., j, j] = np.cos(angle)
    out[..., j, i] = np.sin(angle)
    out[..., i, j] = -out[..., j, i]
    return out


def _unit(v: Floats) -> Floats:
    n = np.linalg.norm(v, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, v / n, np.nan)


def _interleaved(a: Floats) -> Floats:
    return a.reshape(*a.shape[:-1], 3, 2).swapaxes(-1, -2)


def _order(order: str) -> str:
    if order not in ("wxyz", "xyzw"):
        raise DataError(f"expected a quaternion order of wxyz or xyzw, found {order!r}")
    return order


def _layout(layout: str) -> str:
    if layout not in ("columns", "rows"):
        raise DataError(f"expected a 6D layout of columns or rows, found {layout!r}")
    return layout


def _axes(order: str) -> tuple[tuple[int, int, int], int]:
    """Indices of three Euler axes, and +1 where they are in cyclic order (XYZ, YZX, ZXY), else -1."""
    if sorted(order.upper()) != ["X", "Y", "Z"]:
        raise DataError(f"expected an Euler order of three different axes (such as ZYX), found {order!r}")
    i, j, k = ("XYZ".index(axis) for axis in order.upper())
    return (i, j, k), 1 if (j - i) % 3 == 1 else -1


def _root_first(parents: Sequence[int]) -> list[int]:
    """Joint indices so that every parent comes before its children."""
    depth: list[int] = [0] * len(parents)
    for j in range(len(parents)):
        p = parents[j]
        while p >= 0:
            depth[j] += 1
            p = parents[p]
    return sorted(range(len(parents)), key=lambda j: depth[j])
