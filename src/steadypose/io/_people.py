"""What formats of detections share: numbers out of JSON, frames out of names, coordinates back into place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from steadypose.errors import SteadyposeError
from steadypose.io._link import Slots, TwiceError, by_identity, link
from steadypose.io._missing import unsure
from steadypose.io._probe import Probe, ReadOptions, shortest
from steadypose.sequence import Motion, PoseSequence, Unit, numbered
from steadypose.skeleton import Skeleton, canonical_name
from steadypose.skeleton import skeleton as find_skeleton

BY_COUNT = {
    16: "mpii16", 17: "coco17", 18: "coco18", 26: "halpe26", 33: "mediapipe33", 133: "wholebody133",
    136: "halpe136",
}  # fmt: skip
"""Layouts of image keypoints that their number tells apart (25 may be BODY_25 or BODY_25B)."""
BY_COUNT_3D = {17: "h36m17", 24: "smpl24", 33: "mediapipe33"}
"""Layouts of joints in space that their number tells apart."""

_NUMBERS = {int, float, type(None)}


@dataclass(frozen=True, eq=False, kw_only=True)
class Kept:
    """What a writer needs of a JSON file: its bytes (parsed again, so never changed), and who is where in it.

    Parameters
    ----------
    raw
        The file.
    slots
        Which detection of the file is which person in which frame.
    positions
        By stream, as they were read: only what differs from them is written.
    numbers
        Of the frames.
    """

    raw: bytes = b""
    slots: Slots
    positions: dict[str, npt.NDArray[np.float32]]
    numbers: tuple[int, ...] = ()


def block(rows: Sequence[Any], place: Callable[[int], str], probe: Probe) -> npt.NDArray[np.float64]:
    """Lists of numbers, all of one length, as an array (rows, length); null is NaN.

    Raises FormatError at ``place(row)`` for anything but numbers and null, and for another length than the
    first row's.
    """
    for n, row in enumerate(rows):
        if type(row) is not list:
            raise probe.error(place(n), "a list of numbers", kind(row))
    if not rows:
        return np.empty((0, 0))
    length = len(rows[0])
    if set(map(len, rows)) != {length}:
        n = next(n for n, row in enumerate(rows) if len(row) != length)
        raise probe.error(place(n), f"{length} numbers, as in {place(0)}", str(len(rows[n])))
    if not set(map(type, chain.from_iterable(rows))) <= _NUMBERS:
        n, k = next(
            (n, k) for n, row in enumerate(rows) for k, v in enumerate(row) if type(v) not in _NUMBERS
        )
        raise probe.error(f"{place(n)}[{k}]", "a number", kind(rows[n][k]))
    try:  # quicker than np.array, but knows no null
        flat = np.fromiter(chain.from_iterable(rows), np.float64, len(rows) * length)
    except TypeError:
        flat = np.array(rows, np.float64)
    return flat.reshape(len(rows), length)


def kind(value: Any) -> str:
    """A parsed JSON value in a few words, for an error."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def need(entry: Any, key: str, place: str, probe: Probe) -> Any:
    """``entry[key]``; raises FormatError if the entry is no object or has no such key."""
    if not isinstance(entry, dict):
        raise probe.error(place, "an object", kind(entry))
    if key not in entry:
        raise probe.error(
            place, f'"{key}"', f"only {', '.join(map(repr, list(entry)[:8]))}" if entry else "nothing"
        )
    return entry[key]


def need_list(value: Any, place: str, probe: Probe) -> list[Any]:
    """``value`` if it is a list; raises FormatError if not."""
    if not isinstance(value, list):
        raise probe.error(place, "a list", kind(value))
    return value


def zeros_are_missing(x: npt.NDArray[np.float64]) -> None:
    """Keypoints (..., x, y, score) at 0, 0 become NaN, in place: that is how they are left where unseen."""
    x[(x[..., 0] == 0) & (x[..., 1] == 0), :2] = np.nan


_LAST_DIGITS = re.compile(r"(\d+)[^\d/\\]*$", re.ASCII)


