"""Points of several calibrated cameras: linear triangulation, then the least robust reprojection error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steadypose.data.cameras import Camera
from steadypose.rotations import from_axis_angle

ROUNDS = 10
FAR = 3.0
DISAGREE = 10.0  # times the median error: cameras that are so far off mean different things
UNDECIDED = 0.05  # metres of standard deviation along the worst axis
QUARTER = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


@dataclass(frozen=True, eq=False)
class Triangulated:
    """What cameras saw of the same joints, in space.

    ``world`` (frames, joints, 3), metres, NaN where fewer than two cameras see a joint or
    the geometry does not decide where it is; ``off`` (cameras,
    frames, joints), pixels between what a camera saw and where the point is in its image; ``unsure`` (frames,
    joints), metres: the standard deviation along the worst axis if every camera erred independently by the
    median ``off``.
    """

    world: np.ndarray
    off: np.ndarray
    unsure: np.ndarray


def triangulate(
    cameras: Sequence[Camera], pixels: np.ndarray, confidence: np.ndarray | None = None
) -> Triangulated:
    """Triangulate (cameras, frames, joints, 2); weights are confidences, and cameras that are far off lose.

    First the direct linear transform (Hartley and Zisserman, section 12.2) with rows weighted by confidence,
    then Gauss–Newton on the reprojection error in undistorted pixels, with Huber weights whose scale is the
    median error over the recording, found anew in every round, and in the end with Cauchy weights of three
    times that scale, so that detections that are elsewhere altogether do not count. Points that the geometry
    leaves undecided (:data:`UNDECIDED`), as between two cameras that face each other, or on which the cameras
    do not agree, are missing.
    """
    plane = np.stack([_plane(c, x) for c, x in zip(cameras, pixels, strict=True)])
    sure = np.ones(plane.shape[:-1]) if confidence is None else np.nan_to_num(confidence.astype(float))
    there = np.isfinite(plane).all(axis=-1) & (sure > 0)
    plane, sure = np.where(there[..., None], plane, 0.0), np.where(there, sure, 0.0)
    few = there.sum(axis=0) < 2
    world = _linear(cameras, plane, sure)
    focal = np.stack([c.focal for c in cameras])[:, None, None]
    for k in range(2 * ROUNDS):
        off, slope = _residuals(cameras, plane, world, focal)
        length = np.linalg.norm(off, axis=-1)
        scale = np.median(length[there & ~few])
        huber = scale / np.maximum(length, scale)
        weight = sure * (huber if k < ROUNDS else 1 / (1 + (length / (FAR * scale)) ** 2))
        normal = np.einsum("ctj,ctjki,ctjkl->tjil", weight, slope, slope)
        down = np.einsum("ctj,ctjki,ctjk->tji", weight, slope, off)
        normal[few] = np.eye(3)
        world = world - np.linalg.solve(normal, down[..., None])[..., 0]
    off, slope = _residuals(cameras, plane, world, focal)
    length = np.where(there & ~few, np.linalg.norm(off, axis=-1), np.nan)
    spread = np.nanmedian(length) / np.sqrt(2 * np.log(2))  # per coordinate: the median of a Rayleigh length
    alike = np.einsum("ctj,ctjki,ctjkl->tjil", there.astype(float), slope, slope)
    alike[few] = np.eye(3)
    worst = spread / np.sqrt(np.linalg.eigvalsh(alike)[..., 0])
    apart = np.nanmedian(np.where(few, 0.0, length), axis=0) > DISAGREE * np.nanmedian(length)
    undecided = few | (worst > UNDECIDED) | apart
    world[undecided], worst[undecided] = np.nan, np.nan
    real = np.stack(
        [np.linalg.norm(x - c.project(world), axis=-1) for c, x in zip(cameras, pixels, strict=True)]
    )
    return Triangulated(world, np.where(there, real, np.nan), worst)


def camera_of(entry: dict, name: str) -> Camera:
    """A camera from its table in a calibration of Pose2Sim or Caliscope."""
    matrix = np.array(entry["matrix"])
    turn = np.array(entry["rotation"])
    u, _, v = np.linalg.svd(from_axis_angle(turn) if turn.shape == (3,) else turn)
    distortion = np.zeros(5)
    distortion[: len(entry["distortions"])] = entry["distortions"]
    return Camera(
        matrix[[0, 1], [0, 1]],
        matrix[:2, 2],
        distortion,
        u @ v,
        -(u @ v).T @ np.array(entry["translation"]),
        tuple(int(n) for n in entry["size"]),
        name,
    )


def quarter_turn(camera: Camera) -> Camera:
    """The camera whose image is this one's, turned clockwise by 90 degrees; see :func:`turned_pixels`."""
    (fx, fy), (cx, cy), (width, height) = camera.focal, camera.centre, camera.size
    k1, k2, p1, p2, k3 = camera.distortion
    return Camera(
        np.array([fy, fx]),
        np.array([height - cy, cx]),
        np.array([k1, k2, p2, -p1, k3]),
        QUARTER @ camera.rotation,
        camera.position,
        (height, width),
        camera.name,
    )


def turned_pixels(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    """Pixels of a camera in its image turned clockwise by 90 degrees."""
    return np.stack([camera.size[1] - pixels[..., 1], pixels[..., 0]], axis=-1)


def _plane(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    rays = camera.rays(pixels)
    return rays[..., :2] / rays[..., 2:]


def _linear(cameras: Sequence[Camera], plane: np.ndarray, sure: np.ndarray) -> np.ndarray:
    rows = []
    for c, xy, w in zip(cameras, plane, sure, strict=True):
        p = np.column_stack([c.rotation, -c.rotation @ c.position])
        rows += [w[..., None] * (xy[..., k : k + 1] * p[2] - p[k]) for k in (0, 1)]
    nearest = np.linalg.svd(np.stack(rows, axis=-2))[2][..., -1, :]
    last = nearest[..., 3:]
    return nearest[..., :3] / np.where(np.abs(last) > 1e-12, last, 1e-12)


def _residuals(
    cameras: Sequence[Camera], plane: np.ndarray, world: np.ndarray, focal: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Undistorted pixels from where a camera saw each point to where it is, and their slope with it."""
    seen = np.stack([c.to_camera(world) for c in cameras])
    depth = np.where(np.abs(seen[..., 2:]) > 1e-3, seen[..., 2:], 1e-3)
    at = seen[..., :2] / depth
    turns = np.stack([c.rotation for c in cameras])[:, None, None]
    slope = (turns[..., :2, :] - at[..., None] * turns[..., 2:, :]) / depth[..., None]
    return focal * (at - plane), focal[..., None] * slope
