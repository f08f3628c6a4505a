"""Real estimators' output with a truth of another kind beside it: the streams that refinement is judged on.

Nothing here is drawn at random and nothing in steadypose was trained on it. Recordings of the folder
`opencap_mocap` are only measured with: no number of them goes into the project but scores.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import real_fit as fit
from real_fit import LIMBS
from scipy.ndimage import gaussian_filter1d

import steadypose as sp
from steadypose.metrics import align
from steadypose.rotations import from_euler, to_local
from steadypose.sequence import BodyMotion
from steadypose.skeleton import Skeleton

sys.path.append(str(Path(__file__).parents[1] / "lift_real"))
from recordings import ESTIMATORS, KERAAL_SIZE, TAKES, _mirrored, at_times, tallest  # noqa: E402
from triangulate import camera_of, triangulate  # noqa: E402

TRIALS = ("sit_to_stand", "walk", "walk_trunk_sway")
WALKS = ("walk", "walk_trunk_sway")
ONE_CAMERA = {"mono": "OpenCap", "wham": "WHAM"}
VIDEO_SIZE = (720.0, 1280.0)
# OpenSim's bodies, whose origins are these joints.
BODIES = {
    "humerus": "shoulder", "ulna": "elbow", "hand": "wrist", "femur": "hip", "tibia": "knee", "talus": "ankle",
}  # fmt: skip
ABOVE = {
    "femur": "pelvis", "tibia": "femur", "talus": "tibia", "calcn": "talus", "toes": "calcn", "torso": "pelvis",
    "humerus": "torso", "ulna": "humerus", "radius": "ulna", "hand": "radius",
}  # fmt: skip
LATE = (0, 1, 4, 1)  # frames by which Pose2Sim's cameras are late
CALM = 2.0  # frames: standard deviation of the Gaussian that triangulated points are smoothed with


@dataclass(frozen=True, eq=False)
class Stream:
    """One recording of one estimator.

    ``joints`` are the keypoints of ``raw`` that the truth has; ``truth`` and ``moved`` (frames, joints, dims)
    in mm or pixels, NaN where unknown, ``moved`` with every joint's constant offset to the raw input;
    ``scale`` from the raw input's unit to that; ``root`` among the joints, or None.
    """

    name: str
    family: str
    raw: sp.PoseSequence
    joints: tuple[int, ...]
    truth: np.ndarray
    moved: np.ndarray
    scale: tuple[float, ...]
    root: tuple[int, ...] | None

    def measured(self, seq: sp.PoseSequence) -> np.ndarray:
        """The truth's joints of a refined version, in the truth's unit."""
        x = seq.positions[:, 0, list(self.joints), : self.truth.shape[-1]].astype(np.float64)
        return x * np.array(self.scale)


def load(root: Path, landmarks: Path) -> list[Stream]:
    """Every stream there is.

    Parameters
    ----------
    root
        The folder that holds keraal/, opencap_mocap/ and openpose_pose2sim/.
    landmarks
        MediaPipe's results on the videos of opencap_mocap (`real_estimate.py`); left out where missing.
    """
    streams = kinect(root / "keraal") + keraal_images(root / "keraal")
    for kind, family in ONE_CAMERA.items():
        streams += [opencap(root / "opencap_mocap", trial, kind, family) for trial in TRIALS]
    for trial in TRIALS:
        path = landmarks / f"{trial}.mediapipe.npz"
        if path.exists():
            streams += mediapipe(root / "opencap_mocap", path, trial)
    return streams + openpose(root / "openpose_pose2sim")


def kinect(folder: Path) -> list[Stream]:
    """Keraal's Kinect against Vicon, whose joints are fitted points of rigid targets (`metrics.align`)."""
    made = []
    for take in TAKES:
        raw, vicon = _kinect_and_vicon(folder, take)
        names = raw.skeleton.canonical
        joints = tuple(names.index(n) for n in vicon.skeleton.canonical)
        truth = 1000.0 * vicon.positions[:, 0].astype(np.float64)
        made.append(Stream(f"Kinect {take}", "Kinect", raw, joints, truth, truth, (1000.0,) * 3, None))
    return made