def digits(name: str) -> int | None:
    """The last run of digits in a file's name before its suffix; None if there is none."""
    stem, _, suffix = name.rpartition(".")
    found = _LAST_DIGITS.search(stem if suffix[:1].isalpha() else name)
    return int(found[1]) if found and len(found[1]) <= 30 else None


def frame_number(value: Any, place: str, probe: Probe) -> int:
    """A frame's number, given as such or in an image's name; raises FormatError if it is none."""
    number: int | None = None
    if isinstance(value, str):
        number = None if value.lstrip().startswith("-") else digits(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = int(value) if abs(value) < 2**53 and value == int(value) else None
    if number is None or number < 0:
        raise probe.error(place, "a frame number from 0, or an image name with one", kind(value))
    return number


def in_order(numbers: Sequence[int]) -> tuple[tuple[int, ...], npt.NDArray[np.intp]]:
    """The distinct numbers in ascending order, and for each of ``numbers`` its place among them."""
    order = sorted(set(numbers))
    place = {n: i for i, n in enumerate(order)}
    return tuple(order), np.array([place[n] for n in numbers], np.intp)


def since_first(numbers: Sequence[int]) -> list[int]:
    """Frame numbers counted from the first: a name may hold a date too long for a float."""
    return [n - numbers[0] for n in numbers]


def who(
    ids: Sequence[Any],
    points: npt.NDArray[np.float64],
    frame: npt.NDArray[np.intp],
    numbers: Sequence[int],
    confidence: npt.NDArray[np.float64] | None,
    place: Callable[[int], str],
    probe: Probe,
) -> Slots:
    """Persons by the identities in the file if every detection has one (None: it has not), else linked.

    Raises FormatError if an identity appears twice in a frame, or nobody has a keypoint.
    """
    if not np.isfinite(points).all(axis=-1).any():
        raise probe.error("", "at least one person with keypoints", "none in any frame")
    if any(i is None for i in ids):
        if confidence is not None:  # what only stands for a missing keypoint says nothing about who it is
            points = np.where(unsure(points, confidence)[..., None], np.nan, points)
        return link(points, frame, since_first(numbers), confidence)
    try:
        return by_identity(ids, frame, len(numbers), int(np.prod(points.shape[1:])))
    except TwiceError as e:
        n = e.detection
        again = next(m for m in range(n) if ids[m] == ids[n] and frame[m] == frame[n])
        found = f"person {ids[n]} again, after {place(again)}"
        raise probe.error(place(n), f"each person once in frame {numbers[frame[n]]}", found) from None


def image_unit(points: npt.NDArray[Any], options: ReadOptions) -> tuple[Unit, list[str]]:
    """Pixels, or fractions of the image if nothing is beyond 2 (nobody fits into two pixels)."""
    if options.unit in ("px", "normalized"):
        return options.unit, []
    if np.fmax.reduce(np.abs(points), axis=None, initial=0.0) <= 2:
        return "normalized", ["unit inferred: fractions of the image, for no coordinate is beyond 2"]
    return "px", []


def length_unit(points: npt.NDArray[Any], options: ReadOptions) -> tuple[Unit, list[str]]:
    """Metres, centimetres or millimetres: what makes the usual body nearest to 1.5 across."""
    if options.unit in ("m", "cm", "mm"):
        return options.unit, []
    there = (np.abs(points) < 1e30).all(axis=-1, keepdims=True)
    low, high = (f(np.where(there, points, w), axis=-2) for f, w in ((np.min, np.inf), (np.max, -np.inf)))
    seen = there.any(axis=(-2, -1))
    size = np.linalg.norm((high - low)[seen], axis=-1)
    usual = float(np.median(size[size > 0])) if (size > 0).any() else 1.5
    units: dict[Unit, float] = {"m": 1.5, "cm": 150.0, "mm": 1500.0}
    unit = min(units, key=lambda u: abs(np.log(usual / units[u])))
    return unit, [f"unit inferred: {unit}, for bodies are about {usual:.3g} across"]


def layout(
    count: int, known: Mapping[int, str], options: ReadOptions, place: str, probe: Probe
) -> tuple[Skeleton, list[str]]:
    """The skeleton the user names, or the one that the number of keypoints means, or keypoints by number."""
    if options.skeleton is not None:
        chosen = find_skeleton(options.skeleton)
        if len(chosen) != count:
            raise probe.error(place, f"{len(chosen)} keypoints ({chosen.name})", str(count))
        return chosen, []
    if count in known:
        return find_skeleton(known[count]), [f"skeleton inferred: {known[count]}, from {count} keypoints"]
    return numbered(count), [f"{count} keypoints of no known layout: named by number"]


Edit = tuple[int, int, list[tuple[int, int, float | None]]]


def edits(new: Motion, old: npt.NDArray[np.float32]) -> Iterator[Edit]:
    """Frame, person, and what is to change there: (keypoint, coordinate, value or None for missing).

    Raises SteadyposeError if the sequence no longer has the shape it was read with.
    """
    if not isinstance(new, PoseSequence) or new.shape != old.shape:
        now = new.shape if isinstance(new, PoseSequence) else "rotations"
        raise SteadyposeError(f"expected positions of shape {old.shape}, as read from the file, found {now}")
    x = new.positions
    changed = (x != old) & ~(np.isnan(x) & np.isnan(old))
    # A point is there or not as a whole: what comes or goes is written in all its coordinates.
    there = new.valid
    changed |= (there != np.isfinite(old).all(axis=-1))[..., None]
    at = np.argwhere(changed)
    if not len(at):
        return
    values = shortest(np.where(there[..., None], x, np.nan)[changed]).tolist()
    rows = at[:, 0] * x.shape[1] + at[:, 1]
    starts = np.flatnonzero(np.diff(rows, prepend=-1)).tolist()
    points = at[:, 2:].tolist()
    for a, b in zip(starts, [*starts[1:], len(rows)], strict=True):
        items = zip(points[a:b], values[a:b], strict=True)
        yield int(at[a, 0]), int(at[a, 1]), [(k, d, None if v != v else v) for (k, d), v in items]


def put_flat(
    values: list[Any], stride: int, changes: Iterable[tuple[int, int, float | None]], absent: Any
) -> None:
    """Coordinates into a flat list of ``stride`` numbers a keypoint."""
    for k, d, value in changes:
        values[k * stride + d] = absent if value is None else value


def put_nested(
    values: list[list[Any]], changes: Iterable[tuple[int, int, float | None]], absent: Any
) -> None:
    """Coordinates into a list of lists, one a keypoint."""
    for k, d, value in changes:
        values[k][d] = absent if value is None else value


def dumps(document: Any, like: bytes = b"") -> bytes:
    """JSON, indented if the file it replaces was."""
    indented = b"\n" in like[:200].strip()
    try:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 if indented else None)
    except orjson.JSONEncodeError:  # nested deeper than 254 levels
        return json.dumps(document, indent=2 if indented else None, ensure_ascii=False).encode()


