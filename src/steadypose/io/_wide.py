"""Tables of one row a frame: columns hold the coordinates of every keypoint."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.io import _check
from steadypose.io._table import Ints, Table
from steadypose.sequence import Motion, PoseSequence


@dataclass(frozen=True)
class Wide:
    """What the writer of a wide table needs.

    Parameters
    ----------
    table
        The rows that are frames.
    order : ndarray of int64, shape (frames,)
        The row that holds each frame.
    columns
        By stream: the column of every coordinate, shape (persons, keypoints, dims); -1 where there is none.
    """

    table: Table
    order: Ints
    columns: dict[str, npt.NDArray[np.intp]]

    def read(self, columns: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        """Numbers of columns in the order of frames, shape (frames, *columns.shape)."""
        there = columns >= 0
        values = self.table.floats(columns[there])[self.order]
        found = np.full((len(self.order), *columns.shape), np.nan, np.float32)
        with np.errstate(over="ignore"):
            found[:, there] = values
        found[np.isinf(found)] = np.nan
        return found

    def write(self, streams: Mapping[str, Motion], missing: bytes = b"") -> bytes:
        """The file's content with other coordinates."""
        edits = []
        for name, motion in streams.items():
            if name not in self.columns or not isinstance(motion, PoseSequence):
                raise DataError(f"expected streams among {', '.join(self.columns)}, found {name!r}")
            columns = self.columns[name]
            _check.fits(name, motion, (len(self.order), *columns.shape))
            there = columns >= 0
            values = np.empty((len(self.order), int(there.sum())), np.float32)
            values[self.order] = motion.positions[:, there]
            edits += self.table.edits(columns[there], values, missing)
        return self.table.apply(edits)


def frame_order(table: Table, column: int | None) -> tuple[npt.NDArray[np.float64], Ints]:
    """Frame numbers in increasing order and the row that holds each; without such a column, rows count.

    A number may be the end of an image's name (``img0042.png``).

    Raises
    ------
    FormatError
        If a frame has no number, or two have the same.
    """
    if column is None:
        rows = np.arange(table.shape[0])
        return rows.astype(np.float64), rows
    try:
        number = table.floats([column])[:, 0]
    except ValueError:
        names = table.texts(column)
        ends = [re.search(r"(\d+)(?:\.\w+)?$", n) for n in names]
        if None in ends:
            row = ends.index(None)
            raise table.error(row, column, "a frame number") from None
        number = np.array([float(m[1]) for m in ends if m])
    return sort_frames(table, number, column)


def sort_frames(
    table: Table, number: npt.NDArray[np.float64], column: int
) -> tuple[npt.NDArray[np.float64], Ints]:
    """Numbers of rows in increasing order, and their rows; FormatError if one is missing or repeats."""
    bad = np.flatnonzero(~np.isfinite(number))
    if len(bad):
        raise table.error(int(bad[0]), column, "a frame number")
    order = np.argsort(number, kind="stable").astype(np.int64)
    ordered = number[order]
    twice = np.flatnonzero(np.diff(ordered) == 0)
    if len(twice):
        row = int(order[twice[0] + 1])
        raise table.error(row, column, "every frame once", f"frame {ordered[twice[0]]:g} twice")
    return ordered, order


def columns_by_name(
    names: Sequence[str], pattern: re.Pattern[str], roles: Sequence[str]
) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Columns called after a keypoint and a role (``nose_x``).

    Parameters
    ----------
    pattern
        With the groups ``point`` and ``role``.
    roles
        Which roles count, lower case.

    Returns
    -------
    points : list of str
        In order of appearance.
    columns : ndarray of int, shape (points, roles)
        -1 where a point has no such column.
    """
    found: dict[str, dict[str, int]] = {}
    for i, name in enumerate(names):
        m = pattern.fullmatch(name)
        if m and m["role"].lower() in roles:
            found.setdefault(m["point"], {}).setdefault(m["role"].lower(), i)
    columns = np.array([[c.get(r, -1) for r in roles] for c in found.values()], dtype=np.intp)
    return list(found), columns.reshape(len(found), len(roles))
