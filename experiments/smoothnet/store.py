"""Recordings of noisy and true curves, in files that many rows share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Recorded:
    """A stretch of motion as an estimator has it, and as it was.

    Parameters
    ----------
    name, label, fps
        Of the clip (and camera, and first frame of the stretch); of the action; frames a second.
    noisy, truth : ndarray of float32, shape (frames, points, dims)
        Without gaps.
    confidence : ndarray of float32, shape (frames, points), optional
        As the detector has it, 0 to 1.
    """

    name: str
    label: str
    fps: float
    noisy: Values
    truth: Values
    confidence: Values | None = None


def stretches(
    name: str,
    label: str,
    fps: float,
    noisy: npt.ArrayLike,
    truth: npt.ArrayLike,
    shortest: int,
    confidence: npt.ArrayLike | None = None,
) -> list[Recorded]:
    """The stretches of a recording in which nothing is missing, if they are long enough."""
    x, y = np.asarray(noisy, np.float32), np.asarray(truth, np.float32)
    c = None if confidence is None else np.asarray(confidence, np.float32)
    there = np.isfinite(x).all(axis=(1, 2)) & np.isfinite(y).all(axis=(1, 2))
    edge = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(np.int8)))
    return [
        Recorded(
            name if start == 0 else f"{name}@{start}",
            label,
            fps,
            x[start:stop],
            y[start:stop],
            None if c is None else c[start:stop],
        )
        for start, stop in edge.reshape(-1, 2)
        if stop - start >= shortest
    ]


def save(path: Path, recorded: Sequence[Recorded], **about: Any) -> None:
    """Write recordings: ``noisy`` and ``truth`` (frames, points × dims), laid end to end, and who is who.

    Either all have a confidence, (frames, points) in the file, or none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.npz")
    counts = [len(r.noisy) for r in recorded]
    sure = [r.confidence for r in recorded if r.confidence is not None]
    if sure:
        about["confidence"] = np.concatenate(sure)
    np.savez(
        part,
        noisy=np.concatenate([r.noisy.reshape(len(r.noisy), -1) for r in recorded]),
        truth=np.concatenate([r.truth.reshape(len(r.truth), -1) for r in recorded]),
        first=np.concatenate([[0], np.cumsum(counts)[:-1]]),
        names=[r.name for r in recorded],
        labels=[r.label for r in recorded],
        fps=[r.fps for r in recorded],
        dims=recorded[0].noisy.shape[2],
        **about,
    )
    part.replace(path)


def load(path: Path) -> list[Recorded]:
    """What :func:`save` wrote."""
    with np.load(path, allow_pickle=False) as f:
        shape = (f["noisy"].shape[0], -1, int(f["dims"]))
        x, y = (np.split(f[name].reshape(shape), f["first"][1:]) for name in ("noisy", "truth"))
        c = np.split(f["confidence"], f["first"][1:]) if "confidence" in f else [None] * len(x)
        return [
            Recorded(str(name), str(label), float(fps), *arrays)
            for name, label, fps, *arrays in zip(f["names"], f["labels"], f["fps"], x, y, c, strict=True)
        ]
