"""Real recordings: 2D keypoints of one person by camera, and what is known of the same body in 3D."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from triangulate import camera_of, quarter_turn, triangulate, turned_pixels

import steadypose as sp
from steadypose.data.cameras import Camera
from steadypose.lift import LiftSpec
from steadypose.lift._skeleton import derive
from steadypose.lift._spec import H36M17
from steadypose.metrics import align
from steadypose.skeleton import Skeleton, skeleton

_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
POINTS = ("nose", *(f"{s}_{p}" for p in ("eye", "ear", *_LIMBS) for s in ("left", "right")))
LIMBS = tuple(f"{s}_{p}" for p in _LIMBS for s in ("left", "right"))
TAKES = ("CTK", "ELK", "RTK")
ESTIMATORS = {"OP": "OpenPose", "AP": "AlphaPose", "BP": "BlazePose"}
KERAAL_SIZE = (960, 544)
# Frames in which MediaPipe follows one and the same person.
VIDEOS = {
    "sports2d_demo": slice(3, 169),
    "pose2sim_single_cam01": slice(None),
    "pose2sim_single_cam03": slice(None),
    "pose2sim_multi_cam01": slice(None),
}


@dataclass(frozen=True, eq=False)
class View:
    """One person in one camera.

    ``keypoints`` one person, 2D; ``truth`` (frames, 17, 3) mm in the camera's axes at the same frames, NaN
    where unknown, or None; ``size`` of the image where keypoints are fractions of it; ``others`` 3D by other
    means, to compare with; ``exact`` the truth's points projected, without a detector's error.
    """

    name: str
    keypoints: sp.PoseSequence
    camera: Camera | None = None
    truth: np.ndarray | None = None
    size: tuple[float, float] | None = None
    others: dict[str, np.ndarray] = field(default_factory=dict)
    exact: sp.PoseSequence | None = None


def h36m(positions: np.ndarray, names: Skeleton) -> np.ndarray:
    """Human3.6M's joints of 3D points, by the rule by which lifting makes them of 2D keypoints.

    The rule is linear in the coordinates, so that it may be applied to x and y, then to z.
    """
    spec = LiftSpec(joints=H36M17)
    xy, _ = derive(positions[..., :2], None, names, spec)
    z, _ = derive(positions[..., [2, 2]], None, names, spec)
    return np.concatenate([xy, z[..., :1]], axis=-1).astype(np.float64)


def openpose(folder: Path) -> tuple[list[View], dict]:
    """Pose2Sim's four cameras; the performer is the tallest person."""
    calibration = tomllib.loads((folder / "Calib.toml").read_text())
    names = sorted(k for k in calibration if k.startswith("cam_"))
    cameras = [camera_of(calibration[n], n) for n in names]
    seen = [
        tallest(sp.read(folder / f"{n.replace('_', '')}_json.zip", fps=60.0), c.size[1])
        for n, c in zip(names, cameras, strict=True)
    ]
    return _calibrated(cameras, seen)


def caliscope(folder: Path) -> tuple[list[View], dict]:
    """Caliscope's four cameras, MediaPipe; two lay on their side, and their images are put upright."""
    config = tomllib.loads((folder / "config.toml").read_text())
    streams = sp.read_streams(folder / "xy_HOLISTIC.csv")
    cameras, seen = [], []
    for port in range(4):
        camera = camera_of(config[f"cam_{port}"], f"port {port}")
        keypoints = streams[f"port {port}"]
        for _ in range(config[f"cam_{port}"]["rotation_count"] % 4):
            xy = turned_pixels(camera, keypoints.positions[..., :2]).astype(np.float32)
            keypoints = keypoints.with_positions(xy, "turned by 90 degrees")
            camera = quarter_turn(camera)
        cameras.append(camera)
        seen.append(keypoints)
    return _calibrated(cameras, seen)


def keraal(folder: Path) -> list[View]:
    """Three takes by three estimators; in ``others`` the Kinect's joints and the Vicon's, camera axes, mm."""
    found = []
    for take in TAKES:
        kinect = sp.read(folder / f"G3-Kinect-{take}-P1T1-Unknown-C-0.txt")
        vicon = align(kinect, sp.read_streams(folder / f"G3-Vicon-{take}-P1T1-Unknown-C-0.txt")).truth
        for short, estimator in ESTIMATORS.items():
            seq = sp.read(folder / f"G3-{short}-{take}-P1T1-Unknown-C-0.json")
            if short == "BP":
                seq = _mirrored(seq)
            # No stream has time stamps; all start and end together.
            share = (seq.times - seq.times[0]) / (seq.times[-1] - seq.times[0])
            rows = kinect.times[0] + share * (kinect.times[-1] - kinect.times[0])
            others = {
                what: at_times(_limbs(truth), truth.times, rows)
                for what, truth in (("Kinect", kinect), ("Vicon", vicon))
            }
            found.append(View(f"{take}, {estimator}", seq, None, None, KERAAL_SIZE, others))
    return found


def videos(folder: Path) -> list[View]:
    """MediaPipe on four videos, its own 3D (``world``) beside it."""
    found = []
    for name, frames in VIDEOS.items():
        streams = sp.read_streams(folder / f"{name}.mediapipe.npz")
        image, world = streams["image"], streams["world"]
        size = sp.io.image_size(image)
        own = h36m(1000.0 * world.positions[:, 0], world.skeleton)[frames]
        keypoints = image.select(frames=frames)
        found.append(View(name, keypoints, None, None, size, {"MediaPipe": own - own[:, :1]}))
    return found


