"""Filters tuned greedily on validation clips, and RefineNet, measured as networks are."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from evaluation import score
from filter_names import METHODS
from material import MILLIMETRES, Material, material, validation
from store import Recorded, Values

from steadypose.refine import make_refiner, tune
from steadypose.sequence import PoseSequence

SOURCES = ("fcn", "detector")
# The adaptive smoother finds its own cutoffs: only how strong it is can be asked for.
# RefineNet keeps what it does where nothing is seen.
NOT_SEARCHED = {
    "adaptive": {"lowest": 1.0, "highest": 12.0},
    "refinenet": {"span": 0.67, "hold": 0.1, "cap": 0.6},
}
BETWEEN = 10.0  # seconds between clips laid end to end: nothing is smoothed across


def tuned(folder: Path, accel: Mapping[str, float]) -> dict[str, Any]:
    """Scores of every filter on the test clips, with the parameters that are best on the validation clips.

    Parameters
    ----------
    folder
        Of the recordings.
    accel
        By source, the Accel of the network on its validation clips: for ``comparable`` the filter with the
        lowest MPJPE among parameters whose Accel is no higher.

    Returns
    -------
    dict
        ``"scores"`` and ``"params"`` by ``SOURCE METHOD lowest`` and ``SOURCE METHOD comparable``.
    """
    scores, params = {}, {}
    for source in SOURCES:
        watched, given = validation(source, folder), material(source, folder)
        x, y = sequences(watched)
        for method in METHODS:
            for way, wanted in (("lowest", None), ("comparable", accel[source])):
                known = NOT_SEARCHED.get(method, {})
                found = tune(x, y, method, target_accel=wanted, confidence=False, **known)
                name = f"{source} {method} {way}"
                params[name] = {**found.params, "validation": [found.best.error, found.best.accel]}
                started = time.perf_counter()
                outputs = filtered(given, method, **found.params)
                seconds = time.perf_counter() - started
                frames = sum(len(r.noisy) for r in given.recorded)
                scores[name] = {**score(outputs, given), "fps": frames / seconds}
                print(f"{name}: {found}", flush=True)
    return {"scores": scores, "params": params}


def refinenet(folder: Path, source: str = "fcn") -> dict[str, Any]:
    """RefineNet as released, and tuned, weighing every joint by the detector's confidence; outputs too."""
    watched, given = validation(source, folder), material(source, folder)
    x, y = sequences(watched, confidence=True)
    found = tune(x, y, "refinenet", **NOT_SEARCHED["refinenet"])
    outputs = {
        "refinenet": filtered(given, "refinenet", confidence=True),
        "refinenet tuned": filtered(given, "refinenet", confidence=True, **found.params),
    }
    return {
        "scores": {name: score(out, given) for name, out in outputs.items()},
        "params": {"refinenet tuned": dict(found.params)},
        "outputs": outputs,
    }


def filtered(given: Material, method: str, *, confidence: bool = False, **params: float) -> list[Values]:
    """Every clip behind a filter, as networks give it."""
    return filtered_clips(given.recorded, method, confidence=confidence, **params)


def filtered_clips(
    recorded: tuple[Recorded, ...], method: str, *, confidence: bool = False, **params: float
) -> list[Values]:
    """Clips behind a filter."""
    refiner = make_refiner(method, confidence=confidence, **params)
    whole = refiner(_sequence(recorded, [r.noisy for r in recorded], confidence)).positions[:, 0]
    return np.split(whole, np.cumsum([len(r.noisy) for r in recorded])[:-1])


def sequences(given: Material, *, confidence: bool = False) -> tuple[PoseSequence, PoseSequence]:
    """All clips end to end, a pause between them, in the units that are measured: what came in, the truth.

    The metric's unit is millimetres or pixels; both are what :func:`steadypose.refine.tune` compares.
    """
    factor = np.float32(1 / MILLIMETRES) if given.unit == "mm" else np.float32(1)
    points = [given.points(r.noisy) * factor for r in given.recorded]
    truth = [y * factor for y in given.truth]
    return (
        _sequence(given.recorded, points, confidence),
        _sequence(given.recorded, truth, False),
    )


def _sequence(recorded: tuple[Recorded, ...], x: list[Values], confidence: bool) -> PoseSequence:
    times, start = [], 0.0
    for r in recorded:
        times.append(start + np.arange(len(r.noisy)) / r.fps)
        start = times[-1][-1] + BETWEEN
    flat = x[0].shape[2] == 2
    return PoseSequence.from_array(
        np.concatenate(x),
        times=np.concatenate(times),
        unit="px" if flat else "m",
        space="image" if flat else "root-relative",
        confidence=np.concatenate([r.confidence for r in recorded]) if confidence else None,  # type: ignore[misc]
    )