def people(motion: PoseSequence) -> Iterator[tuple[int, int]]:
    """Frames and persons of which anything is there, in order."""
    yield from ((f, p) for f, p in np.argwhere(motion.valid.any(axis=2)).tolist())


def triples(motion: PoseSequence, f: int, p: int, absent: float | None = 0.0) -> list[float | None]:
    """A person of a new file as a flat list of coordinates and confidence.

    A keypoint without confidence gets 1 if it is there and 0 if not: the formats know no other way to say so.
    """
    x = shortest(motion.positions[f, p])
    there = motion.valid[f, p]
    c = there.astype(np.float64)
    if motion.confidence is not None:
        given = shortest(motion.confidence[f, p])
        c = np.where(np.isfinite(given), given, c)
    return [
        v
        for xyz, seen, score in zip(x.tolist(), there.tolist(), c.tolist(), strict=True)
        for v in (*(xyz if seen else [absent] * len(xyz)), score)
    ]


def only(streams: Mapping[str, Motion], dims: tuple[int, ...], what: str) -> dict[int, PoseSequence]:
    """For a new file that holds at most one sequence in the image and one in space: they, by dimensions.

    Raises SteadyposeError for anything else, and for units that would not be read back.
    """
    found: dict[int, PoseSequence] = {}
    for name, motion in streams.items():
        if not isinstance(motion, PoseSequence) or motion.shape[3] not in dims or motion.shape[3] in found:
            given = f"{motion.shape[3]}D" if isinstance(motion, PoseSequence) else "rotations"
            wanted = " and one ".join(f"{d}D" for d in dims)
            raise SteadyposeError(f"{what}: expected at most one {wanted} sequence, found {given} ({name!r})")
        units = ("px", "normalized") if motion.shape[3] == 2 else ("m", "cm", "mm")
        if motion.unit not in units:
            expected = f"{motion.shape[3]}D positions in {', '.join(units)}"
            raise SteadyposeError(f"{what}: expected {expected}, found {motion.unit}")
        found[motion.shape[3]] = motion
    first = next(iter(found.values()))
    if any(m.shape[:2] != first.shape[:2] for m in found.values()):
        raise SteadyposeError(f"{what}: expected sequences of the same frames and persons")
    return found


