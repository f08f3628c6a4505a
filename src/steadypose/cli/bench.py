"""``steadypose bench``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Group, Parameter
from cyclopts.validators import Number

from steadypose.cli import _options as o
from steadypose.cli._words import UsageError
from steadypose.errors import SteadyposeError

OFFICIAL = Group("The authors' data", sort_key=2)
AGAIN = Group("A table of ours", sort_key=1)

app = App(
    name="bench",
    help_epilogue="""\
Examples:
  steadypose bench smoothnet --table 5 --data ~/motion --seeds 0
  steadypose bench smoothnet --official ~/SmoothNet/data/poses --weights checkpoint_32.pth.tar
""",
)


@app.command
def smoothnet(
    *,
    table: Annotated[str | None, Parameter(group=AGAIN)] = None,
    seeds: Annotated[tuple[int, ...], Parameter(group=AGAIN, consume_multiple=True)] = (0, 1, 2),
    jobs: Annotated[int, Parameter(group=AGAIN, validator=Number(gte=1))] = 1,
    data: Annotated[Path | None, Parameter(group=AGAIN)] = None,
    experiments: Annotated[Path | None, Parameter(group=AGAIN)] = None,
    official: Annotated[Path | None, Parameter(group=OFFICIAL)] = None,
    weights: Annotated[Path | None, Parameter(group=OFFICIAL)] = None,
    image: Annotated[str, Parameter(group=OFFICIAL)] = "1000x1000",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], group=o.OUTPUT)] = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Make a table of the SmoothNet paper again, or measure a network on its authors' data.

    Parameters
    ----------
    table
        Its number as in the paper: 1 to 5, 8 (the figure), S2 … S14. Trains what it needs, which takes
        minutes to hours; what is finished is not made again.
    seeds
        Of the trainings.
    jobs
        Trainings at a time, one thread each.
    data
        The folder that contains mocap/ and real/. Default: the environment variable STEADYPOSE_DATA.
    experiments
        The folder experiments/smoothnet of steadypose's repository, which is not part of an installed
        package. Default: that of the clone this is run in or installed from.
    official
        The folder of the authors' cleaned data, or of one of its sets: SET/detected/*_test.npz and
        SET/groundtruth/*_test.npz. Measures by their protocol what comes in, and the network.
    weights
        The network: released weights (.pth.tar, .pth), or .onnx.
    image
        For 2D: width and height of the pictures, which go from -1 to 1.
    output
        A folder: for a table its rows, results.json and results.md (default: runs/smoothnet/table_N); for
        the authors' data the latter two.
    json
        The authors' data: print results as JSON.
    quiet
        Say nothing unless something is wrong.
    """
    if (table is None) == (official is None):
        raise UsageError("expected --table or --official, one of them")
    if official is not None:
        from steadypose.cli._bench_official import measure

        measure(official, weights, _size(image), output, json=json, quiet=quiet)
        return 0
    assert table is not None
    command = [sys.executable, str(_script(experiments)), "table", table]
    command += ["--seeds", *map(str, seeds), "--jobs", str(jobs)]
    command += ["--output", str(output)] if output is not None else []
    environment = {**os.environ, **({"STEADYPOSE_DATA": str(data.resolve())} if data is not None else {})}
    if not environment.get("STEADYPOSE_DATA"):
        raise SteadyposeError(
            "expected a folder of motion capture (--data, or the environment variable STEADYPOSE_DATA), "
            "found neither"
        )
    sys.stdout.flush()
    out = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, env=environment, stdout=out, check=False).returncode


def _script(experiments: Path | None) -> Path:
    """The experiment's command line, in the repository."""
    here = Path.cwd()
    clones = [here, *here.parents, *Path(__file__).resolve().parents[3:4]]
    folders = [c / "experiments" / "smoothnet" for c in clones] if experiments is None else [experiments]
    for folder in folders:
        if (folder / "run.py").is_file():
            return folder / "run.py"
    found = "none" if experiments is None else f"no run.py in {experiments}"
    raise SteadyposeError(
        "expected experiments/smoothnet of steadypose's repository (clone it and run this there, or name the "
        f"folder with --experiments), found {found}"
    )


def _size(text: str) -> tuple[float, float]:
    width, _, height = text.lower().partition("x")
    try:
        size = float(width), float(height)
    except ValueError:
        size = (0.0, 0.0)
    if not all(0 < s < 1e6 for s in size):
        raise UsageError(f"expected --image as WIDTHxHEIGHT in pixels, found {text!r}")
    return size