def keraal_images(folder: Path) -> list[Stream]:
    """Three 2D estimators against Vicon's joints, seen by the camera that fits them best."""
    made = []
    for take in TAKES:
        _, vicon = _kinect_and_vicon(folder, take)
        k = [vicon.skeleton.canonical.index(n) for n in LIMBS]
        world = vicon.positions[:, 0, k].astype(np.float64)
        there = fit.curve(vicon.times, world)
        for short, estimator in ESTIMATORS.items():
            seq = sp.read(folder / f"G3-{short}-{take}-P1T1-Unknown-C-0.json")
            if short == "BP":
                seq = _mirrored(seq)
            joints = tuple(seq.skeleton.canonical.index(n) for n in LIMBS)
            x = seq.positions[:, 0, list(joints), :2].astype(np.float64) * KERAAL_SIZE
            # No stream has time stamps; all start and end together.
            times = np.linspace(vicon.times[0], vicon.times[-1], len(x))
            start = np.diag([-1.0, -1.0, 1.0])  # Kinect's x is to its left, y up
            camera = fit.fit_camera(times, x, there, KERAAL_SIZE, start, pace=True)
            truth = camera.project(there(camera.when(times)))
            moved = fit.with_offsets(x, truth)
            made.append(
                Stream(f"{estimator} {take}", estimator, seq, joints, truth, moved, KERAAL_SIZE, None)
            )
    return made


def opencap(folder: Path, trial: str, kind: str, family: str) -> Stream:
    """Joint centres of a body from one video against those of markers, about the middle of the hips."""
    times, x = _joint_centres(folder / f"{trial}.{kind}.npz")
    truth_of = fit.curve(*_joint_centres(folder / f"{trial}.mocap.npz"))
    shift, turn = fit.clock_and_axes(times, x, truth_of)
    truth = truth_of(times + shift) @ turn.T
    raw = sp.PoseSequence.from_array(x, times=times, skeleton=LIMBS, unit="m", space="world")
    return _rooted_stream(f"{family} {trial}", family, raw, tuple(range(len(LIMBS))), truth)


def mediapipe(folder: Path, path: Path, trial: str) -> list[Stream]:
    """MediaPipe's landmarks of a video: in the image, and in metres, against markers through a fitted camera.

    Its metres are in axes turned with the line of sight to the person, and so is the truth.
    """
    found = sp.read_streams(path)
    image, world = found["image"], found["world"]
    joints = tuple(image.skeleton.canonical.index(n) for n in LIMBS)
    truth_of = fit.curve(*_joint_centres(folder / f"{trial}.mocap.npz"))
    x = image.positions[:, 0, list(joints), :2].astype(np.float64) * VIDEO_SIZE
    camera = fit.fit_camera(image.times, x, truth_of, VIDEO_SIZE, np.diag([1.0, -1.0, -1.0]))
    at = truth_of(camera.when(image.times))
    pixels = camera.project(at)
    body = camera.to_camera(at)
    body = np.einsum("tij,tnj->tni", _towards(body[:, fit.HIPS].mean(axis=1)), body)
    return [
        Stream(
            f"MediaPipe 2D {trial}", "MediaPipe 2D", image, joints, pixels,
            fit.with_offsets(x, pixels), VIDEO_SIZE, None,
        ),
        _rooted_stream(f"MediaPipe 3D {trial}", "MediaPipe 3D", world, joints, body),
    ]  # fmt: skip


def openpose(folder: Path) -> list[Stream]:
    """Each of Pose2Sim's four cameras against what the three others triangulate, calmed."""
    calibration = tomllib.loads((folder / "Calib.toml").read_text())
    names = sorted(k for k in calibration if k.startswith("cam_"))
    cameras = [camera_of(calibration[n], n) for n in names]
    seen = [
        tallest(sp.read(folder / f"{n.replace('_', '')}_json.zip", fps=60.0), c.size[1])
        for n, c in zip(names, cameras, strict=True)
    ]
    times = seen[0].times
    pixels, sure = [], []
    for seq, late in zip(seen, LATE, strict=True):
        k = [seq.skeleton.canonical.index(n) for n in LIMBS]
        when = times + late * float(times[1] - times[0])
        assert seq.confidence is not None
        pixels.append(at_times(seq.positions[:, 0, k].astype(np.float64), seq.times, when))
        sure.append(
            np.nan_to_num(at_times(seq.confidence[:, 0, k, None].astype(float), seq.times, when))[..., 0]
        )
    made = []
    for i, (camera, seq) in enumerate(zip(cameras, seen, strict=True)):
        rest = [k for k in range(len(cameras)) if k != i]
        points = triangulate([cameras[k] for k in rest], np.stack(pixels)[rest], np.stack(sure)[rest]).world
        world = _calmed(points)
        late = LATE[i] * float(times[1] - times[0])
        truth = camera.project(at_times(world, times + late, times))
        joints = tuple(seq.skeleton.canonical.index(n) for n in LIMBS)
        x = seq.positions[:, 0, list(joints)].astype(np.float64)
        moved = fit.with_offsets(x, truth)
        made.append(
            Stream(f"OpenPose {names[i]}", "OpenPose, 4 cameras", seq, joints, truth, moved, (1.0, 1.0), None)
        )
    return made


