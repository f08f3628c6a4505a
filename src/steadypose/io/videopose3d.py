"""VideoPose3D's npz: ``positions_3d`` {subject: {action: (T, 32 or 17, 3)}} or ``positions_2d`` {subject:
{action: [camera]}} with ``metadata``, each a mapping inside an object array.

3D positions are metres in the world, 2D ones pixels. Human3.6M (subjects S1, S5 …) has 50 fps. Names of 2D
keypoints follow from ``layout_name``, or from which ones ``keypoints_symmetry`` calls left and right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from steadypose._layouts import layouts
from steadypose.errors import SteadyposeError
from steadypose.io import _npy
from steadypose.io._check import in_unit
from steadypose.io._check import one_person as check_one_person
from steadypose.io._fields import Array, Columns, Field, Place, in_layout, numeric
from steadypose.io._fields import Path as Inside
from steadypose.io._probe import Probe, ReadOptions, tie, timeline
from steadypose.io._smpl import Kept, Part, Points, filled_in, one_person
from steadypose.sequence import Motion, PoseSequence, numbered
from steadypose.skeleton import Skeleton
from steadypose.skeleton import skeleton as find_skeleton

H36M_FPS = 50.0
# All 32 markers of Human3.6M; VideoPose3D itself uses the 17 of them that are the layout h36m17.
H36M32 = Skeleton(
    "h36m32",
    (
        "pelvis", "right_hip", "right_knee", "right_ankle", "right_toe", "right_toe_tip",
        "left_hip", "left_knee", "left_ankle", "left_toe", "left_toe_tip",
        "spine_base", "spine", "thorax", "neck_base", "head",
        "left_collar", "left_shoulder", "left_elbow", "left_wrist",
        "left_hand", "left_thumb", "left_hand_end", "left_hand_tip",
        "right_collar", "right_shoulder", "right_elbow", "right_wrist",
        "right_hand", "right_thumb", "right_hand_end", "right_hand_tip",
    ),
    (
        -1, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14,
        12, 16, 17, 18, 19, 20, 19, 22, 12, 24, 25, 26, 27, 28, 27, 30,
    ),
    ("pelvis",),
)  # fmt: skip
_LAYOUTS = {"h36m": "h36m17", "coco": "coco17"}
_LEFT = {(4, 5, 6, 11, 12, 13): "h36m17", (1, 3, 5, 7, 9, 11, 13, 15): "coco17"}


def sniff(probe: Probe) -> bool:
    """Whether the arrays have these names."""
    return bool({"positions_2d", "positions_3d"} & set(probe.npz_keys))


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """Streams ``S1/Walking`` in 3D and ``S1/Walking/0`` (camera 0) in 2D, in the file's order."""
    content = _npy.load_npz(probe.path)
    parts: dict[str, Part] = {}
    streams: dict[str, Motion] = {}
    for key, dims in (("positions_3d", 3), ("positions_2d", 2)):
        if key not in content:
            continue
        for path, value in _sequences(_mapping(content, key, probe), key, dims, probe):
            name = "/".join(map(str, path))
            x = numeric(value, (None, None, None), f"{key} {name}", probe)
            if x.shape[2] not in (dims, dims + 1) or x.shape[1] == 0:
                raise probe.error(f"{key} {name}", f"frames, keypoints and {dims} coordinates", f"{x.shape}")
            skeleton = _skeleton(content, x.shape[1], dims, options, f"{key} {name}", probe)
            field = Field(one_person(len(x), probe), x, (Place((key, (), *path)),), Columns(dims))
            fps = H36M_FPS if re.fullmatch(r"S\d+", str(path[0])) else None
            times, notes = timeline(np.arange(len(x)), options, fps)
            parts[name] = Points(field)
            streams[name] = Points(field).motion(
                skeleton, times, ("0",), "m" if dims == 3 else "px", "world" if dims == 3 else "image", notes
            )
    if not streams:
        raise probe.error("", "positions_2d or positions_3d with at least one sequence", "none")
    return tie(streams, "videopose3d", probe.path, Kept(content, parts, _npy.is_compressed(probe.path)))


