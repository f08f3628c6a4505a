"""Real detections, and how far they are from a truth that was not there."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import steadypose as sp
from steadypose.data._occlusion import occlusion
from steadypose.data.cameras import Camera
from steadypose.metrics import align
from steadypose.rotations import from_axis_angle
from steadypose.skeleton import skeleton

_SIDED = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
JOINTS = ("nose", *(f"{s}_{j}" for j in _SIDED for s in ("left", "right")))
SHOULDERS, HIPS = ([JOINTS.index(f"{s}_{j}") for s in ("left", "right")] for j in ("shoulder", "hip"))
KERAAL = {"OP": ("OpenPose", (960, 544)), "AP": ("AlphaPose", (960, 544)), "BP": ("BlazePose", (960, 544))}
# Frames in which one and the same person is followed (shared/real/README.md).
VIDEOS = {
    "sports2d_demo": slice(3, 169),
    "pose2sim_single_cam01": slice(None),
    "pose2sim_single_cam03": slice(None),
    "pose2sim_multi_cam01": slice(None),
}


@dataclass(eq=False)
class Recording:
    """One person's 2D detections by one estimator in one camera.

    ``pixels`` (frames, 13, 2) are of :data:`JOINTS`; ``error`` is to a truth made elsewhere (triangulation or
    motion capture), or None; ``camera`` are the triangulated points in the camera's frame.
    """

    name: str
    estimator: str
    licence: str
    fps: float
    pixels: np.ndarray
    confidence: np.ndarray | None = None
    error: np.ndarray | None = None
    camera: np.ndarray | None = None
    kind: str = "high-pass only"
    held_out: bool = False
    hidden: np.ndarray | None = None
    per_metre: float | None = None  # pixels per metre at depth 1, that is the focal length

    @property
    def unit(self) -> float:
        """The torso's length in the image, pixels: from the triangulated points where there are some."""
        if self.camera is None or self.per_metre is None:
            return float(np.nanmedian(_torso(self.pixels)))
        nearest = np.nanmedian(self.camera[:, SHOULDERS, 2], axis=1)
        return float(np.nanmedian(_torso(self.camera)) * self.per_metre / np.nanmedian(nearest))

    def halves(self) -> list[Recording]:
        """The earlier half, and the later one as held out."""
        n = len(self.pixels) // 2
        out = []
        for part, held in ((slice(0, n), False), (slice(n, None), True)):
            cut = {k: None if v is None else v[part] for k, v in vars(self).items() if k in _ARRAYS}
            label = f"{self.name}, {'second' if held else 'first'} half"
            out.append(Recording(**(vars(self) | cut | {"name": label, "held_out": held})))
        return out


_ARRAYS = ("pixels", "confidence", "error", "camera", "hidden")


def load(root: Path) -> list[Recording]:
    """Every recording of shared/real, errors attached."""
    return [*keraal(root / "keraal"), *openpose(root / "openpose_pose2sim"),
            *caliscope(root / "mediapipe_caliscope"), *videos(root / "videos")]  # fmt: skip


