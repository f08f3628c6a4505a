"""Human3.6M from VideoPose3D's npz files: what a camera saw and where the joints were, sequence by sequence.

The dataset may not be passed on: whoever has it makes ``data_3d_h36m.npz`` (and fetches
``data_2d_h36m_cpn_ft_h36m_dbb.npz`` or other detections) as VideoPose3D's DATASETS.md says.

What the papers evaluate on, and so does this module: subjects 1, 5, 6, 7, 8 for training and 9, 11 for test,
15 actions of two trials each, all four cameras, every frame (50 a second), 17 of the 32 joints. Known faults
of the recordings:

- S11's first ``Directions`` has a damaged video. VideoPose3D leaves it out of its files for all cameras;
  a file that has it is read without it.
- In three sequences of S9 (:data:`MISALIGNED`) the motion capture is displaced against the video. Iskakov
  et al. (ICCV 2019) and some later work leave them out; Martinez et al., Hossain & Little and VideoPose3D
  do not, and neither are they left out here unless asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from steadypose._layouts import layouts
from steadypose.data._human36m_cameras import CAMERAS, SUBJECTS, cameras
from steadypose.errors import DataError, FormatError
from steadypose.io import read_streams
from steadypose.sequence import PoseSequence

__all__ = [
    "ACTIONS", "CAMERAS", "FPS", "MISALIGNED", "SUBJECTS", "TEST", "TRAIN", "Recording", "cameras",
    "load_recordings", "sources",
]  # fmt: skip

FPS = 50.0
TRAIN = ("S1", "S5", "S6", "S7", "S8")
TEST = ("S9", "S11")
# In the order of the papers' tables.
ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases", "Sitting",
    "SittingDown", "Smoking", "Waiting", "WalkDog", "Walking", "WalkTogether",
)  # fmt: skip
MISALIGNED = (("S9", "Greeting", ""), ("S9", "SittingDown", "1"), ("S9", "Waiting", "1"))

_DAMAGED = ("S11", "Directions", "")
# The dataset's own names; the 16 joints of the stacked hourglass files (Martinez et al.), whose seventh is
# MPII's thorax and stands for the spine there.
_OTHER_NAMES = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog", "WalkingTogether": "WalkTogether"}
_HOURGLASS16 = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "pelvis", "spine",
    "thorax", "head", "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow",
    "left_wrist",
)  # fmt: skip
_H36M17 = layouts()["h36m17"]
_Key = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class Recording:
    """One sequence as one camera saw it.

    Parameters
    ----------
    subject, action, trial, camera
        ``"S9"``, one of :data:`ACTIONS`, the number behind the action's name in the file (``""``, ``"1"`` …),
        the camera's serial number.
    keypoints : ndarray of float32, shape (frames, 17, 2)
        Pixels, in the order of ``h36m17``; NaN for joints the 2D source does not have.
    confidence : ndarray of float32, shape (frames, 17), optional
        Of the 2D source, where it has one; 0 for joints it does not have.
    truth : ndarray of float32, shape (frames, 17, 3)
        Millimetres in the camera's axes (x right, y down, z away), relative to the pelvis, which is 0.
    """

    subject: str
    action: str
    trial: str
    camera: str
    keypoints: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32] | None
    truth: npt.NDArray[np.float32]

    @property
    def name(self) -> str:
        """``S9/Walking 1/54138969``."""
        return f"{self.subject}/{' '.join(filter(None, (self.action, self.trial)))}/{self.camera}"


def sources(folder: str | os.PathLike[str]) -> tuple[str, ...]:
    """The 2D inputs a folder offers to :func:`load_recordings`: ``"projected"``, then its files' names."""
    files = sorted(Path(folder).glob("data_2d_h36m_*.npz"))
    return ("projected", *(f.stem.removeprefix("data_2d_h36m_") for f in files))


def load_recordings(
    folder: str | os.PathLike[str],
    *,
    keypoints: str = "projected",
    subjects: Iterable[str] = (*TRAIN, *TEST),
    actions: Iterable[str] = ACTIONS,
    misaligned: bool = True,
) -> list[Recording]:
    """Read sequences, four cameras each, ordered by subject, action, trial and camera.

    Parameters
    ----------
    folder
        Where ``data_3d_h36m.npz`` is, and ``data_2d_h36m_NAME.npz`` for detected keypoints.
    keypoints
        ``"projected"``: the true joints seen through the cameras, as OpenCV projects them. Another name: that
        2D file. ``"gt"`` is VideoPose3D's own projection, which takes half of the tangential cross term and
        so is up to a few tenths of a pixel off.
    subjects, actions
        Which ones.
    misaligned
        Whether to read :data:`MISALIGNED` too.

    Raises
    ------
    FormatError
        If a file is missing or is not what it should be, or lacks a subject or a 2D sequence.
    DataError
        If a subject or an action is not one of Human3.6M's.
    """
    wanted = _known(subjects, SUBJECTS, "subjects"), _known(actions, ACTIONS, "actions")
    positions = Path(folder) / "data_3d_h36m.npz"
    bodies = _bodies(positions, *wanted)
    if not misaligned:
        bodies = {k: v for k, v in bodies.items() if k not in MISALIGNED}
    detections = Path(folder) / f"data_2d_h36m_{keypoints}.npz"
    seen = None if keypoints == "projected" else _detections(detections, set(bodies))
    recordings = []
    for key, world in bodies.items():
        for number, camera in enumerate(cameras(key[0])):
            body = camera.to_camera(world.astype(np.float64))
            if seen is None:
                points, confidence = camera.to_pixels(body).astype(np.float32), None
            else:
                points, confidence = _seen_by(seen, key, number, len(world), detections)
            truth = ((body - body[:, :1]) * 1000.0).astype(np.float32)
            recordings.append(Recording(*key, camera.name, points, confidence, truth))
    return recordings


