"""What a writer must know before it starts: that it got what its format, or the file it fills, can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import numpy as np
import numpy.typing as npt

from steadypose._size import body_size
from steadypose.errors import DataError
from steadypose.sequence import BodyMotion, Motion, PoseSequence, Unit


def positions_alone(
    streams: Mapping[str, Motion], format: str, dims: tuple[int, ...] = (2, 3)
) -> PoseSequence:
    """The one sequence of positions that a new file of a format holds.

    Raises
    ------
    DataError
        If there are several, or it holds something else.
    """
    motion = _alone(streams, format)
    if not isinstance(motion, PoseSequence):
        raise DataError(f"{format} holds positions, found rotations")
    if motion.shape[3] not in dims:
        raise DataError(f"{format} holds {dims[0]}D positions, found {motion.shape[3]}D")
    return motion


def one_person(motion: Motion, format: str) -> None:
    """Raises DataError unless there is exactly one person."""
    if len(motion.persons) != 1:
        raise DataError(f"{format} holds one person, found {len(motion.persons)} (select one of them first)")


def rotations_alone(streams: Mapping[str, Motion], format: str) -> BodyMotion:
    """The one sequence of rotations that a new file of a format holds; raises DataError."""
    motion = _alone(streams, format)
    if not isinstance(motion, BodyMotion):
        raise DataError(f"{format} holds rotations, found positions")
    return motion


def _alone(streams: Mapping[str, Motion], format: str) -> Motion:
    if len(streams) != 1:
        raise DataError(f"{format} holds one sequence, found {len(streams)}: {', '.join(streams)}")
    return next(iter(streams.values()))


def fits(name: str, motion: Motion, shape: tuple[int, ...]) -> None:
    """Raises DataError unless a sequence still has the frames, persons and keypoints of its file."""
    if motion.shape != shape:
        raise DataError(
            f"{name}: expected the file's frames, persons and keypoints {shape}, found {motion.shape}"
        )


_PIXELS = 10.0  # across a body: one that is smaller may be in metres, and its third coordinate in 0…1
_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}


def in_unit(motion: PoseSequence, unit: str) -> npt.NDArray[np.float32]:
    """Positions in another unit; raises DataError where lengths cannot be told (pixels in metres)."""
    if motion.unit == unit:
        return motion.positions
    if motion.unit not in _METRES or unit not in _METRES:
        raise DataError(f"expected positions in {unit}, found {motion.unit}")
    return motion.positions * np.float32(_METRES[motion.unit] / _METRES[unit])


def known_unit(name: str) -> Unit | None:
    """A unit by any of its usual spellings; None if it is not known."""
    spellings: dict[str, Unit] = {
        "meters": "m",
        "metres": "m",
        "meter": "m",
        "millimeters": "mm",
        "pixels": "px",
    }
    spellings |= {"millimetres": "mm", "centimeters": "cm", "centimetres": "cm", "pixel": "px"}
    spellings |= {u: u for u in get_args(Unit)}
    return spellings.get(name.strip().lower())


def frame_numbers(motion: Motion) -> npt.NDArray[np.int64]:
    """Numbers of frames from 0 for a file that has no times; where times skip frames, so do the numbers."""
    count = len(motion.times)
    if count > 1:
        exact = (motion.times - motion.times[0]) * motion.fps
        number: npt.NDArray[np.int64] = np.rint(exact).astype(np.int64)
        if (np.abs(exact - number) < 0.25).all() and (np.diff(number) > 0).all():
            return number
    return np.arange(count)


def even_times(motion: Motion, format: str) -> None:
    """Raises DataError unless frames are evenly spaced (to a hundredth of a step)."""
    steps = np.diff(motion.times)
    if len(steps) and np.ptp(steps) > 0.01 * np.median(steps):
        found = f"steps from {steps.min():g} s to {steps.max():g} s"
        raise DataError(f"{format} holds evenly spaced frames, found {found}")


def has_values(a: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    """The array, or None if all of it is missing (a column that the file has but never fills)."""
    return a if np.isfinite(a).any() else None


def last_is_confidence(points: npt.NDArray[np.floating]) -> bool:
    """Whether the last number of every point is its confidence: in 0…1 everywhere, and not always 0.

    Of three numbers x and y must be far larger besides, as pixels are: no body is as flat as that.

    Parameters
    ----------
    points : ndarray, shape (frames, persons, keypoints, 2, 3 or 4)
    """
    last = points[..., -1]
    known = last[np.isfinite(last)]
    if points.shape[-1] == 2 or not known.size:
        return False
    low, high = float(known.min()), float(known.max())
    if low < 0 or not 0 < high <= 1:
        return False
    return points.shape[-1] == 4 or bool((body_size(points[..., :2]) >= _PIXELS).all())
