"""The estimators: two networks that lift noisy 2D to 3D, and what they say of every clip.

Training clips are lifted by a network that has not seen them: clips are dealt into two folds, and what was
trained on one lifts the other. Clips of all other splits are lifted by the network of fold 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from store import Recorded, stretches

from steadypose.data.pairs import Pairs, Track
from steadypose.errors import SteadyposeError
from steadypose.lift._spec import H36M17
from steadypose.models import checkpoints
from steadypose.train import TrainConfig, pairs_of, train
from steadypose.train.config import load
from steadypose.train.score import predictions, predictor

ROWS = Path(__file__).parents[1] / "hossain_little" / "rows"
# A fold is half of the motion: twice the epochs are as many steps as in experiments/hossain_little.
EPOCHS = {"fcn": 10, "seq2seq": 2}
FOLDS = (0, 1)
KINDS = tuple(EPOCHS)
SHORTEST = 32  # frames of a stretch that is kept
MILLIMETRES = 1000.0
JOINTS = H36M17[1:]  # what lifters say; the pelvis is where everything is relative to


def configuration(kind: str, noise: str = "detector", changes: Iterable[str] = ()) -> TrainConfig:
    """How a lifter is trained: as the row of experiments/hossain_little of that name.

    Raises
    ------
    SteadyposeError
        If there is no such lifter.
    """
    if kind not in EPOCHS:
        raise SteadyposeError(f"expected a lifter among {', '.join(EPOCHS)}, found {kind!r}")
    return load(
        ROWS / f"{kind}.toml",
        (f"trainer.epochs={EPOCHS[kind]}", f"data.noise={noise}", "seed=0", *changes),
    )


def folds(names: Iterable[str]) -> dict[str, int]:
    """The fold of every clip, by name: each performer's takes in turn, pieces of a take together."""
    found: dict[str, int] = {}
    takes: dict[str, dict[str, int]] = {}
    for name in sorted(set(names)):
        source, _, stem = name.rpartition("/")
        take = re.sub(r"_[a-z]$", "", stem)
        of = takes.setdefault(f"{source}/{re.split(r'[_-]', take)[0] if take[:2].isdigit() else ''}", {})
        found[name] = of.setdefault(take, len(of)) % len(FOLDS)
    return found


def clip_of(track: Track) -> str:
    """Name of the clip that a track shows."""
    return track.name.rpartition("/")[0]


def lifter(kind: str, fold: int, pairs: Pairs, folder: Path, changes: Iterable[str] = ()) -> Path:
    """The checkpoint of the lifter trained on one fold of the training clips; trained if it is not there."""
    config = configuration(kind, changes=changes)
    path = folder / f"{kind}-fold{fold}"
    done = path / "done"
    if not done.exists():
        fold_by = folds(clip_of(t) for t in pairs.tracks)
        mine = [t for t in pairs.tracks if fold_by[clip_of(t)] == fold]
        watched = pairs_of(config, "validation")
        trained = train(
            config, path, train_set=Pairs(mine, pairs.spec), validation_set=watched, resume=True, say=print
        )
        if not trained.finished:
            raise SteadyposeError(f"{path}: interrupted; the same command goes on")
        done.touch()
    return path / "best.safetensors"


def lifted(kind: str, split: str, pairs: Pairs, folder: Path, changes: Iterable[str] = ()) -> list[Recorded]:
    """What the lifters say of a split: metres, relative to the pelvis, camera axes, without the pelvis.

    Parameters
    ----------
    kind
        ``"fcn"`` or ``"seq2seq"``.
    split
        Of the clips: ``"train"`` is lifted across the folds.
    pairs
        The split as the detector sees it.
    folder
        Where the lifters are, or will be.
    changes
        In their configuration.
    """
    spec = configuration(kind).spec
    pairs = Pairs(pairs.tracks, spec)
    if split != "train":
        given = [(0, pairs)]
    else:
        fold_by = folds(clip_of(t) for t in pairs.tracks)
        given = []
        for fold in FOLDS:
            others = [t for t in pairs.tracks if fold_by[clip_of(t)] != fold]
            given.append((fold, Pairs(others, spec)))
    learned = pairs if split == "train" else None
    found = []
    for fold, seen in given:
        path = _trained(kind, fold, learned, folder, changes)
        said = predictions(predictor(checkpoints.load(path)[0]), seen)
        for track, y in zip(seen.tracks, said, strict=True):
            noisy = np.delete((y - y[:, :1]) / MILLIMETRES, 0, axis=1)
            truth = np.delete(track.truth / MILLIMETRES, 0, axis=1)
            sure = track.confidence[:, _seen_as(pairs.spec.joints)]
            found += stretches(track.name, track.label, track.fps, noisy, truth, SHORTEST, sure)
    return sorted(found, key=lambda r: r.name)


def _seen_as(joints: Sequence[str]) -> list[int]:
    """The input joint by which each of :data:`JOINTS` is seen: itself, or for the neck's base the thorax."""
    return [joints.index(name if name in joints else "thorax") for name in JOINTS]


def _trained(kind: str, fold: int, pairs: Pairs | None, folder: Path, changes: Iterable[str]) -> Path:
    path = folder / f"{kind}-fold{fold}"
    if pairs is None:
        if (path / "done").exists():
            return path / "best.safetensors"
        pairs = pairs_of(configuration(kind, changes=changes), "train")
    return lifter(kind, fold, pairs, folder, changes)
