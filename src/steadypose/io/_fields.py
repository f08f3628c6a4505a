"""Arrays that lie somewhere in a nested document, as one grid over frames and persons, and back.

Estimators of bodies store one array a person (WHAM, VIBE), one a detection (PHALP) or one a sequence (AMASS).
A :class:`Field` puts such pieces on one timeline for processing, and writes what has changed, and nothing
else, into a copy of the document: values that processing left alone keep their bits, and arrays their dtype.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from steadypose._timed import within_reach
from steadypose.errors import DataError
from steadypose.io._bounded import spread
from steadypose.io._probe import Probe
from steadypose.io._torch import Tensor
from steadypose.sequence import PoseSequence
from steadypose.skeleton import Skeleton

Array = npt.NDArray[Any]
Path = tuple[Any, ...]
_LARGEST_ROW = 24 * 9 * 8  # bytes of one person in one frame: rotation matrices of 24 joints


@dataclass(frozen=True, eq=False)
class Rows:
    """Which row of the pieces, one after the other, is which person in which frame.

    Parameters
    ----------
    frame, person
        Indices, shape (rows,).
    frames, persons
        How many there are.
    """

    frame: npt.NDArray[np.intp]
    person: npt.NDArray[np.intp]
    frames: int
    persons: int

    def scatter(self, values: Array, dtype: npt.DTypeLike) -> Array:
        """Values of the rows as (frames, persons, …); NaN where a person is absent."""
        with np.errstate(over="ignore"):  # what a type cannot hold becomes infinite, that is, missing
            if (self.frames, 1) == (len(values), self.persons) and (np.diff(self.frame) > 0).all():
                return values[:, None].astype(dtype, copy=False)
            grid = np.full((self.frames, self.persons, *values.shape[1:]), np.nan, dtype)
            grid[self.frame, self.person] = values
            return grid

    def gather(self, grid: Array) -> Array:
        """The reverse of :meth:`scatter`."""
        return np.asarray(grid[self.frame, self.person])


def rows(
    numbers: Sequence[npt.ArrayLike], names: Sequence[str], probe: Probe
) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Rows of persons who each come with the numbers of their frames, and the timeline of all numbers.

    Raises
    ------
    FormatError
        If numbers are not whole, or a person is twice in one frame.
    """
    each = [_whole(n, name, probe) for n, name in zip(numbers, names, strict=True)]
    timeline, frame = np.unique(np.concatenate(each), return_inverse=True)
    person = np.repeat(np.arange(len(each)), [len(n) for n in each])
    return checked(frame, person, timeline, names, probe), timeline


def checked(
    frame: Array, person: Array, timeline: Sequence[Any] | Array, names: Sequence[str], probe: Probe
) -> Rows:
    """Rows by indices; raises FormatError if a person is twice in one frame, or if there are far too many."""
    if len(timeline) == 0:
        raise probe.error("", "at least one frame", "none")
    if len(timeline) * len(names) * _LARGEST_ROW > spread(len(frame) * _LARGEST_ROW):
        raise probe.error("", "persons who stay for a while", f"{len(names)} in {len(timeline)} frames")
    key = frame * len(names) + person
    unique, count = np.unique(key, return_counts=True)
    if (count > 1).any():
        twice = int(unique[np.argmax(count > 1)])
        place = f"frame {timeline[twice // len(names)]}"
        raise probe.error(place, "each person once", f"person {names[twice % len(names)]} twice")
    return Rows(frame.astype(np.intp), person.astype(np.intp), len(timeline), len(names))


def _whole(numbers: npt.ArrayLike, name: str, probe: Probe) -> npt.NDArray[np.int64]:
    n = numeric(numbers, (None,), f"frames of person {name}", probe)
    if not np.isfinite(n).all() or (n != np.rint(n)).any() or (np.abs(n) > 1 << 53).any():
        raise probe.error(f"frames of person {name}", "whole numbers", "others")
    return n.astype(np.int64)


def numeric(value: Any, shape: tuple[int | None, ...], place: str, probe: Probe) -> Array:
    """``value`` as an array of numbers of that shape (None: any length).

    Raises
    ------
    FormatError
        If it is something else; ``place`` says where it was found.
    """
    wanted = f"numbers of shape ({', '.join('…' if n is None else str(n) for n in shape)})"
    if not isinstance(value, (np.ndarray, Tensor, list, int, float, np.number)):
        raise probe.error(place, wanted, type(value).__name__)
    try:
        a = value.array if isinstance(value, Tensor) else np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        raise probe.error(place, wanted, "a list of something else") from None
    if a.dtype.kind not in "fiub":
        raise probe.error(place, wanted, f"an array of {a.dtype}")
    if a.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, a.shape, strict=True)):
        raise probe.error(place, wanted, f"shape {a.shape}")
    return a


def need(mapping: Any, key: Any, place: str, probe: Probe) -> Any:
    """``mapping[key]``; raises FormatError if it is no mapping or has no such key."""
    if not isinstance(mapping, Mapping):
        raise probe.error(place, "a mapping", type(mapping).__name__)
    if key not in mapping:
        raise probe.error(place, f"the key {key!r}", ", ".join(map(str, list(mapping)[:12])) or "none")
    return mapping[key]


class Codec(Protocol):
    """How a file's numbers and what is processed relate."""

    def decode(self, original: Array) -> Array:
        """The file's numbers (rows, items, …) as what is processed."""
        ...

    def encode(self, original: Array, new: Array) -> Array:
        """The reverse; numbers that mean what they meant before stay exactly as they are."""
        ...


