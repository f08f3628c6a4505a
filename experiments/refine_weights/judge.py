"""What refinement does to streams with truth, and what the best filter of many does, chosen in hindsight.

Every method has the same cleaning before it (swaps put back, outliers out, short gaps filled), so that
filters are given all that the network is given; for them it is done once. Errors are in the stream's units.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from conditions import FAST, Stream

import steadypose as sp
from steadypose import metrics
from steadypose.refine import Filter, Refiner, make_refiner

Refine = Callable[[sp.PoseSequence], sp.PoseSequence]
FILTERS: dict[str, list[dict[str, float]]] = {
    "gaussian": [{"sigma": s} for s in np.geomspace(0.02, 0.16, 9)],
    "savgol": [{"window": w} for w in np.geomspace(0.15, 1.1, 8)],
    "kalman": [{"cutoff": c} for c in np.geomspace(1, 8, 8)],
    "butterworth": [{"cutoff": c} for c in np.geomspace(1, 8, 7)],
    "one_euro": [{"min_cutoff": c, "beta": b} for c in np.geomspace(0.1, 3, 4) for b in (0.3, 2.0, 10.0)],
    "moving_average": [{"window": w} for w in np.geomspace(0.07, 0.6, 6)],
}


@dataclass(frozen=True)
class _Nothing(Filter):
    """For the cleaning alone."""

    name: ClassVar[str] = "nothing"

    def smooth(self, values, weights, times, size, person=None):
        """As it is."""
        return values.copy()


def prepared(streams: Sequence[Stream]) -> list[Stream]:
    """Streams whose cleaning is done: what was taken out or bridged is missing again, and counts as that."""
    made = []
    for s in streams:
        clean = Refiner(_Nothing(), outliers=True, swaps=True)(s.raw)
        gaps = np.where(clean.filled[..., None], np.float32(np.nan), clean.positions)
        made.append(replace(s, raw=s.raw.with_positions(gaps, "cleaned")))
    return made


def hindsight() -> dict[str, Refine]:
    """All filter settings to choose from, 50 of them, for :func:`prepared` streams."""
    return {
        f"{name} {' '.join(f'{v:.3g}' for v in parameters.values())}": make_refiner(name, **parameters)
        for name, settings in FILTERS.items()
        for parameters in settings
    }


def cleaned(method: str, **parameters: object) -> Refine:
    """A method behind the default pipeline's cleaning."""
    return make_refiner(method, outliers=True, swaps=True, **parameters)  # type: ignore[arg-type]


def scores(streams: Sequence[Stream], refine: Refine | None) -> dict[str, float]:
    """Means over streams: errors where there is a result, lag in frames, peak speed of fast clips."""
    each: dict[str, list[float]] = {}
    for s in streams:
        x = (s.raw if refine is None else refine(s.raw)).positions[:, 0].astype(np.float64)
        found = {"mpjpe": float(metrics.mpjpe(x, s.truth)), "accel": float(metrics.accel(x, s.truth))}
        found["lag"] = metrics.lag(x, s.truth)
        found["worst"] = _worst(x, s)
        if any(word in s.label for word in FAST):
            found["fast"] = float(metrics.peak_speed_ratio(x, s.truth))
        for name, value in found.items():
            each.setdefault(name, []).append(value)
    return {name: float(np.nanmean(values)) for name, values in each.items()}


def changed(streams: Sequence[Stream], refine: Refine) -> dict[str, float]:
    """What refinement does to motion that needs none: rms distance, mean over clips and the worst clip."""
    rms = []
    for s in streams:
        moved = refine(s.raw).positions[:, 0].astype(np.float64) - s.truth
        rms.append(float(np.sqrt(np.nanmean(np.sum(moved**2, axis=-1)))))
    return {"mean": float(np.mean(rms)), "worst": float(np.max(rms))}


def best(rows: Mapping[str, Mapping[str, float]], by: str) -> str:
    """The setting with the lowest score."""
    return min(rows, key=lambda name: rows[name][by])


def _worst(x: np.ndarray, s: Stream) -> float:
    """MPJPE in the percent of frames in which the input is worst."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # frames without anybody
        before, after = s.error, np.nanmean(np.linalg.norm(x - s.truth, axis=-1), axis=-1)
    known = np.flatnonzero(np.isfinite(before) & np.isfinite(after))
    if not known.size:
        return float("nan")
    count = max(1, len(known) // 100)
    return float(after[known[np.argsort(before[known])[-count:]]].mean())
