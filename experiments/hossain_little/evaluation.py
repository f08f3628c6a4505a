"""One row: trained, then scored on clips that nothing was trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rows import FILTERS
from sets import code, kept_pairs

from steadypose.data.pairs import Pairs
from steadypose.errors import SteadyposeError
from steadypose.models import checkpoints
from steadypose.train import TrainConfig, Trained, train
from steadypose.train.score import predictor, score

SIGMAS = (5, 10, 15, 20)  # pixels, of the paper's Table 3


def trained_and_scored(config: TrainConfig, runs: Path) -> dict[str, Any]:
    """Scores by split and condition, of a per-frame network filtered too, and what the training took."""
    kept = runs / "sets"
    learned, watched = (kept_pairs(config, split, kept) for split in ("train", "validation"))
    trained = finish(config, runs, train_set=learned, validation_set=watched)
    predict = predictor(checkpoints.load(trained.path)[0])
    sets = {split: dict(conditions(config, split, kept)) for split in ("test", "validation")}
    kinds = (None, *FILTERS) if config.network.kind == "fcn" else (None,)
    found = {
        kind: {
            split: {name: score(predict, pairs, filter=kind) for name, pairs in those.items()}
            for split, those in sets.items()
        }
        for kind in kinds
    }
    about = {**training(trained.card), "data_code": code()}
    return {"training": about, "scores": found.pop(None), "filtered": found}


def finish(config: TrainConfig, runs: Path, **sets: Pairs) -> Trained:
    """Train, or go on, to the end.

    Another configuration has another folder: what was begun with other settings is never gone on with.
    """
    digest = hashlib.sha256(json.dumps(config.to_json(), sort_keys=True).encode()).hexdigest()[:8]
    folder = runs / f"{config.name}-seed{config.seed}-{digest}"
    trained = train(config, folder, resume=True, say=print, **sets)
    if not trained.finished:
        raise SteadyposeError(f"{folder}: interrupted; the same command goes on")
    return trained


def training(card: dict[str, Any]) -> dict[str, Any]:
    """What of a card belongs beside the scores."""
    return {k: card.get(k) for k in ("parameters", "epochs", "steps", "at_step", "minutes", "versions")}


def conditions(config: TrainConfig, split: str, kept: Path) -> Iterator[tuple[str, Pairs]]:
    """The ways in which a split is seen; Gaussian noise, as in the paper, by networks trained on clean 2D."""
    ways: dict[str, dict[str, Any]] = {"detector": {"noise": "detector"}, "clean": {"noise": "none"}}
    if config.data.noise == "none":
        ways |= {
            f"gaussian_{s}": {"noise": "gaussian", "sigma": float(s), "probability": 1.0} for s in SIGMAS
        }
    for name, changes in ways.items():
        yield name, kept_pairs(replace(config, data=replace(config.data, **changes)), split, kept)
