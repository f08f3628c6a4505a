"""SLEAP's analysis files: tracks, scores and names in HDF5. Everything but the tracks is copied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import DataError
from steadypose.io import _check, _h5
from steadypose.io._probe import Probe, ReadOptions, keep_exact, tie, timeline
from steadypose.sequence import Motion, PoseSequence
from steadypose.skeleton import Skeleton, skeleton

# Where (frames, tracks, nodes, xy) are in the file: as SLEAP writes it from Python, and the other way round.
_ORDERS = ((3, 0, 2, 1), (0, 3, 1, 2))


@dataclass(frozen=True)
class Document:
    """The file, and the axes of its tracks that are frames, tracks, nodes and xy."""

    data: bytes
    order: tuple[int, ...]


def sniff(probe: Probe) -> bool:
    """Whether the file has tracks and node names at its top."""
    return {"tracks", "node_names"} <= _h5.names(probe)


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """All tracks, in pixels; point scores are the confidence."""
    with _h5.opened(probe) as file:
        nodes = file.texts("node_names")
        found = file.texts("track_names") if "track_names" in file else []
        tracks = file.numbers("tracks")
        scores = file.numbers("point_scores") if "point_scores" in file else None
        edges = file.numbers("edge_inds") if "edge_inds" in file else np.empty((0, 2), int)
    if tracks.dtype.kind != "f" or tracks.ndim != 4:
        raise probe.error(
            "tracks", "floats of shape (tracks, 2, nodes, frames)", f"{tracks.dtype} {tracks.shape}"
        )
    order = next((o for o in _ORDERS if tracks.shape[o[3]] == 2 and tracks.shape[o[2]] == len(nodes)), None)
    if order is None:
        raise probe.error("tracks", f"shape (tracks, 2, {len(nodes)} nodes, frames)", f"{tracks.shape}")
    with np.errstate(over="ignore"):
        x = tracks.transpose(order).astype(np.float32)
    if not x.shape[0] or not x.shape[1]:
        raise probe.error("tracks", "at least one frame and one track", f"{tracks.shape}")
    times, notes = timeline(np.arange(len(x)), options)
    sequence = PoseSequence(
        x,
        times,
        _layout(nodes, edges) if options.skeleton is None else skeleton(options.skeleton),
        None if scores is None else _confidence(probe, scores, order, x.shape[:3]),
        tuple(found) if len(set(found)) == len(found) == x.shape[1] else (),
        options.unit or "px",
        history=tuple(notes),
    )
    return tie({"main": sequence}, "sleap", probe.path, Document(probe.data, order))


def _layout(nodes: list[str], edges: npt.NDArray[Any]) -> Skeleton:
    """The file's own edges are the bones, where it has any."""
    named = Skeleton.from_names(nodes, "sleap")
    if (
        edges.dtype.kind not in "iu"
        or edges.ndim != 2
        or edges.shape[1] != 2
        or not len(edges)
        or not 0 <= edges.min() <= edges.max() < len(nodes)
    ):
        return named
    pairs = tuple((int(a), int(b)) for a, b in edges)
    return Skeleton(named.name, named.keypoints, named.parents, named.root, pairs)


def _confidence(
    probe: Probe, scores: npt.NDArray[Any], order: tuple[int, ...], shape: tuple[int, ...]
) -> npt.NDArray[np.float32] | None:
    c = scores.transpose((2, 0, 1) if order == _ORDERS[0] else (0, 2, 1)) if scores.ndim == 3 else scores
    if c.shape != shape or c.dtype.kind != "f":
        raise probe.error(
            "point_scores", f"shape (tracks, nodes, frames) of {shape}", f"{c.dtype} {scores.shape}"
        )
    with np.errstate(over="ignore"):
        return _check.has_values(c.astype(np.float32))


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """Tracks into a copy of the file; or a new file with names, tracks, scores and occupancy."""
    motion = _check.positions_alone(streams, "sleap", (2,))
    if document is None:
        _write_new(motion, target)
        return
    with _h5.copied(document.data, target) as file:
        tracks = file["tracks"]
        old = tracks[()].transpose(document.order)
        _check.fits("sleap", motion, old.shape)
        new = keep_exact(old, motion.positions)
        if not np.array_equal(new, old, equal_nan=True):
            tracks[...] = new.transpose(np.argsort(document.order))
            return
    target.write_bytes(document.data)  # opening a file for changes touches its bytes


def _write_new(motion: PoseSequence, target: Path) -> None:
    if motion.unit != "px":
        raise DataError(f"sleap holds pixels, found {motion.unit}")
    with _h5.created(target) as file:
        x = motion.positions
        file["tracks"] = np.ascontiguousarray(x.transpose(np.argsort(_ORDERS[0])), dtype=np.float64)
        file["track_names"] = np.array([p.encode() for p in motion.persons])
        file["node_names"] = np.array([k.encode() for k in motion.skeleton.keypoints])
        file["edge_inds"] = motion.skeleton.bones.astype(np.int64)
        names = [[motion.skeleton.keypoints[i].encode() for i in bone] for bone in motion.skeleton.bones]
        file["edge_names"] = np.array(names, dtype="S").reshape(-1, 2)
        file["track_occupancy"] = motion.valid.any(axis=2).astype(np.uint8)
        if motion.confidence is not None:
            file["point_scores"] = motion.confidence.transpose(1, 2, 0).astype(np.float64)
