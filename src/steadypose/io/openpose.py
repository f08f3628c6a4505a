"""OpenPose: a folder (or zip) of one JSON file a frame, ``people`` with flat keypoint arrays each.

Body, hands and face that are there become one skeleton (``body25+hands+face``), the arrays in the image one
stream ("2d") and those in space another ("3d"). A keypoint that was not found is all zeros in the file (-1
where the coordinates were scaled to -1...1) and NaN here. The last digits in a file's name number its frame.

A person put into a frame in which the file has none becomes a new entry of the same keys with confidence 0;
``person_id`` is kept where OpenPose tracked, and else persons are linked over time.
"""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from steadypose.errors import DataError, SteadyposeError
from steadypose.io import _check, _people
from steadypose.io import _openpose_files as files
from steadypose.io._openpose_layout import body25_or_body25b
from steadypose.io._probe import Probe, ReadOptions, loads_json, tie, timeline
from steadypose.sequence import Motion, PoseSequence, numbered
from steadypose.skeleton import Skeleton
from steadypose.skeleton import skeleton as find_skeleton

PARTS = ("pose", "hand_left", "hand_right", "face")
DIMS = {"2d": 2, "3d": 3}
_LAYOUTS = {
    "hand_left": "openpose_hand_left21",
    "hand_right": "openpose_hand_right21",
    "face": "openpose_face70",
}
# "people" at the top; AlphaPose's OpenPose-like file has it one level down, in an object for each image.
_HEAD = re.compile(rb'\s*\{(?!\s*"[^"]*"\s*:\s*\{).*?"people"\s*:', re.DOTALL)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Document(_people.Kept):
    """The files, and who is where: detection n is ``people[entry[n]]`` of file ``file[n]``."""

    archive: files.Archive
    frames: list[str]  # each frame's file
    file: list[str]
    entry: list[int]
    lengths: dict[str, dict[str, int]]  # by stream: keypoints of every part, in the skeleton's order
    absent: dict[str, float]  # by stream: what stands for the coordinates of a missing keypoint


