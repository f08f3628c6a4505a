"""Cameras: from the world to pixels and back, sampled like a film set and like a phone in a hand.

The world is in metres, right-handed, z up, with the floor at z = 0. A camera's own frame has x to the right
of the image, y down and z along the optical axis (OpenCV's convention).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.rotations import from_euler
from steadypose.sequence import Bools, Floats

__all__ = ["STAGE", "Camera", "film_set", "look_at", "place", "sample_film_set", "sample_phone"]

STAGE = (4.0, 3.0)  # metres along x and y, around the world's origin

# How far the lens is believed: just before a distortion polynomial turns back on itself.
_BEFORE_FOLD = 0.99
_NEWTON_STEPS = 60
_NEAR = 0.5  # metres: nothing sampled for a phone comes nearer


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole with lens distortion.

    Parameters
    ----------
    focal : array_like, shape (2,)
        Focal lengths in x and y, pixels.
    centre : array_like, shape (2,)
        Principal point, pixels.
    distortion : array_like, shape (5,)
        k1, k2, p1, p2, k3 as OpenCV has them: radial, radial, tangential, tangential, radial.
    rotation : array_like, shape (3, 3)
        From the world's frame to the camera's.
    position : array_like, shape (3,)
        Of the camera in the world, metres.
    size
        Width and height of the image, pixels.
    name
        What the camera is called.

    Raises
    ------
    DataError
        If a shape does not fit, a number is not finite, a focal length or the size is not above 0, or the
        rotation is none.
    """

    focal: Floats
    centre: Floats
    distortion: Floats = field(default_factory=lambda: np.zeros(5))
    rotation: Floats = field(default_factory=lambda: np.eye(3))
    position: Floats = field(default_factory=lambda: np.zeros(3))
    size: tuple[int, int] = (1000, 1000)
    name: str = ""

    def __post_init__(self) -> None:
        shapes = {"focal": (2,), "centre": (2,), "distortion": (5,), "rotation": (3, 3), "position": (3,)}
        for what, shape in shapes.items():
            a = np.array(getattr(self, what), dtype=np.float64)
            if a.shape != shape or not np.isfinite(a).all():
                found = f"shape {a.shape}" if a.shape != shape else "a number that is not finite"
                raise DataError(f"camera {self.name!r}: expected {what} of shape {shape}, found {found}")
            a.setflags(write=False)
            object.__setattr__(self, what, a)
        width, height = (int(n) for n in self.size)
        object.__setattr__(self, "size", (width, height))
        if min(width, height) <= 0 or min(self.focal) <= 0:
            raise DataError(
                f"camera {self.name!r}: expected focal lengths and size above 0, "
                f"found {self.focal.tolist()} and {self.size}"
            )
        off = np.abs(self.rotation @ self.rotation.T - np.eye(3)).max()
        if off > 1e-6 or np.linalg.det(self.rotation) < 0:
            raise DataError(f"camera {self.name!r}: expected a rotation, found a matrix that is none")

    def to_camera(self, world: npt.ArrayLike) -> Floats:
        """Points of the world in the camera's frame; shape (..., 3), metres."""
        return np.asarray((_points(world, 3) - self.position) @ self.rotation.T)

    def to_world(self, camera: npt.ArrayLike) -> Floats:
        """Points of the camera's frame in the world; the inverse of :meth:`to_camera`."""
        return np.asarray(_points(camera, 3) @ self.rotation + self.position)

    def to_pixels(self, camera: npt.ArrayLike) -> Floats:
        """Where points of the camera's frame are in the image.

        Parameters
        ----------
        camera : array_like, shape (..., 3)
            Metres.

        Returns
        -------
        ndarray of float64, shape (..., 2)
            Pixels, also outside the image (:meth:`inside`). NaN behind the camera, and where the angle to
            the optical axis is so large that the distortion polynomial folds back.
        """
        p = _points(camera, 3)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            xy = p[..., :2] / np.where(p[..., 2:] > 0, p[..., 2:], np.nan)
            xy = np.where((xy * xy).sum(axis=-1, keepdims=True) < self._reach**2, xy, np.nan)
        return np.asarray(self._distort(xy) * self.focal + self.centre)

    def project(self, world: npt.ArrayLike) -> Floats:
        """Where points of the world are in the image, pixels; NaN as in :meth:`to_pixels`."""
        return self.to_pixels(self.to_camera(world))

    def rays(self, pixels: npt.ArrayLike) -> Floats:
        """Directions in the camera's frame that pixels look in.

        Returns
        -------
        ndarray of float64, shape (..., 3)
            Of length 1. The distortion is undone by Newton's method up to rounding; NaN for pixels that no
            point comes out at.
        """
        xy = self._undistort((_points(pixels, 2) - self.centre) / self.focal)
        ray = np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)
        return np.asarray(ray / np.linalg.norm(ray, axis=-1, keepdims=True))

    def from_pixels(self, pixels: npt.ArrayLike, depth: npt.ArrayLike) -> Floats:
        """Points of the camera's frame from pixels and depths; the inverse of :meth:`to_pixels`.

        Parameters
        ----------
        pixels : array_like, shape (..., 2)
        depth : array_like, shape (...)
            Along the optical axis (z, not the distance), metres.
        """
        ray = self.rays(pixels)
        return np.asarray(ray * (np.asarray(depth, dtype=np.float64) / ray[..., 2])[..., None])

    def inside(self, pixels: npt.ArrayLike) -> Bools:
        """True for pixels within the image; shape (...)."""
        p = _points(pixels, 2)
        return np.asarray(((p >= 0) & (p <= np.array(self.size))).all(axis=-1))

    @cached_property
    def _reach(self) -> float:
        """Largest distance from the axis, at depth 1, up to which the radial polynomial grows."""
        k1, k2, _, _, k3 = self.distortion
        # Its derivative is 0 where one over the squared distance is a root of this.
        inverse = np.roots([1.0, 3 * k1, 5 * k2, 7 * k3])
        turning = inverse.real[(np.abs(inverse.imag) < 1e-9) & (inverse.real > 1e-12)]
        return float(_BEFORE_FOLD / np.sqrt(turning.max())) if len(turning) else np.inf

    def _distort(self, xy: Floats) -> Floats:
        """OpenCV's lens: undistorted to distorted, both at depth 1."""
        k1, k2, p1, p2, k3 = self.distortion
        x, y = xy[..., 0], xy[..., 1]
        r2, both = x * x + y * y, 2 * x * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        return np.stack(
            [
                x * radial + p1 * both + p2 * (r2 + 2 * x * x),
                y * radial + p1 * (r2 + 2 * y * y) + p2 * both,
            ],
            axis=-1,
        )

    def _undistort(self, goal: Floats) -> Floats:
        """The inverse of :meth:`_distort` within the lens's reach; NaN outside."""
        if not self.distortion.any():
            return goal
        k1, k2, p1, p2, k3 = self.distortion
        xy = goal.copy()
        for _ in range(_NEWTON_STEPS):
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                off = self._distort(xy) - goal
                x, y = xy[..., 0], xy[..., 1]
                r2 = x * x + y * y
                radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
                slope = 2 * (k1 + r2 * (2 * k2 + 3 * r2 * k3))
                xx = radial + slope * x * x + 2 * p1 * y + 6 * p2 * x
                yy = radial + slope * y * y + 6 * p1 * y + 2 * p2 * x
                cross = slope * x * y + 2 * p1 * x + 2 * p2 * y
                turn = np.stack(
                    [yy * off[..., 0] - cross * off[..., 1], xx * off[..., 1] - cross * off[..., 0]], axis=-1
                )
                new = xy - turn / (xx * yy - cross * cross)[..., None]
                # Beyond the fold Newton's method would find a point that the lens does not show there.
                r = np.linalg.norm(new, axis=-1, keepdims=True)
                new = np.where(r > self._reach, new * (self._reach / r), new)
            done = not (np.abs(new - xy) > 1e-15 * (1 + np.abs(new))).any()
            xy = new
            if done:
                break
        with np.errstate(invalid="ignore", over="ignore"):
            right = np.abs(self._distort(xy) - goal).max(axis=-1, keepdims=True, initial=0) < 1e-9 * (
                1 + np.abs(goal).max(axis=-1, keepdims=True, initial=0)
            )
        return np.where(right, xy, np.nan)


