"""What positions and rotations over time have in common: where they came from, times, persons, and checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError

Unit = Literal["px", "normalized", "m", "mm", "cm"]
Space = Literal["image", "camera", "world", "root-relative"]
Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
SLOWEST, FASTEST = 1e-9, 1e6  # frames per second: one in thirty years, and the fastest cameras there are
CLOSEST = 1e-9  # seconds between two frames; what is closer is one time, rounded
FARTHEST = 1e12  # coordinates beyond this are none, whatever the unit; their cubes still fit single precision


@dataclass(frozen=True, eq=False)
class Placeholders:
    """What a file has in place of coordinates that are missing, such as zeros.

    Parameters
    ----------
    index : ndarray of int, shape (points,)
        Which points, counted through frames, persons and keypoints.
    values : ndarray of float32, shape (points, dims)
        What the file has there.
    notes
        What was said about them in the history when they were read.
    """

    index: npt.NDArray[np.intp]
    values: npt.NDArray[np.float32]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Where a sequence came from, and what its writer needs to put it back.

    Parameters
    ----------
    format
        Name of the file format (``steadypose.io.formats()`` lists them).
    path
        The file or folder that was read.
    stream
        Which of the file's sequences this is (a camera, ``"image"`` or ``"world"``, a subject and action …).
    document
        The file's content as its format's module keeps it; shared by all its streams and never changed.
    placeholders
        Numbers that stand for missing keypoints in the file though its format does not say so; None without.
    """

    format: str
    path: str
    stream: str
    document: Any = field(repr=False)
    placeholders: Placeholders | None = field(default=None, repr=False)


def numbers(value: npt.ArrayLike, dtype: type[np.generic], what: str) -> npt.NDArray[Any]:
    """As an array of a type; a number too large for it becomes infinite, quietly."""
    try:
        with np.errstate(over="ignore"):
            a = np.asarray(value)
            if a.dtype.kind in "cmMSU":
                raise TypeError(f"it is of {a.dtype}")
            return a.astype(dtype, copy=False)
    except (TypeError, ValueError, OverflowError, RecursionError) as e:  # text, ragged lists, 400 digits
        raise DataError(
            f"expected {what} as an array of numbers, found {type(value).__name__}: {e}"
        ) from None


def check_times(times: npt.ArrayLike | None, fps: float | None, frames: int) -> Floats:
    if times is None:
        if fps is None:
            raise DataError("expected fps or times, found neither")
        return np.arange(frames) / checked_rate(fps)
    t = numbers(times, np.float64, "times").copy()
    if t.shape != (frames,):
        raise DataError(f"expected {frames} times, one a frame, found shape {t.shape}")
    if not np.isfinite(t).all():
        at = int(np.flatnonzero(~np.isfinite(t))[0])
        raise DataError(f"expected finite times, found {t[at]} at frame {at}")
    with np.errstate(over="ignore"):
        step = np.diff(t)
    if (step < CLOSEST).any():
        at = int(np.flatnonzero(step < CLOSEST)[0])
        raise DataError(
            f"expected strictly increasing times, found {t[at]:.10g} then {t[at + 1]:.10g} at frame {at + 1}"
        )
    if len(step):
        with np.errstate(over="ignore"):
            check_rate(float(1.0 / np.median(step)))
    return t


def checked_rate(fps: Any) -> float:
    """A frame rate that was given; raises DataError if it is none, or one that no recording has."""
    rate = numbers(fps, np.float64, "fps")
    if rate.ndim or not (np.isfinite(rate) and rate > 0):
        found = f"{fps}" if rate.ndim == 0 else f"an array of shape {rate.shape}"
        raise DataError(f"expected a frame rate above 0 fps, found {found}")
    check_rate(float(rate))
    return float(rate)


def check_rate(fps: float) -> None:
    """Raises DataError for a rate that no recording has; the work on it would never end."""
    if not SLOWEST <= fps <= FASTEST:
        raise DataError(f"expected a frame rate from {SLOWEST:g} to {FASTEST:g} fps, found {fps:g}")


def within_reach(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array with NaN for whatever is infinite, or so far away that nothing can be computed from it."""
    with np.errstate(invalid="ignore"):
        far = np.abs(a) > FARTHEST
    return np.where(far, a.dtype.type(np.nan), a) if far.any() else a


def check_names(persons: Iterable[str] | None, count: int) -> tuple[str, ...]:
    if not isinstance(persons, Iterable | None):
        raise DataError(f"expected the names of persons, found {type(persons).__name__}")
    names = tuple(str(p) for p in (range(count) if persons is None else persons))
    if len(names) != count or len(set(names)) != count:
        raise DataError(f"expected {count} unique person names, found {', '.join(names) or 'none'}")
    return names


def check_choice(value: str, allowed: Any, what: str) -> None:
    if not isinstance(value, str) or value not in get_args(allowed):
        raise DataError(f"expected {what} to be one of {', '.join(get_args(allowed))}, found {value!r}")


def frozen(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = a.view()
    view.setflags(write=False)
    return view


class Timed(ABC):
    """What positions and rotations over time have in common."""

    times: Floats
    persons: tuple[str, ...]

    @property
    def fps(self) -> float:
        """Frames per second: one over the median time step; NaN for a single frame."""
        return float(1.0 / np.median(np.diff(self.times))) if len(self.times) > 1 else float("nan")

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return float(self.times[-1] - self.times[0]) if len(self.times) else 0.0

    def __repr__(self) -> str:  # not the arrays, and never the file's content
        rate = "" if len(self.times) == 1 else f" at {self.fps:.4g} fps"
        frames, persons = count(len(self.times), "frame"), count(len(self.persons), "person")
        return f"{type(self).__name__}({frames}{rate}, {persons}, {self._points()})"

    @abstractmethod
    def _points(self) -> str:
        """What there is of every person, in words."""


def count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def complete(positions: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
    """True where every coordinate of a point is finite: the last axis is gone.

    Coordinate by coordinate, which is many times faster than ``isfinite(…).all(axis=-1)`` over two or three.
    """
    there: npt.NDArray[np.bool_] = np.isfinite(positions[..., 0])
    for d in range(1, positions.shape[-1]):
        there &= np.isfinite(positions[..., d])
    return there


def check_motion(value: Any) -> None:
    """Raises DataError for anything but a sequence of positions or rotations."""
    if not isinstance(value, Timed):
        raise DataError(
            f"expected a PoseSequence or a BodyMotion, found {type(value).__name__} "
            "(PoseSequence.from_array makes one of an array)"
        )
