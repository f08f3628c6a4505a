"""COCO keypoints: a list of results, or an annotation document (``images``, ``annotations``, ``categories``).

Keypoints are flat x, y, v, ...; v (0 not labelled, 1 hidden, 2 visible, or a score) is the confidence, and a
keypoint at 0, 0 is missing. The category names the keypoints; ``track_id`` says who is who, if it is given.
Frames are numbered by the digits in the images' names if these are all different, else by the images' ids.
A list whose detections have AlphaPose's own keys, or images by name, is AlphaPose's (:mod:`.alphapose`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from steadypose.errors import DataError
from steadypose.io import _check, _people, alphapose
from steadypose.io._people import Kept
from steadypose.io._probe import Probe, ReadOptions, loads_json, tie, timeline
from steadypose.sequence import Motion, PoseSequence
from steadypose.skeleton import Skeleton


def sniff(probe: Probe) -> bool:
    """Whether this is a list of detections with keypoints, or a document with annotations of some."""
    document = probe.json
    if isinstance(document, list) and document and isinstance(document[0], dict):
        return {"image_id", "keypoints"} <= document[0].keys() and not alphapose.sniff(probe)
    if isinstance(document, dict):
        return isinstance(document.get("annotations"), list) and "images" in document
    return any(
        _people.broken(probe, *words)
        for words in ((b'"image_id"', b'"keypoints"'), (b'"images"', b'"file_name"'))
    )


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """Everybody's keypoints in the image."""
    document = probe.need_json()
    skeleton: Skeleton | None = None
    frames: dict[Any, int] = {}
    if isinstance(document, list):
        at = list(range(len(document)))
        entries, where = document, ""
        for n in at:
            _people.need(entries[n], "keypoints", f"[{n}]", probe)
    else:
        where = "annotations"
        entries = _people.need_list(_people.need(document, where, "", probe), where, probe)
        frames = _image_numbers(_people.need(document, "images", "", probe), probe)
        at, skeleton = _main_category(document, entries, probe)
    if not at:
        raise probe.error(where, "at least one detection with keypoints", "none")

    def place(n: int) -> str:
        return f"{where}[{at[n]}]"

    flat = _people.block([entries[i]["keypoints"] for i in at], lambda n: f"{place(n)}.keypoints", probe)
    if flat.shape[1] == 0 or flat.shape[1] % 3:
        raise probe.error(f"{place(0)}.keypoints", "a multiple of 3 numbers (x, y, v)", str(flat.shape[1]))
    x = flat.reshape(len(at), -1, 3)
    _people.zeros_are_missing(x)
    given = []
    for n, i in enumerate(at):
        image = _people.need(entries[i], "image_id", place(n), probe)
        if where and (isinstance(image, list | dict) or image not in frames):
            raise probe.error(f"{place(n)}.image_id", "the id of one of the images", _people.kind(image))
        spot = f"{place(n)}.image_id"
        given.append(frames[image] if where else _people.frame_number(image, spot, probe))
    numbers, frame = _people.in_order([*given, *frames.values()])
    ids = [_track(entries[i], place(n), probe) for n, i in enumerate(at)]
    slots = _people.who(ids, x[..., :2], frame[: len(at)], numbers, x[..., 2], place, probe)
    times, notes = timeline(_people.since_first(numbers), options)
    notes += [slots.note] if slots.note else []
    if skeleton is None or options.skeleton is not None or len(skeleton) != x.shape[1]:
        if skeleton is not None and options.skeleton is None:
            names = f"{len(skeleton)} keypoints, as its category names"
            raise probe.error(f"{place(0)}.keypoints", names, str(x.shape[1]))
        skeleton, how = _people.layout(x.shape[1], _people.BY_COUNT, options, f"{place(0)}.keypoints", probe)
        notes += how
    unit, how = _people.image_unit(x[..., :2], options)
    full = slots.gather(x)
    seq = PoseSequence(
        positions=full[..., :2],
        times=times,
        skeleton=skeleton,
        confidence=full[..., 2],
        persons=slots.persons,
        unit=unit,
        space="image",
        history=(*notes, *how),
    )
    kept = Kept(raw=probe.data, slots=slots, positions={"2d": seq.positions}, numbers=numbers)
    return tie({"2d": seq}, "coco", probe.path, (kept, at, frames))


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """The file that was read with other coordinates, or a new annotation document (it can name keypoints)."""
    if document is None:
        target.write_bytes(orjson.dumps(_new(streams)))
        return
    kept, at, frames = document
    parsed = loads_json(kept.raw)
    entries = parsed if isinstance(parsed, list) else parsed["annotations"]
    images = {number: image for image, number in frames.items()}
    if isinstance(parsed, list):
        images = {_image_number(e["image_id"]): e["image_id"] for e in entries}
    first = entries[at[0]]
    ids = [e["id"] for e in entries if isinstance(e, dict) and isinstance(e.get("id"), int)]
    unused = max(ids, default=0) + 1
    extra: dict[int, list[Any]] = {}

    def add(f: int, p: int) -> dict[str, Any]:
        number = kept.numbers[f]
        stranger: dict[str, Any] = {"image_id": images[number]}
        if "category_id" in first:
            stranger["category_id"] = first["category_id"]
        stranger["keypoints"] = [0] * (3 * kept.positions["2d"].shape[2])
        if isinstance(parsed, list):
            stranger["score"] = 0.0
        else:
            stranger["id"] = unused + sum(map(len, extra.values()))
        if not kept.slots.note:
            stranger["track_id"] = _people.ids_of(kept.slots.persons)[p]
        extra.setdefault(number, []).append(stranger)
        return stranger

    def put(_: str, entry: dict[str, Any], changes: list[tuple[int, int, float | None]]) -> None:
        _people.put_flat(entry["keypoints"], 3, changes, 0)

    changed = _people.put_back(kept, streams, lambda n: entries[at[n]], add, put)
    if isinstance(parsed, list):
        parsed = _people.insert_after(parsed, [_image_number(e["image_id"]) for e in parsed], extra)
    else:
        entries += [one for some in extra.values() for one in some]
    target.write_bytes(_people.dumps(parsed, kept.raw) if changed else kept.raw)


