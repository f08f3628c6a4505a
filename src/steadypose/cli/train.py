"""``steadypose train``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Group, Parameter

from steadypose._writing import inside, will_read
from steadypose.cli import _options as o
from steadypose.cli._words import say
from steadypose.errors import SteadyposeError

TRAINING = Group("Training", sort_key=1)

app = App(
    name="train",
    help_epilogue="""\
Examples:
  steadypose train seq2seq.toml --data ~/motion -o runs/seq2seq
  steadypose train fcn.toml --set optimiser.rate=1e-3 --set trainer.epochs=20
  steadypose train seq2seq.toml -o runs/seq2seq --resume
  steadypose train seq2seq.toml --set trainer.accelerator=gpu
  steadypose lift poses.json --weights runs/seq2seq/best.onnx

A configuration says what differs from the papers' settings, such as:
  [data]
  normalisation = "person"   # for any camera, not only the papers' four
  noise = "detector"
  [network]
  kind = "fcn"               # or "seq2seq"
  width = 512
  [optimiser]
  rate = 1e-3
  [trainer]
  epochs = 20
  onnx = true                # so that lift can use it

docs/training.md explains every field and says what motion to train on.
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
    set_: Annotated[
        tuple[str, ...], Parameter(name="--set", group=TRAINING, negative=(), show_default=False)
    ] = (),
    data: Annotated[Path | None, Parameter(group=TRAINING)] = None,
) -> int:
    """Train a network that lifts 2D keypoints to 3D, or one that refines.

    Parameters
    ----------
    config
        A TOML file: which network, trained on what, and how. task = "refine": one that refines;
        "gates": the default of refine, a filter bank with learnt gates.
    output
        Folder for checkpoints, their cards and logs. Default: runs/NAME, after the configuration.
    resume
        Go on with the training in that folder.
    quiet
        Say nothing unless something is wrong.
    set_
        Change a field of the configuration: optimiser.rate=1e-3. As often as you like.
    data
        The folder that contains mocap/ (BVH, ASF/AMC, AMASS, C3D).
        Default: what the configuration or the environment variable STEADYPOSE_DATA says.
    """
    from steadypose.train import GateConfig, RefineConfig, load, train_gates, train_refiner
    from steadypose.train import train as train_lifter

    changes = [*set_, *([] if data is None else [f"data.root={str(data)!r}"])]
    whole = load(config, changes)
    folder = inside(Path("runs"), whole.name) if output is None else output
    will_read(config)
    words = ["steadypose", "train", config.name, *(w for change in set_ for w in ("--set", change))]
    if resume and not (folder / "config.json").exists():
        raise SteadyposeError(f"{folder}: expected a training to go on with, found none")
    how: dict[str, Any] = {
        "resume": resume,
        "command": shlex.join(words),
        "say": lambda text: say(text, quiet=quiet),
        "progress": not quiet and sys.stderr.isatty(),
    }
    if isinstance(whole, GateConfig):
        trained = train_gates(whole, folder, **how)
    elif isinstance(whole, RefineConfig):
        trained = train_refiner(whole, folder, **how)
    else:
        trained = train_lifter(whole, folder, **how)
    print(trained.path)
    return 0 if trained.finished else 130
