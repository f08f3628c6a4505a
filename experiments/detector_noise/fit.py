"""The detector noise's parameters from real detections.

    STEADYPOSE_DATA=… python experiments/detector_noise/fit.py       (the folder that holds real/ and mocap/)

Amplitudes, time constants and gains by Nelder and Mead's search: the statistics of simulated detections are
brought to those of the recordings that are not held out. Prints what belongs into noise.py. The rest of the
parameters are read off the tables of run.py (see about.md).
"""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from real import Recording, load
from scipy.optimize import minimize
from simulate import simulate
from stats import average, describe

from steadypose.data.noise import DetectorNoise

SEARCHED = (
    "fast_scale", "slow_scale", "still_scale", "fast_time", "slow_time",
    "spread", "speed_gain", "occlusion_gain", "outlier_rate",
)  # fmt: skip
# Statistic, how many of its numbers, weight, whether its logarithm is compared.
GOALS = {
    "triangulation": (
        ("error_median", 1, 2.0, True), ("error_acf", 5, 2.0, False), ("error_tail", 4, 0.7, True),
        ("error_offset", 1, 1.0, True), ("error_fast", 1, 1.0, True), ("error_hidden", 1, 0.7, True),
        ("error_kurtosis", 1, 0.3, True),
    ),
    "motion capture": (
        ("error_median", 1, 2.0, True), ("error_acf", 5, 2.0, False), ("error_tail", 4, 0.7, True),
        ("error_fast", 1, 1.0, True), ("error_kurtosis", 1, 0.3, True),
    ),
    "all": (
        ("jitter_median", 1, 2.0, True), ("jitter_acf", 3, 2.0, False), ("jitter_tail", 4, 0.7, True),
        ("jitter_fast", 1, 1.0, True), ("jitter_hidden", 1, 0.5, True),
        ("jitter_kurtosis", 1, 0.3, True),
    ),
}  # fmt: skip


def parts(recordings: list[Recording]) -> list[Recording]:
    """Recordings with calibrated cameras in halves: the later ones are held out."""
    out = []
    for r in recordings:
        out += r.halves() if r.kind == "triangulation" else [r]
    return out


def summary(recordings: list[Recording]) -> dict[str, dict[str, object]]:
    """Medians over the recordings of every kind, and over all."""
    rows = [(r.kind, describe(r)) for r in recordings]
    groups = {kind: [d for k, d in rows if kind in (k, "all")] for kind in (*{k for k, _ in rows}, "all")}
    return {kind: average(of) for kind, of in groups.items()}


def simulated(noise: DetectorNoise, root: Path, seeds: tuple[int, ...]) -> dict[str, dict[str, object]]:
    """The same of simulated recordings."""
    both = [simulate(noise, root, seed) for seed in seeds]
    triangulated, true = ([r for one in of for r in one] for of in zip(*both, strict=True))
    whole = average([describe(r) for r in triangulated])
    exact = average([describe(r, jitter=False) for r in true])
    return {"triangulation": whole, "motion capture": exact, "all": whole}


def misfit(real: dict[str, dict[str, object]], ours: dict[str, dict[str, object]]) -> float:
    """Weighted sum of squared differences of :data:`GOALS`."""
    total = 0.0
    for kind, goals in GOALS.items():
        for name, count, weight, logarithm in goals:
            a, b = (np.atleast_1d(np.array(s[kind][name], float))[:count] for s in (real, ours))
            if logarithm:
                a, b = np.log(np.maximum(a, 1e-4)), np.log(np.maximum(b, 1e-4))
            d = np.where(np.isfinite(a - b), a - b, 0.0)
            total += weight * float((d * d).mean())
    return total


def main() -> None:
    """Search; prints the parameters and how well they fit, also what was held out."""
    warnings.simplefilter("ignore", RuntimeWarning)  # statistics of what a recording does not have
    root = Path(os.environ["STEADYPOSE_DATA"])
    recordings = parts(load(root / "real"))
    goal = summary([r for r in recordings if not r.held_out])
    start = DetectorNoise()
    first = np.log([getattr(start, k) for k in SEARCHED])

    def noise(x: np.ndarray) -> DetectorNoise:
        return replace(start, **dict(zip(SEARCHED, np.exp(x).tolist(), strict=True)))

    def cost(x: np.ndarray) -> float:
        value = misfit(goal, simulated(noise(x), root / "mocap", (0, 1)))
        print(f"{value:.4f}", *(f"{k}={v:.3g}" for k, v in zip(SEARCHED, np.exp(x), strict=True)), flush=True)
        return value

    simplex = np.vstack([first, first + 0.25 * np.eye(len(first))])
    found = minimize(
        cost, first, method="Nelder-Mead",
        options={"initial_simplex": simplex, "maxfev": int(os.environ.get("EVALUATIONS", "150"))},
    )  # fmt: skip
    held = summary([r for r in recordings if r.held_out])
    print(f"misfit {cost(first):.3f} before, {found.fun:.3f} after, by {found.nfev} evaluations")
    ours = simulated(noise(found.x), root / "mocap", (2, 3))
    print(f"other seeds: fitted recordings {misfit(goal, ours):.3f}, held out {misfit(held, ours):.3f}")
    for name, value in zip(SEARCHED, np.exp(found.x), strict=True):
        print(f"{name} = {value:.3g}")


if __name__ == "__main__":
    main()
