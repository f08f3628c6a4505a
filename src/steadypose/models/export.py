"""A model as ONNX: any batch, its card in the metadata, checked against torch before it is put in place.

Written by torch's tracing exporter, which needs no package besides ``onnx`` and unrolls the few frames of a
sequence; the newer one would need onnxscript.
"""

from __future__ import annotations

import copy
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from steadypose import _onnx
from steadypose._writing import writing
from steadypose.errors import DataError, MissingExtraError, SteadyposeError
from steadypose.lift import _spec as lifting
from steadypose.models.checkpoints import Model, complete_card
from steadypose.models.gatenet import GatedBank
from steadypose.models.lifter import Lifter
from steadypose.models.refiner import RefinerNet
from steadypose.refine import bank_network as gating
from steadypose.refine import windows as refining

__all__ = ["Exported", "export_onnx"]

# Sizes of free axes of the example that is traced, and of what the result is compared on.
TRACED = {"batch": 2, "gates": 40, "points": 2, "axes": 2}
COMPARED = {"batch": 64, "gates": 61, "points": 17, "axes": 3}
OPSET = 17  # the first with layer normalisation
# Largest difference from torch, relative to an output or its standard deviation: 0.002 mm at 200 mm.
# Neighbouring float32 numbers lie 0.00003 mm apart at 300 mm; a sequence is ten rounded steps deep.
TOLERANCE = 1e-5
METADATA = lifting.METADATA  # the same key in both kinds of files
HALF_FROM = 1024  # entries; smaller weights stay as they are
HALF_MOST = 65504.0

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Exported:
    """What :func:`export_onnx` wrote and measured.

    Parameters
    ----------
    path
        The file.
    size
        Its bytes.
    difference
        Largest difference of an output from torch's, with float32 weights: of a lifter's in mm, of a
        refiner's in units of its normalised windows.
    cost
        What float16 weights change, in the same units: mean distance of a joint from where it is with
        float32 weights, or mean absolute change of a refiner's output. Zero with float32.
    """

    path: Path
    size: int
    difference: float
    cost: float


def export_onnx(
    model: Model,
    path: str | Path,
    card: Mapping[str, Any],
    *,
    half: bool = False,
    inputs: npt.ArrayLike | None = None,
    context: npt.ArrayLike | None = None,
    force: bool = True,
) -> Exported:
    """Write a lifter or a refiner as ONNX, for :func:`steadypose.lift` or ``refine``, and any other runtime.

    Layers that follow each other without anything between them are multiplied out first, where the network
    knows how (a method ``folded``). Before the file takes its place, ONNX Runtime computes the same as torch
    on ``inputs``: no output may differ by more than 1e-5 of itself or, if that is more, of the outputs'
    standard deviation (a lifter's in its training set; a refiner's, or its inputs', if that is more).

    Parameters
    ----------
    model
        The network; it is left as it is.
    path
        The file to write (``.onnx``).
    card
        As for :func:`steadypose.models.checkpoints.save`; goes into the metadata as JSON.
    half
        Store large weights as float16: half of the file. They are turned into float32 when the file is
        loaded, and all arithmetic stays float32.
    inputs
        Windows to compare on: of a lifter (windows, length, joints, channels) as the spec says, of a refiner
        (windows, length), or (windows, channels, length) if it takes channels together, normalised. None:
        random ones. ``cost`` means more with real ones.
    context
        For a refiner that has one: (windows, numbers), or (windows, channels, numbers). None: random ones.
    force
        Whether an older file is replaced.

    Raises
    ------
    DataError
        If the card is not complete, or ``inputs`` do not fit.
    MissingExtraError
        If the package ``onnx`` is not installed.
    SteadyposeError
        If ONNX Runtime does not compute what torch does, or the file cannot be written.
    """
    try:
        import onnx
    except ModuleNotFoundError:
        raise MissingExtraError("writing ONNX", "train") from None

    path = Path(path)
    if path.suffix != ".onnx":
        raise DataError(f"{path}: expected a name that ends in .onnx, found {path.suffix or 'no suffix'}")
    whole = complete_card(model, {**card, "weights": "float16" if half else "float32"})
    interface = _interface(model)
    x = _inputs(model, interface, {"inputs": inputs, "context": context})
    model = copy.deepcopy(model).cpu().eval()
    with torch.no_grad():
        wanted = model(*(torch.from_numpy(v) for v in x.values())).numpy()
    folded = getattr(model.network, "folded", None)
    if folded is not None:
        model.network = folded()
    exported = _traced(model, interface)
    onnx.helper.set_model_props(exported, {METADATA: json.dumps(whole)})
    found = _run(exported, x)
    difference = np.abs(found - wanted)
    size = np.maximum(_deviation(model, next(iter(x.values())), wanted), np.abs(wanted))
    if not (difference <= TOLERANCE * size).all():
        # NaN does not pass either.
        raise SteadyposeError(
            f"{path}: expected ONNX Runtime to compute what torch does, to {TOLERANCE:g} of an output or its "
            f"deviation, found a difference of {difference.max():.3g}{_unit(model)}"
        )
    cost = 0.0
    if half:
        _halve(exported)
        moved = _run(exported, x) - found
        cost = float((np.linalg.norm(moved, axis=-1) if isinstance(model, Lifter) else np.abs(moved)).mean())
    with writing(path, force=force) as made:
        onnx.save(exported, made)
    return Exported(path, path.stat().st_size, float(difference.max()), cost)