class Values:
    """Numbers as they are: positions, translations."""

    def decode(self, original: Array) -> Array:
        return original

    def encode(self, original: Array, new: Array) -> Array:
        with np.errstate(over="ignore"):
            old = original.astype(new.dtype)
        return np.where((old == new) | (np.isnan(within_reach(old)) & np.isnan(new)), original, new)


VALUES = Values()


@dataclass(frozen=True)
class Columns:
    """Coordinates among the numbers of a keypoint: (rows, keypoints, x, y, confidence).

    Parameters
    ----------
    dims
        How many of the columns are coordinates, from the first.
    zero
        Whether a keypoint at zero in all coordinates (and confidence) is a missing one.
    transposed
        Whether the file has the columns before the keypoints.
    """

    dims: int
    zero: bool = False
    transposed: bool = False

    def _points(self, original: Array) -> Array:
        return np.swapaxes(original, 1, 2) if self.transposed else original

    def decode(self, original: Array) -> Array:
        points = self._points(original)
        if self.zero:
            points = np.where((points == 0).all(axis=-1, keepdims=True), np.nan, points)
        return points[..., : self.dims]

    def confidence(self, original: Array) -> Array | None:
        """The column after the coordinates, if there is one."""
        points = self._points(original)
        return points[..., self.dims] if points.shape[-1] > self.dims else None

    def encode(self, original: Array, new: Array) -> Array:
        out = original.astype(np.result_type(original, new))
        points = self._points(out)[..., : self.dims]
        fresh = VALUES.encode(self.decode(original), new)
        if self.zero:
            fresh = np.where(np.isnan(fresh) & ~np.isnan(points), 0, fresh)
        points[...] = fresh
        return out


@dataclass(frozen=True)
class Place:
    """One array of the document: where it is, and which rows and items of the field it holds."""

    path: Path
    rows: slice = field(default_factory=lambda: slice(None))
    items: slice = field(default_factory=lambda: slice(None))


@dataclass(frozen=True, eq=False)
class Field:
    """The same quantity of all persons and frames of a stream.

    Parameters
    ----------
    rows
        Who and when.
    original
        The file's numbers, shape (rows, items, …).
    places
        The arrays of the document that they came from.
    codec
        What they mean.
    hidden
        Rows that are no measurement (a track that coasts): missing when read; written only if filled.
    """

    rows: Rows
    original: Array
    places: tuple[Place, ...]
    codec: Codec
    hidden: npt.NDArray[np.bool_] | None = None

    def grid(self, dtype: npt.DTypeLike = np.float64) -> Array:
        """(frames, persons, items, …); NaN where missing."""
        values = self.codec.decode(self.original)
        if self.hidden is not None and self.hidden.any():
            values = np.where(self.hidden.reshape(-1, *(1,) * (values.ndim - 1)), np.nan, values)
        return self.rows.scatter(values, dtype)

    def put(self, document: Any, grid: Array) -> None:
        """Write what has changed into a :func:`shell` of the document."""
        new = self.rows.gather(grid)
        values = self.codec.encode(self.original, new)
        if self.hidden is not None:
            unseen = self.hidden & np.isnan(new).reshape(len(new), -1).any(axis=1)
            values = np.where(unseen.reshape(-1, *(1,) * (values.ndim - 1)), self.original, values)
        for place in self.places:
            piece = values[place.rows, place.items]
            if not np.array_equal(piece, self.original[place.rows, place.items], equal_nan=True):
                put_at(document, place.path, piece)


def stacked(arrays: Sequence[Array]) -> tuple[Array, list[slice]]:
    """Arrays one after the other (a single one uncopied), and where each lies."""
    ends = np.cumsum([len(a) for a in arrays]).tolist()
    where = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    return (arrays[0] if len(arrays) == 1 else np.concatenate(arrays)), where


def shell(content: Any) -> Any:
    """A copy of the containers of a document; its arrays of numbers are shared."""
    if isinstance(content, dict):
        copied = content.copy()
        for key, value in content.items():
            copied[key] = shell(value)
        return copied
    if isinstance(content, (list, tuple)):
        return type(content)(map(shell, content))
    if isinstance(content, np.ndarray) and content.dtype.hasobject:
        objects = content.copy()
        for index in np.ndindex(content.shape):
            objects[index] = shell(content[index])
        return objects
    return content


def put_at(content: Any, path: Path, values: Array) -> None:
    """Put values where an array of the same size is, in its shape and dtype (float64 if it held integers)."""
    for key in path[:-1]:
        inner = content[key]
        if isinstance(inner, np.ndarray) and not inner.flags.writeable:
            inner = inner.copy()  # several pieces in one array of numbers, which is still the file's own
            content[key] = inner
        content = inner
    old = content[path[-1]]
    if isinstance(old, Tensor):
        content[path[-1]] = old.with_values(values.reshape(old.shape))
        return
    a = np.asarray(old)
    with np.errstate(over="ignore"):
        fresh = values.reshape(a.shape).astype(a.dtype if a.dtype.kind == "f" else np.float64)
    content[path[-1]] = fresh.tolist() if isinstance(old, list) else fresh


def in_layout(motion: PoseSequence, layout: Skeleton, format: str) -> PoseSequence:
    """A sequence in the one layout that a new file of a format has, by name.

    Raises
    ------
    DataError
        If it has keypoints that the layout has not: they would be lost without a word.
    """
    if motion.skeleton.keypoints == layout.keypoints:
        return motion
    mine, _ = motion.skeleton.common(layout)
    if len(mine) < len(motion.skeleton):
        lost = next(n for k, n in enumerate(motion.skeleton.keypoints) if k not in mine)
        raise DataError(
            f"{format} holds the keypoints of {layout.name}, found {lost!r} ({motion.skeleton.name})"
        )
    return motion.remap(layout)
