"""MediaPipe landmarks as JSON: steadypose's own documented layout, and the raw lists that people dump.

``{"frames": [{"frame", "timestamp_ms", "persons": [{"id", "pose_landmarks": [{x, y, z, visibility, presence}
...], ...}]}]}`` with MediaPipe's names for its sets of landmarks (``docs/formats-mediapipe.md``). Those in
the image are one stream ("image"): fractions of its width and height, z in the scale of x. World landmarks
(metres, from the middle of the hips or of the hand) are streams of their own ("world", "left_hand_world").

A raw dump is a list of frames, each a list of landmarks, or of people's lists of landmarks, or an object of
such lists by MediaPipe's names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from steadypose.errors import SteadyposeError
from steadypose.io import _check, _people
from steadypose.io._mediapipe_layout import FIELDS, IMAGE, SETS, WORLD, keys_of, layout_of
from steadypose.io._people import Kept
from steadypose.io._probe import Probe, ReadOptions, loads_json, shortest, tie, timeline
from steadypose.sequence import Motion, PoseSequence, Space, Unit

AXES = ("x", "y", "z")


@dataclass(frozen=True)
class _Person:
    """Somebody in a frame: the sets of landmarks by name, who it is, and the place in the file."""

    sets: dict[str, Any]
    id: Any
    place: str


@dataclass(frozen=True)
class _Frame:
    number: Any
    timestamp: Any
    people: list[_Person]
    place: str


@dataclass(frozen=True, eq=False, kw_only=True)
class _Document(Kept):
    """The file, and which sets of landmarks (with how many) make up each stream."""

    counts: dict[str, dict[str, int]]
    fields: dict[str, set[str]]  # by set: what its landmarks have besides x, y, z


def sniff(probe: Probe) -> bool:
    """Whether the first landmark there is is one, in a layout that is known."""
    document = probe.json
    if document is None:
        return _people.broken(probe, b'"pose_landmarks"')
    frames = document.get("frames") if isinstance(document, dict) else document
    if not isinstance(frames, list):
        return False
    for frame in frames[:1000]:
        if isinstance(frame, dict) and (
            isinstance(frame.get("persons"), list) or any(s in frame for s in SETS)
        ):
            return True
        while isinstance(frame, list) and frame:
            frame = frame[0]
        if isinstance(frame, dict) and frame:
            return {"x", "y"} <= frame.keys()
    return False


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """The landmarks in the image ("image") and in the world ("world", and those of hands)."""
    document = probe.need_json()
    frames = list(_frames(document, probe))
    if not frames:
        raise probe.error("frames", "at least one frame", "none")
    given: dict[int, _Frame] = {}
    for frame in frames:
        number = _people.frame_number(frame.number, f"{frame.place}.frame", probe)
        if number in given:
            raise probe.error(
                frame.place, "each frame once", f"frame {number} again, after {given[number].place}"
            )
        given[number] = frame
    numbers = tuple(sorted(given))
    at = {number: i for i, number in enumerate(numbers)}
    people = [one for frame in frames for one in frame.people]
    index = np.array([at[n] for n, frame in given.items() for _ in frame.people], np.intp)
    blocks: dict[str, npt.NDArray[np.float64]] = {}
    counts: dict[str, dict[str, int]] = {}
    fields: dict[str, set[str]] = {}
    for name, sets in {"image": IMAGE, **{w: (s,) for s, w in WORLD.items()}}.items():
        parts = {s: block for s in sets if (block := _landmarks(people, s, fields, probe)) is not None}
        if parts:
            blocks[name] = np.concatenate(list(parts.values()), axis=1)
            counts[name] = {s: block.shape[1] for s, block in parts.items()}
    if not blocks:
        raise probe.error("", "at least one person with landmarks", f"none in {len(frames)} frames")
    main = next(iter(blocks.values()))
    slots = _people.who(
        _ids(people, probe), main[..., :3][..., : 2 if np.isnan(main[..., 2]).all() else 3], index, numbers,
        None, lambda n: people[n].place, probe,
    )  # fmt: skip
    times, notes = _times(document, numbers, given, options, probe)
    notes += [slots.note] if slots.note else []
    streams: dict[str, Motion] = {}
    for name, x in blocks.items():
        dims = 2 if np.isnan(x[..., 2]).all() else 3
        full = slots.gather(x)
        unit: Unit = (options.unit or "normalized") if name == "image" else "m"
        space: Space = "image" if name == "image" else "root-relative"
        streams[name] = PoseSequence(
            positions=full[..., :dims],
            times=times,
            skeleton=layout_of(counts[name], probe),
            confidence=None if np.isnan(full[..., 3]).all() else full[..., 3],
            persons=slots.persons,
            unit=unit,
            space=space,
            history=tuple(notes),
        )
    kept = _Document(
        raw=probe.data,
        slots=slots,
        positions={name: m.positions for name, m in streams.items() if isinstance(m, PoseSequence)},
        numbers=numbers,
        counts=counts,
        fields=fields,
    )
    return tie(streams, "mediapipe-json", probe.path, kept)


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """The file that was read with other coordinates, or a new one in steadypose's layout."""
    if document is None:
        target.write_bytes(orjson.dumps(_new(streams)))
        return
    kept: _Document = document
    parsed = loads_json(kept.raw)
    frames = list(_frames(parsed))
    people = [one for frame in frames for one in frame.people]
    by_number = {_number(frame.number): i for i, frame in enumerate(frames)}

    def add(f: int, p: int) -> _Person:
        return _Person(_add(parsed, by_number[kept.numbers[f]], kept, p), None, "")

    def put(stream: str, one: _Person, changes: list[tuple[int, int, float | None]]) -> None:
        start = 0
        dims = kept.positions[stream].shape[3]
        for name, count in kept.counts[stream].items():
            here = [(k - start, d, v) for k, d, v in changes if start <= k < start + count]
            start += count
            if here and not one.sets.get(name):
                one.sets[name] = [None] * count
            for k, d, value in here:
                if one.sets[name][k] is None:
                    fields = [field for field in FIELDS if field in kept.fields.get(name, ())]
                    one.sets[name][k] = dict.fromkeys(AXES[:dims]) | dict.fromkeys(fields, 0.0)
                one.sets[name][k][AXES[d]] = value

    changed = _people.put_back(kept, streams, people.__getitem__, add, put)
    target.write_bytes(_people.dumps(parsed, kept.raw) if changed else kept.raw)


