"""Rows that are not trained here: what comes in, filters, RefineNet, and strategies of training a lifter."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import filtering
from evaluation import inputs, network_of, refined, score
from material import Material, material, validation
from rows import BASE, ROWS, TRAINED, tests_of

from steadypose.errors import SteadyposeError


def made(row: str, seed: int, folder: Path, runs: Path, lifters: Path, results: Path) -> dict[str, Any]:
    """One of :data:`papertables.FIXED`.

    Raises
    ------
    SteadyposeError
        If there is no such row, or what it needs is not there.
    """
    if row == "input":
        return {"scores": {test: inputs(test, folder) for test in tests_of(TRAINED)}}
    if row == "filters":
        return filtering.tuned(folder, {s: _accel(s, folder, runs) for s in filtering.SOURCES})
    base = network_of("base", seed, folder, runs)
    if row == "speed":
        return {"scores": {"fcn": {"fps": _speed(base, material("fcn", folder))}}}
    if row == "refinenet":
        return _refinenet(base, folder, results)
    if row == "strategies":
        from strategies import strategies

        return strategies(base, seed, folder, lifters)
    raise SteadyposeError(f"expected a row that is known, found {row!r}")


def _accel(source: str, folder: Path, runs: Path) -> float:
    """Of the network of seed 0 on its own validation clips: what is comparable."""
    row = {"fcn": "base", "detector": "detector"}[source]
    network, watched = network_of(row, 0, folder, runs), validation(source, folder)
    return score([refined(network, r, ROWS[row]) for r in watched.recorded], watched)["accel"]


def _speed(network: Any, given: Material) -> float:
    """Frames a second of one body of 16 joints, every frame in a window of its own, on this machine."""
    refined(network, given.recorded[0], BASE)
    started = time.perf_counter()
    for r in given.recorded:
        refined(network, r, BASE)
    return sum(len(r.noisy) for r in given.recorded) / (time.perf_counter() - started)


def _refinenet(base: Any, folder: Path, results: Path) -> dict[str, Any]:
    """RefineNet by itself, and filters and SmoothNet behind it."""
    from dataclasses import replace

    found = filtering.refinenet(folder)
    given = material("fcn", folder)
    outputs = found.pop("outputs")["refinenet"]
    behind = Material(
        tuple(replace(r, noisy=x) for r, x in zip(given.recorded, outputs, strict=True)),
        given.points,
        given.unit,
        given.truth,
    )
    params = json.loads((results / "filters-seed0.json").read_text("utf-8"))["params"]
    for method in ("savgol", "gaussian"):
        chosen = {k: v for k, v in params[f"fcn {method} lowest"].items() if k != "validation"}
        found["scores"][f"refinenet → {method}"] = score(filtering.filtered(behind, method, **chosen), behind)
    found["scores"]["refinenet → SmoothNet"] = score(
        [refined(base, r, BASE) for r in behind.recorded], behind
    )
    return found