def walks(folder: Path) -> dict[str, BodyMotion]:
    """The walks of one-camera methods as rotations, under the names of their streams."""
    return {
        f"{family} {trial}": body_motion(folder, trial, kind)
        for kind, family in ONE_CAMERA.items()
        for trial in WALKS
    }


def body_motion(folder: Path, trial: str, kind: str) -> BodyMotion:
    """The same recordings as rotations: every body relative to the one that carries it."""
    with np.load(folder / f"{trial}.{kind}.npz") as f:
        names = [str(n) for n in f["bodies"]]
        keep = [k for k, n in enumerate(names) if not n.startswith("patella")]
        times = f["time"]
        turns = from_euler(f["rotation"][:, keep], "XYZ", degrees=False)
        place = f["translation"][:, :1]
    names = [names[k] for k in keep]
    parents = tuple(names.index(_above(n)) if n != "pelvis" else -1 for n in names)
    skeleton = Skeleton(f"opensim{len(names)}", tuple(map(_sided, names)), parents, ("pelvis",))
    local = to_local(turns, parents)
    return BodyMotion(local[:, None], times, skeleton, translation=place, representation="euler XYZ")


def _kinect_and_vicon(folder: Path, take: str) -> tuple[sp.PoseSequence, sp.PoseSequence]:
    raw = sp.read(folder / f"G3-Kinect-{take}-P1T1-Unknown-C-0.txt")
    return raw, align(raw, sp.read_streams(folder / f"G3-Vicon-{take}-P1T1-Unknown-C-0.txt")).truth


def _joint_centres(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times and limb joints (frames, 12, 3), metres."""
    with np.load(path) as f:
        names = [str(n) for n in f["bodies"]]
        body = {joint: name for name, joint in BODIES.items()}
        at = [names.index(f"{body[n.split('_')[1]]}_{n[0]}") for n in LIMBS]
        return f["time"], f["translation"][:, at].astype(np.float64)


def _rooted_stream(
    name: str, family: str, raw: sp.PoseSequence, joints: tuple[int, ...], truth: np.ndarray
) -> Stream:
    x = raw.positions[:, 0, list(joints)].astype(np.float64)
    moved = fit.with_offsets(x, truth)
    return Stream(name, family, raw, joints, 1000 * truth, 1000 * moved, (1000.0,) * 3, fit.HIPS)


def _towards(hips: np.ndarray) -> np.ndarray:
    """Rotations (frames, 3, 3) that turn the line of sight to the person into the z axis, least of all."""
    ray = hips / np.linalg.norm(hips, axis=-1, keepdims=True)
    ahead = np.array([0.0, 0.0, 1.0])
    axis = np.cross(ray, ahead)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.arctan2(sine, ray[..., 2:])
    vector = np.nan_to_num(axis / np.maximum(sine, 1e-12) * angle)
    return fit.from_axis_angle(vector)


def _calmed(points: np.ndarray) -> np.ndarray:
    """Triangulated points, gaps bridged, smoothed; NaN where they were missing."""
    frames = np.arange(len(points))
    out = points.copy()
    for k in np.ndindex(points.shape[1:]):
        there = np.isfinite(points[:, *k])
        if there.any():
            line = np.interp(frames, frames[there], points[there, *k])
            out[:, *k] = np.where(there, gaussian_filter1d(line, CALM, mode="nearest"), np.nan)
    return out


def _above(name: str) -> str:
    part, _, side = name.partition("_")
    parent = ABOVE[part]
    return parent if parent in ("pelvis", "torso") else f"{parent}_{side}"


def _sided(name: str) -> str:
    part, _, side = name.partition("_")
    return {"l": "left_", "r": "right_", "": ""}[side] + part
