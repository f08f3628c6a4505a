"""Long tables: one row a point. Reading them into arrays, and putting arrays back into their rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.io import _check
from steadypose.io._bounded import spread
from steadypose.io._probe import Probe, ReadOptions, timeline
from steadypose.io._table import Edit, Ints, Table, codes, numbers, quote
from steadypose.sequence import Motion, PoseSequence
from steadypose.skeleton import Skeleton

Floats = npt.NDArray[np.float64]
# From the labels in the file: the skeleton, which keypoint each label is, and the label of each keypoint.
Namer = Callable[[list[str]], tuple[Skeleton, Ints, tuple[str, ...]]]
_POINT = 12  # bytes of a point in three dimensions


@dataclass(frozen=True)
class Roles:
    """Which column says what.

    Parameters
    ----------
    points
        Columns of x, y (and z) by the name of the sequence they make.
    frame, time, person, keypoint, stream, confidence
        Columns; None where the table has none.
    seconds
        What one unit of the time column is.
    """

    points: dict[str, tuple[int, ...]]
    frame: int | None = None
    time: int | None = None
    person: int | None = None
    keypoint: int | None = None
    stream: int | None = None
    confidence: int | None = None
    seconds: float = 1.0


@dataclass(frozen=True)
class Group:
    """The rows of one camera: which frame, person and keypoint each is about.

    Parameters
    ----------
    name
        What the stream column says, or empty.
    rows, frame, person, keypoint : ndarray of int64, shape (points,)
    last_row : ndarray of int64, shape (frames,)
        The last row of every frame: filled points go below it.
    number, times : ndarray of float64, shape (frames,)
    """

    name: str
    rows: Ints
    frame: Ints
    person: Ints
    keypoint: Ints
    last_row: Ints
    number: Floats
    times: Floats | None
    persons: tuple[str, ...]


@dataclass(frozen=True)
class Long:
    """What the writer of a long table needs: the rows below the header, and where their points went."""

    table: Table
    delimiter: str
    roles: Roles
    groups: tuple[Group, ...]
    labels: tuple[str, ...]
    streams: dict[str, tuple[int, str]]  # stream name: its group, its coordinates


def parse(
    probe: Probe, table: Table, delimiter: str, roles: Roles, namer: Namer, prefix: str = ""
) -> tuple[Long, Skeleton]:
    """Sort the rows of a table into streams, frames, persons and keypoints.

    Raises
    ------
    FormatError
        If a row has no frame or keypoint, the same point occurs twice, or the times of a frame differ.
    """
    count = table.shape[0]
    if not count:
        raise probe.error("line 2", "at least one point", "none")
    labels, label = (
        codes(table.texts(roles.keypoint)) if roles.keypoint is not None else (["0"], _zeros(count))
    )
    layout, index, kept = namer([n for n in labels if n])
    # A row without a keypoint says that its frame was looked at.
    which = np.full(len(labels), -1)
    which[[i for i, n in enumerate(labels) if n]] = index
    keypoint = which[label]
    cameras, camera = codes(table.texts(roles.stream)) if roles.stream is not None else ([""], _zeros(count))
    persons, person = codes(table.texts(roles.person)) if roles.person is not None else (["0"], _zeros(count))
    key = _keys(table, roles)
    made = []
    for c in _in_order(cameras):
        rows = np.flatnonzero(camera == c)
        number, frame = np.unique(key[rows], return_inverse=True)
        made.append(
            _group(
                table, roles, prefix, cameras[c], rows, frame, number, persons, person[rows], keypoint[rows]
            )
        )
        _check_points(table, roles, made[-1], layout)
    several = len(roles.points) > 1
    streams = {
        (f"{g.name} {points}" if several else g.name) if g.name else points: (i, points)
        for i, g in enumerate(made)
        for points in roles.points
    }
    return Long(table, delimiter, roles, tuple(made), kept, streams), layout


def _zeros(count: int) -> Ints:
    return np.zeros(count, np.int64)


def _in_order(names: list[str]) -> list[int]:
    """Numbers in increasing order, other names as they appear."""
    try:
        return sorted(range(len(names)), key=lambda i: float(names[i]))
    except ValueError:
        return list(range(len(names)))


def _keys(table: Table, roles: Roles) -> Floats:
    """What tells frames apart: their number, or else their time."""
    column = roles.frame if roles.frame is not None else roles.time
    assert column is not None
    key = table.floats([column])[:, 0]
    bad = np.flatnonzero(~np.isfinite(key))
    if len(bad):
        raise table.error(int(bad[0]), column, "a frame number" if column == roles.frame else "a time")
    return key


def _group(
    table: Table,
    roles: Roles,
    prefix: str,
    camera: str,
    rows: Ints,
    frame: Ints,
    number: Floats,
    persons: list[str],
    person: Ints,
    keypoint: Ints,
) -> Group:
    times = None
    if roles.time is not None:
        each = table.pick(rows).floats([roles.time])[:, 0] * roles.seconds
        times = np.empty(len(number))
        times[frame[::-1]] = each[::-1]  # the first row of a frame says when it was
        wrong = np.flatnonzero(each != times[frame])
        if len(wrong):
            row = int(rows[wrong[0]])
            raise table.error(
                row, roles.time, f"the time of frame {number[frame[wrong[0]]]:g} as in its first row"
            )
    last = np.empty(len(number), np.int64)
    last[frame] = rows
    points = keypoint >= 0
    here, person = np.unique(person[points], return_inverse=True)
    name = f"{prefix}{camera}" if camera.lstrip("-").isdecimal() else camera
    who = tuple(persons[i] or "0" for i in here)
    return Group(name, rows[points], frame[points], person, keypoint[points], last, number, times, who)


def _check_points(table: Table, roles: Roles, group: Group, layout: Skeleton) -> None:
    shape = (len(group.number), len(group.persons), len(layout))
    if shape[0] * shape[1] * shape[2] * _POINT > spread(len(group.rows) * _POINT):
        found = f"{shape[0]} frames of {shape[1]} persons of {shape[2]} keypoints in {len(group.rows)} rows"
        raise table.error(0, roles.keypoint or 0, "a table of points", found)
    if not len(group.rows):
        return
    flat = np.ravel_multi_index((group.frame, group.person, group.keypoint), shape)
    order = np.argsort(flat, kind="stable")
    twice = np.flatnonzero(np.diff(flat[order]) == 0)
    if len(twice):
        at = int(order[twice[0] + 1])
        name = layout.keypoints[group.keypoint[at]]
        found = f"{name} of frame {group.number[group.frame[at]]:g} twice"
        raise table.error(int(group.rows[at]), roles.keypoint or 0, "every point of a frame once", found)


def values(long: Long, name: str, layout: Skeleton, columns: Sequence[int]) -> npt.NDArray[np.float32]:
    """Numbers of columns, shape (frames, persons, keypoints, len(columns)); NaN where there are none."""
    group = long.groups[long.streams[name][0]]
    found = np.full(
        (len(group.number), max(len(group.persons), 1), len(layout), len(columns)), np.nan, np.float32
    )
    with np.errstate(over="ignore"):
        found[group.frame, group.person, group.keypoint] = long.table.pick(group.rows).floats(columns)
    found[np.isinf(found)] = np.nan
    return found


def times(long: Long, name: str, options: ReadOptions, fps: float | None) -> tuple[Floats, list[str]]:
    """Seconds of every frame, on a clock that all cameras of the file share."""
    group = long.groups[long.streams[name][0]]
    if group.times is not None and options.fps is None:
        start = min(float(np.nanmin(g.times)) for g in long.groups if g.times is not None)
        return group.times - start, []
    number = group.number if long.roles.frame is not None else np.arange(len(group.number))
    return timeline(number, options, fps)


def write(streams: Mapping[str, Motion], long: Long) -> bytes:
    """The file's content with other coordinates; points that had no row get one below their frame's last."""
    edits: list[Edit] = []
    inserts: list[Edit] = []
    by_group: dict[int, dict[str, PoseSequence]] = {}
    for name, motion in streams.items():
        if name not in long.streams or not isinstance(motion, PoseSequence):
            raise DataError(f"expected streams among {', '.join(long.streams)}, found {name!r}")
        at, points = long.streams[name]
        group, columns = long.groups[at], long.roles.points[points]
        shape = (len(group.number), max(len(group.persons), 1), len(long.labels), len(columns))
        _check.fits(name, motion, shape)
        there = motion.positions[group.frame, group.person, group.keypoint]
        edits += long.table.pick(group.rows).edits(columns, there)
        by_group.setdefault(at, {})[points] = motion
    for at, motions in by_group.items():
        inserts += _inserts(long, long.groups[at], motions, len(inserts))
    return long.table.apply(edits + inserts)


def _inserts(long: Long, group: Group, motions: dict[str, PoseSequence], before: int) -> list[Edit]:
    """Rows for points that the file has not."""
    shape = next(iter(motions.values())).shape[:3]
    new = np.zeros(shape, np.bool_)
    for motion in motions.values():
        new |= motion.valid
    new[group.frame, group.person, group.keypoint] = False
    where = np.argwhere(new)
    if not len(where):
        return []
    table, roles = long.table, long.roles
    kept = _same_within_frames(long)
    counter = _counter(table) if 0 not in _used(roles) else None
    texts = {
        points: numbers(m.positions[tuple(where.T)], table.decimals(roles.points[points]))
        for points, m in motions.items()
    }
    newline = b"\r\n" if b"\r\n" in table.data else b"\n"
    persons = group.persons or ("0",)
    edits = []
    for n, (f, p, k) in enumerate(where.tolist()):
        row = int(group.last_row[f])
        cells = [
            table.data[a:b] if keep else b""
            for a, b, keep in zip(table.start[row].tolist(), table.end[row].tolist(), kept, strict=True)
        ]
        if roles.keypoint is not None:
            cells[roles.keypoint] = quote(long.labels[k], long.delimiter).encode()
        if roles.person is not None:
            cells[roles.person] = quote(persons[p], long.delimiter).encode()
        if counter is not None:
            cells[0] = str(counter + before + n).encode()
        for points, text in texts.items():
            columns = roles.points[points]
            for i, column in enumerate(columns):
                cells[column] = text[n * len(columns) + i]
        at = int(table.end[row, -1])
        edits.append((at, at, newline + long.delimiter.encode().join(cells)))
    return edits


def _used(roles: Roles) -> set[int | None]:
    named = (roles.frame, roles.time, roles.person, roles.keypoint, roles.stream, roles.confidence)
    return {*named, *(c for points in roles.points.values() for c in points)}


def _same_within_frames(long: Long) -> list[bool]:
    """Columns that say the same in all rows of a frame: a new row takes them over."""
    table, roles = long.table, long.roles
    same = []
    for column in range(table.shape[1]):
        _, code = codes(table.texts(column))
        firm = column in (roles.frame, roles.time, roles.stream)
        for g in long.groups:
            if not firm and not (code[g.rows] == code[g.last_row[g.frame]]).all():
                same.append(False)
                break
        else:
            same.append(column not in {c for points in roles.points.values() for c in points})
    if roles.confidence is not None:
        same[roles.confidence] = False
    return same


def _counter(table: Table) -> int | None:
    """The next number if the first column numbers the rows (a pandas index)."""
    try:
        number = table.floats([0])[:, 0]
    except ValueError:
        return None
    steps = np.diff(number)
    counts = len(number) > 1 and bool((steps == 1).all()) and table.start[0, 0] < table.end[0, 0]
    return int(number[-1]) + 1 if counts else None
