"""AlphaPose: a list of detections, or (its ``cmu`` and ``open`` forms) an object of people for each image.

A detection has ``image_id`` (an image's name or number), ``keypoints`` (x, y, score, ...), ``score``,
``box``, ``idx`` (who it is, if AlphaPose tracked) and, from a 3D model, ``pred_xyz_jts``, which is a stream
of its own. What tells this from COCO's results, which are else the same: ``box``, ``idx`` or
``pred_xyz_jts``, or an ``image_id`` that is a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from steadypose.errors import SteadyposeError
from steadypose.io import _check, _people
from steadypose.io._people import Kept
from steadypose.io._probe import Probe, ReadOptions, loads_json, tie, timeline
from steadypose.sequence import Motion, PoseSequence

OWN = {"box", "idx", "pred_xyz_jts"}
FORMS = {"people": "pose_keypoints_2d", "bodies": "joints"}
XYZ = "pred_xyz_jts"


@dataclass(frozen=True)
class _Entry:
    """A detection: the frame it says it is in, the object, its place, and which key holds its keypoints."""

    frame: Any
    content: Any
    place: str
    key: str = "keypoints"


def sniff(probe: Probe) -> bool:
    """Whether this is a list of detections with keys of AlphaPose's own, or one of its forms by image."""
    document = probe.json
    if isinstance(document, list) and document and isinstance(document[0], dict):
        first = document[0]
        return {"image_id", "keypoints"} <= first.keys() and (
            bool(OWN & first.keys()) or isinstance(first["image_id"], str)
        )
    if isinstance(document, dict) and document:
        first = next(iter(document.values()))
        return isinstance(first, dict) and any(isinstance(first.get(form), list) for form in FORMS)
    return any(_people.broken(probe, b'"image_id"', b'"keypoints"', f'"{key}"'.encode()) for key in OWN)


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """The keypoints in the image ("2d") and, if they are there, the joints in space ("3d")."""
    document = probe.need_json()
    entries, empty = _entries(document, probe)
    if not entries:
        raise probe.error("", "at least one detection", "none")
    rows = [_people.need(e.content, e.key, e.place, probe) for e in entries]
    flat = _people.block(rows, lambda n: f"{entries[n].place}.{entries[n].key}", probe)
    if flat.shape[1] == 0 or flat.shape[1] % 3:
        place = f"{entries[0].place}.{entries[0].key}"
        raise probe.error(place, "a multiple of 3 numbers (x, y, score)", str(flat.shape[1]))
    x = flat.reshape(len(entries), -1, 3)
    _people.zeros_are_missing(x)
    given = [_people.frame_number(e.frame, f"{e.place}.image_id", probe) for e in entries]
    given += [_people.frame_number(name, name, probe) for name in empty]
    numbers, frame = _people.in_order(given)
    slots = _people.who(
        _ids(entries, frame, probe),
        x[..., :2],
        frame[: len(entries)],
        numbers,
        x[..., 2],
        lambda n: entries[n].place,
        probe,
    )
    times, notes = timeline(_people.since_first(numbers), options)
    notes += [slots.note] if slots.note else []
    place = f"{entries[0].place}.{entries[0].key}"
    skeleton, how = _people.layout(x.shape[1], _people.BY_COUNT, options, place, probe)
    unit, how_unit = _people.image_unit(x[..., :2], options)
    full = slots.gather(x)
    streams: dict[str, Motion] = {
        "2d": PoseSequence(
            positions=full[..., :2],
            times=times,
            skeleton=skeleton,
            confidence=full[..., 2],
            persons=slots.persons,
            unit=unit,
            space="image",
            history=(*notes, *how, *how_unit),
        )
    }
    xyz = _xyz(entries, probe)
    if xyz is not None:
        layout_3d, how = _people.layout(
            xyz.shape[1], _people.BY_COUNT_3D, ReadOptions(), f"{entries[0].place}.{XYZ}", probe
        )
        unit, how_unit = _people.length_unit(xyz, options)
        streams["3d"] = PoseSequence(
            positions=slots.gather(xyz),
            times=times,
            skeleton=layout_3d,
            persons=slots.persons,
            unit=unit,
            space="root-relative",
            history=(*notes, *how, *how_unit),
        )
    positions = {name: m.positions for name, m in streams.items() if isinstance(m, PoseSequence)}
    kept = Kept(raw=probe.data, slots=slots, positions=positions, numbers=numbers)
    return tie(streams, "alphapose", probe.path, kept)


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """The file that was read with other coordinates, or a new list of detections."""
    if document is None:
        target.write_bytes(orjson.dumps(_new(streams)))
        return
    kept: Kept = document
    parsed = loads_json(kept.raw)
    entries, _ = _entries(parsed)
    numbers = [_number(e.frame) for e in entries]
    behind = {number: e.content for number, e in zip(numbers, entries, strict=True)}
    extra: dict[int, list[Any]] = {}

    def add(f: int, p: int) -> dict[str, Any]:
        number = kept.numbers[f]
        stranger: dict[str, Any] = {}
        if isinstance(parsed, list):
            stranger = {k: behind[number][k] for k in ("image_id", "category_id") if k in behind[number]}
        stranger[entries[0].key] = [0.0] * (3 * kept.positions["2d"].shape[2])
        if isinstance(parsed, list):
            stranger["score"] = 0.0
            if "idx" in entries[0].content and not kept.slots.note:
                stranger["idx"] = _people.ids_of(kept.slots.persons)[p]
        extra.setdefault(number, []).append(stranger)
        return stranger

    def put(stream: str, entry: dict[str, Any], changes: list[tuple[int, int, float | None]]) -> None:
        if stream == "2d":
            _people.put_flat(entry[entries[0].key], 3, changes, 0.0)
        else:
            if entry.get(XYZ) is None:
                entry[XYZ] = [[None] * 3 for _ in range(kept.positions["3d"].shape[2])]
            _people.put_nested(entry[XYZ], changes, None)

    changed = _people.put_back(kept, streams, lambda n: entries[n].content, add, put)
    if isinstance(parsed, list):
        parsed = _people.insert_after(parsed, numbers, extra)
    else:
        for image, content in parsed.items():
            content[_form(content)] += extra.get(_number(image), [])
    target.write_bytes(_people.dumps(parsed, kept.raw) if changed else kept.raw)


