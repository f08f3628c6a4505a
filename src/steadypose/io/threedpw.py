"""3DPW sequences (``sequenceFiles/*/*.pkl``): lists of one item a person, pickled by Python 2.

``poses`` (T, 72) and ``trans`` (T, 3) are in the world at the images' 30 Hz, ``poses_60Hz`` and
``trans_60Hz`` the same at the sensors' 60 Hz; ``jointPositions`` (T, 72) are SMPL's 24 joints; ``poses2d``
(T, 3, 18) are OpenPose detections (COCO-18) as rows of x, y and confidence, zero where nothing was found
(readme of the dataset). ``betas`` are one set a person. Cameras, genders and the rest are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from steadypose._layouts import layouts
from steadypose.errors import SteadyposeError
from steadypose.io import _pickle
from steadypose.io._fields import (
    VALUES,
    Array,
    Codec,
    Columns,
    Field,
    Place,
    Rows,
    need,
    numeric,
    rows,
    stacked,
)
from steadypose.io._probe import Probe, ReadOptions, tie, timeline
from steadypose.io._smpl import AXIS_ANGLE, Body, Kept, Part, Points, filled_in, new, one_shape
from steadypose.io._tracks import pickled
from steadypose.sequence import Motion

_BODIES = (("pose", "poses", "trans", 30.0), ("pose_60Hz", "poses_60Hz", "trans_60Hz", 60.0))


def sniff(probe: Probe) -> bool:
    """Whether a pickle holds lists of poses and translations."""
    content = probe.pickle
    return isinstance(content, dict) and all(isinstance(content.get(k), list) for k in ("poses", "trans"))


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """Streams ``pose`` (30 Hz), ``pose_60Hz``, ``joints3d`` and ``joints2d``: those the file has."""
    content = pickled(probe)
    people = need(content, "poses", "", probe)
    if not isinstance(people, list) or not people:
        raise probe.error("poses", "a list of one array a person", type(people).__name__)
    names = tuple(map(str, range(len(people))))
    parts: dict[str, Part] = {}
    streams: dict[str, Motion] = {}
    bodies: dict[str, Body] = {}
    for name, pose, trans, fps in _BODIES:
        if pose not in content:
            continue
        each = _arrays(content, pose, (None, 72), names, probe)
        where, numbers = rows([np.arange(len(a)) for a in each], names, probe)
        body = Body(
            _field(content, pose, (None, 72), (24, 3), where, names, probe, AXIS_ANGLE),
            _field(content, trans, (None, 3), (1, 3), where, names, probe) if trans in content else None,
            _betas(content, where, names, probe),
        )
        times, notes = timeline(numbers, options, fps)
        bodies[name] = parts[name] = body
        streams[name] = body.motion(layouts()["smpl24"], times, names, "world", notes)
    where = bodies["pose"].pose.rows
    times = streams["pose"].times
    if "jointPositions" in content:
        joints = Points(_field(content, "jointPositions", (None, 72), (24, 3), where, names, probe))
        parts["joints3d"] = joints
        streams["joints3d"] = joints.motion(layouts()["smpl24"], times, names, "m", "world")
    if "poses2d" in content:
        codec = Columns(2, zero=True, transposed=True)
        joints = Points(_field(content, "poses2d", (None, 3, 18), (3, 18), where, names, probe, codec))
        parts["joints2d"] = joints
        streams["joints2d"] = joints.motion(layouts()["coco18"], times, names, "px", "image")
    return tie(streams, "threedpw", probe.path, Kept(content, parts, _pickle.compression(probe.head)))


def write(streams: Mapping[str, Motion], document: Kept | None, target: Path) -> None:
    """The file that was read, with other rotations, translations and joints; or a new one of poses alone."""
    if document is not None:
        _pickle.dump(filled_in(streams, document, "threedpw"), target, document.envelope)
        return
    if len(streams) != 1:
        raise SteadyposeError(f"threedpw: expected one sequence for a new file, found {', '.join(streams)}")
    name, motion = next(iter(streams.items()))
    made = new(motion, (24,), "threedpw")
    persons = range(len(motion.persons))
    content = {
        "sequence": name,
        "poses": [made.poses[:, p] for p in persons],
        "trans": [made.trans[:, p] for p in persons],
        "betas": [one_shape(made.betas[:, p]) for p in persons],
    }
    _pickle.dump(content, target)


def _arrays(
    content: Any, name: str, shape: tuple[int | None, ...], names: tuple[str, ...], probe: Probe
) -> list[Array]:
    items = need(content, name, "", probe)
    if not isinstance(items, list) or len(items) != len(names):
        found = f"{len(items)} items" if isinstance(items, list) else type(items).__name__
        raise probe.error(name, f"a list of {len(names)} arrays, one a person", found)
    return [numeric(item, shape, f"{name}[{p}]", probe) for p, item in enumerate(items)]


def _field(
    content: Any,
    name: str,
    shape: tuple[int | None, ...],
    items: tuple[int, ...],
    where: Rows,
    names: tuple[str, ...],
    probe: Probe,
    codec: Codec = VALUES,
) -> Field:
    each = _arrays(content, name, shape, names, probe)
    for p, array in enumerate(each):
        frames = int((where.person == p).sum())
        if len(array) != frames:
            raise probe.error(f"{name}[{p}]", f"{frames} frames, as in the poses", str(len(array)))
    original, pieces = stacked([a.reshape(len(a), *items) for a in each])
    return Field(where, original, tuple(Place((name, p), piece) for p, piece in enumerate(pieces)), codec)


def _betas(content: Any, where: Rows, names: tuple[str, ...], probe: Probe) -> Array | None:
    if "betas" not in content:
        return None
    each = [b.reshape(-1) for b in _arrays(content, "betas", (None,), names, probe)]
    if len({len(b) for b in each}) > 1:
        raise probe.error("betas", "as many coefficients for every person", "different numbers")
    return np.stack(each)[where.person]
