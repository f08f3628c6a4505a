"""Keraal's JSON: ``{"positions": {frame: {name or number: [x, y(, z)]}}}`` of one person.

x and y are fractions of the image's width and height. OpenPose's files name COCO's 18 keypoints
(``rShoulder``), AlphaPose's number COCO's 17, BlazePose's name MediaPipe's 33 with a relative depth. A
keypoint that was not found is left out, and left out again when written; there is no confidence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from steadypose.errors import SteadyposeError
from steadypose.io import _check, _people
from steadypose.io._link import Slots
from steadypose.io._people import Kept
from steadypose.io._probe import Probe, ReadOptions, loads_json, tie, timeline
from steadypose.sequence import Motion, PoseSequence, numbered
from steadypose.skeleton import Skeleton, canonical_name
from steadypose.skeleton import skeleton as find_skeleton

OPENPOSE = (
    "Nose", "Neck", "rShoulder", "rElbow", "rWrist", "lShoulder", "lElbow", "lWrist", "rHip", "rKnee",
    "rAnkle", "lHip", "lKnee", "lAnkle", "rEye", "lEye", "rEar", "lEar",
)  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class _Document(Kept):
    """The file, its frames' keys in order of time, and every keypoint's name in it."""

    keys: list[str]
    names: list[str]


def sniff(probe: Probe) -> bool:
    """Whether there are positions by frame."""
    document = probe.json
    if isinstance(document, dict):
        return isinstance(document.get("positions"), dict)
    return document is None and probe.head.lstrip()[:1] == b"{" and b'"positions"' in probe.head[:200]


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """The one sequence ("main")."""
    frames = _people.need(probe.need_json(), "positions", "", probe)
    if not isinstance(frames, dict):
        raise probe.error("positions", "an object of frames", _people.kind(frames))
    order: dict[float, str] = {}
    for key in frames:
        number = _number(key, probe)
        if number in order:
            raise probe.error(f"frame {key!r}", "each frame once", f"it again, after {order[number]!r}")
        order[number] = key
    numbers = sorted(order)
    keys = [order[n] for n in numbers]
    at: list[tuple[int, str]] = []
    rows: list[Any] = []
    for f, key in enumerate(keys):
        points = frames[key]
        if not isinstance(points, dict):
            raise probe.error(f"frame {key!r}", "an object of keypoints", _people.kind(points))
        at += [(f, name) for name in points]
        rows += points.values()
    if not rows:
        raise probe.error("positions", "at least one keypoint", f"none in {len(keys)} frames")
    flat = _people.block(rows, lambda n: f"frame {keys[at[n][0]]!r}, {at[n][1]!r}", probe)
    if flat.shape[1] not in (2, 3):
        place = f"frame {keys[at[0][0]]!r}, {at[0][1]!r}"
        raise probe.error(place, "2 or 3 numbers (x, y or x, y, z)", str(flat.shape[1]))
    names = list(dict.fromkeys(name for _, name in at))
    skeleton, spelled, how = _skeleton(names, flat.shape[1], options, probe)
    index = {name: k for k, name in enumerate(spelled)}
    positions = np.full((len(keys), 1, len(skeleton), flat.shape[1]), np.nan, np.float32)
    with np.errstate(over="ignore"):
        positions[[f for f, _ in at], 0, [index[name] for _, name in at]] = flat
    times, notes = timeline([n - numbers[0] for n in numbers], options)
    seq = PoseSequence(
        positions=positions,
        times=times,
        skeleton=skeleton,
        unit=options.unit or "normalized",
        space="image",
        history=(*notes, *how),
    )
    slots = Slots(np.zeros((len(keys), 1), np.intp), seq.persons)
    document = _Document(
        raw=probe.data, slots=slots, positions={"main": seq.positions}, keys=keys, names=spelled
    )
    return tie({"main": seq}, "keraal-json", probe.path, document)


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """The file that was read with other coordinates, or a new one."""
    if document is None:
        target.write_bytes(orjson.dumps(_new(streams)))
        return
    kept: _Document = document
    parsed = loads_json(kept.raw)
    changed = False
    rank = {name: k for k, name in enumerate(kept.names)}
    for f, _, changes in _people.edits(next(iter(streams.values())), kept.positions["main"]):
        points = parsed["positions"][kept.keys[f]]
        before = len(points)
        for k, d, value in changes:
            name = kept.names[k]
            if value is None:
                points.pop(name, None)
            else:
                points.setdefault(name, [None] * kept.positions["main"].shape[3])[d] = value
        if len(points) > before:  # where the others have it, not at the end
            parsed["positions"][kept.keys[f]] = dict(sorted(points.items(), key=lambda item: rank[item[0]]))
        changed = True
    target.write_bytes(_people.dumps(parsed, kept.raw) if changed else kept.raw)


def _number(key: str, probe: Probe) -> float:
    try:
        number = float(key)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise probe.error(f"frame {key!r}", "a frame number from 0", "none")
    return number


def _skeleton(
    names: list[str], dims: int, options: ReadOptions, probe: Probe
) -> tuple[Skeleton, list[str], list[str]]:
    """The skeleton, how the file spells each of its keypoints, and what to say about it."""
    if all(name.isdecimal() for name in names):
        most = max(int(name) if len(name) < 4 else 1000 for name in names) + 1
        if most > 999 or len({int(n) for n in names}) < len(names):
            raise probe.error("positions", "keypoints numbered from 0, each once", f"{max(names, key=len)!r}")
        known = find_skeleton(options.skeleton) if options.skeleton is not None else None
        smallest = next((n for n in ((17,) if dims == 2 else (33,)) if n >= most), most)
        count = len(known) if known is not None and len(known) >= most else smallest
        layout, how = _people.layout(count, _people.BY_COUNT, options, "positions", probe)
        spelled = {int(name): name for name in names}
        return layout, [spelled.get(k, str(k)) for k in range(count)], how
    canonical = {canonical_name(name): name for name in names}
    if len(canonical) < len(names):
        raise probe.error("positions", "each keypoint once", "two names of the same keypoint")
    if options.skeleton is not None:
        chosen = find_skeleton(options.skeleton)
    else:
        fits = [find_skeleton(n) for n in ("coco18", "mediapipe33", "coco17")]
        fits = [s for s in fits if set(canonical) <= set(s.keypoints)]
        chosen = fits[0] if fits else _people.named(names)
    own = {canonical_name(name): name for name in chosen.keypoints}
    unknown = [name for c, name in canonical.items() if c not in own]
    if unknown:
        raise probe.error("positions", f"keypoints of {chosen.name}", repr(unknown[0]))
    usual = dict(zip(find_skeleton("coco18").keypoints, OPENPOSE, strict=True))
    return chosen, [canonical.get(c) or usual.get(c, name) for c, name in own.items()], []


def _new(streams: Mapping[str, Motion]) -> dict[str, Any]:
    seq = _check.positions_alone(streams, "keraal-json")
    _check.one_person(seq, "keraal-json")
    if seq.unit != "normalized":
        raise SteadyposeError(f"keraal-json holds fractions of the image, found {seq.unit}")
    if seq.skeleton.keypoints == find_skeleton("coco18").keypoints:
        names: tuple[str, ...] = OPENPOSE
    elif seq.skeleton.keypoints == find_skeleton("coco17").keypoints and seq.shape[3] == 2:
        names = numbered(17).keypoints
    elif seq.skeleton.keypoints == find_skeleton("mediapipe33").keypoints:
        names = tuple(_blazepose(name) for name in seq.skeleton.keypoints)
    else:
        names = seq.skeleton.keypoints
    frames = {}
    for f, number in enumerate(_check.frame_numbers(seq).tolist()):
        points = _people.nullable(seq.positions[f, 0])
        there = seq.valid[f, 0].tolist()
        frames[str(number)] = {n: p for n, p, seen in zip(names, points, there, strict=True) if seen}
    return {"positions": frames}


def _blazepose(name: str) -> str:
    """As the BlazePose files spell it: ``Left_shoulder``, ``Mouth_left``."""
    side, _, rest = name.partition("_")
    return f"Mouth_{side}" if rest == "mouth" else name.capitalize()
