"""Captured motion as curves over five seconds: which clips, which stretch of them, and a camera on them.

Short clips run to and fro with rounded turns, so that all are equally long. Performers are those that no
network of the package is trained on; which are for choosing and which for the final check is fixed here.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.ndimage import uniform_filter1d

from steadypose import rotations
from steadypose.data.cameras import Camera, look_at
from steadypose.data.mocap import Clip, read_clip, to_smpl

Floats = npt.NDArray[np.float64]
Curve = Callable[[Floats], Floats]  # from seconds (frames,) to (frames, keypoints or joints, numbers)

SECONDS = 5.0
TURN = 0.3  # seconds over which a clip that runs to and fro turns round
KEPT = 0.9  # share of a peak speed that a mean over 0.025 s leaves, if it is motion and no spike
FINE = 120.0  # frames a second at which curves are looked at to find where they are fast
JOINTS = (
    "pelvis", "left_hip", "right_hip", "left_knee", "right_knee",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
)  # fmt: skip

# Kind of motion and clip; the liveliest five seconds of it.
CLIPS: dict[str, tuple[tuple[str, str], ...]] = {
    "validation": (
        ("walk", "cmu/12_02"),
        ("walk", "cmu/26_01"),
        ("walk", "cmu/27_01"),
        ("walk", "cmu/29_01"),
        ("walk", "cmu/32_01"),
        ("uneven ground", "cmu_terrain/03_03"),
        ("uneven ground", "cmu_terrain/03_04"),
        ("jog", "hdm05/bd/jogLeftCircle4StepsRstart_001"),
        ("jog", "hdm05/bk/jogLeftCircle4StepsRstart_004"),
        ("jog", "hdm05/bk/jogLeftCircle4StepsRstart_007"),
        ("kick", "hdm05/bd/kickLFront1Reps_002"),
        ("kick", "hdm05/bd/kickLFront1Reps_005"),
        ("kick", "hdm05/bk/kickLFront1Reps_007"),
        ("kick", "hdm05/bk/kickLFront1Reps_010"),
        ("throw", "hdm05/bd/throwBasketball_001"),
        ("throw", "hdm05/bk/throwBasketball_004"),
        ("hop", "hdm05/bd/hopBothLegs1hops_010"),
        ("hop", "hdm05/bk/hopBothLegs1hops_017"),
        ("elbow to knee", "hdm05/bd/elbowToKnee1RepsLelbowStart_004"),
        ("rotate arms", "hdm05/bk/rotateArmsBothBackward1Reps_005"),
        ("squat", "hdm05/bk/squat1Reps_020"),
        ("lie down", "hdm05/bd/lieDownFloor_001"),
        ("put down", "hdm05/bk/depositFloorR_008"),
        ("sneak", "hdm05/bk/sneak2StepsLStart_004"),
    ),
    "test": (
        ("walk", "cmu/05_01"),
        ("walk", "bandai1/dataset-1_walk_normal_001"),
        ("walk", "bandai1/dataset-1_walk_childish_001"),
        ("run", "cmu/02_03"),
        ("run", "deepmimic/sie/run_forward08"),
        ("run", "deepmimic/sie/run_left12"),
        ("run", "deepmimic/sie/run_right03"),
        ("run", "bandai1/dataset-1_run_active_001"),
        ("dash", "bandai1/dataset-1_dash_masculinity_001"),
        ("dash", "bandai1/dataset-1_dash_angry_001"),
        ("punch", "cmu/02_05"),
        ("punch", "deepmimic/sie/punch_forward00"),
        ("punch", "deepmimic/sie/punch_left00"),
        ("punch", "bandai1/dataset-1_punch_normal_002"),
        ("kick", "bandai1/dataset-1_kick_normal_001"),
        ("kick", "hdm05/dg/kickLFront1Reps_013"),
        ("kick", "hdm05/mm/kickLFront1Reps_020"),
        ("slash", "bandai1/dataset-1_slash_normal_001"),
        ("sword", "cmu/02_07"),
        ("jump", "cmu/02_04"),
        ("hop", "hdm05/dg/hopBothLegs1hops_024"),
        ("throw", "hdm05/mm/throwBasketball_011"),
        ("dance", "cmu/05_04"),
        ("dance", "cmu/05_09"),
        ("dance", "bandai1/dataset-1_dance-short_normal_001"),
        ("wash window", "cmu_sports/test_washwindow_1"),
        ("direct traffic", "cmu_sports/train_directing_traffic_4"),
        ("wave", "bandai1/dataset-1_byebye_active_001"),
    ),
}
# Calm bodies that limbs are moved on: clip, second it starts at, pace.
CALM: dict[str, tuple[tuple[str, float, float], ...]] = {
    "validation": (
        ("hdm05/bd/grabHighR_003", 0.0, 0.25),
        ("hdm05/bk/grabHighR_009", 0.0, 0.25),
        ("hdm05/bk/lieDownFloor_010", 2.2, 0.5),
        ("hdm05/bd/depositFloorR_002", 0.0, 0.2),
        ("cmu/29_01", 3.2, 0.2),
        ("cmu/27_01", 0.7, 0.3),
    ),
    "test": (
        ("bandai1/dataset-1_bye_sad_001", 1.3, 1.0),
        ("bandai1/dataset-1_bow_normal_001", 0.0, 1.0),
        ("bandai1/dataset-1_guide_proud_001", 0.0, 1.0),
        ("cmu/05_12", 2.8, 1.0),
        ("cmu_sports/train_directing_traffic_4", 0.0, 0.3),
        ("hdm05/dg/grabHighR_011", 0.0, 0.25),
    ),
}
# Where somebody sits on the floor: the moment at which the pelvis is low and the trunk upright.
SITTING = {
    "validation": ("hdm05/bd/lieDownFloor_002", "hdm05/bk/lieDownFloor_006"),
    "test": ("hdm05/dg/lieDownFloor_011", "hdm05/mm/lieDownFloor_016"),
}
# Clips whose joints' rotations are refined (bandai1 has none that can be compared).
TURNING: dict[str, tuple[tuple[str, str], ...]] = {
    "validation": (
        ("walk", "cmu/29_01"),
        ("uneven ground", "cmu_terrain/03_03"),
        ("jog", "hdm05/bk/jogLeftCircle4StepsRstart_004"),
        ("kick", "hdm05/bd/kickLFront1Reps_005"),
        ("throw", "hdm05/bk/throwBasketball_004"),
        ("elbow to knee", "hdm05/bd/elbowToKnee1RepsLelbowStart_004"),
    ),
    "test": (
        ("walk", "cmu/02_01"),
        ("run", "deepmimic/sie/run_forward08"),
        ("punch", "cmu/02_05"),
        ("kick", "hdm05/dg/kickLFront1Reps_013"),
        ("sword", "cmu/02_07"),
        ("direct traffic", "cmu_sports/train_directing_traffic_4"),
    ),
}


@cache
def clip(root: str, name: str) -> Clip:
    """One clip of the folder that holds ``mocap/``."""
    folder = Path(root) / "mocap"
    with (folder / "index.csv").open(newline="", encoding="utf-8") as f:
        row = next(r for r in csv.DictReader(f) if r["path"].rpartition(".")[0] == name)
    return read_clip(
        folder / row["path"],
        name=name,
        label=row["label"],
        licence=row["licence"],
        unit_m=float(row["unit_cm"]) / 100,
        skip=int(row["rest_rows"]),
    )


def joints(root: str, name: str) -> tuple[Floats, float]:
    """Millimetres of the 17 keypoints (frames, 17, 3), about the middle of their path, and the rate."""
    found = clip(root, name)
    x = found.joints("h36m17").positions[:, 0].astype(np.float64) * 1000
    return x - x.mean(axis=(0, 1)) * [1, 1, 0], found.fps


def turns(root: str, name: str) -> tuple[Floats, float]:
    """Rotations of ``JOINTS`` relative to their parents, (frames, joints, 9), and the rate."""
    found = clip(root, name)
    motion = to_smpl(found)
    some = [motion.skeleton.canonical.index(j) for j in JOINTS]
    return motion.rotations[:, 0][:, some].reshape(len(motion.times), len(JOINTS), 9), found.fps


def curve(values: Floats, fps: float, start: float | None = None, pace: float = 1.0) -> Curve:
    """Frames as a curve over ``SECONDS``; from their liveliest stretch on where no start is given."""
    spline = CubicSpline(np.arange(len(values)) / fps, values, axis=0)
    end = float(spline.x[-1])
    if start is None:
        start = liveliest(values, fps) if end > SECONDS else 0.0
    clock = phase(end - start, pace)

    def at(times: Floats) -> Floats:
        return np.asarray(spline(start + clock(times)))

    return at


def turning(values: Floats, fps: float, start: float | None = None) -> Curve:
    """The same for rotations, which are brought back to rotations after interpolation."""
    at = curve(values, fps, start)

    def rotation(times: Floats) -> Floats:
        x = at(times)
        return np.asarray(rotations.project(x.reshape(*x.shape[:-1], 3, 3))).reshape(x.shape)

    return rotation


def phase(seconds: float, pace: float) -> Callable[[Floats], Floats]:
    """Second of a clip that is shown at a time: straight on, or to and fro where the clip is shorter."""
    if seconds >= SECONDS * pace + 1e-9:
        return lambda times: pace * times
    fine = np.arange(-1.0, SECONDS + 1.0, 1e-3)
    zigzag = seconds - np.abs((pace * fine + 0.1 * seconds) % (2 * seconds) - seconds)
    width = min(TURN, 0.8 * seconds / pace)
    bell = np.hanning(round(width * 1e3) | 1)
    return CubicSpline(fine, np.convolve(zigzag, bell / bell.sum(), "same"))


def liveliest(values: Floats, fps: float) -> float:
    """Second at which the five begin in which the quicker keypoints move most."""
    speed = np.linalg.norm(np.diff(values, axis=0), axis=-1)
    lively = np.cumsum(np.append(0.0, np.quantile(speed, 0.9, axis=1)))
    frames = round(SECONDS * fps)
    return int(np.argmax(lively[frames:] - lively[:-frames])) / fps


def fastest(at: Curve) -> tuple[int, tuple[float, float]]:
    """The keypoint that is fastest over a tenth of a second, and a quarter to either side of that moment.

    Captured motion has spikes of a frame or two: a keypoint whose peak is one is passed over.
    """
    speed = np.linalg.norm(np.diff(at(np.arange(0, SECONDS, 1 / FINE)), axis=0), axis=-1)
    lasting, brief = (uniform_filter1d(speed, round(s * FINE), axis=0) for s in (0.1, 0.025))
    for keypoint in np.argsort(-lasting.max(axis=0)):
        frame = int(np.argmax(lasting[:, keypoint]))
        near = slice(max(0, frame - round(FINE / 4)), frame + round(FINE / 4))
        if brief[near, keypoint].max() >= KEPT * speed[near, keypoint].max():
            break
    return int(keypoint), (frame / FINE - 0.25, frame / FINE + 0.25)


def sitting(values: Floats, rng: np.random.Generator) -> Curve:
    """A body that sits and breathes: one frame of a clip, and a slow sway of some millimetres."""
    pelvis, thorax = values[:, 0], values[:, 8]
    trunk = thorax - pelvis
    upright = trunk[:, 2] / np.linalg.norm(trunk, axis=-1)
    low = pelvis[:, 2] < 0.5 * pelvis[:, 2].max()
    pose = values[int(np.argmax(np.where(low, upright, -1.0)))]
    waves = rng.uniform(0.1, 0.4, (4, 1, 1)), rng.uniform(0, 2 * np.pi, (4, 17, 3))
    size = rng.uniform(0.3, 2.0, (4, 17, 3)) * (pose[:, 2:] / pose[:, 2].max()).clip(0, 1)

    def at(times: Floats) -> Floats:
        angle = 2 * np.pi * waves[0] * times[:, None, None, None] + waves[1]
        return np.asarray(pose + (size * np.sin(angle)).sum(axis=1))

    return at


def camera(at: Curve, rng: np.random.Generator) -> tuple[Camera, float]:
    """A camera some metres from a body, and the pixels of a millimetre where the body is."""
    path = at(np.arange(0, SECONDS, 0.1)) / 1000
    middle = path.mean(axis=(0, 1))
    extent = float(np.linalg.norm(path - middle, axis=-1).max())
    distance = 2.5 + 1.3 * extent
    angle = rng.uniform(0, 2 * np.pi)
    place = middle + distance * np.array([np.cos(angle), np.sin(angle), rng.uniform(0, 0.3)])
    lens = Camera(
        focal=[1150.0, 1150.0],
        centre=[960.0, 540.0],
        rotation=look_at(place, middle),
        position=place,
        size=(1920, 1080),
    )
    return lens, float(1.15 / np.linalg.norm(place - middle))
