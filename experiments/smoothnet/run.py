"""The tables of the SmoothNet paper on motion capture: every row, three seeds each.

    export STEADYPOSE_DATA=…                                (the folder that holds mocap/ and real/)
    python experiments/smoothnet/run.py sets                 lifters and recordings, a quarter of an hour
    python experiments/smoothnet/run.py train                all rows, one thread each
    python experiments/smoothnet/run.py train --rows base detector --seeds 0
    python experiments/smoothnet/run.py evaluate             filters, RefineNet, strategies, what comes in
    python experiments/smoothnet/run.py summarise            writes results.json, results.md and figure_8.png
    python experiments/smoothnet/run.py table 5 --seeds 0    all that one table needs, and the table

Rows are those of rows.py. A finished row and seed is `results/rows/NAME-seedN.json` and is not made again
unless its configuration has changed since; a training that was interrupted goes on from its last epoch.
Strategies (Table S2) need trained networks of another experiment:
`python experiments/hossain_little/run.py train --rows fcn no_temporal seq2seq`.
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
from papertables import FIXED, ONCE, needed
from rows import HERE, TRAINED, configuration, described
from summary import summarise as write_summary
from writing import save_json

from steadypose.errors import SteadyposeError

RESULTS = HERE / "results" / "rows"
RUNS = Path("runs/smoothnet")
COMMAND = " && ".join(
    f"python experiments/smoothnet/run.py {step}" for step in ("sets", "train", "evaluate", "summarise")
)

Words = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]
Numbers = Annotated[tuple[int, ...], Parameter(consume_multiple=True)]

app = App(help=__doc__, help_format="plaintext", version_flags=[])


@app.command
def sets(*, runs: Path = RUNS, kinds: Words = ()) -> None:
    """Train the lifters and keep what they and the simulated detector say of every clip.

    Parameters
    ----------
    runs
        Where lifters, recordings, checkpoints and logs go.
    kinds
        Only these: fcn, seq2seq, detector, rotations.
    """
    from sets import KEPT, make

    make(runs / "sets", kinds or KEPT)


@app.command
def train(
    *,
    rows: Words = TRAINED,
    seeds: Numbers = (0, 1, 2),
    jobs: int = 1,
    runs: Path = RUNS,
    results: Path = RESULTS,
) -> None:
    """Train and score what is not finished, every row and seed in a process with one thread.

    Parameters
    ----------
    rows, seeds
        Which ones.
    jobs
        How many at a time.
    runs
        Where recordings are, and checkpoints and logs go.
    results
        Where the finished rows go.
    """
    for row in rows:
        configuration(row, 0)  # wrong ones are refused before anything is trained
    _all(rows, seeds, jobs, runs, results)


@app.command
def evaluate(
    *,
    rows: Words = FIXED,
    seeds: Numbers = (0, 1, 2),
    jobs: int = 1,
    runs: Path = RUNS,
    lifters: Path = Path("runs/hossain_little"),
    results: Path = RESULTS,
) -> None:
    """Score what comes in, filters, RefineNet and training strategies; needs the rows `base` and `detector`.

    Parameters
    ----------
    rows, seeds
        Which ones; what has no seed is made once.
    jobs
        How many at a time.
    runs, results
        As for `train`.
    lifters
        Networks of experiments/hossain_little, for the strategies.
    """
    _all(rows, seeds, jobs, runs, results, lifters)


@app.command
def one(
    row: str,
    seed: int,
    *,
    runs: Path = RUNS,
    lifters: Path = Path("runs/hossain_little"),
    results: Path = RESULTS,
) -> None:
    """Make one row with one seed, in this process.

    Parameters
    ----------
    row, seed
        Which one.
    runs, results, lifters
        As for `train` and `evaluate`.
    """
    import fixed
    from evaluation import trained_and_scored

    folder = runs / "sets"
    if row in FIXED:
        record = fixed.made(row, seed, folder, runs, lifters, results)
    else:
        record = trained_and_scored(row, seed, folder, runs)
    config = described(row, seed)
    save_json(results_file(results, row, seed), {"row": row, "seed": seed, "config": config, **record})


@app.command
def table(
    number: str,
    *,
    seeds: Numbers = (0, 1, 2),
    jobs: int = 1,
    runs: Path = RUNS,
    lifters: Path = Path("runs/hossain_little"),
    output: Path | None = None,
) -> None:
    """Make one table again, with all that it needs.

    Parameters
    ----------
    number
        As in the paper: 1, 2, 4, 5, 8 (the figure), S2 … S14.
    seeds, jobs, runs, lifters
        As for `train` and `evaluate`.
    output
        A folder for its rows, results.json and results.md. Default: runs/smoothnet/table_N.
    """
    found = needed(number)
    out = output or runs / f"table_{number}"
    sets(runs=runs, kinds=found.kinds)
    train(rows=found.trained, seeds=seeds, jobs=jobs, runs=runs, results=out / "rows")
    if found.fixed:
        evaluate(rows=found.fixed, seeds=seeds, jobs=jobs, runs=runs, lifters=lifters, results=out / "rows")
    command = f"python experiments/smoothnet/run.py table {number} --seeds {' '.join(map(str, seeds))}"
    write_summary(out / "rows", out, command, only=number)
    print(out / "results.md")


@app.command
def summarise(*, results: Path = RESULTS, out: Path = HERE) -> None:
    """Write results.json, results.md and figure_8.png from the rows that are finished.

    Parameters
    ----------
    results
        Where the finished rows are.
    out
        Where to write.
    """
    write_summary(results, out, COMMAND)


def _all(
    rows: Sequence[str],
    seeds: Sequence[int],
    jobs: int,
    runs: Path,
    results: Path,
    lifters: Path = Path("runs/hossain_little"),
) -> None:
    # One seed of every row first: whoever stops early has whole tables.
    wanted = [(r, s) for s in seeds for r in rows if s == seeds[0] or r not in ONCE]
    wanted = [(r, 0 if r in ONCE else s) for r, s in wanted]
    left = [(r, s) for r, s in wanted if not is_finished(r, s, results)]
    print(f"{len(wanted) - len(left)} finished, {len(left)} to make")
    started = time.monotonic()

    def work(job: tuple[str, int]) -> bool:
        row, seed = job
        log = runs / "logs" / f"{row}-seed{seed}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, __file__, "one", row, str(seed), "--runs", str(runs)]
        command += ["--results", str(results), "--lifters", str(lifters)]
        with log.open("a") as f:
            done = subprocess.run(
                command,
                stdout=f,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                check=False,
            )
        minutes = (time.monotonic() - started) / 60
        said = "done" if done.returncode == 0 else f"failed, see {log}"
        print(f"{minutes:7.1f} min  {row} seed {seed}: {said}", flush=True)
        return done.returncode == 0

    with ThreadPoolExecutor(jobs) as pool:
        if not all(list(pool.map(work, left))):
            raise SteadyposeError("not every row was made")


def results_file(results: Path, row: str, seed: int) -> Path:
    """Where a finished row is."""
    return results / f"{row}-seed{seed}.json"


def is_finished(row: str, seed: int, results: Path) -> bool:
    """Whether a row is there, made with the configuration it would have now."""
    try:
        record: dict[str, Any] = json.loads(results_file(results, row, seed).read_text("utf-8"))
    except FileNotFoundError:
        return False
    return bool(record["config"] == described(row, seed))


if __name__ == "__main__":
    try:
        app()
    except SteadyposeError as e:
        sys.exit(f"error: {e}")