def _frames(document: Any, probe: Probe | None = None) -> Iterator[_Frame]:
    """The frames in the file's order; without a probe nothing is checked.

    Of raw lists, ``sets`` is a view that writes through (the list of landmarks itself is what is changed).
    """
    wrapped = isinstance(document, dict)
    if probe is not None:
        frames = _people.need(document, "frames", "", probe) if wrapped else document
        _people.need_list(frames, "frames" if wrapped else "", probe)
    frames = document["frames"] if wrapped else document
    for n, frame in enumerate(frames):
        place = f"frames[{n}]" if wrapped else f"[{n}]"
        if isinstance(frame, dict):
            own = frame.get("persons")
            if own is None:
                people = [_Person(frame, frame.get("id"), place)]
            else:
                if probe is not None:
                    for i, one in enumerate(_people.need_list(own, f"{place}.persons", probe)):
                        if not isinstance(one, dict):
                            raise probe.error(f"{place}.persons[{i}]", "an object", _people.kind(one))
                people = [_Person(one, one.get("id"), f"{place}.persons[{i}]") for i, one in enumerate(own)]
            yield _Frame(frame.get("frame", n), frame.get("timestamp_ms"), people, place)
            continue
        if probe is not None and frame is not None and not isinstance(frame, list):
            raise probe.error(place, "a list of landmarks, or an object", _people.kind(frame))
        lists = frame if frame and isinstance(frame[0], list) else [frame] if frame else []
        several = lists is frame
        people = [
            _Person({"pose_landmarks": one}, None, f"{place}[{i}]" if several else place)
            for i, one in enumerate(lists)
        ]
        yield _Frame(n, None, people, place)


def _landmarks(
    people: list[_Person], name: str, fields: dict[str, set[str]], probe: Probe
) -> npt.NDArray[np.float64] | None:
    """One set of everybody's landmarks (people, landmarks, x y z visibility), NaN where missing, or None."""
    at = [n for n, one in enumerate(people) if one.sets.get(name)]
    if not at:
        return None
    rows: list[Any] = []
    places: list[str] = []
    count = 0
    for n in at:
        place = f"{people[n].place}.{name}"
        some = _people.need_list(people[n].sets[name], place, probe)
        count = count or len(some)
        if len(some) != count:
            raise probe.error(place, f"{count} landmarks", str(len(some)))
        for k, one in enumerate(some):
            if one is None:
                rows.append([None] * 4)
            elif isinstance(one, dict):
                for axis in ("x", "y"):
                    _people.need(one, axis, f"{place}[{k}]", probe)
                rows.append([one["x"], one["y"], one.get("z"), one.get("visibility")])
                fields.setdefault(name, set()).update(f for f in FIELDS if f in one)
            else:
                raise probe.error(f"{place}[{k}]", "an object with x and y", _people.kind(one))
            places.append(f"{place}[{k}]")
    flat = _people.block(rows, places.__getitem__, probe).reshape(len(at), count, 4)
    out = np.full((len(people), count, 4), np.nan)
    out[at] = flat
    return out


