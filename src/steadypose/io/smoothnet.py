"""SmoothNet's npz: arrays with one item a sequence, and of each sequence one row a frame.

``imgname`` names the frames; ``joints_3d`` (T, K·3) and ``joints_2d`` (T, K·2) are positions, ``pose`` (T,
72) and ``shape`` (T, 10), with ``trans`` in some ground truth, are SMPL. Neither keypoints nor rate are in
the file: names of images tell the datasets apart (AIST++ 60 fps, Human3.6M 50, 3DPW 30), 14 keypoints are
LSP's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from steadypose._layouts import layouts
from steadypose.errors import SteadyposeError
from steadypose.io import _npy
from steadypose.io._check import frame_numbers, in_unit
from steadypose.io._check import one_person as check_one_person
from steadypose.io._fields import VALUES, Array, Field, Place, in_layout, need, numeric
from steadypose.io._people import image_unit, length_unit
from steadypose.io._probe import Probe, ReadOptions, tie, timeline
from steadypose.io._smpl import AXIS_ANGLE, Body, Kept, Part, Points, filled_in, new_of_one, one_person
from steadypose.sequence import Motion, PoseSequence, Space, numbered
from steadypose.skeleton import Skeleton
from steadypose.skeleton import skeleton as find_skeleton

LSP14 = Skeleton.from_names(
    (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist",
        "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top",
    ),
    "lsp14",
)  # fmt: skip
_JOINTS = (("joints_3d", 3), ("joints_2d", 2))
# How images are called in a dataset, its rate, and its layout of 17 keypoints.
_DATASETS: tuple[tuple[str, float, str | None], ...] = (
    (r"g[A-Z]{2}_s[A-Z]{2}_c", 60.0, None),
    (r"imageFiles|(downtown|outdoors|courtyard|office|flat)_", 30.0, None),
    (r"s_\d\d_act_|(^|[/_\\])S\d+[/_\\]", 50.0, "h36m17"),
)


def sniff(probe: Probe) -> bool:
    """Whether the arrays have these names."""
    keys = set(probe.npz_keys)
    return "imgname" in keys and bool({"joints_3d", "joints_2d", "pose"} & keys)


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """Streams ``0/joints_3d``, ``0/joints_2d``, ``0/pose``, ``1/joints_3d`` …: those the file has."""
    content = _npy.load_npz(probe.path)
    names = need(content, "imgname", "", probe)
    parts: dict[str, Part] = {}
    streams: dict[str, Motion] = {}
    for index in range(_count(content, probe)):
        frames = [str(n) for n in np.ravel(np.asarray(names[index]))]
        if not frames:
            raise probe.error(f"imgname[{index}]", "at least one frame", "none")
        fps, layout = _dataset(frames)
        times, notes = timeline(_numbers(frames), options, fps)
        for key, dims in _JOINTS:
            if key in content:
                x = numeric(content[key][index], (len(frames), None), f"{key}[{index}]", probe)
                if x.shape[1] % dims or x.shape[1] == 0:
                    raise probe.error(f"{key}[{index}]", f"{dims} numbers a keypoint", f"{x.shape[1]} in all")
                points, motion = _points(x, (key, index), dims, layout, times, notes, options, probe)
                parts[f"{index}/{key}"], streams[f"{index}/{key}"] = points, motion
        if "pose" in content:
            body = _body(content, index, len(frames), probe)
            parts[f"{index}/pose"] = body
            streams[f"{index}/pose"] = body.motion(layouts()["smpl24"], times, ("0",), "camera", notes)
    return tie(streams, "smoothnet", probe.path, Kept(content, parts, _npy.is_compressed(probe.path)))


def write(streams: Mapping[str, Motion], document: Kept | None, target: Path) -> None:
    """The file that was read, with other coordinates; or a new one of one modality."""
    if document is None:
        _npy.save_npz(_new(streams), target)
    else:
        _npy.save_npz(filled_in(streams, document, "smoothnet"), target, document.envelope)


def _count(content: Mapping[str, Any], probe: Probe) -> int:
    """How many sequences there are, in every array alike."""
    keys = [k for k in ("imgname", "joints_3d", "joints_2d", "pose", "shape", "trans") if k in content]
    for key in keys:
        if content[key].ndim < 1 or len(content[key]) != len(content["imgname"]):
            raise probe.error(key, "one item a sequence, as imgname has", f"shape {content[key].shape}")
    return len(content["imgname"])


def _dataset(frames: Sequence[str]) -> tuple[float | None, str | None]:
    for pattern, fps, layout in _DATASETS:
        if frames and re.search(pattern, frames[0]):
            return fps, layout
    return None, None


def _numbers(frames: Sequence[str]) -> Array:
    """Frame numbers from the last digits of the names; counted where those are not increasing."""
    found = [re.findall(r"\d+", name.rsplit("/", 1)[-1]) for name in frames]
    if all(found):
        numbers = np.array([int(digits[-1][-15:]) for digits in found])
        step = np.diff(numbers)
        if (step > 0).all():
            # Some datasets keep every second or fourth image: the usual step is one frame.
            usual = int(np.median(step)) if len(step) else 1
            return numbers if (step % usual).any() else (numbers - numbers[0]) // usual
    return np.arange(len(frames))


def _points(
    x: Array,
    path: tuple[str, int],
    dims: int,
    layout: str | None,
    times: Array,
    notes: list[str],
    options: ReadOptions,
    probe: Probe,
) -> tuple[Points, PoseSequence]:
    x = x.reshape(len(x), -1, dims)
    skeleton = _skeleton(x.shape[1], layout, options, f"{path[0]}[{path[1]}]", probe)
    unit, said = (length_unit if dims == 3 else image_unit)(x, options)
    points = Points(Field(one_person(len(x), probe), x, (Place(path),), VALUES))
    space: Space = "camera" if dims == 3 else "image"
    return points, points.motion(skeleton, times, ("0",), unit, space, [*notes, *said])


def _skeleton(count: int, layout: str | None, options: ReadOptions, place: str, probe: Probe) -> Skeleton:
    if options.skeleton is not None:
        chosen = find_skeleton(options.skeleton)
        if len(chosen) != count:
            raise probe.error(place, f"{len(chosen)} keypoints ({chosen.name})", str(count))
        return chosen
    if count == 17 and layout is not None:
        return layouts()[layout]
    return _by_count(count)


def _by_count(count: int) -> Skeleton:
    return {14: LSP14, 24: layouts()["smpl24"]}.get(count) or numbered(count)


def _body(content: Mapping[str, Any], index: int, count: int, probe: Probe) -> Body:
    rows = one_person(count, probe)

    def array(key: str, width: int | None) -> Array:
        return numeric(content[key][index], (count, width), f"{key}[{index}]", probe)

    def place(key: str) -> tuple[Place, ...]:
        return (Place((key, index)),)

    pose = Field(rows, array("pose", 72).reshape(-1, 24, 3), place("pose"), AXIS_ANGLE)
    trans = None
    if "trans" in content:
        trans = Field(rows, array("trans", 3)[:, None], place("trans"), VALUES)
    return Body(pose, trans, array("shape", None) if "shape" in content else None)


def _new(streams: Mapping[str, Motion]) -> dict[str, Array]:
    rows: dict[str, list[Array]] = {}
    for index, motion in enumerate(streams.values()):
        if isinstance(motion, PoseSequence):
            check_one_person(motion, "smoothnet")
            if len(motion.skeleton) in (14, 24):
                motion = in_layout(motion, _by_count(len(motion.skeleton)), "smoothnet")
            dims = motion.shape[3]
            x = in_unit(motion, "m") if dims == 3 else motion.positions
            rows.setdefault(f"joints_{dims}d", []).append(x.reshape(len(x), -1))
        else:
            rows.setdefault("pose", []).append(new_of_one(motion, (24,), "smoothnet").poses[:, 0])
        frames = np.array([f"{index}/{k:06d}.jpg" for k in frame_numbers(motion)])
        rows.setdefault("imgname", []).append(frames)
    if len(rows) != 2:
        raise SteadyposeError("smoothnet: expected sequences of one kind (2D, 3D or SMPL) for a new file")
    return {key: _objects(items) for key, items in sorted(rows.items())}


def _objects(items: Sequence[Array]) -> Array:
    box = np.empty(len(items), dtype=object)
    for k, item in enumerate(items):
        box[k] = item
    return box
