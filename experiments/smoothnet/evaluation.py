"""Networks trained, run over whole clips, and measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from material import Material, learned, material, size, undone
from rows import RATE, ROWS, Row, changed, configuration
from store import Recorded, Values
from torch import nn

from steadypose import metrics
from steadypose.data.trajectories import TrajectoryPairs
from steadypose.errors import SteadyposeError
from steadypose.models import checkpoints
from steadypose.refine.windows import WindowSpec, normalise, refine_curves
from steadypose.train import RefineConfig, Trained, train_refiner

VALIDATION_STEP = 4
Refine = Callable[[Recorded], Values]


def trained_and_scored(
    row: str, seed: int, folder: Path, runs: Path, changes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Scores by test, and what the training took."""
    r, config = changed(row, changes), configuration(row, seed, changes)
    trained = finish(config, r, folder, runs)
    network = checkpoints.load(trained.path)[0]
    scores = {}
    for test in r.tests:
        name, _, way = test.partition("+")
        given = material(name, folder)
        scores[test] = score([refined(network, x, r, way) for x in given.recorded], given)
    size = sum(p.numel() for p in network.parameters())
    return {"training": {"parameters": size, **training(trained)}, "scores": scores}


def finish(config: RefineConfig, row: Row, folder: Path, runs: Path) -> Trained:
    """Train, or go on, to the end; another configuration has another folder."""
    digest = hashlib.sha256(json.dumps(config.to_json(), sort_keys=True).encode()).hexdigest()[:8]
    path = runs / f"{config.name}-seed{config.seed}-{digest}"
    train, watched = learned(row, folder, config.seed)
    trained = train_refiner(
        config,
        path,
        train_set=TrajectoryPairs(train, config.spec, joint=row.joint),
        validation_set=TrajectoryPairs(watched, config.spec, step=VALIDATION_STEP, joint=row.joint),
        resume=True,
        say=print,
    )
    if not trained.finished:
        raise SteadyposeError(f"{path}: interrupted; the same command goes on")
    return trained


def training(trained: Trained) -> dict[str, Any]:
    """What of a card belongs beside the scores, and errors by epoch."""
    card = trained.card
    about = {k: card.get(k) for k in ("epochs", "steps", "at_step", "minutes", "versions")}
    return {**about, "validation": card.get("scores", {}).get("validation"), "curves": curves(trained)}


def curves(trained: Trained) -> dict[str, list[float]]:
    """What TensorBoard was told after every epoch."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(trained.path.parent)).Reload()
    wanted = ("loss", "validation/position", "validation/acceleration", "validation/loss")
    return {t: [e.value for e in log.Scalars(t)] for t in wanted if t in log.Tags()["scalars"]}


def refined(network: nn.Module, r: Recorded, row: Row, way: str = "") -> Values:
    """A clip as a network leaves it; shape (frames, points, dims).

    Parameters
    ----------
    network
        A :class:`~steadypose.models.refiner.RefinerNet`.
    r
        As the network takes it.
    row
        How clips are prepared for it.
    way
        ``"apart"``: windows side by side; ``"hann"``: weighted by a bell; else one frame apart and alike.
    """
    from material import prepared

    spec = network.spec
    step = spec.length if way == "apart" else 1
    if way == "hann":
        spec = WindowSpec(**{**spec.to_json(), "taper": "hann"})
    x = prepared(r, row)[0]
    curve = np.ascontiguousarray(x.reshape(len(x), -1), np.float32)
    if row.joint:
        return undone(_together(network, curve, size(x)).reshape(x.shape), r, row)
    out = over(curve, r.fps, runner(network), spec, step, size(x))
    return undone(out.reshape(x.shape), r, row)


def over(
    curve: Values, fps: float, run: Callable[..., Values], spec: WindowSpec, step: int, body: float
) -> Values:
    """Curves (frames, channels) refined; those of another frame rate go through that of the network."""
    sizes = np.full(curve.shape[1], body)
    if abs(fps / RATE - 1) < 0.02:
        return refine_curves(curve, run, spec, size=sizes, step=step)
    from scipy.interpolate import CubicSpline

    there = np.arange(len(curve)) / fps
    grid = np.arange(0, there[-1] + 1e-9, 1 / RATE)
    between = CubicSpline(there, curve, axis=0)(grid).astype(np.float32)
    steady = refine_curves(between, run, spec, size=sizes, step=step)
    return CubicSpline(grid, steady, axis=0)(there).astype(np.float32)


def runner(network: nn.Module) -> Callable[..., Values]:
    """A network as a function of arrays, in evaluation mode."""
    network.eval()

    def run(windows: Values, context: Values | None = None) -> Values:
        with torch.inference_mode():
            found: Values = network(torch.from_numpy(windows)).numpy()
            return found

    return run


def _together(network: nn.Module, curve: Values, body: float) -> Values:
    """Windows of all channels at once, one frame apart, averaged."""
    spec = network.spec
    if len(curve) < spec.length:
        longer = np.pad(curve, [(0, spec.length - len(curve)), (0, 0)], mode="edge")
        return _together(network, longer, body)[: len(curve)]
    run = runner(network)
    windows = np.lib.stride_tricks.sliding_window_view(curve, spec.length, axis=0)  # (windows, channels, …)
    out = np.zeros_like(curve)
    count = np.zeros((len(curve), 1), np.float32)
    for at in range(0, len(windows), 256):
        x, offset, scale = normalise(windows[at : at + 256], spec, np.full(curve.shape[1], body))
        y = run(x) * scale + offset
        for t in range(spec.length):
            out[at + t : at + t + len(y)] += y[:, :, t]
            count[at + t : at + t + len(y)] += 1
    return out / count


def inputs(test: str, folder: Path) -> dict[str, float]:
    """The scores of what comes in."""
    given = material(test, folder)
    return score([r.noisy for r in given.recorded], given)


def score(outputs: Sequence[Values], given: Material) -> dict[str, float]:
    """All metrics of outputs (as networks give them), over all frames and points together; mm or px.

    ``mpjpe_1`` and ``accel_1`` are of the frames in which the input's error is in the worst hundredth.
    """
    x = np.concatenate([given.points(y) for y in outputs])
    z = np.concatenate([given.points(r.noisy) for r in given.recorded])
    y = np.concatenate(given.truth)
    cuts = np.cumsum([len(t) for t in given.truth])[:-1].tolist()
    return {
        "mpjpe": float(metrics.mpjpe(x, y)),
        "pa_mpjpe": float(metrics.pa_mpjpe(x, y)),
        "accel": float(metrics.accel(x, y, cuts=cuts)),
        "mpjve": float(metrics.mpjve(x, y, cuts=cuts)),
        "mpjpe_1": float(metrics.mpjpe_worst(x, y, z)),
        "accel_1": float(metrics.accel_worst(x, y, z, cuts=cuts)),
        "peak_speed": float(metrics.peak_speed_ratio(x, y, cuts=cuts)),
        "lag": float(metrics.lag(x, y, cuts=cuts)),
    }


def network_of(
    row: str, seed: int, folder: Path, runs: Path, changes: Mapping[str, Any] | None = None
) -> nn.Module:
    """A row's trained network; trained if it is not there."""
    config = configuration(row, seed, changes)
    found: nn.Module = checkpoints.load(finish(config, ROWS[row], folder, runs).path)[0]
    return found