def _ids(people: list[_Person], probe: Probe) -> list[int | str | None]:
    for one in people:
        if isinstance(one.id, bool | float | list | dict):
            raise probe.error(f"{one.place}.id", "a number or a name", _people.kind(one.id))
    return [one.id for one in people]


def _number(value: Any) -> int:
    number = _people.digits(value) if isinstance(value, str) else int(value)
    assert number is not None  # checked when it was read
    return number


def _times(
    document: Any, numbers: tuple[int, ...], given: dict[int, _Frame], options: ReadOptions, probe: Probe
) -> tuple[Any, list[str]]:
    """Seconds from the time stamps if all frames have one, else from the frames' numbers."""
    stamps = [given[n].timestamp for n in numbers]
    if options.fps is None and all(s is not None for s in stamps):
        ms = _people.block([stamps], lambda _: "timestamp_ms", probe)[0]
        return (ms - ms[0]) / 1000, []
    fps = document.get("fps") if isinstance(document, dict) else None
    if fps is not None and (isinstance(fps, bool) or not isinstance(fps, int | float)):
        raise probe.error("fps", "a number", _people.kind(fps))
    return timeline(_people.since_first(numbers), options, fps)


def _add(document: Any, n: int, kept: _Document, p: int) -> dict[str, Any]:
    """Somebody new in the n-th frame, in that frame's layout; their sets of landmarks."""
    frames = document["frames"] if isinstance(document, dict) else document
    if isinstance(frames[n], dict):
        if "persons" not in frames[n]:
            return frames[n]  # type: ignore[no-any-return]
        stranger: dict[str, Any] = {} if kept.slots.note else {"id": _people.ids_of(kept.slots.persons)[p]}
        frames[n]["persons"] = [*(frames[n]["persons"] or []), stranger]
        return stranger
    landmarks: list[Any] = [None] * kept.counts["image"]["pose_landmarks"]
    several = any(isinstance(f, list) and f and isinstance(f[0], list) for f in frames)
    if several:
        frames[n] = [*(frames[n] or []), landmarks]
    else:
        frames[n] = landmarks
    return {"pose_landmarks": landmarks}


def _new(streams: Mapping[str, Motion]) -> dict[str, Any]:
    given: dict[str, PoseSequence] = {}
    for name, motion in streams.items():
        if not isinstance(motion, PoseSequence):
            raise SteadyposeError(f"mediapipe-json holds positions, found rotations ({name!r})")
        key = "image" if motion.unit == "normalized" else name if name in WORLD.values() else "world"
        if key in given:
            raise SteadyposeError(f"mediapipe-json: expected one {key} sequence, found two")
        given[key] = motion
    first = next(iter(given.values()))
    if any(m.shape[:2] != first.shape[:2] for m in given.values()):
        raise SteadyposeError("mediapipe-json: expected sequences of the same frames and persons")
    sets: dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None]] = {}
    for key, motion in given.items():
        if key != "image" and motion.shape[3] != 3:
            raise SteadyposeError(f"mediapipe-json: expected world landmarks in 3D, found {motion.shape[3]}D")
        x = shortest(motion.positions if key == "image" else _check.in_unit(motion, "m"))
        c = None if motion.confidence is None else shortest(motion.confidence)
        for name, at in keys_of(motion.skeleton, key).items():
            pick = np.array([-1 if k is None else k for k in at])
            missing = np.full((*x.shape[:2], 1, x.shape[3]), np.nan)
            sets[name] = (
                np.concatenate([x, missing], axis=2)[:, :, pick],
                None if c is None else np.concatenate([c, missing[..., 0]], axis=2)[:, :, pick],
            )
    ids = _people.ids_of(first.persons)
    frames = []
    for f, number in enumerate(_check.frame_numbers(first).tolist()):
        people = []
        for p in range(first.shape[1]):
            here = {name: _written(x[f, p], None if c is None else c[f, p]) for name, (x, c) in sets.items()}
            here = {name: marks for name, marks in here.items() if any(m is not None for m in marks)}
            if here:
                people.append({"id": ids[p], **here})
        stamp = round(float(first.times[f]) * 1000, 6)
        frames.append({"frame": number, "timestamp_ms": stamp, "persons": people})
    return {"format": "steadypose mediapipe", "version": 1, "frames": frames}


def _written(x: npt.NDArray[np.float64], c: npt.NDArray[np.float64] | None) -> list[Any]:
    """Landmarks of a new file: null where there is neither a position nor a confidence."""
    marks: list[Any] = []
    for k, values in enumerate(x.tolist()):
        seen = not any(v != v for v in values)
        mark = dict(zip(AXES, values if seen else [None] * len(values), strict=False))
        if c is not None and not np.isnan(c[k]):
            mark["visibility"] = float(c[k])
        marks.append(mark if seen or "visibility" in mark else None)
    return marks
