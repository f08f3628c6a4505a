"""Hossain & Little on motion capture: every row of the tables, three seeds each.

    export STEADYPOSE_DATA=…                                   (the folder that holds mocap/)
    python experiments/hossain_little/run.py train              all rows, two at a time, one thread each
    python experiments/hossain_little/run.py train --rows fcn seq2seq --seeds 0 --set trainer.epochs=1
    python experiments/hossain_little/run.py summarise          writes results.json and results.md

A row is `rows/NAME.toml`. A finished row and seed is `results/rows/NAME-seedN.json` and is not trained again
unless its configuration has changed since; a training that was interrupted goes on from its last epoch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rows import HERE, TRAINED, configuration
from summary import summarise as write_summary
from writing import save_json

from steadypose.errors import SteadyposeError
from steadypose.train.config import TrainConfig

RESULTS = HERE / "results" / "rows"
COMMAND = (
    "python experiments/hossain_little/run.py train && python experiments/hossain_little/run.py summarise"
)

Words = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]
Numbers = Annotated[tuple[int, ...], Parameter(consume_multiple=True)]
Changes = Annotated[tuple[str, ...], Parameter(name="--set")]

app = App(help=__doc__, help_format="plaintext", version_flags=[])


@app.command
def train(
    *,
    rows: Words = TRAINED,
    seeds: Numbers = (0, 1, 2),
    jobs: int = 2,
    runs: Path = Path("runs/hossain_little"),
    results: Path = RESULTS,
    set_: Changes = (),
) -> None:
    """Train and score what is not finished, every row and seed in a process with one thread.

    Parameters
    ----------
    rows, seeds
        Which ones.
    jobs
        How many at a time.
    runs
        Where checkpoints and logs go.
    results
        Where the finished rows go.
    set_
        What to change in every configuration: trainer.epochs=1.
    """
    for row in rows:
        configuration(row, 0, set_)  # wrong ones are refused before anything is trained
    # One seed of every row first: whoever stops early has a whole table.
    left = [(r, s) for s in seeds for r in rows if not is_finished(r, s, results, set_)]
    print(f"{len(rows) * len(seeds) - len(left)} finished, {len(left)} to train")
    started = time.monotonic()

    def work(job: tuple[str, int]) -> bool:
        row, seed = job
        log = runs / f"{row}-seed{seed}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            __file__,
            "one",
            row,
            str(seed),
            "--runs",
            str(runs),
            "--results",
            str(results),
        ]
        with log.open("a") as f:
            done = subprocess.run(
                [*command, *(a for c in set_ for a in ("--set", c))],
                stdout=f, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
            )  # fmt: skip
        minutes = (time.monotonic() - started) / 60
        said = "done" if done.returncode == 0 else f"failed, see {log}"
        print(f"{minutes:7.1f} min  {row} seed {seed}: {said}", flush=True)
        return done.returncode == 0

    with ThreadPoolExecutor(jobs) as pool:
        if not all(list(pool.map(work, left))):
            raise SteadyposeError("not every row was trained")


@app.command
def one(
    row: str,
    seed: int,
    *,
    runs: Path = Path("runs/hossain_little"),
    results: Path = RESULTS,
    set_: Changes = (),
) -> None:
    """Train and score one row with one seed, in this process.

    Parameters
    ----------
    row, seed
        Which one.
    runs, results, set_
        As for `train`.
    """
    from evaluation import trained_and_scored

    config = configuration(row, seed, set_)
    record = trained_and_scored(config, runs)
    save_json(
        results_file(results, row, seed), {"row": row, "seed": seed, "config": config.to_json(), **record}
    )


@app.command
def summarise(*, results: Path = RESULTS, out: Path = HERE) -> None:
    """Write results.json and results.md from the rows that are finished.

    Parameters
    ----------
    results
        Where the finished rows are.
    out
        Where to write.
    """
    write_summary(results, out, COMMAND)


def results_file(results: Path, row: str, seed: int) -> Path:
    """Where a finished row is."""
    return results / f"{row}-seed{seed}.json"


def is_finished(row: str, seed: int, results: Path, changes: Sequence[str]) -> bool:
    """Whether a row is there, made with the configuration it would have now."""
    try:
        record: dict[str, Any] = json.loads(results_file(results, row, seed).read_text("utf-8"))
    except FileNotFoundError:
        return False
    config: TrainConfig = configuration(row, seed, changes)
    return bool(record["config"] == config.to_json())


if __name__ == "__main__":
    try:
        app()
    except SteadyposeError as e:
        sys.exit(f"error: {e}")
