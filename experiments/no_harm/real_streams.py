"""Real estimators' output with a truth of another kind beside it: the streams that refinement is judged on.

Nothing here is drawn at random and nothing in steadypose was trained on it. Recordings of the folder
`opencap_mocap` are only measured with: nothing of them is kept in the project but scores.
"""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import real_fit as fit
from real_fit import LIMBS
from scipy.ndimage import gaussian_filter1d

import steadypose as sp
from steadypose.metrics import align
from steadypose.rotations import from_axis_angle

VIDEO_SIZE = (720.0, 1280.0)
BODIES = {  # of OpenSim, whose origins are these joints
    "shoulder": "humerus",
    "elbow": "ulna",
    "wrist": "hand",
    "hip": "femur",
    "knee": "tibia",
    "ankle": "talus",
}
LATE = (0, 1, 4, 1)  # frames by which Pose2Sim's cameras are late
CALM = 2.0  # frames: standard deviation of the Gaussian that triangulated points are smoothed with
MM = (1000.0, 1000.0, 1000.0)


def _sibling() -> ModuleType:
    """`recordings` of experiments/lift_real; a module of that name may be beside this file too."""
    folder = Path(__file__).parents[1] / "lift_real"
    sys.path.append(str(folder))  # for what it imports
    spec = importlib.util.spec_from_file_location("lift_real_recordings", folder / "recordings.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


real = _sibling()


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
        return _scaled(seq, self.joints, self.scale)


def kinect(folder: Path, take: str) -> Stream:
    """Keraal's Kinect against Vicon, whose joints are fitted points of rigid targets (`metrics.align`)."""
    raw, vicon = _kinect_and_vicon(folder, take)
    names = raw.skeleton.canonical
    joints = tuple(names.index(n) for n in vicon.skeleton.canonical)
    truth = 1000.0 * vicon.positions[:, 0].astype(np.float64)
    return Stream(f"Kinect {take}", "Kinect", raw, joints, truth, truth, MM, None)


def keraal_image(folder: Path, take: str, short: str) -> Stream:
    """A 2D estimator against Vicon's joints, seen by the camera and at the pace that fit it best."""
    _, vicon = _kinect_and_vicon(folder, take)
    k = [vicon.skeleton.canonical.index(n) for n in LIMBS]
    truth_of = fit.Curve(vicon.times, vicon.positions[:, 0, k].astype(np.float64))
    seq = sp.read(folder / f"G3-{short}-{take}-P1T1-Unknown-C-0.json")
    if short == "BP":
        seq = real._mirrored(seq)
    x = _scaled(seq, _limbs_of(seq), real.KERAAL_SIZE)
    # No stream has time stamps; all start and end together.
    times = np.linspace(vicon.times[0], vicon.times[-1], len(x))
    start = np.diag([-1.0, -1.0, 1.0])  # the Kinect's x is to its left, y up
    camera = fit.fit_camera(times, x, truth_of, real.KERAAL_SIZE, start, pace=True)
    truth = camera.project(truth_of(camera.when(times)))
    family = real.ESTIMATORS[short]
    return _image_stream(f"{family} {take}", family, seq, truth, real.KERAAL_SIZE)


def opencap(folder: Path, trial: str, kind: str, family: str) -> Stream:
    """Joint centres of a body from one video against those of markers, about the middle of the hips."""
    times, x = joint_centres(folder / f"{trial}.{kind}.npz")
    truth_of = fit.Curve(*joint_centres(folder / f"{trial}.mocap.npz"))
    shift, turn = fit.clock_and_axes(times, x, truth_of)
    truth = truth_of(times + shift) @ turn.T
    raw = sp.PoseSequence.from_array(x, times=times, skeleton=LIMBS, unit="m", space="world")
    return _rooted_stream(f"{family} {trial}", family, raw, truth)


def mediapipe(folder: Path, landmarks: Path, trial: str) -> list[Stream]:
    """MediaPipe's landmarks of a video: in the image, and in metres, against markers through a fitted camera.

    Its metres are in axes turned with the line of sight to the person, and so is the truth.
    """
    found = sp.read_streams(landmarks / f"{trial}.mediapipe.npz")
    image, world = found["image"], found["world"]
    truth_of = fit.Curve(*joint_centres(folder / f"{trial}.mocap.npz"))
    x = _scaled(image, _limbs_of(image), VIDEO_SIZE)
    camera = fit.fit_camera(image.times, x, truth_of, VIDEO_SIZE, np.diag([1.0, -1.0, -1.0]))
    at = truth_of(camera.when(image.times))
    body = camera.to_camera(at)
    body = np.einsum("tij,tnj->tni", _towards(body[:, fit.HIPS].mean(axis=1)), body)
    return [
        _image_stream(f"MediaPipe 2D {trial}", "MediaPipe 2D", image, camera.project(at), VIDEO_SIZE),
        _rooted_stream(f"MediaPipe 3D {trial}", "MediaPipe 3D", world, body),
    ]


def four_cameras(folder: Path, landmarks: Path) -> list[Stream]:
    """OpenPose and MediaPipe in Pose2Sim's cameras, each against what OpenPose saw in the three others.

    What the others triangulate is calmed, as it shakes more than a body does, and brought to the camera's
    clock. The person walks along a beam, slowly; what is judged and what judges are never of one image.
    """
    calibration = tomllib.loads((folder / "Calib.toml").read_text())
    names = sorted(k for k in calibration if k.startswith("cam_"))
    cameras = [real.camera_of(calibration[n], n) for n in names]
    files = [n.replace("_", "") for n in names]
    seen = [
        real.tallest(sp.read(folder / f"{n}_json.zip", fps=60.0), c.size[1])
        for n, c in zip(files, cameras, strict=True)
    ]
    times = seen[0].times
    late = np.array(LATE) * float(times[1] - times[0])
    pixels, sure = map(
        np.stack, zip(*(_seen_at(s, times + d) for s, d in zip(seen, late, strict=True)), strict=True)
    )
    made = []
    for i, camera in enumerate(cameras):
        rest = [k for k in range(len(cameras)) if k != i]
        points = _calmed(real.triangulate([cameras[k] for k in rest], pixels[rest], sure[rest]).world)
        truth = camera.project(real.at_times(points, times + late[i], times))
        landmarked = sp.read_streams(landmarks / f"{files[i]}.mediapipe.npz")["image"]
        size = sp.io.image_size(landmarked)
        assert size is not None
        made += [
            _image_stream(f"OpenPose {names[i]}", "OpenPose, 4 cameras", seen[i], truth, (1.0, 1.0)),
            _image_stream(f"MediaPipe {names[i]}", "MediaPipe, 4 cameras", landmarked, truth, size),
        ]
    return made


def joint_centres(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times, seconds, and limb joints (frames, 12, 3), metres, of a file of opencap_mocap."""
    with np.load(path) as f:
        names = [str(n) for n in f["bodies"]]
        at = [names.index(f"{BODIES[n.split('_')[1]]}_{n[0]}") for n in LIMBS]
        return f["time"], f["translation"][:, at].astype(np.float64)


def _kinect_and_vicon(folder: Path, take: str) -> tuple[sp.PoseSequence, sp.PoseSequence]:
    raw = sp.read(folder / f"G3-Kinect-{take}-P1T1-Unknown-C-0.txt")
    return raw, align(raw, sp.read_streams(folder / f"G3-Vicon-{take}-P1T1-Unknown-C-0.txt")).truth


def _limbs_of(seq: sp.PoseSequence) -> tuple[int, ...]:
    return tuple(seq.skeleton.canonical.index(n) for n in LIMBS)


def _scaled(seq: sp.PoseSequence, joints: tuple[int, ...], scale: tuple[float, ...]) -> np.ndarray:
    x = seq.positions[:, 0, list(joints), : len(scale)].astype(np.float64)
    return np.asarray(x * np.array(scale))


def _seen_at(seq: sp.PoseSequence, when: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the limbs' joints and their confidence at times; NaN and 0 where not seen."""
    k = list(_limbs_of(seq))
    assert seq.confidence is not None
    sure = real.at_times(seq.confidence[:, 0, k, None].astype(np.float64), seq.times, when)
    x = seq.positions[:, 0, k].astype(np.float64)
    return real.at_times(x, seq.times, when), np.nan_to_num(sure)[..., 0]


def _image_stream(
    name: str, family: str, raw: sp.PoseSequence, truth: np.ndarray, scale: tuple[float, float]
) -> Stream:
    joints = _limbs_of(raw)
    moved = fit.with_offsets(_scaled(raw, joints, scale), truth)
    return Stream(name, family, raw, joints, truth, moved, scale, None)


def _rooted_stream(name: str, family: str, raw: sp.PoseSequence, truth: np.ndarray) -> Stream:
    joints = _limbs_of(raw)
    moved = fit.with_offsets(_scaled(raw, joints, MM), 1000 * truth)
    return Stream(name, family, raw, joints, 1000 * truth, moved, MM, fit.HIPS)


def _towards(hips: np.ndarray) -> np.ndarray:
    """Rotations (frames, 3, 3) that turn the line of sight to the person into the z axis, least of all."""
    ray = hips / np.linalg.norm(hips, axis=-1, keepdims=True)
    axis = np.cross(ray, [0.0, 0.0, 1.0])
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.arctan2(sine, ray[..., 2:])
    return from_axis_angle(np.nan_to_num(axis / np.maximum(sine, 1e-12) * angle))


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
