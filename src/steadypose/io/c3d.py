"""C3D: marker positions beside analog channels, forces and events.

Writing changes the bytes of the coordinates that changed and nothing else. A point that is missing has a
residual below zero; one that was filled in gets a residual of zero, which C3D keeps for points that were
interpolated. Files of whole numbers keep their scale, and with it their resolution. Points that are no
positions (the angles, forces, moments and powers of gait models) are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._timed import within_reach
from steadypose.errors import DataError, MissingExtraError
from steadypose.io import _c3d_parameters, _check
from steadypose.io._c3d_parameters import Header
from steadypose.io._probe import Probe, ReadOptions, tie, timeline
from steadypose.sequence import Motion, PoseSequence
from steadypose.skeleton import Skeleton, skeleton

_NO_POSITIONS = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS", "REACTIONS")


@dataclass(frozen=True)
class Document:
    """The file, what its header says, and which of its points are positions."""

    data: bytes
    header: Header
    points: npt.NDArray[np.intp]


def sniff(probe: Probe) -> bool:
    """Whether the second byte is C3D's and the parameter section names a processor."""
    head = probe.head
    at = (head[0] - 1) * _c3d_parameters.BLOCK + 3 if head else -1
    return len(head) > 2 and head[1] == 0x50 and 0 < at < len(head) and head[at] in (84, 85, 86)


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """One person, the points named by their labels, in the file's unit and at its rate."""
    header = _c3d_parameters.parse(probe)
    names = _labels(header)
    other = {label for kind in _NO_POSITIONS for label in header.texts(f"POINT:{kind}")}
    points = np.array([k for k, n in enumerate(names) if n not in other], dtype=np.intp)
    if not len(points):
        raise probe.error("POINT:LABELS", "at least one position", "none")
    document = Document(probe.data, header, points)
    x = _positions(_words(document), header)[:, points]
    times, notes = timeline(np.arange(header.frames), options, header.rate)
    unit = options.unit or _check.known_unit((header.texts("POINT:UNITS") or [""])[0])
    if unit is None:
        found = repr((header.texts("POINT:UNITS") or [""])[0])
        raise probe.error("POINT:UNITS", "m, cm or mm", found)
    kept = [names[k] for k in points]
    layout = Skeleton.from_names(kept, "c3d") if options.skeleton is None else skeleton(options.skeleton)
    sequence = PoseSequence(x[:, None], times, layout, unit=unit, space="world", history=tuple(notes))
    return tie({"main": sequence}, "c3d", probe.path, document)


def _labels(header: Header) -> list[str]:
    """A unique name for every point: its label, or ``*`` and its number, as unlabelled markers are called."""
    labels = [*header.texts("POINT:LABELS")[: header.points]]
    labels += [""] * (header.points - len(labels))
    names: dict[str, None] = {}
    for k, label in enumerate(labels):
        name = label or f"*{k}"
        while name in names:
            name += f" ({k})"
        names[name] = None
    return list(names)


def _words(document: Document) -> npt.NDArray[Any]:
    """The points' numbers, shape (frames, points, 4): x, y, z, residual, as they stand in the file."""
    header, data = document.header, document.data
    size = _c3d_parameters.frame_words(header) * _c3d_parameters.word_bytes(header)
    raw = data[header.start : header.start + header.frames * size]
    read = _c3d_parameters.floats if header.scale < 0 else _c3d_parameters.whole
    words = read(raw, header.processor).reshape(header.frames, -1)
    return words[:, : 4 * header.points].reshape(header.frames, header.points, 4)


def _positions(words: npt.NDArray[Any], header: Header) -> npt.NDArray[np.float32]:
    """Coordinates, shape (frames, points, 3); NaN where the residual is negative.

    A point is there as a whole or not at all, for it has one residual.
    """
    scale = np.float32(1) if header.scale < 0 else np.float32(header.scale)
    with np.errstate(over="ignore", invalid="ignore"):  # of a damaged file
        x = words[..., :3].astype(np.float32) * scale
        x[words[..., 3] < 0] = np.nan
    x[np.isnan(within_reach(x)).any(axis=-1)] = np.nan
    return x


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """Coordinates into a copy of the file; or a new file."""
    motion = _check.positions_alone(streams, "c3d", (3,))
    if document is None:
        _write_new(motion, target)
        return
    doc: Document = document
    _check.fits("c3d", motion, (doc.header.frames, 1, len(doc.points), 3))
    target.write_bytes(_filled(doc, motion.positions[:, 0]))


def _filled(doc: Document, x: npt.NDArray[np.float32]) -> bytes:
    """The file's bytes with other coordinates."""
    header = doc.header
    words = _words(doc)[:, doc.points]
    old = _positions(words, header)
    gone = np.asarray(np.isnan(x).any(axis=-1))
    was_gone = np.asarray(np.isnan(old).any(axis=-1))
    changed = np.where(gone | was_gone, gone != was_gone, np.any(old != x, axis=-1))
    if not changed.any():
        return doc.data
    new = words[changed].astype(np.float32)
    there = ~gone[changed]
    new[there, :3] = x[changed][there]
    new[there, 3] = np.where(new[there, 3] < 0, 0, new[there, 3])
    new[~there] = [0, 0, 0, -1]
    if header.scale < 0:
        text = _c3d_parameters.float_bytes(new.ravel(), header.processor)
    else:
        new[there, :3] = np.rint(new[there, :3] / np.float32(header.scale))
        if np.abs(new).max() > 32767:
            raise DataError(
                f"c3d: expected positions within ±{32767 * header.scale:g} (the file's range), found more"
            )
        text = new.astype(">i2" if header.processor == "mips" else "<i2").tobytes()
    width = _c3d_parameters.word_bytes(header)
    frame, point = np.nonzero(changed)
    at = header.start + (frame * _c3d_parameters.frame_words(header) + 4 * doc.points[point]) * width
    out = np.frombuffer(doc.data, np.uint8).copy()
    out[at[:, None] + np.arange(4 * width)] = np.frombuffer(text, np.uint8).reshape(-1, 4 * width)
    return out.tobytes()


def _write_new(motion: PoseSequence, target: Path) -> None:
    _check.one_person(motion, "c3d")
    _check.even_times(motion, "c3d")
    try:
        import ezc3d
    except ImportError:
        raise MissingExtraError("writing a new c3d file", "formats") from None
    x = np.moveaxis(motion.positions[:, 0].astype(np.float64), 0, -1)  # (keypoints, 3, frames)
    gone = np.isnan(x).any(axis=1)
    points = np.ones((4, len(x), x.shape[2]))
    points[:3] = np.where(gone, np.nan, np.moveaxis(x, 1, 0))
    c = ezc3d.c3d()
    parameters = c["parameters"]["POINT"]
    parameters["RATE"]["value"] = [motion.fps if motion.shape[0] > 1 else 30.0]
    parameters["LABELS"]["value"] = motion.skeleton.keypoints
    parameters["UNITS"]["value"] = [motion.unit]
    c["data"]["points"] = points
    c["data"]["meta_points"] = {
        "residuals": np.where(gone, -1.0, 0.0)[None],
        "camera_masks": np.zeros((7, *gone.shape), dtype=bool),
    }
    c.write(str(target))