def write(streams: Mapping[str, Motion], document: Kept | None, target: Path) -> None:
    """The file that was read, with other positions; or a new one, of sequences all 2D or all 3D."""
    if document is not None:
        _npy.save_npz(filled_in(streams, document, "videopose3d"), target, document.envelope)
    else:
        _npy.save_npz(_new(streams), target, compressed=True)


def _mapping(content: Mapping[str, Any], key: str, probe: Probe) -> Mapping[Any, Any]:
    array = content[key]
    value = array[()] if isinstance(array, np.ndarray) and array.shape == () else array
    if not isinstance(value, dict):
        raise probe.error(key, "a mapping of subjects", type(value).__name__)
    return value


def _sequences(
    subjects: Mapping[Any, Any], key: str, dims: int, probe: Probe
) -> Iterator[tuple[Inside, Any]]:
    for subject, actions in subjects.items():
        if not isinstance(actions, dict):
            raise probe.error(f"{key} {subject}", "a mapping of actions", type(actions).__name__)
        for action, value in actions.items():
            if dims == 3:
                yield (subject, action), value
            elif isinstance(value, list) or (
                isinstance(value, np.ndarray) and value.ndim
            ):  # cameras may also be the first axis of one array
                yield from (((subject, action, camera), x) for camera, x in enumerate(value))
            else:
                raise probe.error(f"{key} {subject}/{action}", "a list of cameras", type(value).__name__)


def _skeleton(
    content: Mapping[str, Any], count: int, dims: int, options: ReadOptions, place: str, probe: Probe
) -> Skeleton:
    if options.skeleton is not None:
        chosen = find_skeleton(options.skeleton)
        if len(chosen) != count:
            raise probe.error(place, f"{len(chosen)} keypoints ({chosen.name})", str(count))
        return chosen
    if dims == 3:
        return _in_space(count)
    name = _named(content, probe)
    return layouts()[name] if name is not None and count == 17 else numbered(count)


def _in_space(count: int) -> Skeleton:
    return {17: layouts()["h36m17"], 32: H36M32}.get(count) or numbered(count)


def _named(content: Mapping[str, Any], probe: Probe) -> str | None:
    if "metadata" not in content:
        return None
    metadata = _mapping(content, "metadata", probe)
    name = metadata.get("layout_name")
    if isinstance(name, str) and name in _LAYOUTS:
        return _LAYOUTS[name]
    sides = metadata.get("keypoints_symmetry")
    if isinstance(sides, (list, tuple)) and len(sides) == 2 and isinstance(sides[0], (list, tuple)):
        left = tuple(int(k) if isinstance(k, (int, np.integer)) else -1 for k in sides[0])
        return _LEFT.get(left)
    return None


def _new(streams: Mapping[str, Motion]) -> dict[str, Array]:
    dims = {m.shape[3] if isinstance(m, PoseSequence) else 0 for m in streams.values()}
    if len(dims) != 1 or dims == {0}:
        raise SteadyposeError(
            "videopose3d: expected sequences of positions, all 2D or all 3D, for a new file"
        )
    nested: dict[str, dict[str, Any]] = {}
    first = next(iter(streams.values()))
    for name, motion in streams.items():
        assert isinstance(motion, PoseSequence)
        check_one_person(motion, "videopose3d")
        subject, action, *camera = name.split("/") if name.count("/") else ("subject", name)
        actions = nested.setdefault(subject, {})
        if dims == {3}:
            if len(motion.skeleton) in (17, 32):
                motion = in_layout(motion, _in_space(len(motion.skeleton)), "videopose3d")
            actions["/".join((action, *camera))] = np.array(in_unit(motion, "m")[:, 0])
        else:
            actions.setdefault(action, []).append(np.array(in_unit(motion, "px")[:, 0]))
    if dims == {3}:
        return {"positions_3d": _boxed(nested)}
    mirror, names = first.skeleton.mirror.tolist(), first.skeleton.keypoints
    left = [k for k, n in enumerate(names) if mirror[k] != k and n.lower().startswith("l")]
    metadata: dict[str, Any] = {"layout_name": first.skeleton.name.removesuffix("17")}
    metadata |= {"num_joints": len(names), "keypoints_symmetry": [left, [mirror[k] for k in left]]}
    return {"positions_2d": _boxed(nested), "metadata": _boxed(metadata)}


def _boxed(value: Any) -> Array:
    box = np.empty((), dtype=object)
    box[()] = value
    return box
