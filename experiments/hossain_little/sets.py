"""Sets of tracks kept on disk: many rows share one, and reading motion capture takes minutes."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

import steadypose.data
from steadypose.data.pairs import Pairs, Track
from steadypose.errors import SteadyposeError
from steadypose.train import TrainConfig, pairs_of


def kept_pairs(config: TrainConfig, split: str, folder: Path) -> Pairs:
    """``pairs_of(config, split)``, made once for all configurations whose data are the same.

    Raises
    ------
    SteadyposeError
        If the data change from epoch to epoch, or need cameras, which are not kept.
    """
    if config.data.fresh or config.data.normalisation != "pixels":
        raise SteadyposeError("expected data.fresh = 0 and data.normalisation = 'pixels', found others")
    path = folder / f"{split}-{config.data.noise}-{_digest(config, split)}.npz"
    if not path.exists():
        _save(path, pairs_of(config, split))
    return Pairs(_load(path), config.spec)


def code() -> str:
    """A digest of the code that makes sets: rows are comparable only where it is the same."""
    found = hashlib.sha256()
    for file in sorted(Path(steadypose.data.__path__[0]).glob("*.py")):
        found.update(file.read_bytes())
    return found.hexdigest()[:12]


def _digest(config: TrainConfig, split: str) -> str:
    """Of all that decides what a set is: data, joints, code, and for training the seed."""
    about = [
        asdict(config.data),
        config.spec.joints,
        split,
        config.seed if split == "train" else None,
        code(),
    ]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


def _save(path: Path, pairs: Pairs) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.npz")
    np.savez(
        part,
        keypoints=pairs.keypoints,
        confidence=pairs.confidence,
        truth=pairs.truth,
        first=pairs.first,
        names=[t.name for t in pairs.tracks],
        labels=[t.label for t in pairs.tracks],
        fps=[t.fps for t in pairs.tracks],
    )
    part.replace(path)


def _load(path: Path) -> list[Track]:
    with np.load(path, allow_pickle=False) as f:
        k, c, y = (np.split(f[name], f["first"][1:]) for name in ("keypoints", "confidence", "truth"))
        return [
            Track(str(name), str(label), float(fps), *arrays)
            for name, label, fps, *arrays in zip(f["names"], f["labels"], f["fps"], k, c, y, strict=True)
        ]