def _image_number(image: Any) -> int:
    number = _people.digits(image) if isinstance(image, str) else int(image)
    assert number is not None  # checked when it was read
    return number


def _track(entry: dict[str, Any], place: str, probe: Probe) -> int | str | None:
    value = entry.get("track_id")
    if value is None or (isinstance(value, int | str) and not isinstance(value, bool)):
        return value
    raise probe.error(f"{place}.track_id", "a number or a name", _people.kind(value))


def _image_numbers(images: Any, probe: Probe) -> dict[Any, int]:
    """The frame number of every image, by its id."""
    ids: dict[Any, int] = {}
    names: list[int | None] = []
    for n, image in enumerate(_people.need_list(images, "images", probe)):
        value = _people.need(image, "id", f"images[{n}]", probe)
        number = _people.frame_number(value, f"images[{n}].id", probe)
        if value in ids:
            raise probe.error(f"images[{n}].id", "each id once", f"{value} twice")
        ids[value] = number
        name = image.get("file_name")
        names.append(_people.digits(name) if isinstance(name, str) else None)
    if None not in names and len(set(names)) == len(names):
        return {i: n for i, n in zip(ids, names, strict=True) if n is not None}
    if len(set(ids.values())) < len(ids):
        raise probe.error("images", "ids of different numbers", "two of the same")
    return ids


def _main_category(
    document: dict[str, Any], entries: list[Any], probe: Probe
) -> tuple[list[int], Skeleton | None]:
    """Annotations of the category that has most keypoints annotated, and the skeleton it names."""
    has = [n for n, e in enumerate(entries) if isinstance(e, dict) and e.get("keypoints")]
    ids = {n: entries[n].get("category_id") for n in has}
    for n, value in ids.items():
        if isinstance(value, list | dict):
            raise probe.error(f"annotations[{n}].category_id", "a category's id", _people.kind(value))
    if not has:
        return [], None
    main = Counter(ids.values()).most_common(1)[0][0]
    at = [n for n in has if ids[n] == main]
    for n, category in enumerate(_people.need_list(document.get("categories", []), "categories", probe)):
        if not (isinstance(category, dict) and category.get("id") == main):
            continue
        names = category.get("keypoints")
        if names is None:
            break
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or not names:
            raise probe.error(f"categories[{n}].keypoints", "a list of names", _people.kind(names))
        try:
            return at, _people.named(names, str(category.get("name", "custom")))
        except DataError as e:
            raise probe.error(f"categories[{n}].keypoints", "names of a skeleton", str(e)) from None
    return at, None


def _new(streams: Mapping[str, Motion]) -> dict[str, Any]:
    seq = _people.only(streams, (2,), "coco")[2]
    numbers = _check.frame_numbers(seq).tolist()
    ids = _people.ids_of(seq.persons)
    annotations: list[dict[str, Any]] = []
    for f, p in _people.people(seq):
        x = seq.positions[f, p][seq.valid[f, p]].astype(float)
        low, size = x.min(axis=0), np.ptp(x, axis=0)
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": numbers[f],
                "category_id": 1,
                "track_id": ids[p],
                "keypoints": _people.triples(seq, f, p),
                "num_keypoints": len(x),
                "bbox": [*low.tolist(), *size.tolist()],
                "area": float(size.prod()),
                "iscrowd": 0,
            }
        )
    bones = [[a + 1, b + 1] for a, b in seq.skeleton.edges or ()]
    category = {"id": 1, "name": "person", "keypoints": list(seq.skeleton.keypoints), "skeleton": bones}
    images = [{"id": n, "file_name": f"{n:012d}.jpg"} for n in numbers]
    return {"images": images, "annotations": annotations, "categories": [category]}