def sniff(probe: Probe) -> bool:
    """Whether a folder or archive holds JSON files with "people", or the file is such a one."""
    return any(_HEAD.match(head) for head in files.heads(probe))


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Parsing makes many lists and no cycles; looking for some all the while takes as long as the parsing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@_no_collection()
def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """The "2d" and "3d" keypoints of a folder, an archive or a single file."""
    archive = files.load(probe)
    people = _people_of(archive, probe)
    names = people.names
    numbers, rank = _people.in_order(_frame_numbers(names, probe))
    blocks, lengths = {}, {}
    for stream, dims in DIMS.items():
        x, parts = _blocks(people, stream, dims + 1, probe)
        if parts:
            blocks[stream], lengths[stream] = x, parts
    if not blocks:
        raise probe.error("", "at least one person with keypoints", f"none in {len(names)} frames")
    absent = {stream: _mark_missing(x) for stream, x in blocks.items()}
    main = next(iter(blocks.values()))
    slots = _people.who(
        _ids(people.entries),
        main[..., :-1],
        rank[people.file],
        numbers,
        main[..., -1],
        people.place,
        probe,
    )
    times, notes = timeline(_people.since_first(numbers), options)
    if slots.note:
        notes.append(slots.note)
    streams: dict[str, Motion] = {}
    for stream, x in blocks.items():
        skeleton, how = _skeleton(lengths[stream], x[..., :-1], options, probe)
        unit, how_unit = (_people.image_unit if stream == "2d" else _people.length_unit)(x[..., :-1], options)
        full = slots.gather(x)
        streams[stream] = PoseSequence(
            positions=full[..., :-1],
            times=times,
            skeleton=skeleton,
            confidence=full[..., -1],
            persons=slots.persons,
            unit=unit,
            space="image" if stream == "2d" else "world",
            history=(*notes, *how, *how_unit),
        )
    positions = {name: m.positions for name, m in streams.items() if isinstance(m, PoseSequence)}
    document = _Document(
        slots=slots,
        positions=positions,
        numbers=numbers,
        archive=archive,
        frames=[names[i] for i in np.argsort(rank)],
        file=[names[i] for i in people.file],
        entry=people.entry.tolist(),
        lengths=lengths,
        absent=absent,
    )
    return tie(streams, "openpose", probe.path, document)


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """The files of ``document`` with other coordinates, or new ones; a zip if the target's suffix says so."""
    if document is None:
        files.save(files.Archive(_new(streams), "folder"), target)
        return
    kept: _Document = document
    parsed: dict[str, Any] = {}

    def people_in(name: str) -> Any:
        if name not in parsed:
            parsed[name] = loads_json(kept.archive.content[name])
        return parsed[name]["people"]

    def add(f: int, p: int) -> dict[str, Any]:
        stranger = _stranger(kept, kept.slots.persons[p])
        people_in(kept.frames[f]).append(stranger)
        return stranger

    def put(stream: str, entry: dict[str, Any], changes: list[tuple[int, int, float | None]]) -> None:
        stride, absent, start = DIMS[stream] + 1, kept.absent[stream], 0
        for part, count in kept.lengths[stream].items():
            here = [(k - start, d, v) for k, d, v in changes if start <= k < start + count]
            start += count
            if here:
                key = f"{part}_keypoints_{stream}"
                if not entry.get(key):
                    entry[key] = _nothing(count, stride, absent)
                _people.put_flat(entry[key], stride, here, absent)

    _people.put_back(kept, streams, lambda n: people_in(kept.file[n])[kept.entry[n]], add, put)
    new = {name: _people.dumps(doc, kept.archive.content[name]) for name, doc in parsed.items()}
    files.save(kept.archive.changed(new), target)


def own(folder: Path) -> list[str]:
    """Names of the frames in a folder of them, which a recording written there replaces."""
    return files.own(folder, _HEAD)


@dataclass(frozen=True, eq=False)
class _People:
    """Everybody in the file: person n is ``people[entry[n]]`` of the file ``names[file[n]]``."""

    entries: list[dict[str, Any]]
    names: list[str]
    file: npt.NDArray[np.intp]
    entry: npt.NDArray[np.intp]

    def place(self, n: int) -> str:
        return f"{self.names[self.file[n]]}, people[{self.entry[n]}]"


def _people_of(archive: files.Archive, probe: Probe) -> _People:
    entries: list[dict[str, Any]] = []
    names: list[str] = []
    counts: list[int] = []
    strange: dict[str, tuple[str, str, str]] = {}  # JSON files that are no frames, and why
    for name, raw in archive.content.items():
        if name[-5:].lower() != ".json":
            continue
        try:
            here = loads_json(raw)["people"]
        except orjson.JSONDecodeError as e:
            strange[name] = (f"{name}, line {e.lineno} column {e.colno}", "JSON", e.msg)
            continue
        except (KeyError, TypeError, IndexError):
            strange[name] = (name, 'an object with "people"', "none")
            continue
        if type(here) is not list:
            raise probe.error(f"{name}, people", "a list", _people.kind(here))
        entries += here
        names.append(name)
        counts.append(len(here))
    # A stray file beside the frames is none of ours, but one that is named like them should have been one.
    patterns = {files.pattern(n) for n in names} if strange else set()
    for name, why in strange.items():
        if not names or files.pattern(name) in patterns:
            raise probe.error(*why)
    if not names:
        raise probe.error("", "JSON files, one a frame", "none")
    file = np.repeat(np.arange(len(names)), counts)
    entry = np.arange(len(entries)) - np.repeat(np.cumsum(counts) - counts, counts)
    people = _People(entries, names, file, entry)
    for n, one in enumerate(entries):
        if type(one) is not dict:
            raise probe.error(people.place(n), "an object", _people.kind(one))
    return people


