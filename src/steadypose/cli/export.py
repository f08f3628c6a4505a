"""``steadypose export``."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

from cyclopts import App, Group, Parameter
from cyclopts.validators import Number

from steadypose._writing import check_target, will_read
from steadypose.cli import _options as o
from steadypose.cli._words import UsageError, print_json, say
from steadypose.errors import SteadyposeError

if TYPE_CHECKING:
    from steadypose.models import GatedBank, Lifter, RefinerNet
    from steadypose.refine.windows import Normalisation, Taper

CHECKPOINT = ".safetensors"  # of what steadypose has trained; it says all about itself

USE = Group("How the network is used", help="Only for files that do not say it themselves.", sort_key=1)

app = App(
    name="export",
    help_epilogue="""\
Examples:
  steadypose export checkpoint_32.pth.tar -o net.onnx --rate 60
  steadypose refine poses.json --weights net.onnx
  steadypose export smoothnet_ws32_h36m.pth -o h36m.onnx --rate 50
  steadypose export checkpoint_32.pth.tar -o net.onnx --step 1 --taper flat
  steadypose export runs/seq2seq/best.safetensors -o lifter.onnx

Step 1 and a flat taper are how SmoothNet's authors use it; the defaults are
faster and smoother. Their weights were trained on metres relative to the root,
at 60 frames a second (AIST++), 50 (Human3.6M, mmpose) or 30 (3DPW, mmhuman3d).
""",
)


def _normalisations() -> Iterable[str]:
    from steadypose.refine.windows import Normalisation

    return get_args(Normalisation)


def _tapers() -> Iterable[str]:
    from steadypose.refine.windows import Taper

    return get_args(Taper)


@app.default
def export(
    checkpoint: Annotated[Path, Parameter(name="CKPT")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], group=o.OUTPUT)],
    rate: Annotated[float | None, Parameter(group=USE, validator=Number(gt=0))] = None,
    normalisation: Annotated[
        str | None, Parameter(group=USE, validator=o.known("normalisation", _normalisations))
    ] = None,
    step: Annotated[int | None, Parameter(group=USE, validator=Number(gte=1))] = None,
    taper: Annotated[str | None, Parameter(group=USE, validator=o.known("taper", _tapers))] = None,
    half: Annotated[o.Flag, Parameter(group=o.OUTPUT)] = False,
    force: o.Force = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Write a trained network as ONNX, for refine --weights or lift --weights.

    Parameters
    ----------
    checkpoint
        SmoothNet's released weights, the authors', mmpose's or mmhuman3d's (.pth.tar, .pth);
        or what steadypose train has left (.safetensors).
    output
        The new file (.onnx).
    rate
        Frames a second the network was trained at: recordings of other rates are resampled for it.
        Default: it takes them at whatever rate they have.
    normalisation
        body: windows in metres about their mean, for released weights; window: of deviation one; none.
        Default: body.
    step
        Frames from one window to the next. Default: a quarter of the window.
    taper
        Weights where windows overlap: hann, a bell, or flat. Default: hann.
    half
        Store weights as 16-bit numbers: half of the file, and nearly the same network.
    force
        Replace what is there already.
    json
        Say as JSON what was found and written.
    quiet
        Say nothing unless something is wrong.
    """
    if output.suffix != ".onnx":
        raise UsageError(f"expected --output with a name that ends in .onnx, found {str(output)!r}")
    will_read(checkpoint)
    check_target(output, force=force)
    given = {"rate": rate, "normalisation": normalisation, "step": step, "taper": taper}
    said = {name: value for name, value in given.items() if value is not None}

    from steadypose import models

    model: Lifter | RefinerNet | GatedBank
    if checkpoint.suffix == CHECKPOINT:
        if said:
            raise UsageError(f"{checkpoint} says itself how it is used: expected no --{next(iter(said))}")
        model, card = models.load(checkpoint)
    else:
        model = _released(checkpoint, said)
        command = ["steadypose", "export", checkpoint.name, "-o", output.name]
        command += [word for name, value in said.items() for word in (f"--{name}", str(value))]
        card = _card(checkpoint, shlex.join(command))
    done = models.export_onnx(model, output, card, half=half, force=force)
    facts = {
        "checkpoint": str(checkpoint),
        "output": str(output),
        "bytes": done.size,
        "network": _network(model),
        "parameters": sum(p.numel() for p in model.parameters()),
        "spec": model.spec.to_json(),
        "difference": done.difference,
    }
    if json:
        print_json(facts)
    say(_line(facts), quiet=quiet or json)


def _released(path: Path, said: dict[str, Any]) -> RefinerNet:
    """SmoothNet's weights with what they do not say."""
    from steadypose import models
    from steadypose.refine.windows import WindowSpec

    network = models.load_smoothnet(path)
    length = network.config.length
    try:
        spec = WindowSpec(
            length=length,
            step=said.get("step", max(1, length // 4)),
            rate=said.get("rate"),
            normalisation=cast("Normalisation", said.get("normalisation", "body")),
            taper=cast("Taper", said.get("taper", "hann")),
        )
        return models.RefinerNet(network, spec)
    except SteadyposeError as e:
        raise SteadyposeError(f"{path}: {e}") from None


def _card(path: Path, command: str) -> dict[str, Any]:
    """Of weights that come without one: nothing is known but what was done here."""
    unknown = dict.fromkeys(("trained_on", "split", "licence", "seed", "epochs", "scores"))
    return {"name": path.name.split(".")[0], "file": path.name, "command": command, **unknown}


def _network(model: Lifter | RefinerNet | GatedBank) -> dict[str, Any]:
    from dataclasses import asdict

    config: Any = model.network.config
    return {"kind": type(model.network).__name__, **asdict(config)}


def _line(facts: dict[str, Any]) -> str:
    sizes = [f"{k} {v}" for k, v in facts["network"].items() if type(v) is int]
    return (
        f"{facts['checkpoint']} -> {facts['output']}: {facts['network']['kind']}, {', '.join(sizes)}, "
        f"{facts['parameters']:,} parameters, {facts['bytes'] / 1e6:.3g} MB"
    )
