"""MediaPipe Pose in one npz: ``image``, ``visibility``, ``world``, ``fps``, ``width``, ``height``, settings.

``image`` (T, 33, 3): x and y as fractions of the image's width and height, z in the scale of x; ``world``
(T, 33, 3): metres from the middle of the hips, turned with the line of sight; ``visibility`` (T, 33) is the
confidence of both. Frames in which nobody was found are NaN. MediaPipe follows one person, and may change to
another one without saying so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from steadypose._layouts import layouts
from steadypose.errors import SteadyposeError
from steadypose.io import _npy
from steadypose.io._check import in_unit
from steadypose.io._check import one_person as check_one_person
from steadypose.io._fields import VALUES, Array, Field, Place, in_layout, need, numeric
from steadypose.io._probe import Probe, ReadOptions, tie, timeline
from steadypose.io._smpl import Kept, Part, Points, filled_in, one_person
from steadypose.sequence import Motion, PoseSequence, Space, Unit

_STREAMS: tuple[tuple[str, Unit, Space], ...] = (
    ("image", "normalized", "image"),
    ("world", "m", "root-relative"),
)


def sniff(probe: Probe) -> bool:
    """Whether the arrays have these names."""
    keys = set(probe.npz_keys)
    return "visibility" in keys and bool({"image", "world"} & keys)


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """Streams ``image`` and ``world``: those the file has."""
    content = _npy.load_npz(probe.path)
    rate = float(numeric(content["fps"], (), "fps", probe)) if "fps" in content else None
    parts: dict[str, Part] = {}
    streams: dict[str, Motion] = {}
    for name, unit, space in _STREAMS:
        if name not in content:
            continue
        x = numeric(content[name], (None, 33, 3), name, probe)
        seen = numeric(need(content, "visibility", "", probe), (len(x), 33), "visibility", probe)
        points = Points(Field(one_person(len(x), probe), x, (Place((name,)),), VALUES))
        times, notes = timeline(np.arange(len(x)), options, rate)
        parts[name] = points
        streams[name] = points.motion(layouts()["mediapipe33"], times, ("0",), unit, space, notes, seen)
    return tie(streams, "mediapipe-npz", probe.path, Kept(content, parts, _npy.is_compressed(probe.path)))


def write(streams: Mapping[str, Motion], document: Kept | None, target: Path) -> None:
    """The file that was read, with other landmarks; or a new one."""
    if document is not None:
        _npy.save_npz(filled_in(streams, document, "mediapipe-npz"), target, document.envelope)
    else:
        _npy.save_npz(_new(streams), target, compressed=True)


def image_size(document: Kept) -> tuple[float, float] | None:
    """Width and height, if the file has them."""
    found = [np.ravel(document.content[key]) for key in ("width", "height") if key in document.content]
    if len(found) != 2 or any(a.size != 1 or a.dtype.kind not in "iuf" for a in found):
        return None
    return float(found[0][0]), float(found[1][0])


def _new(streams: Mapping[str, Motion]) -> dict[str, Array]:
    content: dict[str, Array] = {}
    for name, motion in streams.items():
        if not isinstance(motion, PoseSequence) or motion.shape[3] != 3:
            raise SteadyposeError(f"mediapipe-npz holds 3D landmarks, found another kind in {name!r}")
        check_one_person(motion, "mediapipe-npz")
        named = in_layout(motion, layouts()["mediapipe33"], "mediapipe-npz")
        image = motion.space == "image"
        key = "image" if image else "world"
        if key in content:
            raise SteadyposeError(f"mediapipe-npz holds one {key} sequence, found two")
        content[key] = np.array(in_unit(named, "normalized" if image else "m")[:, 0])
        seen = named.valid if named.confidence is None else named.confidence
        content["visibility"] = seen[:, 0].astype(np.float32)
        content["fps"] = np.array(motion.fps if len(motion.times) > 1 else 30.0)
    return content
