"""Recordings as networks learn from them and are tested on them, and what brings an output back to points."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import rotated
import sets
from rows import Row
from store import Recorded, Values

import steadypose as sp
from steadypose._size import body_size
from steadypose.data.trajectories import Trajectory
from steadypose.errors import SteadyposeError
from steadypose.metrics import align

MILLIMETRES = 1000.0
STILL = 1e-3  # a channel's standard deviation is taken to be no less


@dataclass(frozen=True)
class Material:
    """What a network is tested on.

    Parameters
    ----------
    recorded
        As the network takes it.
    points
        From a network's output (frames, points, dims) to points that are measured.
    unit
        Of the points: ``"mm"`` or ``"px"``.
    truth
        Points; NaN where they are not known.
    """

    recorded: tuple[Recorded, ...]
    points: Callable[[Values], Values]
    unit: str
    truth: tuple[Values, ...]


def material(name: str, folder: Path) -> Material:
    """What a test is made of; ``name`` as in :attr:`rows.Row.tests`, without ``+``.

    Clips of ``/deepmimic`` are training clips, lifted by a network that has not seen them: for networks
    trained on CMU alone.
    """
    return _material(name, str(folder))


@cache
def _material(name: str, folder: str) -> Material:
    source, _, part = name.partition("/")
    if source == "keraal":
        return keraal(part)
    if source.startswith("rotations"):
        return _rotations(source, Path(folder), "test")
    split = {"": "test", "deepmimic": "train"}.get(part, "noncommercial")
    recorded = sets.recordings(Path(folder), source, split)
    if part:
        recorded = sets.part(recorded, part)
    return _material_of(sets.tested(recorded))


def validation(source: str, folder: Path) -> Material:
    """The validation clips of a source, on which parameters are chosen."""
    if source.startswith("rotations"):
        return _rotations(source, folder, "validation")
    return _material_of(sets.tested(sets.recordings(folder, source, "validation")))


def learned(row: Row, folder: Path, seed: int) -> tuple[list[Trajectory], list[Trajectory]]:
    """What a row is trained on, and what tells its best checkpoint."""
    found = []
    for split in ("train", "validation"):
        if row.source.startswith("rotations"):
            recorded = list(_rotations(row.source, folder, split).recorded)
        else:
            recorded = sets.recordings(folder, row.source, split, seed if split == "train" else 0)
        if split == "train":
            recorded = sets.part(recorded, row.folder)
        elif not row.source.startswith("rotations"):
            recorded = sets.tested(recorded)
        found.append([trajectory(*prepared(r, row), row.source) for r in recorded])
    return found[0], found[1]


def trajectory(noisy: Values, truth: Values, r: Recorded, label: str) -> Trajectory:
    """A recording as :class:`~steadypose.data.trajectories.TrajectoryPairs` takes it."""
    frames, _, dims = noisy.shape
    x, y = (np.ascontiguousarray(v.reshape(frames, -1), np.float32) for v in (noisy, truth))
    return Trajectory(r.name, label, r.fps, x, y, dims, size(noisy))


def size(x: Values) -> float:
    """Of a body."""
    return float(body_size(x[:, None])[0])


def prepared(r: Recorded, row: Row) -> tuple[Values, Values, Recorded]:
    """What goes in and what should come out, by the row's way to prepare clips."""
    if row.prepared == "as it is":
        return r.noisy, r.truth, r
    own = _statistics(r.noisy)
    given = own if row.prepared == "sequence" else _statistics(r.truth)
    return (r.noisy - own[0]) / own[1], (r.truth - given[0]) / given[1], r


def undone(refined: Values, r: Recorded, row: Row) -> Values:
    """The network's output in the units of the recording."""
    if row.prepared == "as it is":
        return refined
    mean, deviation = _statistics(r.noisy if row.prepared == "sequence" else r.truth)
    return np.asarray(refined * deviation + mean, np.float32)


def _statistics(x: Values) -> tuple[Values, Values]:
    return x.mean(axis=0), np.maximum(x.std(axis=0), STILL)