def pick(seq: sp.PoseSequence, person: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """Positions and confidence of :data:`JOINTS`, the first two coordinates."""
    k = [seq.skeleton.index(n) for n in JOINTS]
    c = None if seq.confidence is None else seq.confidence[:, person][:, k].astype(float)
    return seq.positions[:, person][:, k, :2].astype(float), c


def keraal(folder: Path) -> list[Recording]:
    """Nine recordings; the error is to the Vicon joints, brought into the image by a fitted projection."""
    found = []
    for take in ("CTK", "ELK", "RTK"):
        kinect = sp.read(folder / f"G3-Kinect-{take}-P1T1-Unknown-C-0.txt")
        truth = align(kinect, sp.read_streams(folder / f"G3-Vicon-{take}-P1T1-Unknown-C-0.txt")).truth
        known = [n for n in JOINTS if n in truth.skeleton.canonical]
        vicon = truth.positions[:, 0][:, [truth.skeleton.index(n) for n in known]].astype(float)
        at = [JOINTS.index(n) for n in known]
        for short, (estimator, size) in KERAAL.items():
            seq = sp.read(folder / f"G3-{short}-{take}-P1T1-Unknown-C-0.json")
            x, _ = pick(seq)
            if short == "BP":  # run on a mirrored image
                x = x[:, [JOINTS.index(_other(n)) for n in JOINTS]]
                x[..., 0] = 1 - x[..., 0]
            x = x * size
            error = np.full_like(x, np.nan)
            # Frames that one stream lacks shift it by one or two; they start and end together.
            rows = np.linspace(0, len(vicon) - 1, len(x))
            resampled = np.stack(
                [np.interp(rows, np.arange(len(vicon)), v) for v in vicon.reshape(len(vicon), -1).T], axis=-1
            ).reshape(len(x), -1, 3)
            error[:, at] = x[:, at] - projected(resampled, x[:, at])
            found.append(
                Recording(
                    f"Keraal {take}, {estimator}", estimator, "BSD-2-Clause", 30.0, x, None, error,
                    kind="motion capture", held_out=take == "ELK",
                )
            )  # fmt: skip
    return found


def openpose(folder: Path) -> list[Recording]:
    """Pose2Sim's four cameras: the error is to the points triangulated from all of them."""
    calibration = tomllib.loads((folder / "Calib.toml").read_text())
    cameras, seen, sure = [], [], []
    for name, c in sorted((k, v) for k, v in calibration.items() if k.startswith("cam")):
        cameras.append(camera(c, from_axis_angle(np.array(c["rotation"])), name))
        seq = sp.read(folder / f"{name.replace('_', '')}_json.zip")
        people = [pick(seq, p) for p in range(len(seq.persons))]
        tall = np.stack([_extent(x) for x, _ in people])
        best = np.argmax(np.nan_to_num(tall), axis=0)
        seen.append(np.stack([people[p][0][t] for t, p in enumerate(best)]))
        sure.append(np.stack([people[p][1][t] for t, p in enumerate(best)]))
    return calibrated("Pose2Sim", "OpenPose", "BSD-3-Clause", 60.0, cameras, seen, sure)


def caliscope(folder: Path) -> list[Recording]:
    """Caliscope's four cameras, MediaPipe: the error is to the points triangulated from all of them."""
    config = tomllib.loads((folder / "config.toml").read_text())
    streams = sp.read_streams(folder / "xy_HOLISTIC.csv")
    start = min(s.times[0] for s in streams.values())
    end = max(s.times[-1] for s in streams.values())
    grid = np.arange(start, end, 1 / 30)
    cameras, seen = [], []
    for port in range(4):
        c = config[f"cam_{port}"]
        cameras.append(camera(c, np.array(c["rotation"]), f"port {port}"))
        seq = streams[f"port {port}"]
        x, _ = pick(seq)
        near = np.abs(seq.times[:, None] - grid).argmin(axis=0)
        x = x[near]
        x[np.abs(seq.times[near] - grid) > 1 / 50] = np.nan
        seen.append(x)
    return calibrated("Caliscope", "MediaPipe", "BSD-2-Clause", 30.0, cameras, seen, None)


def videos(folder: Path) -> list[Recording]:
    """MediaPipe on videos: nothing to compare with, but a visibility for every point."""
    found = []
    for name, frames in VIDEOS.items():
        seq = sp.read(folder / f"{name}.mediapipe.npz")
        with np.load(folder / f"{name}.mediapipe.npz") as npz:
            size = np.array([float(npz["width"]), float(npz["height"])])
        x, c = pick(seq)
        held = name in ("pose2sim_single_cam03", "pose2sim_multi_cam01")
        x, c = x[frames] * size, None if c is None else c[frames]
        found.append(Recording(f"video {name}", "MediaPipe", "BSD-3-Clause", seq.fps, x, c, held_out=held))
    return found


def camera(c: dict, rotation: np.ndarray, name: str) -> Camera:
    """A camera from a calibration file's entry."""
    k = np.array(c["matrix"])
    distortion = np.zeros(5)
    distortion[: len(c["distortions"])] = c["distortions"]
    u, _, v = np.linalg.svd(rotation)
    r = u @ v
    size = tuple(int(n) for n in c["size"])
    return Camera(k[[0, 1], [0, 1]], k[:2, 2], distortion, r, -r.T @ np.array(c["translation"]), size, name)


def calibrated(
    name: str,
    estimator: str,
    licence: str,
    fps: float,
    cameras: list[Camera],
    seen: list[np.ndarray],
    sure: list[np.ndarray] | None,
) -> list[Recording]:
    """Recordings of several cameras whose errors are to the points triangulated from all of them."""
    world = triangulate(cameras, seen)
    out = []
    body = skeleton(JOINTS)
    length = float(np.nanmedian(_torso(world)))
    for i, (c, x) in enumerate(zip(cameras, seen, strict=True)):
        points = c.to_camera(world)
        out.append(
            Recording(
                f"{name} {c.name}", estimator, licence, fps, x, None if sure is None else sure[i],
                x - c.project(world), points, kind="triangulation",
                hidden=occlusion(points, body, length),
                per_metre=float(c.focal.mean()),
            )
        )  # fmt: skip
    return out


def triangulate(cameras: list[Camera], seen: list[np.ndarray], rounds: int = 6) -> np.ndarray:
    """Points nearest to the rays of all cameras, (frames, joints, 3); rays that are far off count little."""
    d = np.stack([c.rays(x) @ c.rotation for c, x in zip(cameras, seen, strict=True)])
    o = np.stack([c.position for c in cameras])[:, None, None]
    there = np.isfinite(d).all(axis=-1)
    d = np.where(there[..., None], d, 0.0)
    across = np.eye(3) - d[..., :, None] * d[..., None, :]
    w = there.astype(float)
    for _ in range(rounds):
        a = (w[..., None, None] * across).sum(axis=0)
        b = (w[..., None] * (across @ np.broadcast_to(o, d.shape)[..., None])[..., 0]).sum(axis=0)
        few = there.sum(axis=0) < 2
        a[few] = np.eye(3)
        world = np.linalg.solve(a, b[..., None])[..., 0]
        world[few] = np.nan
        off = np.stack(
            [np.linalg.norm(x - c.project(world), axis=-1) for c, x in zip(cameras, seen, strict=True)]
        )
        typical = np.nanmedian(off)
        w = np.where(there & np.isfinite(off), 1 / (1 + (np.nan_to_num(off) / (2 * typical)) ** 2), 0.0)
        w = np.where(few, there, w)
    return world


def projected(world: np.ndarray, x: np.ndarray, rounds: int = 30) -> np.ndarray:
    """3D points of the Kinect's frame in its own colour image, brought nearest to x.

    An affine map of x/z and y/z (that is a pinhole that looks the same way) and a constant offset for every
    joint, as targets and detectors do not mean the same point; outliers of x count little.
    """
    flat = world[..., :2] / world[..., 2:]
    h = np.concatenate([flat, np.ones_like(flat[..., :1])], axis=-1)
    there = np.isfinite(x).all(axis=-1) & np.isfinite(h).all(axis=-1)
    offset, weight = np.zeros(x.shape[1:]), there.astype(float)
    h = np.where(there[..., None], h, 0.0)
    for _ in range(rounds):
        goal = np.where(there[..., None], x - offset, 0.0)
        root = np.sqrt(weight)[..., None]
        m = np.linalg.lstsq((h * root).reshape(-1, 3), (goal * root).reshape(-1, 2), rcond=None)[0]
        y = np.where(there[..., None], h @ m, np.nan)
        offset = np.nanmedian(x - y, axis=0)
        off = np.nan_to_num(np.linalg.norm(x - y - offset, axis=-1))
        weight = np.where(there, 1 / (1 + (off / (1.5 * np.median(off[there]))) ** 2), 0.0)
    return y + offset


def _torso(x: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x[:, SHOULDERS].mean(axis=1) - x[:, HIPS].mean(axis=1), axis=-1)


def _extent(x: np.ndarray) -> np.ndarray:
    return np.fmax.reduce(x[..., 1], axis=1) - np.fmin.reduce(x[..., 1], axis=1)


def _other(name: str) -> str:
    side, _, part = name.partition("_")
    return {"left": "right_", "right": "left_"}.get(side, side) + part