def look_at(position: npt.ArrayLike, target: npt.ArrayLike, roll: float = 0.0) -> Floats:
    """The rotation (world to camera) of a camera that looks at a point, its image upright.

    Parameters
    ----------
    position, target : array_like, shape (3,)
        Of the camera and of what is at the middle of its image; not one above the other.
    roll
        Radians by which the camera is turned clockwise about its axis.
    """
    forward = np.asarray(target, dtype=np.float64) - np.asarray(position, dtype=np.float64)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    if not (np.linalg.norm(right) > 1e-9 * np.linalg.norm(forward)):
        raise DataError("expected a camera that looks aside, found one that looks straight up or down")
    forward, right = forward / np.linalg.norm(forward), right / np.linalg.norm(right)
    upright = np.stack([right, np.cross(forward, right), forward])
    return np.asarray(from_euler([-roll, 0.0, 0.0], order="ZYX", degrees=False) @ upright)


def film_set() -> tuple[Camera, ...]:
    """Four fixed cameras at the corners around a stage of 4 × 3 m.

    Like the studio of Human3.6M (Ionescu et al., 2014, section 2) in arrangement, image size, field of view
    and amount of distortion; the figures are steadypose's own.
    """
    corners = {  # position, metres; aim, metres; roll, degrees; focal, centre, pixels; k1, k2, p1
        "ne": ((2.1, 4.7, 1.55), (0.1, 0.1, 0.95), 0.4, (1146, 1145), (513, 508), (-0.20, 0.24, -4e-4)),
        "nw": ((-2.0, 4.5, 1.45), (-0.1, 0, 0.92), -0.3, (1148, 1147), (509, 505), (-0.19, 0.22, 6e-4)),
        "sw": ((-2.2, -4.6, 1.6), (0.0, -0.1, 0.97), 0.6, (1149, 1149), (518, 502), (-0.21, 0.26, 2e-4)),
        "se": ((1.9, -4.8, 1.5), (0.0, 0.1, 0.9), -0.5, (1144, 1143), (511, 499), (-0.20, 0.23, -8e-4)),
    }  # fmt: skip
    return tuple(
        Camera(
            np.array(focal, float),
            np.array(centre, float),
            np.array([k1, k2, p, -p / 2, 0.0]),
            look_at(position, aim, np.deg2rad(roll)),
            np.array(position),
            (1000, 1000),
            name,
        )
        for name, (position, aim, roll, focal, centre, (k1, k2, p)) in corners.items()
    )


