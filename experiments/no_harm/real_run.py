"""Refinement on real streams with truth: error against steadiness, and the knee's peak in walking.

    export STEADYPOSE_DATA=…                                (the folder that holds real/)
    runs/mediapipe/bin/python real_estimate.py …            MediaPipe's landmarks, once
    python real_run.py filters                              input, filters, Kalman smoothers
    python real_run.py network --label NAME [--weights FILE]   a network, alone and as the default, all strengths
    python real_run.py quick [--weights FILE]               one network, one line a family, nothing written
    python real_run.py summarise                            results_real.md and the picture

In other programs: ``real_run.score_real(refine)``, with a function from a motion to a motion.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import real_streams as streams
from real_kalman import RauchTungStriebel
from real_score import (
    Refine, Scores, at_peaks, flexion, flexion_of_rotations, least, mean_of, peaks, scores,
)  # fmt: skip

import steadypose as sp
from steadypose.refine import METHODS, Refiner, method_for
from steadypose.sequence import BodyMotion

HERE = Path(__file__).parent
RESULTS = HERE / "results_real.json"
LANDMARKS = HERE.parents[1] / "runs" / "no_harm" / "mediapipe"
BEFORE = "before"  # the label of the network that was the default when this began
STRENGTHS = (0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
CUTOFFS = tuple(float(c) for c in np.geomspace(0.7, 10.0, 14))
SHORT = ("mpjpe", "offset_free", "accel")  # what is kept of settings that only draw a front
ERRORS = ("mpjpe", "offset_free")


def data() -> list[streams.Stream]:
    """All streams with positions."""
    return _data()[0]


@lru_cache(maxsize=1)
def _data() -> tuple[list[streams.Stream], dict[str, BodyMotion]]:
    """All streams, and walks as rotations; kept in an ignored folder until this code or landmarks change."""
    sources = [HERE / "real_fit.py", HERE / "real_streams.py", *sorted(LANDMARKS.glob("*.npz"))]
    key = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()[:16]
    kept = LANDMARKS.parent / f"streams-{key}.pickle"
    if not kept.exists():
        root = Path(os.environ["STEADYPOSE_DATA"]) / "real"
        made = streams.load(root, LANDMARKS), streams.walks(root / "opencap_mocap")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(made))
    positions, rotations = pickle.loads(kept.read_bytes())
    return positions, rotations


def score_real(refine: Callable[[Any], Any], results: Path = RESULTS) -> dict[str, Any]:
    """Score a function that takes and gives a PoseSequence (and a BodyMotion) on all real streams.

    Returns
    -------
    dict
        ``streams``: scores by stream (:func:`real_score.scores`); ``knees``: degrees at the peaks of real
        walking, input, output and truth; ``mean``: geometric means over families of streams, MPJPE and Accel
        over the input's and over those of the default before; ``kalman``: how much worse than the best Kalman
        smoother (of two models and all cutoffs, plain and behind the default's cleaning) Accel is at equal
        error and error at equal Accel, below 1 better, None where no Kalman smoother gets there.
    """
    rows = {s.name: scores(s, refine) for s in data()}
    found: dict[str, Any] = {"streams": rows, "knees": knees(refine)}
    stored = json.loads(results.read_text()) if results.exists() else {"rows": {}}
    return found | compared(rows, stored)


def compared(rows: dict[str, Scores], stored: dict[str, Any]) -> dict[str, Any]:
    """Rows of one method against the input, the default before, and the Kalman smoothers."""
    families = {s.name: s.family for s in data()}
    others = {"input": "input", "before": f"{BEFORE}, strength 1"}
    mean = {
        word: {m: mean_of(rows, families, stored["rows"][label], m) for m in SHORT}
        for word, label in others.items()
        if label in stored["rows"]
    }
    found: dict[str, Any] = {"mean": mean}
    if "input" not in stored["rows"]:
        return found
    given = stored["rows"]["input"]
    found["kalman"] = {
        f"{kind}, {error}": _against_kalman(rows, stored, kind, error, families)
        for kind in ("plain", "cleaned")
        for error in ERRORS
    }
    return found


def _against_kalman(
    rows: dict[str, Scores], stored: dict[str, Any], kind: str, error: str, families: dict[str, str]
) -> dict[str, Any]:
    """Accel over the least of Kalman's at most the same error, and error over its least at most that Accel.

    None where no Kalman smoother has so low an error, or so low an Accel.
    """
    sweeps = [_sweep(stored, kind, order) for order in (2, 3)]
    given = stored["rows"]["input"]
    found: dict[str, Any] = {"streams": {}}
    for name, row in rows.items():
        fronts = [np.array([[p[name][error], p[name]["accel"]] for p in s]) for s in sweeps]
        found["streams"][name] = _ratios(fronts, row[error], row["accel"])
    # One setting for all streams, as a default is.
    fronts = [
        np.array([[mean_of(p, families, given, m) for m in (error, "accel")] for p in s]) for s in sweeps
    ]
    mine = [mean_of(rows, families, given, m) for m in (error, "accel")]
    return found | {"mean": _ratios(fronts, *mine)}


def _ratios(fronts: list[np.ndarray], error: float, accel: float) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for what, turned, allowed, value in (("accel", 1, error, accel), ("error", -1, accel, error)):
        best = [least(front[:, ::turned], allowed) for front in fronts]
        there = [b for b in best if np.isfinite(b)]
        found[what] = value / min(there) if there else None
    return found


def knees(refine: Refine | None) -> dict[str, Any]:
    """Knee flexion at the truth's peaks in real walking, degrees.

    ``landmarks``: MediaPipe's; ``rotations``: the bodies of OpenCap and WHAM, refined as rotations.
    """
    found: dict[str, Any] = {}
    for s in data():
        trial = s.name.split()[-1]
        if s.family != "MediaPipe 3D" or trial not in streams.WALKS:
            continue
        times, truth = s.raw.times, flexion(s.truth)
        where = peaks(times, truth)
        before = flexion(s.measured(s.raw))
        after = before if refine is None else flexion(s.measured(refine(s.raw)))
        found[s.name] = _knee_row(times, before, after, truth, where)
    for name, body in _data()[1].items():
        truth = flexion(next(s for s in data() if s.name == name).truth)
        before = flexion_of_rotations(body)
        after = before if refine is None else flexion_of_rotations(refine(body))
        where = peaks(body.times, truth)
        found[f"{name}, rotations"] = _knee_row(body.times, before, after, truth, where)
    return found


def network(weights: str | None, strength: float, *, alone: bool) -> Refine:
    """A network by itself, or behind the whole pipeline as the default is."""
    given: dict[str, Any] = {"strength": strength} | ({} if weights is None else {"weights": weights})
    method = method_for(None, given) if alone else None
    return lambda motion: sp.refine(motion, method, **given)


def filters() -> dict[str, Refine | None]:
    """The input, and methods without a network."""
    made: dict[str, Refine | None] = {"input": None}
    for label, method, settings in (
        ("adaptive", "adaptive", {}),
        ("butterworth 6 Hz", "butterworth", {"cutoff": 6.0}),
        ("gcv", "gcv", {}),
    ):
        if method in METHODS:
            made[label] = _method(method, False, settings)
            made[f"{label}, cleaned"] = _method(method, True, settings)
    if "adaptive" in METHODS:
        made |= {f"adaptive, strength {s:g}": _method("adaptive", False, {"strength": s}) for s in STRENGTHS}
    for kind in ("plain", "cleaned"):
        for order in (2, 3):
            for cutoff in CUTOFFS:
                smoother = RauchTungStriebel(cutoff=cutoff, order=order)
                clean = kind == "cleaned"
                made[_kalman_label(kind, order, cutoff)] = Refiner(
                    smoother, outliers=clean, swaps=clean, confidence=False
                )
    return made


def _method(method: str, clean: bool, settings: dict[str, float]) -> Refine:
    return lambda motion: sp.refine(motion, method, outliers=clean, swaps=clean, **settings)


def _kalman_label(kind: str, order: int, cutoff: float) -> str:
    return f"kalman {kind} {'velocity' if order == 2 else 'acceleration'} {cutoff:.3g} Hz"


def _sweep(stored: dict[str, Any], kind: str, order: int) -> list[dict[str, Scores]]:
    return [stored["rows"][_kalman_label(kind, order, c)] for c in CUTOFFS]


def _knee_row(times, before, after, truth, where) -> dict[str, list[float]]:
    three = {"input": before, "output": after, "truth": truth}
    return {word: [round(v, 2) for v in at_peaks(times, x, where)] for word, x in three.items()}


def _rounded(rows: dict[str, Scores], keep: tuple[str, ...] | None) -> dict[str, Scores]:
    return {
        name: {m: float(f"{v:.5g}") for m, v in row.items() if keep is None or m in keep}
        for name, row in rows.items()
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
        _print(score_real(network(args.weights, args.strength, alone=False)))
        return
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"rows": {}, "knees": {}}
    rows, bent = results["rows"], results["knees"]
    if args.what == "filters":
        for label, refine in filters().items():
            sweep = label.startswith("kalman")
            rows[label] = _rounded({s.name: scores(s, refine) for s in data()}, SHORT if sweep else None)
            if not sweep:
                bent[label] = knees(refine)
    elif args.what == "network":
        if not args.label:
            raise SystemExit("expected --label")
        for strength in STRENGTHS:
            for alone in (False, True):
                label = f"{args.label}{' alone' if alone else ''}, strength {strength:g}"
                refine = network(args.weights, strength, alone=alone)
                rows[label] = _rounded({s.name: scores(s, refine) for s in data()}, None)
                bent[label] = knees(refine)
    if args.what != "summarise":
        RESULTS.write_text(json.dumps(results) + "\n")


def _print(found: dict[str, Any]) -> None:
    families: dict[str, list[str]] = {}
    for s in data():
        families.setdefault(s.family, []).append(s.name)
    print("family: MPJPE, offset-free, Accel, lag, peak speed (means over its streams)")
    for family, names in families.items():
        each = [found["streams"][n] for n in names]
        words = [f"{np.nanmean([e[m] for e in each]):.3f}" for m in (*SHORT, "lag", "peak_speed")]
        print(f"{family}: " + ", ".join(words))
    for word, ratios in found["mean"].items():
        print(f"over {word}: " + ", ".join(f"{m} {v:.4f}" for m, v in ratios.items()))
    for word, ratios in found.get("kalman", {}).items():
        print(
            f"over Kalman's ({word}): {ratios['mean']}; by stream, median of those that there are:", end=" "
        )
        for what in ("accel", "error"):
            there = [v[what] for v in ratios["streams"].values() if v[what] is not None]
            print(f"{what} {np.median(there):.3f} ({len(there)} of {len(ratios['streams'])})", end=" ")
        print()
    for name, row in found["knees"].items():
        print(name, ", ".join(f"{k} {v}" for k, v in row.items()))


if __name__ == "__main__":
    main()
