"""SteadyNet, the network of `steadypose refine` before GateNet: how it was trained, chosen and judged.

GateNet, which is the default now (default.toml, ship.py), is judged in experiments/no_harm.

    export STEADYPOSE_DATA=…                                     (the folder that holds mocap/ and real/)
    for s in 0 1; do steadypose train steadynet.toml -o runs/default-$s --set seed=$s; done
    python run.py judge validation runs/…/best.onnx …            candidates side by side
    python run.py judge test runs/default-0/best.onnx …          results.json: all test sets, real streams
    python run.py summarise                                      results.md

Networks are named after their folders. A result that is there is not computed again (--again: it is).
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import conditions
import judge
from summary import summarise

import steadypose as sp
from steadypose.metrics import align

HERE = Path(__file__).parent
TAKES = ("CTK", "ELK", "RTK")
TESTS = ("CMU 02, 05", "Bandai, SIE")
REAL = ("mpjpe", "pa_mpjpe", "accel", "peak_speed_ratio", "lag")


def main() -> None:
    """Judge networks, or write down what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("judge", "summarise"))
    parser.add_argument("split", nargs="?", choices=("validation", "test"), default="test")
    parser.add_argument("weights", nargs="*", help="ONNX files")
    parser.add_argument("--again", action="store_true")
    args = parser.parse_args()
    if args.what == "judge":
        methods = {Path(w).parent.name: judge.cleaned("network", weights=w) for w in args.weights}
        path = HERE / ("validation.json" if args.split == "validation" else "results.json")
        results = json.loads(path.read_text()) if path.exists() and not args.again else {}
        root = os.environ["STEADYPOSE_DATA"]
        for split in ("validation",) if args.split == "validation" else TESTS:
            _synthetic(results.setdefault(split, {}), split, root, methods)
            path.write_text(json.dumps(results, indent=1) + "\n")
        if args.split == "test":
            _real(results.setdefault("real", {}), Path(root), methods)
            path.write_text(json.dumps(results, indent=1) + "\n")
    summarise(HERE)


def _synthetic(results: dict, split: str, root: str, methods: dict) -> None:
    """Fill in the scores of a split that are missing."""
    for name, streams in conditions.conditions(split, root).items():
        rows = results.setdefault(name, {})
        ready = judge.prepared(streams)
        for method, refine in judge.hindsight().items():
            if method not in rows:
                rows[method] = judge.scores(ready, refine)
        for method, refine in _others(methods).items():
            if method not in rows:
                rows[method] = judge.scores(streams, refine)
        print(split, name, {k: round(v["mpjpe"], 3) for k, v in rows.items() if k in methods}, flush=True)
    for name, streams in conditions.clean(split, root).items():
        rows = results.setdefault("clean", {}).setdefault(name, {})
        for method, refine in {"adaptive": judge.cleaned("adaptive"), **methods}.items():
            if method not in rows:
                rows[method] = judge.changed(streams, refine)


def _real(results: dict, root: Path, methods: dict) -> None:
    """Keraal's Kinect against its Vicon."""
    folder = root / "real" / "keraal"
    for take in TAKES:
        raw = sp.read(folder / f"G3-Kinect-{take}-P1T1-Unknown-C-0.txt")
        truth = align(raw, sp.read_streams(folder / f"G3-Vicon-{take}-P1T1-Unknown-C-0.txt")).truth
        rows = results.setdefault(take, {})
        filters = {
            f"{name} {' '.join(f'{v:.3g}' for v in parameters.values())}": judge.cleaned(name, **parameters)
            for name, settings in judge.FILTERS.items()
            for parameters in settings
        }
        for method, refine in {**filters, **_others(methods)}.items():
            if method not in rows:
                scores = sp.evaluate(raw if refine is None else refine(raw), truth)
                rows[method] = {m: float(scores[m]) for m in REAL}
        print(take, {k: round(v["mpjpe"], 3) for k, v in rows.items() if k in methods}, flush=True)


def _others(methods: dict) -> dict:
    """Nothing, the classical default, and the networks."""
    return {"raw": None, "adaptive": judge.cleaned("adaptive"), **methods}


if __name__ == "__main__":
    main()