def sample_film_set(rng: np.random.Generator) -> Camera:
    """A camera such as might stand around the stage: on a tripod, some five metres off, looking inwards."""
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(4.3, 6.5)
    position = np.array([distance * np.cos(angle), distance * np.sin(angle), rng.uniform(1.1, 2.0)])
    aim = np.array([*rng.normal(0, 0.15, 2), rng.uniform(0.8, 1.05)])
    focal = rng.uniform(1080, 1220) * np.array([1.0, rng.uniform(0.998, 1.002)])
    k1 = rng.uniform(-0.25, 0.02)
    return Camera(
        focal,
        500 + rng.normal(0, 10, 2),
        np.array([k1, -1.2 * k1 + rng.normal(0, 0.02), *rng.normal(0, 8e-4, 2), 0.0]),
        look_at(position, aim, np.deg2rad(rng.normal(0, 0.7))),
        position,
        (1000, 1000),
        "film",
    )


def sample_phone(rng: np.random.Generator, target_points: npt.ArrayLike) -> Camera:
    """A phone held by somebody who films what the points do.

    Its height, tilt, roll, field of view and picture format are drawn; it keeps still. Three times in four
    every point of every frame is in the picture, otherwise 55 to 95 percent of them.

    Parameters
    ----------
    rng
        The source of chance; the same state gives the same camera.
    target_points : array_like, shape (frames, joints, 3)
        World, metres; NaN is ignored.

    Raises
    ------
    DataError
        If no point is finite.
    """
    points = _points(target_points, 3).reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=-1)]
    if not len(points):
        raise DataError("expected points to film, found none that is finite")
    points = points[:: max(1, len(points) // 400)]
    low, high = points.min(axis=0), points.max(axis=0)
    long, short = (1920, 1080) if rng.random() < 0.7 else (1280, 720)
    size = (short, long) if rng.random() < 0.5 else (long, short)
    focal = rng.uniform(0.7, 1.3) * long * np.array([1.0, rng.uniform(0.998, 1.002)])
    centre = np.array(size) / 2 + rng.normal(0, 0.006 * long, 2)
    k1 = rng.normal(0, 0.04)
    distortion = np.array([k1, -k1 + rng.normal(0, 0.03), *rng.normal(0, 5e-4, 2), 0.0])
    angle = rng.uniform(0, 2 * np.pi)
    height = rng.normal(1.35, 0.2) if rng.random() < 0.8 else rng.uniform(0.3, 2.4)
    roll = np.deg2rad(rng.normal(0, 2.5))
    aim = (low + high) / 2 + rng.uniform(-0.12, 0.12, 3) * np.maximum(high - low, 0.3)
    share = 1.0 if rng.random() < 0.75 else rng.uniform(0.55, 0.95)
    margin = rng.uniform(0.45, 0.97)
    direction = np.array([np.cos(angle), np.sin(angle)])

    def at(distance: float) -> Camera:
        position = np.array([*(aim[:2] + distance * direction), height])
        return Camera(focal, centre, distortion, look_at(position, aim, roll), position, size, "phone")

    def fits(camera: Camera) -> bool:
        seen = camera.to_camera(points)
        middle = np.array(size) / 2
        off = (np.abs(camera.to_pixels(seen) - middle) / middle).max(axis=-1)  # NaN is not in the picture
        return bool(seen[:, 2].min() > _NEAR and (off < margin).mean() >= share)

    # The nearest place from which that much is in the picture: more is, the further away.
    near, far = np.log(0.8), np.log(100.0)
    for _ in range(9):
        middle = (near + far) / 2
        near, far = (near, middle) if fits(at(np.exp(middle))) else (middle, far)
    return at(np.exp(far))


def place(positions: npt.ArrayLike, rng: np.random.Generator) -> Floats:
    """A clip turned about the vertical by any angle and moved onto the stage; heights stay.

    Parameters
    ----------
    positions : array_like, shape (frames, joints, 3)
        World, metres; NaN stays NaN.
    rng
        The source of chance.

    Returns
    -------
    ndarray of float64, shape (frames, joints, 3)
        Anywhere on the :data:`STAGE` where the whole path fits there; along an axis on which it does not, in
        the middle, so that a long run leaves the stage on both sides (:meth:`Camera.inside` tells where).
    """
    turned = _points(positions, 3) @ from_euler([rng.uniform(0, 360), 0, 0], order="ZYX").T
    flat = turned[..., :2].reshape(-1, 2)
    flat = flat[np.isfinite(flat).all(axis=-1)]
    shift = rng.uniform(-0.5, 0.5, 2)
    if not len(flat):
        return np.asarray(turned)
    low, high = flat.min(axis=0), flat.max(axis=0)
    room = np.maximum(np.array(STAGE) - (high - low), 0.0)
    return np.asarray(turned + np.array([*(shift * room - (low + high) / 2), 0.0]))


def _points(a: npt.ArrayLike, dims: int) -> Floats:
    p = np.asarray(a, dtype=np.float64)
    if p.ndim < 1 or p.shape[-1] != dims:
        raise DataError(f"expected points of shape (..., {dims}), found {p.shape}")
    return p