def tallest(seq: sp.PoseSequence, height: float) -> sp.PoseSequence:
    """The person who is tallest in the image, in the median over the frames."""
    y = seq.positions[..., 1]
    extent = np.fmax.reduce(y, axis=2) - np.fmin.reduce(y, axis=2)
    there = np.isfinite(extent).mean(axis=0) > 0.5
    typical = [np.nanmedian(extent[:, p]) if there[p] else -np.inf for p in range(len(seq.persons))]
    if not max(typical) > height / 10:
        raise SystemExit("expected a person taller than a tenth of the image, found none")
    return seq.select(persons=[seq.persons[int(np.argmax(typical))]])


def at_times(x: np.ndarray, times: np.ndarray, wanted: np.ndarray, longest: float = 0.07) -> np.ndarray:
    """Positions between frames (frames, joints, dims); NaN outside, and in gaps longer than that (s)."""
    after = np.clip(np.searchsorted(times, wanted - 1e-9), 1, len(times) - 1)
    step = times[after] - times[after - 1]
    share = (wanted - times[after - 1]) / step
    good = (share > -1e-6) & (share < 1 + 1e-6) & (step <= longest)
    share = np.clip(share, 0, 1)[:, None, None]
    first, second = x[after - 1], x[after]
    between = np.where(
        share < 1e-6, first, np.where(share > 1 - 1e-6, second, first + share * (second - first))
    )
    return np.where(good[:, None, None], between, np.nan)


def _calibrated(cameras: list[Camera], seen: list[sp.PoseSequence]) -> tuple[list[View], dict]:
    """Views with the points triangulated from all of them, and how good those are."""
    names = skeleton(POINTS)
    times = seen[0].times
    pixels, sure = [], []
    for seq in seen:
        k = [seq.skeleton.canonical.index(n) for n in POINTS]
        xy = seq.positions[:, 0, k, :2].astype(np.float64)
        c = np.ones(xy.shape[:-1]) if seq.confidence is None else seq.confidence[:, 0, k].astype(np.float64)
        pixels.append(at_times(xy, seq.times, times))
        sure.append(at_times(c[..., None], seq.times, times)[..., 0])
    x, c = np.stack(pixels), np.stack(sure)
    made = triangulate(cameras, x, c)
    body = h36m(made.world, names)
    views = []
    without = []
    for i, (camera, seq) in enumerate(zip(cameras, seen, strict=True)):
        truth = 1000.0 * (at_times(body, times, seq.times) @ camera.rotation.T)
        exact = sp.PoseSequence.from_array(
            camera.project(at_times(made.world, times, seq.times)), times=seq.times, skeleton=POINTS
        )
        views.append(View(camera.name, seq, camera, truth - truth[:, :1], exact=exact))
        rest = [k for k in range(len(cameras)) if k != i]
        fewer = h36m(triangulate([cameras[k] for k in rest], x[rest], c[rest]).world, names)
        without.append(1000.0 * np.linalg.norm((fewer - fewer[:, :1]) - (body - body[:, :1]), axis=-1))
    distance = np.stack([camera.to_camera(made.world)[..., 2] for camera in cameras])
    focal = np.array([camera.focal.mean() for camera in cameras])[:, None, None]
    quality = {
        "joints": float(np.isfinite(body).all(axis=-1).mean()),
        "reprojection_px": {
            c.name: round(float(np.nanmedian(made.off[i])), 1) for i, c in enumerate(cameras)
        },
        "reprojection_mm": {
            c.name: round(float(1000 * np.nanmedian((made.off * distance / focal)[i])), 1)
            for i, c in enumerate(cameras)
        },
        "unsure_mm": round(float(1000 * np.nanmedian(made.unsure)), 1),
        "without_one_mm": round(float(np.nanmean(np.stack(without))), 1),
        "bone_length_variation": round(
            float(sp.metrics.bone_length_variation(1000 * body, skeleton("h36m17").bones)), 2
        ),
        "accel_magnitude": round(float(sp.metrics.accel_magnitude(1000 * body, root=0)), 2),
    }
    return views, quality


def _limbs(seq: sp.PoseSequence) -> np.ndarray:
    """Joints of the limbs in camera axes (x right, y down, z away), mm, NaN for those that are not there."""
    names = seq.skeleton.canonical
    x = np.full((len(seq.times), len(LIMBS), 3), np.nan)
    for j, name in enumerate(LIMBS):
        if name in names:
            x[:, j] = seq.positions[:, 0, names.index(name)]
    # The Kinect's x points to the left of its image and y up.
    return 1000.0 * x * [-1, -1, 1]


def _mirrored(seq: sp.PoseSequence) -> sp.PoseSequence:
    """A sequence of a mirrored image as it would be of the image itself."""
    names = seq.skeleton.canonical
    other = [names.index(_other(n)) for n in names]
    x = seq.positions[:, :, other].copy()
    x[..., 0] = 1 - x[..., 0]
    c = None if seq.confidence is None else seq.confidence[:, :, other]
    return replace(seq, positions=x, confidence=c, source=None, history=(*seq.history, "mirrored back"))


def _other(name: str) -> str:
    return "_".join({"left": "right", "right": "left"}.get(part, part) for part in name.split("_"))
