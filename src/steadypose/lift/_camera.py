"""The camera as far as lifting needs it: which way each pixel looks, and turning to look at a person.

A person at the edge of an image is seen from the side: the same pose looks other than in the middle. Networks
of normalisation "person" therefore work in a camera that looks straight at the person, turned from the real
one by the shortest way, and their joints are turned back. Without a known camera that turn is not made, and
the joints are those that such a camera would see.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._given import path_of
from steadypose._toml import read_toml
from steadypose._writing import will_read
from steadypose.errors import DataError, FormatError

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]

_FARTHEST = 1e9  # pixels; what is beyond is no camera


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole with OpenCV's distortion, in pixels.

    Parameters
    ----------
    focal
        fx, fy.
    centre
        The principal point cx, cy.
    distortion
        k1, k2, p1, p2 and maybe k3, or nothing.
    size
        Width and height of the image, if they are known: only needed for fractions of the image.

    Raises
    ------
    DataError
        If a number is missing or not finite, or a focal length is not above 0.
    """

    focal: tuple[float, float]
    centre: tuple[float, float]
    distortion: tuple[float, ...] = ()
    size: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name, lengths in (("focal", (2,)), ("centre", (2,)), ("distortion", (0, 4, 5)), ("size", (2,))):
            value = getattr(self, name)
            if name == "size" and value is None:
                continue
            try:
                numbers = tuple(float(v) for v in np.ravel(value))
            except (TypeError, ValueError, OverflowError):  # the last of 400 digits
                numbers = (math.nan,) * lengths[-1]
            if len(numbers) not in lengths or not all(abs(n) <= _FARTHEST for n in numbers):
                many = " or ".join(map(str, lengths))
                raise DataError(f"expected {name} of a camera as {many} numbers, found {value!r}")
            if name in ("focal", "size") and min(numbers) < 1 / _FARTHEST:
                raise DataError(f"expected {name} of a camera above 0, found {value!r}")
            object.__setattr__(self, name, numbers)

    @classmethod
    def of(cls, camera: Any) -> Intrinsics:
        """Intrinsics from a mapping or from any object that has ``focal`` and ``centre`` (and the others).

        Raises
        ------
        DataError
            If it has not.
        """
        if isinstance(camera, cls):
            return camera
        names = ("focal", "centre", "distortion", "size")
        if isinstance(camera, Mapping):
            unknown = [k for k in camera if k not in names]
            given = dict(camera)
        else:
            unknown = []
            given = {name: getattr(camera, name) for name in names if hasattr(camera, name)}
        if unknown or "focal" not in given or "centre" not in given:
            found = ", ".join(map(str, given)) or type(camera).__name__
            raise DataError(f"expected a camera with focal, centre, distortion and size, found {found}")
        return cls(**given)

    def rays(self, pixels: Floats) -> Doubles:
        """Unit vectors from the camera through pixels, z ahead; NaN stays NaN.

        Distortion is undone by Newton's method; where it has no inverse (far outside of the image) NaN.

        Parameters
        ----------
        pixels : ndarray, shape (..., 2)

        Returns
        -------
        ndarray, shape (..., 3)
        """
        wanted = (np.asarray(pixels, dtype=np.float64) - self.centre) / self.focal
        plane = self._undistorted(wanted) if any(self.distortion) else wanted
        rays = np.concatenate([plane, np.ones_like(plane[..., :1])], axis=-1)
        unit: Doubles = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
        return unit

    def _undistorted(self, wanted: Doubles) -> Doubles:
        x = wanted.copy()
        for _ in range(20):
            value, slope = self._distorted(x)
            off = value - wanted
            a, b, c, d = slope[..., 0, 0], slope[..., 0, 1], slope[..., 1, 0], slope[..., 1, 1]
            det = a * d - b * c
            det = np.where(det > 1e-6, det, np.nan)  # folded over: no point of the image
            change = np.stack([d * off[..., 0] - b * off[..., 1], a * off[..., 1] - c * off[..., 0]], axis=-1)
            x = x - change / det[..., None]
            largest = np.nanmax(np.abs(off), initial=0.0)
            if largest < 1e-13:
                break
        lost = np.abs(self._distorted(x)[0] - wanted).max(axis=-1) > 1e-9
        x[lost] = np.nan
        return x

    def _distorted(self, x: Doubles) -> tuple[Doubles, Doubles]:
        """Points on the plane z = 1 as the lens puts them, and the derivative (..., 2, 2); OpenCV's model."""
        k1, k2, p1, p2, k3 = (*self.distortion, 0.0)[:5]
        u, v = x[..., 0], x[..., 1]
        r2 = u * u + v * v
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        change = k1 + r2 * (2 * k2 + 3 * k3 * r2)  # of radial with r2
        value = np.stack(
            [
                u * radial + 2 * p1 * u * v + p2 * (r2 + 2 * u * u),
                v * radial + p1 * (r2 + 2 * v * v) + 2 * p2 * u * v,
            ],
            axis=-1,
        )
        across = 2 * u * v * change + 2 * p1 * u + 2 * p2 * v
        slope = np.stack(
            [
                np.stack([radial + 2 * u * u * change + 2 * p1 * v + 6 * p2 * u, across], axis=-1),
                np.stack([across, radial + 2 * v * v * change + 6 * p1 * v + 2 * p2 * u], axis=-1),
            ],
            axis=-2,
        )
        return value, slope


