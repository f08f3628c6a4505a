"""Refinement on real streams with truth: error against steadiness, and the knee's peak in walking.

    export STEADYPOSE_DATA=…                            (the folder that holds real/)
    runs/mediapipe/bin/python real_estimate.py …        MediaPipe's landmarks, once; see there
    python real_run.py filters                          the input, filters, Kalman smoothers
    python real_run.py network --label NAME [--weights FILE]   a network, alone and as the default is
    python real_run.py quick [--weights FILE]           one network, printed, not kept
    python real_run.py summarise                        results_real.md and front_real.png

In other programs: ``real_run.score_real(refine)``, with a function from a motion to a motion.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from real_compare import CUTOFFS, KINDS, MODELS, compared, kalman
from real_data import KEPT, data
from real_kalman import RauchTungStriebel
from real_score import Refine, Scores, knees, scores
from real_store import SHORT, Results
from real_summary import summarise

import steadypose as sp
from steadypose.refine import METHODS, Refiner, method_for

HERE = Path(__file__).parent
RESULTS = HERE / "results_real.json"
STRENGTHS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0)
OTHERS: dict[str, tuple[str, dict[str, float]]] = {
    "adaptive": ("adaptive", {}),
    "butterworth 6 Hz": ("butterworth", {"cutoff": 6.0}),
    "gcv": ("gcv", {}),
}


def main() -> None:
    """Score methods, or write down what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("filters", "network", "quick", "summarise"))
    parser.add_argument("--weights", help="an ONNX file; else the network that comes with steadypose")
    parser.add_argument("--label", help="what the network is called in the tables")
    parser.add_argument("--strength", type=float, default=1.0, help="for quick")
    args = parser.parse_args()
    if args.what == "quick":
        _print(score_real(network(args.weights, args.strength), f"{args.weights} {args.strength}"))
    elif args.what == "filters":
        _keep({label: (refine, not label.startswith("kalman")) for label, refine in filters().items()})
    elif args.what == "network":
        if not args.label:
            raise SystemExit("expected --label NAME")
        _look(f"{args.label}, {args.weights}")
        _keep(
            {
                f"{args.label}{' alone' if alone else ''}, strength {strength:g}": (
                    network(args.weights, strength, alone=alone),
                    strength == 1.0,
                )
                for alone in (False, True)
                for strength in STRENGTHS
            }
        )
    else:
        summarise(HERE, Results.read(RESULTS), data().streams, STRENGTHS)


def score_real(refine: Refine, label: str = "unnamed", results: Path = RESULTS) -> dict[str, Any]:
    """Score a function that takes and gives a PoseSequence (and a BodyMotion) on all real streams.

    Every call is a look at streams kept for checking, and is counted in the ignored folder's `looks.txt`.

    Returns
    -------
    dict
        ``streams``: scores by stream (:func:`real_score.scores`); ``knees``: degrees at the peaks of real
        walking, input, output and truth; ``mean``: geometric means over families of streams, MPJPE and Accel
        over the input's and over those of the default before; ``kalman``: how much worse than the best Kalman
        smoother (of two models and all cutoffs, plain and behind the default's cleaning) Accel is at equal
        error and error at equal Accel, below 1 better, None where no Kalman smoother gets there.
    """
    _look(label)
    rows = {s.name: scores(s, refine) for s in data().streams}
    families = {s.name: s.family for s in data().streams}
    return {"streams": rows, "knees": knees(data(), refine)} | compared(
        rows, Results.read(results).rows, families
    )


def network(weights: str | None, strength: float = 1.0, *, alone: bool = False) -> Refine:
    """A network behind the whole pipeline, as the default is, or by itself."""
    given: dict[str, Any] = {"strength": strength} | ({} if weights is None else {"weights": weights})
    method = method_for(None, given) if alone else None
    return lambda motion: sp.refine(motion, method, **given)


def filters() -> dict[str, Refine | None]:
    """The input, and methods without a network."""
    made: dict[str, Refine | None] = {"input": None}
    for label, (method, settings) in OTHERS.items():
        if method in METHODS:
            made[label] = _method(method, settings)
            made[f"{label}, cleaned"] = _method(method, settings, clean=True)
    made |= {f"adaptive, strength {s:g}": _method("adaptive", {"strength": s}) for s in STRENGTHS}
    for kind in KINDS:
        clean = kind == "cleaned"
        for model, order in MODELS.items():
            for cutoff in CUTOFFS:
                smoother = RauchTungStriebel(cutoff=cutoff, order=order)
                made[kalman(kind, model, cutoff)] = Refiner(
                    smoother, outliers=clean, swaps=clean, confidence=False
                )
    return made


def _method(method: str, settings: Mapping[str, float], *, clean: bool = False) -> Refine:
    return lambda motion: sp.refine(motion, method, outliers=clean, swaps=clean, **settings)


def _keep(methods: Mapping[str, tuple[Refine | None, bool]]) -> None:
    """Add rows to the results; of settings that only draw a line less is kept."""
    results = Results.read(RESULTS)
    for label, (refine, whole) in methods.items():
        rows = {s.name: scores(s, refine) for s in data().streams}
        if whole:
            results.knees[label] = knees(data(), refine)
        else:
            rows = {name: {m: row[m] for m in SHORT} for name, row in rows.items()}
        results.rows[label] = rows
    results.write(RESULTS)


def _look(label: str) -> None:
    with (KEPT / "looks.txt").open("a") as f:
        f.write(f"{label}\n")


def _print(found: dict[str, Any]) -> None:
    families: dict[str, list[Scores]] = {}
    for s in data().streams:
        families.setdefault(s.family, []).append(found["streams"][s.name])
    shown = ("mpjpe", "offset_free", "accel", "lag", "peak_speed")
    print("means over the streams of a family: " + ", ".join(shown))
    for family, rows in families.items():
        print(f"{family}: " + ", ".join(f"{np.nanmean([r[m] for r in rows]):.3f}" for m in shown))
    for word, ratios in found["mean"].items():
        print(f"over {word}: " + ", ".join(f"{m} {v:.4f}" for m, v in ratios.items()))
    for word, ratios in found.get("kalman", {}).items():
        print(f"over Kalman's ({word}): {ratios['mean']}; by stream, median where there is one:", end="")
        for what in ("accel", "error"):
            there = [r[what] for r in ratios["streams"].values() if r[what] is not None]
            print(f" {what} {np.median(there):.3f} ({len(there)} of {len(ratios['streams'])})", end="")
        print()
    for name, row in found["knees"].items():
        print(f"{name}: " + ", ".join(f"{word} {angles}" for word, angles in row.items()))


if __name__ == "__main__":
    main()
