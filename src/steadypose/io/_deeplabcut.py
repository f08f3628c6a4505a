"""The columns of DeepLabCut's tables, which its csv and h5 files share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import FormatError
from steadypose.io import _check
from steadypose.io._probe import ReadOptions
from steadypose.sequence import PoseSequence
from steadypose.skeleton import Skeleton, skeleton

LEVELS = ("scorer", "individuals", "bodyparts", "coords")


@dataclass(frozen=True)
class Layout:
    """Persons, keypoints and columns of one scorer.

    Parameters
    ----------
    columns : ndarray of int, shape (persons, keypoints, dims)
    likelihood : ndarray of int, shape (persons, keypoints, 1)
        -1 where there is no such column.
    """

    persons: tuple[str, ...]
    keypoints: tuple[str, ...]
    columns: npt.NDArray[np.intp]
    likelihood: npt.NDArray[np.intp]


def layouts(
    levels: Sequence[str], columns: Sequence[Sequence[str]], error: Callable[[str, str, str], FormatError]
) -> dict[str, Layout]:
    """What is in which column, by scorer (a file has one, rarely several).

    Parameters
    ----------
    levels
        ``scorer``, perhaps ``individuals``, ``bodyparts``, ``coords``.
    columns
        A name at every level for every column.
    error
        Makes the error of this file from a place, what was expected and what was found.
    """
    if tuple(levels) not in (LEVELS, (LEVELS[0], *LEVELS[2:])):
        raise error("header", f"the rows {', '.join(LEVELS)}", ", ".join(levels))
    found: dict[str, dict[tuple[str, str, str], int]] = {}
    for i, column in enumerate(columns):
        person = column[1] if len(levels) == 4 else "0"
        key = (person, column[-2], column[-1])
        if key in found.setdefault(column[0], {}):
            raise error("header", "every column once", f"{', '.join(column)} twice")
        found[column[0]][key] = i
    made = {}
    for scorer, at in found.items():
        persons = tuple(dict.fromkeys(p for p, _, _ in at))
        names = tuple(dict.fromkeys(n for _, n, _ in at))
        coords = {c for _, _, c in at}
        if not {"x", "y"} <= coords <= {"x", "y", "z", "likelihood"}:
            raise error("header", "coords of x, y(, z) and likelihood", ", ".join(sorted(coords)))
        axes = ("x", "y", "z") if "z" in coords else ("x", "y")

        def index(axes: Sequence[str], p=persons, n=names, at=at) -> npt.NDArray[np.intp]:  # type: ignore[no-untyped-def]
            return np.array([[[at.get((i, k, a), -1) for a in axes] for k in n] for i in p], dtype=np.intp)

        made[scorer] = Layout(persons, names, index(axes), index(("likelihood",)))
    return made


def image_order(
    index: Sequence[Any], error: Callable[[str, str, str], FormatError]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Frame numbers in increasing order, and their rows, from an index of numbers or of images' names."""
    numbers = []
    for row, entry in enumerate(index):
        text = entry.decode(errors="replace") if isinstance(entry, bytes) else str(entry)
        m = re.search(r"(\d+)(?:\.\w+)?$", text)
        if m is None:
            raise error(f"row {row + 1}", "a frame number, or an image's name that ends in one", repr(text))
        numbers.append(float(m[1]))
    number = np.array(numbers)
    order = np.argsort(number, kind="stable").astype(np.int64)
    twice = np.flatnonzero(np.diff(number[order]) == 0)
    if len(twice):
        at = int(order[twice[0] + 1])
        raise error(f"row {at + 1}", "every frame once", f"frame {number[at]:g} twice")
    return number[order], order


def sequence(
    layout: Layout,
    positions: npt.NDArray[np.float32],
    likelihood: npt.NDArray[np.float32],
    times: npt.NDArray[np.float64],
    notes: list[str],
    options: ReadOptions,
) -> PoseSequence:
    """The poses of one scorer: pixels, or in 3D the unit of the calibration (millimetres are assumed)."""
    flat = positions.shape[3] == 2
    if not flat and options.unit is None:
        notes = [*notes, "no unit in the file: mm assumed"]
    names = layout.keypoints
    return PoseSequence(
        positions,
        times,
        Skeleton.from_names(names, "deeplabcut") if options.skeleton is None else skeleton(options.skeleton),
        _check.has_values(likelihood),
        layout.persons,
        options.unit or ("px" if flat else "mm"),
        "image" if flat else "world",
        tuple(notes),
    )


def header(motion: PoseSequence) -> tuple[list[str], list[tuple[str, ...]]]:
    """Levels and columns of a new file."""
    several = len(motion.persons) > 1
    coords = ("x", "y", "likelihood") if motion.shape[3] == 2 else ("x", "y", "z")
    levels = [level for level in LEVELS if several or level != "individuals"]
    columns = [
        ("steadypose", *((p,) if several else ()), k, c)
        for p in motion.persons
        for k in motion.skeleton.keypoints
        for c in coords
    ]
    return levels, columns


def values(motion: PoseSequence) -> npt.NDArray[np.float32]:
    """Rows of a new file, shape (frames, columns); likelihood is NaN where the motion has no confidence.

    Raises DataError unless positions are in pixels or, in 3D, lengths: the file itself cannot say its unit.
    """
    x = _check.in_unit(motion, "px" if motion.shape[3] == 2 else "mm")
    if x.shape[3] == 2:
        c = np.full(x.shape[:3], np.nan, np.float32) if motion.confidence is None else motion.confidence
        x = np.concatenate((x, c[..., None]), axis=-1)
    return x.reshape(len(x), -1)