def _entries(document: Any, probe: Probe | None = None) -> tuple[list[_Entry], list[str]]:
    """Every detection in the file's order, and images without any; without a probe nothing is checked."""
    if isinstance(document, dict):
        entries = []
        for image, content in document.items():
            form = _form(content)
            if not form and probe is not None:
                raise probe.error(image, 'an object with "people" or "bodies"', _people.kind(content))
            people = enumerate(content[form])
            entries += [_Entry(image, one, f"{image}, {form}[{i}]", FORMS[form]) for i, one in people]
        seen = {e.frame for e in entries}
        return entries, [image for image in document if image not in seen]
    if probe is not None:
        for n, one in enumerate(_people.need_list(document, "", probe)):
            _people.need(one, "image_id", f"[{n}]", probe)
    return [_Entry(one["image_id"], one, f"[{n}]") for n, one in enumerate(document)], []


def _form(content: Any) -> str:
    forms = (f for f in FORMS if isinstance(content, dict) and isinstance(content.get(f), list))
    return next(forms, "")


def _number(image_id: Any) -> int:
    number = _people.digits(image_id) if isinstance(image_id, str) else int(image_id)
    assert number is not None  # checked when it was read
    return number


def _ids(entries: list[_Entry], frame: npt.NDArray[np.intp], probe: Probe) -> list[int | str | None]:
    """``idx``, which may be inside lists; None where there is none.

    Without tracking AlphaPose writes 0 for everybody: that is no identity where two of them are in one frame.
    """
    ids: list[int | str | None] = []
    for e in entries:
        value = e.content.get("idx")
        while isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | str)):
            raise probe.error(f"{e.place}.idx", "a person's number", _people.kind(e.content["idx"]))
        ids.append(value)
    crowded = len(set(frame[: len(entries)].tolist())) < len(entries)
    return [None] * len(ids) if set(ids) == {0} and crowded else ids


def _xyz(entries: list[_Entry], probe: Probe) -> npt.NDArray[np.float64] | None:
    """Joints in space (detections, joints, 3), NaN for detections without; None if nobody has any."""
    at = [n for n, e in enumerate(entries) if e.content.get(XYZ) is not None]
    if not at:
        return None
    points = [_people.need_list(entries[n].content[XYZ], f"{entries[n].place}.{XYZ}", probe) for n in at]
    count = len(points[0])
    for n, some in zip(at, points, strict=True):
        if len(some) != count or not count:
            raise probe.error(f"{entries[n].place}.{XYZ}", f"{count or 'some'} joints", str(len(some)))
    rows = [joint for some in points for joint in some]
    flat = _people.block(rows, lambda i: f"{entries[at[i // count]].place}.{XYZ}[{i % count}]", probe)
    if flat.shape[1] != 3:
        raise probe.error(f"{entries[at[0]].place}.{XYZ}[0]", "x, y and z", f"{flat.shape[1]} numbers")
    out = np.full((len(entries), count, 3), np.nan)
    out[at] = flat.reshape(len(at), count, 3)
    return out


def _new(streams: Mapping[str, Motion]) -> list[dict[str, Any]]:
    given = _people.only(streams, (2, 3), "alphapose")
    if 2 not in given:
        raise SteadyposeError("alphapose: expected positions in the image (2D), found 3D alone")
    flat, xyz = given[2], given.get(3)
    _people.counted(flat.skeleton, _people.BY_COUNT, "alphapose")
    if xyz is not None:
        _people.counted(xyz.skeleton, _people.BY_COUNT_3D, "alphapose")
    ids = _people.ids_of(flat.persons)
    there: npt.NDArray[np.bool_] = np.any([m.valid.any(axis=2) for m in given.values()], axis=0)
    entries = []
    for f, number in enumerate(_check.frame_numbers(flat).tolist()):
        # A frame without anybody is kept as a detection of nothing: the list has no other place for it.
        for p in np.flatnonzero(there[f]).tolist() or [0]:
            triples = _people.triples(flat, f, p)
            entry: dict[str, Any] = {"image_id": f"{number}.jpg", "category_id": 1, "keypoints": triples}
            entry |= {"score": float(np.mean([s for s in triples[2::3] if s is not None])), "idx": ids[p]}
            if xyz is not None:
                entry[XYZ] = _people.nullable(xyz.positions[f, p])
            entries.append(entry)
    return entries