def counted(skeleton: Skeleton, known: Mapping[int, str], what: str) -> None:
    """Raises SteadyposeError if a file without names would not be read back with this skeleton."""
    name = known.get(len(skeleton))
    if skeleton.keypoints != (find_skeleton(name) if name else numbered(len(skeleton))).keypoints:
        raise SteadyposeError(
            f"{what}: expected one of its layouts ({', '.join(known.values())}), found {skeleton.name!r}; "
            'remap it first (.remap("coco17"))'
        )


def ids_of(persons: Sequence[str]) -> list[int | str]:
    """Persons' names as a new file writes them: numbers where they are."""
    return [int(name) if name.isdecimal() and str(int(name)) == name else name for name in persons]


def named(names: Sequence[str], fallback: str = "custom") -> Skeleton:
    """The known layout of exactly these names in this order, however they are spelled, or one of its own."""
    from steadypose._layouts import layouts

    canonical = tuple(canonical_name(n) for n in names)
    same = [s for s in layouts().values() if s.keypoints == canonical]
    return same[0] if same else Skeleton.from_names(names, fallback)


def put_back(
    kept: Kept,
    streams: Mapping[str, Motion],
    entry: Callable[[int], Any],
    add: Callable[[int, int], Any],
    put: Callable[[str, Any, list[tuple[int, int, float | None]]], None],
) -> bool:
    """Writes what changed into a parsed document; says whether anything did.

    Parameters
    ----------
    kept, streams
        What was read, and what it became.
    entry
        The document's entry of a detection.
    add
        Makes and adds an entry for a person (by frame and person) whom the document does not have there.
    put
        Writes a stream's changes into an entry.
    """
    added: dict[tuple[int, int], Any] = {}
    changed = False
    for stream, motion in streams.items():
        for f, p, changes in edits(motion, kept.positions[stream]):
            n = int(kept.slots.index[f, p])
            if n < 0 and (f, p) not in added:
                added[f, p] = add(f, p)
            put(stream, entry(n) if n >= 0 else added[f, p], changes)
            changed = True
    return changed


def broken(probe: Probe, *words: bytes) -> bool:
    """Whether a file that is no JSON looks as if it should have been, with these words in it."""
    starts = probe.head.lstrip()[:1] in (b"{", b"[")
    return starts and all(w in probe.head for w in words) and probe.json is None


def nullable(values: npt.NDArray[np.float32]) -> Any:
    """Numbers as (nested) lists for a new file, null where missing."""
    x = shortest(values)
    full: npt.NDArray[Any] = x.astype(object)
    full[np.isnan(x)] = None
    return full.tolist()


def insert_after(document: list[Any], numbers: Sequence[int], extra: Mapping[int, list[Any]]) -> list[Any]:
    """A list of detections (in frames of these numbers) with others behind the last of their frames."""
    last = {number: n for n, number in enumerate(numbers)}
    out = []
    for n, (entry, number) in enumerate(zip(document, numbers, strict=True)):
        out.append(entry)
        out += extra.get(number, []) if last[number] == n else []
    return out