def _material_of(recorded: Sequence[Recorded]) -> Material:
    if not recorded:
        raise SteadyposeError("expected recordings to test on, found none")
    unit, factor = ("px", sets.PIXELS) if recorded[0].noisy.shape[2] == 2 else ("mm", MILLIMETRES)

    def points(x: Values) -> Values:
        return x * np.float32(factor)

    return Material(tuple(recorded), points, unit, tuple(points(r.truth) for r in recorded))


def _rotations(form: str, folder: Path, split: str) -> Material:
    def points(x: Values) -> Values:
        return rotated.from_form(x, form) * np.float32(MILLIMETRES)

    found = [rotated.in_form(r, form) for r in sets.recordings(folder, "rotations", split)]
    truth = () if split == "train" else tuple(points(r.truth) for r in found)
    return Material(tuple(found), points, "mm", truth)


def keraal(estimator: str) -> Material:
    """A real estimator's streams of three takes, and Vicon's truth fitted to the raw input.

    The Kinect's joints are relative to its pelvis; pictures are from -1 to 1 along their width. Missing
    points are interpolated and not measured.
    """
    root = os.environ.get("STEADYPOSE_DATA")
    if not root:
        raise SteadyposeError("expected the environment variable STEADYPOSE_DATA, found it not set")
    folder = Path(root) / "real" / "keraal"
    if estimator == "Kinect":
        return _kinect(folder)
    width = _real().KERAAL["OP"][1][0] / 2.0
    found, truths = [], []
    for r in _real().keraal(folder):
        if r.estimator != estimator:
            continue
        there = np.isfinite(r.pixels).all(axis=2)
        seen = there.any(axis=0)
        x = r.pixels[:, seen]
        truth = np.where(np.isfinite(r.error), r.pixels - r.error, np.nan)[:, seen]
        x = _bridged(x, there[:, seen]) / width - 1
        found.append(Recorded(r.name, estimator, r.fps, x, (truth / width - 1).astype(np.float32)))
        truths.append(truth.astype(np.float32))
    return Material(tuple(found), lambda y: (y + 1) * np.float32(width), "px", tuple(truths))


def _kinect(folder: Path) -> Material:
    found, truths = [], []
    for take in ("CTK", "ELK", "RTK"):
        raw = sp.read(folder / f"G3-Kinect-{take}-P1T1-Unknown-C-0.txt")
        truth = align(raw, sp.read_streams(folder / f"G3-Vicon-{take}-P1T1-Unknown-C-0.txt")).truth
        names = [n for n in truth.skeleton.canonical if n in raw.skeleton.canonical and n != "pelvis"]
        both = []
        for motion in (raw, truth):
            metres = {"m": 1.0, "mm": 0.001}[motion.unit]
            root = motion.positions[:, 0, motion.skeleton.index("pelvis")]
            at = [motion.skeleton.index(n) for n in names]
            both.append((motion.positions[:, 0][:, at] - root[:, None]) * np.float32(metres))
        x = _bridged(both[0], np.isfinite(both[0]).all(axis=2))
        found.append(Recorded(f"Keraal {take}, Kinect", "Kinect", raw.fps, x, both[1]))
        truths.append(both[1] * np.float32(MILLIMETRES))
    return Material(tuple(found), lambda y: y * np.float32(MILLIMETRES), "mm", tuple(truths))


def _bridged(x: np.ndarray, there: np.ndarray) -> Values:
    """Missing points on the line between their neighbours in time; the ends repeated."""
    frames = np.arange(len(x))
    out = np.array(x, np.float32)
    for k in range(x.shape[1]):
        for axis in range(x.shape[2]):
            out[:, k, axis] = np.interp(frames, frames[there[:, k]], x[there[:, k], k, axis])
    return out


@cache
def _real() -> ModuleType:
    """experiments/detector_noise/real.py: Keraal's 2D streams and the truth brought into their pictures."""
    path = Path(__file__).parents[1] / "detector_noise" / "real.py"
    spec = importlib.util.spec_from_file_location("detector_noise_real", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
