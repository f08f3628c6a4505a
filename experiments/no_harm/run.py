"""Does refinement ever harm? Methods on a grid of motion × noise × frame rate, beside the best of 51 filters.

    export STEADYPOSE_DATA=…                                  (the folder that holds mocap/)
    python run.py score default                               all stages, nothing set, on the validation grid
    python run.py score adaptive --method adaptive
    python run.py score trial --weights runs/x/best.onnx --method network
    python run.py score b6 --method butterworth --set cutoff=6 --split test
    python run.py summary                                     results.json, results.md, losing_*.csv

Scores that are there are not computed again (--again: they are). --every 4 looks at a quarter of the cells
and keeps nothing.
"""

from __future__ import annotations

import argparse
import time

import methods
import scores
from catalogue import SPLITS
from grid import Grid


def main() -> None:
    """Score one method, or write down what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    one = what.add_parser("score")
    one.add_argument("label")
    one.add_argument("--method", default=None, help="of the package, alone; default: the whole pipeline")
    one.add_argument("--weights", default=None, help="an ONNX file")
    one.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="other parameters")
    one.add_argument("--split", choices=SPLITS, default="validation")
    one.add_argument("--every", type=int, default=1)
    one.add_argument("--again", action="store_true")
    one.add_argument("--together", action="store_true", help="many bodies a call: quicker")
    all_ = what.add_parser("summary")
    all_.add_argument("labels", nargs="*", help="beside the usual ones (result_tables.ORDER)")
    args = parser.parse_args()
    if args.what == "summary":
        from summing import summarise

        summarise(args.labels)
        return
    parameters: dict = {n: float(v) for n, v in (s.split("=") for s in args.set)}
    if args.weights:
        parameters["weights"] = args.weights
    if args.together:
        parameters["together"] = True
    score(args.label, args.split, args.method, parameters, every=args.every, again=args.again)


def score(
    label: str, split: str, method: str | None, parameters: dict, every: int = 1, again: bool = False
) -> scores.Tally:
    """Scores of a method (None: the whole pipeline) on a split."""
    grid = Grid(split)
    tally = None if again or every > 1 else scores.load(grid, label)
    if tally is None:
        tally, start = scores.Tally(grid), time.monotonic()
        method = method or methods.WHOLE
        for group in grid.groups(every=every, whole=method not in ("input", *methods.CURVES)):
            tally.add(group, methods.refined(group, method, **parameters))
        print(f"{label}, {split}: {time.monotonic() - start:.0f} s")
        if every == 1:
            scores.save(tally, label)
    print(" ".join(f"{name}={value:g}" for name, value in tally.short().items()))
    return tally


if __name__ == "__main__":
    main()
