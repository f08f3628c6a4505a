"""mmpose 1.x: ``[{frame_id, instances: [...]}]`` of the inferencer, or that as the demos' ``instance_info``.

An instance has ``keypoints`` (one list of 2 or 3 numbers each) and ``keypoint_scores``. The demos'
``meta_info`` names the keypoints; else their number decides. A single image is a list of instances alone.
mmpose does not say who is who (``track_id`` is read where others have added it) and knows no missing
keypoints: null stands for one that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from steadypose.errors import DataError, SteadyposeError
from steadypose.io import _check, _people
from steadypose.io._people import Kept
from steadypose.io._probe import Probe, ReadOptions, loads_json, shortest, tie, timeline
from steadypose.sequence import Motion, PoseSequence
from steadypose.skeleton import Skeleton


@dataclass(frozen=True)
class _Frame:
    """A frame's number (or None of a single image), its list of instances, and its place in the file."""

    number: Any
    instances: Any
    place: str


def sniff(probe: Probe) -> bool:
    """Whether there are frames of instances, or instances with keypoint scores."""
    document = probe.json
    if isinstance(document, dict):
        return isinstance(document.get("instance_info"), list)
    if isinstance(document, list) and document and isinstance(document[0], dict):
        keys = document[0].keys()
        return {"frame_id", "instances"} <= keys or {"keypoints", "keypoint_scores"} <= keys
    return _people.broken(probe, b'"keypoints"', b'"keypoint_scores"')


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """The keypoints: stream "2d" (in the image) or "3d" (joints of a lifter)."""
    document = probe.need_json()
    frames = _frames(document, probe)
    entries: list[Any] = []
    places: list[str] = []
    given = []
    first_of: dict[int, str] = {}
    for frame in frames:
        number = 0
        if frame.number is not None:
            number = _people.frame_number(frame.number, f"{frame.place}.frame_id", probe)
        if number in first_of:
            found = f"frame {number} again, after {first_of[number]}"
            raise probe.error(frame.place, "each frame once", found)
        first_of[number] = frame.place
        for i, one in enumerate(_people.need_list(frame.instances, f"{frame.place}instances", probe)):
            entries.append(one)
            places.append(f"{frame.place}instances[{i}]")
            given.append(number)
    x = _keypoints(entries, places, probe)
    scores = _scores(entries, places, x.shape[1], probe)
    numbers, at = _people.in_order([*given, *first_of])
    ids = [one.get("track_id") for one in entries]
    for n, value in enumerate(ids):
        if isinstance(value, bool | float | list | dict):
            raise probe.error(f"{places[n]}.track_id", "a number or a name", _people.kind(value))
    slots = _people.who(ids, x, at[: len(entries)], numbers, scores, places.__getitem__, probe)
    times, notes = timeline(_people.since_first(numbers), options)
    notes += [slots.note] if slots.note else []
    flat = x.shape[2] == 2
    skeleton, how = _skeleton(document, x.shape[1], flat, options, f"{places[0]}.keypoints", probe)
    unit, how_unit = (_people.image_unit if flat else _people.length_unit)(x, options)
    name = "2d" if flat else "3d"
    seq = PoseSequence(
        positions=slots.gather(x),
        times=times,
        skeleton=skeleton,
        confidence=None if scores is None else slots.gather(scores),
        persons=slots.persons,
        unit=unit,
        space="image" if flat else "root-relative",
        history=(*notes, *how, *how_unit),
    )
    kept = Kept(raw=probe.data, slots=slots, positions={name: seq.positions}, numbers=numbers)
    return tie({name: seq}, "mmpose", probe.path, kept)


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """The file that was read with other coordinates, or a new one with ``meta_info`` (to name keypoints)."""
    if document is None:
        target.write_bytes(orjson.dumps(_new(streams)))
        return
    kept: Kept = document
    parsed = loads_json(kept.raw)
    frames = _frames(parsed)
    entries = [one for frame in frames for one in frame.instances]
    instances = {0 if fr.number is None else _number(fr.number): fr.instances for fr in frames}
    scored = "keypoint_scores" in entries[0]

    def add(f: int, p: int) -> dict[str, Any]:
        keypoints, dims = next(iter(kept.positions.values())).shape[2:]
        stranger: dict[str, Any] = {"keypoints": [[None] * dims for _ in range(keypoints)]}
        if scored:
            stranger["keypoint_scores"] = [0.0] * keypoints
        if not kept.slots.note:
            stranger["track_id"] = _people.ids_of(kept.slots.persons)[p]
        instances[kept.numbers[f]].append(stranger)
        return stranger

    def put(_: str, entry: dict[str, Any], changes: list[tuple[int, int, float | None]]) -> None:
        _people.put_nested(entry["keypoints"], changes, None)

    changed = _people.put_back(kept, streams, entries.__getitem__, add, put)
    target.write_bytes(_people.dumps(parsed, kept.raw) if changed else kept.raw)


def _number(frame_id: Any) -> int:
    number = _people.digits(frame_id) if isinstance(frame_id, str) else int(frame_id)
    assert number is not None  # checked when it was read
    return number