def _frame_numbers(names: list[str], probe: Probe) -> list[int]:
    if len(names) == 1:
        return [_people.digits(names[0]) or 0]
    numbers: dict[int, str] = {}
    for name in names:
        number = _people.digits(name)
        if number is None:
            raise probe.error(name, "a frame number in the name", "none")
        if number in numbers:
            raise probe.error(name, "one file a frame", f"frame {number} again, after {numbers[number]}")
        numbers[number] = name
    return list(numbers)


def _blocks(
    people: _People, stream: str, stride: int, probe: Probe
) -> tuple[npt.NDArray[np.float64], dict[str, int]]:
    """Everybody's keypoints (people, keypoints, stride) of one stream, and how many each part has."""
    blocks = []
    lengths: dict[str, int] = {}
    for part in PARTS:
        key = f"{part}_keypoints_{stream}"
        rows = [one.get(key) for one in people.entries]
        if not any(rows):
            continue
        at = [n for n, row in enumerate(rows) if row]
        full = [row for row in rows if row]
        spot = partial(_spot, people, at, key)
        values = _people.block(full, spot, probe)
        if values.shape[1] % stride:
            expected = f"a multiple of {stride} numbers ({'x, y' if stride == 3 else 'x, y, z'}, confidence)"
            raise probe.error(spot(0), expected, str(values.shape[1]))
        block = values.reshape(len(at), -1, stride)
        if len(at) < len(rows):
            some, block = block, np.full((len(rows), *block.shape[1:]), np.nan)
            block[at] = some
        blocks.append(block)
        lengths[part] = block.shape[1]
        if part in _LAYOUTS and block.shape[1] != len(find_skeleton(_LAYOUTS[part])):
            raise probe.error(spot(0), f"{len(find_skeleton(_LAYOUTS[part]))} keypoints", str(block.shape[1]))
    if len(blocks) == 1:
        return blocks[0], lengths
    return np.concatenate(blocks, axis=1) if blocks else np.empty((0, 0, stride)), lengths


def _spot(people: _People, at: list[int], key: str, i: int) -> str:
    return f"{people.place(at[i])}.{key}"


def _mark_missing(x: npt.NDArray[np.float64]) -> float:
    """Coordinates of keypoints that were not found become NaN, in place; returns what stood for them.

    That is 0, but scaled to -1...1 OpenPose moves them to the corner, together with all others.
    """
    xyz, confidence = x[..., :-1], x[..., -1]
    corner, zero = (np.logical_and.reduce([c == v for c in np.moveaxis(xyz, -1, 0)]) for v in (-1, 0))
    if (corner & (confidence == 0)).any():
        xyz[corner | (zero & (confidence == 0))] = np.nan
        return -1.0
    xyz[zero] = np.nan
    return 0.0


def _ids(people: list[dict[str, Any]]) -> list[int | None]:
    """``person_id`` where OpenPose tracked; it is [-1] where it did not."""
    given = [one.get("person_id") for one in people]
    if given.count([-1]) == len(given):
        return [None] * len(given)
    first = [value[0] if isinstance(value, list) and value else value for value in given]
    return [value if type(value) is int and value >= 0 else None for value in first]


def _skeleton(
    lengths: dict[str, int], xyz: npt.NDArray[np.float64], options: ReadOptions, probe: Probe
) -> tuple[Skeleton, list[str]]:
    """Body, hands and face as one skeleton, and how the body's layout was found out."""
    if options.skeleton is not None:
        chosen = find_skeleton(options.skeleton)
        if len(chosen) == sum(lengths.values()):
            return chosen, []
    others = [_LAYOUTS[part] for part in lengths if part != "pose"]
    if "pose" not in lengths:
        return find_skeleton("+".join(others)), []
    count = lengths["pose"]
    if count == 25 and options.skeleton is None:
        name, how = body25_or_body25b(xyz[:, :25])
        body, notes = find_skeleton(name), [how]
    else:
        place = "pose_keypoints" if not others else "pose_keypoints without hands and face"
        body, notes = _people.layout(count, _people.BY_COUNT, options, place, probe)
    if not others:
        return body, notes
    try:
        return find_skeleton("+".join((body.name, *others))), notes
    except DataError:  # a body of the user's own, or one that no layout describes
        extra = find_skeleton("+".join(others)).keypoints
        return Skeleton.from_names((*body.keypoints, *extra), "+".join((body.name, *others))), notes