def _known(chosen: Iterable[str], known: tuple[str, ...], what: str) -> tuple[str, ...]:
    names = (chosen,) if isinstance(chosen, str) else tuple(chosen)
    for name in names:
        if name not in known:
            raise DataError(f"expected {what} of Human3.6M ({', '.join(known)}), found {name!r}")
    if not names:
        raise DataError(f"expected at least one of Human3.6M's {what}, found none")
    return tuple(n for n in known if n in names)


def _key(subject: str, action: str) -> _Key:
    """What VideoPose3D's ``WalkDog 1`` and the dataset's ``WalkingDog 1`` both mean."""
    name, _, trial = action.replace("_", " ").rpartition(" ")
    if not trial.isdigit():
        name, trial = action, ""
    return subject, _OTHER_NAMES.get(name, name), trial


def _bodies(
    path: Path, subjects: tuple[str, ...], actions: tuple[str, ...]
) -> dict[_Key, npt.NDArray[np.float32]]:
    """World positions (frames, 17, 3) in metres, in the order of the subjects and of the papers' actions."""
    found: dict[_Key, npt.NDArray[np.float32]] = {}
    for name, sequence in _sequences(path).items():
        subject, _, action = name.partition("/")
        key = _key(subject, action)
        if subject not in subjects or key == _DAMAGED:
            continue
        if key[1] not in ACTIONS:
            raise FormatError(path, name, f"an action of Human3.6M ({', '.join(ACTIONS)})", repr(action))
        if sequence.space != "world" or len(sequence.skeleton) not in (17, 32):
            found_what = f"{len(sequence.skeleton)} in {sequence.shape[3]}D"
            raise FormatError(path, name, "32 joints of Human3.6M, or the 17 used, in 3D", found_what)
        x = sequence.remap(_H36M17).positions[:, 0]
        if not np.isfinite(x).all():
            frame = int(np.flatnonzero(~np.isfinite(x).all(axis=(1, 2)))[0])
            raise FormatError(path, f"{name}, frame {frame}", "finite positions", "NaN or infinity")
        if key in found:
            raise FormatError(path, name, "every trial once", "two names for the same one")
        found[key] = x
    for subject in subjects:
        if not any(k[0] == subject for k in found):
            there = ", ".join(dict.fromkeys(k[0] for k in found)) or "none of those asked for"
            raise FormatError(path, "positions_3d", f"subject {subject}", there)
    order = {a: n for n, a in enumerate(ACTIONS)}
    chosen = [k for k in found if k[1] in actions]
    if not chosen:
        raise FormatError(path, "positions_3d", f"an action among {', '.join(actions)}", "none of them")
    return {k: found[k] for k in sorted(chosen, key=lambda k: (subjects.index(k[0]), order[k[1]], k[2]))}


def _detections(path: Path, wanted: set[_Key]) -> dict[tuple[_Key, int], PoseSequence]:
    found = {}
    for name, sequence in _sequences(path).items():
        subject, _, rest = name.partition("/")
        action, _, camera = rest.rpartition("/")
        key = _key(subject, action)
        if key in wanted and camera.isdigit():
            found[key, int(camera)] = sequence
    return found


def _seen_by(
    seen: dict[tuple[_Key, int], PoseSequence], key: _Key, number: int, frames: int, path: Path
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    place = f"{key[0]}/{' '.join(filter(None, key[1:]))}/{number}"
    sequence = seen.get((key, number))
    if sequence is None:
        raise FormatError(path, place, "a sequence for each of the 4 cameras", "none")
    if sequence.space != "image":
        raise FormatError(path, place, "keypoints in pixels", f"positions in 3D ({sequence.unit})")
    # Some videos have a few frames more than there are of motion capture, never fewer.
    if len(sequence.times) < frames:
        raise FormatError(path, place, f"at least {frames} frames", str(len(sequence.times)))
    if sequence.skeleton.name == _H36M17.name:
        at = np.arange(len(_H36M17))
    elif len(sequence.skeleton) == len(_HOURGLASS16):
        at = np.array([_H36M17.index(n) for n in _HOURGLASS16])
    else:
        what = f"{len(sequence.skeleton)} keypoints ({sequence.skeleton.name})"
        raise FormatError(path, place, "Human3.6M's 17 joints or the stacked hourglass's 16", what)
    points = np.full((frames, len(_H36M17), 2), np.nan, np.float32)
    points[:, at] = sequence.positions[:frames, 0]
    confidence = None
    if sequence.confidence is not None:
        confidence = np.zeros(points.shape[:2], np.float32)
        confidence[:, at] = sequence.confidence[:frames, 0]
    return points, confidence


def _sequences(path: Path) -> dict[str, PoseSequence]:
    streams = read_streams(path, format="videopose3d")
    return {n: s for n, s in streams.items() if isinstance(s, PoseSequence)}