def _frames(document: Any, probe: Probe | None = None) -> list[_Frame]:
    """The frames in the file's order; without a probe nothing is checked."""
    where = ""
    if isinstance(document, dict):
        if probe is not None:
            _people.need(document, "instance_info", "", probe)
        where, document = "instance_info", document["instance_info"]
    if probe is not None:
        document = _people.need_list(document, where, probe)
        if not document:
            raise probe.error(where, "at least one frame", "none")
        if not isinstance(document[0], dict):
            raise probe.error(f"{where}[0]", "an object", _people.kind(document[0]))
    if "instances" not in document[0] and "keypoints" in document[0]:
        return [_Frame(None, document, where)]
    if probe is not None:
        for n, one in enumerate(document):
            _people.need(one, "frame_id", f"{where}[{n}]", probe)
            _people.need(one, "instances", f"{where}[{n}]", probe)
    return [_Frame(one["frame_id"], one["instances"], f"{where}[{n}].") for n, one in enumerate(document)]


def _keypoints(entries: list[Any], places: list[str], probe: Probe) -> npt.NDArray[np.float64]:
    """Everybody's keypoints (instances, keypoints, 2 or 3)."""
    if not entries:
        raise probe.error("", "at least one instance", "none")
    points: list[Any] = []
    count = 0
    for one, place in zip(entries, places, strict=True):
        some = _people.need_list(_people.need(one, "keypoints", place, probe), f"{place}.keypoints", probe)
        count = count or len(some)
        if len(some) != count or not count:
            raise probe.error(f"{place}.keypoints", f"{count or 'some'} keypoints", str(len(some)))
        points += some
    flat = _people.block(points, lambda i: f"{places[i // count]}.keypoints[{i % count}]", probe)
    if flat.shape[1] not in (2, 3):
        raise probe.error(f"{places[0]}.keypoints[0]", "2 or 3 numbers", str(flat.shape[1]))
    return flat.reshape(len(entries), count, -1)


def _scores(
    entries: list[Any], places: list[str], count: int, probe: Probe
) -> npt.NDArray[np.float64] | None:
    """Scores (instances, keypoints), NaN for instances without; None if there are none."""
    at = [n for n, one in enumerate(entries) if one.get("keypoint_scores") is not None]
    if not at:
        return None
    given = _people.block(
        [entries[n]["keypoint_scores"] for n in at], lambda i: f"{places[at[i]]}.keypoint_scores", probe
    )
    if given.shape[1] != count:
        place = f"{places[at[0]]}.keypoint_scores"
        raise probe.error(place, f"{count} scores, one a keypoint", str(given.shape[1]))
    scores = np.full((len(entries), count), np.nan)
    scores[at] = given
    return scores


def _skeleton(
    document: Any, count: int, flat: bool, options: ReadOptions, place: str, probe: Probe
) -> tuple[Skeleton, list[str]]:
    """What ``meta_info`` names, if it is about as many keypoints, else by their number."""
    meta = document.get("meta_info") if isinstance(document, dict) else None
    meta = meta if isinstance(meta, dict) else {}
    names = meta.get("keypoint_id2name")
    known = _people.BY_COUNT if flat else _people.BY_COUNT_3D
    if options.skeleton is None and isinstance(names, dict) and len(names) == count:
        ordered = [names.get(str(k)) for k in range(count)]
        where = "meta_info.keypoint_id2name"
        if not all(isinstance(name, str) for name in ordered):
            raise probe.error(where, f"a name for each of 0 to {count - 1}", _people.kind(names))
        try:
            return _people.named([str(name) for name in ordered], str(meta.get("dataset_name", "custom"))), []
        except DataError as e:
            raise probe.error(where, "names of a skeleton", str(e)) from None
    return _people.layout(count, known, options, place, probe)


def _new(streams: Mapping[str, Motion]) -> dict[str, Any]:
    if len(streams) != 1:
        raise SteadyposeError(f"mmpose: expected one sequence, found {len(streams)}: {', '.join(streams)}")
    seq = next(iter(_people.only(streams, (2, 3), "mmpose").values()))
    ids = _people.ids_of(seq.persons)
    instances: list[list[dict[str, Any]]] = [[] for _ in range(seq.shape[0])]
    for f, p in _people.people(seq):
        scores = seq.valid[f, p].astype(np.float64)
        if seq.confidence is not None:
            given = shortest(seq.confidence[f, p])
            scores = np.where(np.isfinite(given), given, scores)
        entry = {"keypoints": _people.nullable(seq.positions[f, p]), "keypoint_scores": scores.tolist()}
        instances[f].append({**entry, "track_id": ids[p]})
    meta = {
        "dataset_name": seq.skeleton.name,
        "keypoint_id2name": {str(k): n for k, n in enumerate(seq.skeleton.keypoints)},
        "keypoint_name2id": {n: k for k, n in enumerate(seq.skeleton.keypoints)},
        "skeleton_links": [list(edge) for edge in seq.skeleton.edges or ()],
    }
    numbers = _check.frame_numbers(seq).tolist()
    frames = [{"frame_id": n, "instances": some} for n, some in zip(numbers, instances, strict=True)]
    return {"meta_info": meta, "instance_info": frames}