def _nothing(count: int, stride: int, absent: float) -> list[float]:
    return [*([absent] * (stride - 1)), 0.0] * count


def _stranger(kept: _Document, name: str) -> dict[str, Any]:
    """An entry for somebody whom the file does not have in this frame, of the same keys as the others."""
    pattern = loads_json(kept.archive.content[kept.file[0]])["people"][kept.entry[0]]
    entry: dict[str, Any] = {key: [] if isinstance(value, list) else 0 for key, value in pattern.items()}
    for stream, parts in kept.lengths.items():
        for part, count in parts.items():
            entry[f"{part}_keypoints_{stream}"] = _nothing(count, DIMS[stream] + 1, kept.absent[stream])
    if "person_id" in pattern:
        entry["person_id"] = [-1] if kept.slots.note else [int(name)]
    return entry


def _new(streams: Mapping[str, Motion]) -> dict[str, bytes]:
    """Files for sequences from elsewhere, named as OpenPose names them."""
    given = _people.only(streams, (2, 3), "openpose")
    first = next(iter(given.values()))
    places = {f"{dims}d": _places(m.skeleton) for dims, m in given.items()}
    frames: list[list[dict[str, Any]]] = [[] for _ in range(first.shape[0])]
    there = np.any([m.valid.any(axis=2) for m in given.values()], axis=0)
    given_ids = all(name.isdecimal() for name in first.persons)
    ids = [int(name) if given_ids else p for p, name in enumerate(first.persons)]
    for f, p in np.argwhere(there).tolist():
        entry: dict[str, Any] = {"person_id": [ids[p]]}
        for stream, dims in DIMS.items():
            values = partial(_people.triples, given[dims], f, p) if dims in given else list
            flat = values()
            for part in PARTS:
                at = places.get(stream, {}).get(part, [])
                width = dims + 1
                entry[f"{part}_keypoints_{stream}"] = [
                    v for k in at for v in flat[k * width : (k + 1) * width]
                ]
        frames[f].append(entry)
    numbers = _check.frame_numbers(first).tolist()
    return {
        f"{n:012d}_keypoints.json": orjson.dumps({"version": 1.3, "people": people})
        for n, people in zip(numbers, frames, strict=True)
    }


def _places(skeleton: Skeleton) -> dict[str, list[int]]:
    """Which keypoints go into which array; raises SteadyposeError if they could not be read back."""
    rest = {n: k for k, n in enumerate(skeleton.keypoints)}
    places: dict[str, list[int]] = {}
    for part, name in _LAYOUTS.items():
        names = find_skeleton(name).keypoints
        body_has_them = len(rest) in _people.BY_COUNT  # wholebody133: hands and face are part of the body
        if not body_has_them and set(names) <= set(rest):
            places[part] = [rest.pop(n) for n in names]
    if rest:
        known = [find_skeleton(n).keypoints for n in ("body25", "body25b", *_people.BY_COUNT.values())]
        unknown = len(rest) not in map(len, known) and tuple(rest) == numbered(len(rest)).keypoints
        if tuple(rest) not in known and not unknown:
            raise SteadyposeError(
                f"openpose: expected a layout that OpenPose has, found {skeleton.name!r}; remap it first "
                '(.remap("body25"))'
            )
        places["pose"] = list(rest.values())
    return places