def facing(rays: Floats, known: Bools) -> Doubles:
    """Rotations from the camera to one that looks at the middle of what is seen in each window.

    The shortest way, so that a person in the middle of the image is not turned at all.

    Parameters
    ----------
    rays : ndarray, shape (..., frames, joints, 3)
        Unit vectors; anything where not known.
    known : ndarray of bool, shape (..., frames, joints)

    Returns
    -------
    ndarray, shape (..., 3, 3)
        ``facing @ ray`` is the ray in the turned camera; its transpose turns back.
    """
    mean = np.where(known[..., None], rays, 0).sum(axis=(-3, -2), dtype=np.float64)
    length = np.linalg.norm(mean, axis=-1, keepdims=True)
    x, y, z = np.moveaxis(
        np.where(length > 0, mean / np.where(length > 0, length, 1), (0.0, 0.0, 1.0)), -1, 0
    )
    # Rodrigues' formula for the turn that takes (x, y, z), z > 0, to (0, 0, 1).
    k = 1 / (1 + z)
    rows = [[1 - k * x * x, -k * x * y, -x], [-k * x * y, 1 - k * y * y, -y], [x, y, z]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def turned(rays: Floats, facing: Floats) -> Doubles:
    """Where rays meet the plane z = 1 of the turned camera of their window.

    Parameters
    ----------
    rays : ndarray, shape (..., frames, joints, 3)
    facing : ndarray, shape (..., 3, 3)

    Returns
    -------
    ndarray, shape (..., frames, joints, 2)
        NaN for what is not in front of that camera.
    """
    seen = np.einsum("...ij,...tkj->...tki", facing, rays)
    ahead = np.where(seen[..., 2:] > 1e-6, seen[..., 2:], np.nan)
    plane: Doubles = seen[..., :2] / ahead
    return plane


def read_camera(path: str | Path, name: str | None = None) -> Intrinsics:
    """Intrinsics from a calibration file of Pose2Sim or Caliscope (TOML).

    Parameters
    ----------
    path
        The file.
    name
        Of the camera: its table (``cam_01``) or the ``name`` in it. May be left out if there is only one.

    Raises
    ------
    FormatError
        If the file is no calibration, or has no camera of that name; the message lists those it has.
    """
    where = path_of(path)
    will_read(where)
    content = read_toml(where, "a calibration in TOML")
    cameras = {key: t for key, t in content.items() if isinstance(t, dict) and "matrix" in t}
    names = {str(t.get("name", key)): key for key, t in cameras.items()} | {key: key for key in cameras}
    if not cameras:
        raise FormatError(
            where, "", "a table with a matrix for every camera", ", ".join(content) or "nothing"
        )
    if name is None and len(cameras) > 1:
        raise FormatError(where, "", "the name of one of its cameras", f"several: {', '.join(cameras)}")
    if name is not None and name not in names:
        raise FormatError(where, "", f"a camera among {', '.join(cameras)}", repr(name))
    key = next(iter(cameras)) if name is None else names[name]
    table = cameras[key]
    if table.get("fisheye", False):
        raise FormatError(where, key, "a pinhole camera", "fisheye")
    try:
        matrix = np.asarray(table["matrix"], dtype=np.float64)
        if matrix.shape != (3, 3):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise FormatError(where, f"{key}.matrix", "3 rows of 3 numbers", repr(table["matrix"])[:60]) from None
    try:
        return Intrinsics(
            (matrix[0, 0], matrix[1, 1]),
            (matrix[0, 2], matrix[1, 2]),
            table.get("distortions", ()),
            table.get("size"),
        )
    except DataError as e:
        raise FormatError(where, key, *_halves(str(e))) from None


def _halves(text: str) -> tuple[str, str]:
    expected, _, found = text.removeprefix("expected ").partition(", found ")
    return expected, found