@dataclass(frozen=True)
class _Interface:
    """Names and shapes of what goes in and comes out; an axis with a name in place of a size may have any."""

    inputs: dict[str, tuple[int | str, ...]]
    output: str
    shape: tuple[int | str, ...]


def _interface(model: Model) -> _Interface:
    if isinstance(model, RefinerNet):
        spec, together = model.spec, () if model.channels is None else (model.channels,)
        inputs: dict[str, tuple[int | str, ...]] = {refining.INPUT: ("batch", *together, spec.length)}
        if spec.context:
            inputs[refining.CONTEXT] = ("batch", *together, spec.context)
        return _Interface(inputs, refining.OUTPUT, ("batch", *together, spec.length))
    if isinstance(model, GatedBank):
        numbers = model.spec.numbers
        inputs = {name: (*gating.AXES[name], numbers[name]) for name in gating.INPUTS}
        return _Interface(inputs, gating.LOGITS, (*gating.AXES["axis_now"], len(model.spec.edges)))
    lift = model.spec
    return _Interface(
        {lifting.INPUT: ("batch", lift.length, len(lift.joints), lift.channels)},
        lifting.OUTPUT,
        ("batch", lift.length, len(lift.outputs), 3),
    )


def _sized(shape: tuple[int | str, ...], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sizes[n] if isinstance(n, str) else n for n in shape)


def _inputs(
    model: Model, interface: _Interface, given: Mapping[str, npt.ArrayLike | None]
) -> dict[str, Floats]:
    """What to compare on, by name: what was given, or else random."""
    rng, found = np.random.default_rng(0), {}
    if isinstance(model, GatedBank):
        if any(values is not None for values in given.values()):
            raise DataError("expected no inputs for a bank with gates, which is compared on random ones")
        shapes = {name: _sized(shape, COMPARED) for name, shape in interface.inputs.items()}
        return {n: 3 * rng.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
    batch = COMPARED["batch"] if given["inputs"] is None else len(np.asarray(given["inputs"]))
    for (name, free), (said, values) in zip(interface.inputs.items(), given.items(), strict=False):
        shape = free[1:]
        if values is None:
            x = rng.standard_normal(_sized(free, {"batch": batch})).astype(np.float32)
            found[name] = _keypoints(model, x, rng) if isinstance(model, Lifter) else x
            continue
        x = np.asarray(values, dtype=np.float32)
        if x.shape != (batch, *shape) or not batch or not np.isfinite(x).all():
            raise DataError(
                f"expected {said} of finite numbers and shape (windows, {shape}), found {x.shape}"
            )
        found[name] = x
    if given["context"] is not None and len(found) < len(given):
        raise DataError("expected no context for a network without one, found some")
    return found


def _keypoints(lifter: Lifter, x: Floats, rng: np.random.Generator) -> Floats:
    """Of the training set's mean and deviation, one in ten missing."""
    mean, deviation = lifter.input_mean.cpu().numpy(), lifter.input_std.cpu().numpy()
    x[..., :2] = x[..., :2] * deviation + mean
    if lifter.spec.confidence:
        x[..., 2] = rng.uniform(0.3, 1, x.shape[:-1]) * (rng.random(x.shape[:-1]) > 0.1)
    return x


def _deviation(model: Model, inputs: Floats, outputs: Floats) -> Floats | float:
    """How large a difference is compared with: standard deviation of the outputs, of a refiner also of the
    inputs, which it may take away entirely.
    """
    if not isinstance(model, Lifter):
        return float(max(inputs.std(), outputs.std()))
    root = np.zeros((1, 3), np.float32)  # is exactly zero
    return np.concatenate([root, model.output_std.numpy()])


def _unit(model: Model) -> str:
    return " mm" if isinstance(model, Lifter) else ""


def _traced(model: Model, interface: _Interface) -> Any:
    import onnx

    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # It is told at every call that it is the older one; where steps are not 1 it folds nothing.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        torch.onnx.export(
            model,
            tuple(torch.zeros(_sized(shape, TRACED)) for shape in interface.inputs.values()),
            buffer,  # type: ignore[arg-type]
            input_names=list(interface.inputs),
            output_names=[interface.output],
            dynamic_axes=_free_axes(interface),
            opset_version=OPSET,
            dynamo=False,
        )
    exported = onnx.load_from_string(buffer.getvalue())
    # The exporter loses the sizes of the output behind a reshape to an unknown batch.
    dims = exported.graph.output[0].type.tensor_type.shape.dim
    for dim, size in zip(dims, interface.shape, strict=True):
        if not isinstance(size, str):
            dim.dim_value = size
    onnx.checker.check_model(exported, full_check=True)
    return exported


def _free_axes(interface: _Interface) -> dict[str, dict[int, str]]:
    shapes = {**interface.inputs, interface.output: interface.shape}
    return {n: {k: a for k, a in enumerate(s) if isinstance(a, str)} for n, s in shapes.items()}


def _halve(model: Any) -> None:
    """Store large weights as float16, each with a cast that ONNX Runtime works out when it loads the file."""
    from onnx import TensorProto, helper, numpy_helper

    graph, casts = model.graph, []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < HALF_FROM or np.abs(values).max() > HALF_MOST:
            continue
        name = f"{weight.name}_float16"
        casts.append(helper.make_node("Cast", [name], [weight.name], to=TensorProto.FLOAT))
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])


def _run(model: Any, x: Mapping[str, Floats]) -> Floats:
    runtime = _onnx.load_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(x))[0]  # type: ignore[no-any-return]
