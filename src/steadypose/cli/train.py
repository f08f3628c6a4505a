"""``steadypose train``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from steadypose.cli import _options as o
from steadypose.cli._words import say
from steadypose.errors import SteadyposeError

app = App(
    name="train",
    help_epilogue="""\
Examples:
  steadypose train seq2seq.toml --data ~/motion -o runs/seq2seq
  steadypose train fcn.toml --set optimiser.rate=1e-3 --set trainer.epochs=20
  steadypose train seq2seq.toml -o runs/seq2seq --resume
  steadypose train seq2seq.toml --set trainer.accelerator=gpu --set trainer.devices=4

docs/training.md has a commented configuration and the list of its fields.
""",
)


@app.default
def train(
    config: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], group=o.OUTPUT)] = None,
    resume: Annotated[o.Flag, Parameter(group=o.OUTPUT)] = False,
    quiet: o.Quiet = False,
    set_: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    data: Path | None = None,
) -> int:
    """Train a network that lifts 2D keypoints to 3D.

    Parameters
    ----------
    config
        A TOML file.
    output
        Folder for checkpoints, cards and logs. Default: runs/NAME.
    resume
        Go on with the training in that folder.
    quiet
        Say nothing unless something is wrong.
    set_
        Change a field of the configuration: optimiser.rate=1e-3. As often as you like.
    data
        The folder that contains mocap/. Default: what the configuration or STEADYPOSE_DATA says.
    """
    from steadypose.train import load
    from steadypose.train import train as run

    changes = [*set_, *([] if data is None else [f"data.root={str(data)!r}"])]
    whole = load(config, changes)
    folder = output or Path("runs") / whole.name
    words = ["steadypose", "train", config.name, *(w for change in set_ for w in ("--set", change))]
    if resume and not (folder / "last.ckpt").exists():
        raise SteadyposeError(f"{folder}: expected a training to go on with, found none")
    trained = run(
        whole,
        folder,
        resume=resume,
        command=shlex.join(words),
        say=lambda text: say(text, quiet=quiet),
        progress=not quiet and sys.stderr.isatty(),
    )
    print(trained.path)
    return 0 if trained.finished else 130
