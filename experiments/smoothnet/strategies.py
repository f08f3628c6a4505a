"""Ways to train a lifter and SmoothNet: alone, with a temporal loss, one behind the other, and together.

The lifters alone are rows of experiments/hossain_little, whose trained networks are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import sets
import torch
from evaluation import refined, score
from lifting import MILLIMETRES
from material import Material, material
from rows import BASE, LENGTH, SMALL
from store import Recorded, Values
from torch import Tensor, nn

from steadypose.data.pairs import Pairs, Track
from steadypose.errors import SteadyposeError
from steadypose.models import checkpoints
from steadypose.models.fcn import FCNConfig
from steadypose.models.lifter import Lifter, build
from steadypose.models.refiner import NETWORKS, RefinerNet, build_refiner
from steadypose.refine.windows import WindowSpec
from steadypose.train import load
from steadypose.train.score import predictions, predictor

HOSSAIN = Path(__file__).parents[1] / "hossain_little"
LIFTERS = {"one frame": "fcn", "five frames": "no_temporal", "five frames, temporal loss": "seq2seq"}
WINDOWS, STEPS, RATE = 32, 1000, 3e-3


@dataclass(frozen=True)
class Together:
    """How a lifter and SmoothNet behind it are trained as one network."""

    name: str
    acceleration: bool
    between: bool


TOGETHER = (
    Together("together", acceleration=False, between=False),
    Together("together, acceleration loss", acceleration=True, between=False),
    Together("together, loss between, acceleration loss", acceleration=True, between=True),
)


def strategies(base: nn.Module, seed: int, folder: Path, lifters: Path) -> dict[str, Any]:
    """Scores of every strategy on the test clips, for one seed."""
    given = material("detector", folder)
    scores, parameters = {}, {}
    for name, row in LIFTERS.items():
        found = _trained(lifters, row, seed)
        lifter = checkpoints.load(found)[0]
        lifted = _lifted(lifter, given, folder)
        scores[name] = score([r.noisy for r in lifted.recorded], lifted)
        scores[f"{name} → SmoothNet"] = score([refined(base, r, BASE) for r in lifted.recorded], lifted)
        parameters[name] = sum(p.numel() for p in lifter.parameters())
    for way in TOGETHER:
        lifter, refiner = _together(way, seed, folder)
        lifted = _lifted(lifter, given, folder)
        scores[way.name] = score([refined(refiner, r, BASE) for r in lifted.recorded], lifted)
        parameters[way.name] = sum(p.numel() for n in (lifter, refiner) for p in n.parameters())
        print(way.name, scores[way.name], flush=True)
    return {"scores": scores, "parameters": parameters}


def _trained(lifters: Path, row: str, seed: int) -> Path:
    config = load(HOSSAIN / "rows" / f"{row}.toml", (f"seed={seed}",))
    for path in sorted(lifters.glob(f"{row}-seed{seed}-*/best.safetensors")):
        if checkpoints.load(path)[1]["steps"] and config.name == row:
            return path
    raise SteadyposeError(
        f"{lifters}: expected the row {row!r}, seed {seed}, of experiments/hossain_little, found none "
        f"(python experiments/hossain_little/run.py train --rows {' '.join(LIFTERS.values())} "
        f"--runs {lifters})"
    )


def _lifted(lifter: Lifter, seen: Material, folder: Path) -> Material:
    """The test clips as a lifter has them; their truth is that of the clips the FCN lifted."""
    truth = {r.name: r for r in sets.recordings(folder, "fcn", "test")}
    tracks = [_track(r, truth[r.name]) for r in seen.recorded]
    found, truths = [], []
    for track, r, y in zip(
        tracks, seen.recorded, predictions(predictor(lifter), Pairs(tracks, lifter.spec)), strict=True
    ):
        x = np.delete((y - y[:, :1]) / np.float32(MILLIMETRES), 0, axis=1)
        found.append(replace(r, noisy=x, truth=truth[r.name].truth, confidence=None))
        truths.append(np.delete(track.truth, 0, axis=1))
    return Material(tuple(found), lambda x: x * np.float32(MILLIMETRES), "mm", tuple(truths))


def _track(seen: Recorded, there: Recorded) -> Track:
    """2D and 3D of one stretch as what lifters are given."""
    pixels = (seen.noisy + 1) * np.float32(sets.PIXELS)
    truth = np.pad(there.truth, [(0, 0), (1, 0), (0, 0)]) * np.float32(MILLIMETRES)
    return Track(seen.name, seen.label, seen.fps, pixels, np.ones(pixels.shape[:2], np.float32), truth)


def _together(way: Together, seed: int, folder: Path) -> tuple[Lifter, RefinerNet]:
    """The FCN and SmoothNet trained as one, on windows of the training clips of CMU."""
    torch.manual_seed(seed)
    rng = np.random.default_rng((seed, 3))
    spec = load(HOSSAIN / "rows" / "fcn.toml", ("seed=0",)).spec
    seen, there = (sets.part(sets.recordings(folder, kind, "train"), "cmu") for kind in ("detector", "fcn"))
    known = {r.name: r for r in there}
    tracks = [_track(r, known[r.name]) for r in seen if r.name in known]
    pairs = Pairs(tracks, spec)
    lifter = build(FCNConfig(width=128), spec)
    lifter.set_statistics(**pairs.statistics)
    config = NETWORKS["smoothnet"][0](**{k: v for k, v in SMALL.items() if k != "kind"})
    refiner = build_refiner(config, WindowSpec(LENGTH, 1, 50.0, "none", "flat"))
    optimiser = torch.optim.Adam([*lifter.parameters(), *refiner.parameters()], RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, STEPS, pct_start=0.1)
    draw = _drawer([t.keypoints for t in tracks], [t.truth for t in tracks], rng)
    for _ in range(STEPS):
        keypoints, truth = draw()
        flat = keypoints.reshape(-1, 1, *keypoints.shape[2:])
        lifted = lifter(flat).reshape(*keypoints.shape[:2], -1, 3)
        target = truth[:, :, 1:] / MILLIMETRES
        raw = (lifted - lifted[:, :, :1])[:, :, 1:] / MILLIMETRES
        curves = raw.flatten(2).transpose(1, 2)  # (windows, channels, frames)
        wanted = target.flatten(2).transpose(1, 2)
        said = refiner(curves)
        loss = (said - wanted).abs().mean()
        if way.acceleration:
            loss = loss + (said - wanted).diff(n=2).abs().mean()
        if way.between:
            loss = loss + (curves - wanted).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    lifter.eval()
    refiner.eval()
    return lifter, refiner


def _drawer(
    keypoints: Sequence[Values], truth: Sequence[Values], rng: np.random.Generator
) -> Callable[[], tuple[Tensor, Tensor]]:
    """Windows at random places of all tracks."""
    x, y = np.concatenate(keypoints), np.concatenate(truth)
    counts = np.array([len(k) for k in keypoints])
    first = np.cumsum(counts) - counts
    starts = np.concatenate([f + np.arange(n - LENGTH + 1) for f, n in zip(first, counts, strict=True)])

    def draw() -> tuple[Tensor, Tensor]:
        at = rng.choice(starts, WINDOWS)[:, None] + np.arange(LENGTH)
        return torch.from_numpy(x[at]), torch.from_numpy(y[at])

    return draw
