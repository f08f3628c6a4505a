"""A lifter as ONNX: any batch, its card in the metadata, checked against torch before it is put in place.

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

from steadypose.errors import DataError, SteadyposeError
from steadypose.lift._spec import INPUT, METADATA, OUTPUT
from steadypose.models.checkpoints import complete_card, write_atomically
from steadypose.models.lifter import Lifter
from steadypose.models.seq2seq import Seq2Seq

__all__ = ["Exported", "export_onnx"]

OPSET = 17  # the first with layer normalisation
# Largest difference from torch, relative to an output or its standard deviation: 0.002 mm at 200 mm.
# Neighbouring float32 numbers lie 0.00003 mm apart at 300 mm; a sequence is ten rounded steps deep.
TOLERANCE = 1e-5
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
        Largest difference of a coordinate from torch's, in mm, with float32 weights.
    cost
        What float16 weights change, in mm: mean distance of a joint from where it is with float32 weights.
        Zero with float32.
    """

    path: Path
    size: int
    difference: float
    cost: float


def export_onnx(
    lifter: Lifter,
    path: str | Path,
    card: Mapping[str, Any],
    *,
    half: bool = False,
    inputs: npt.ArrayLike | None = None,
) -> Exported:
    """Write a lifter as ONNX, for :func:`steadypose.lift` and any other runtime.

    Layers that follow each other without anything between them are multiplied out first
    (:meth:`Seq2Seq.folded`). Before the file takes its place, ONNX Runtime computes the same as torch on
    ``inputs``: no output may differ by more than 1e-5 of itself or, if that is more, of its standard
    deviation in the training set.

    Parameters
    ----------
    lifter
        The network; it is left as it is.
    path
        The file to write (``.onnx``); an older one is replaced.
    card
        As for :func:`steadypose.models.checkpoints.save`; goes into the metadata as JSON.
    half
        Store large weights as float16: half of the file. They are turned into float32 when the file is
        loaded, and all arithmetic stays float32.
    inputs
        Windows to compare on, (windows, length, joints, channels) as the spec says. None: random ones with
        the training set's mean and deviation. ``cost`` means more with real ones.

    Raises
    ------
    DataError
        If the card is not complete, or ``inputs`` do not fit.
    SteadyposeError
        If ONNX Runtime does not compute what torch does, or the file cannot be written.
    """
    import onnx

    path = Path(path)
    if path.suffix != ".onnx":
        raise DataError(f"{path}: expected a name that ends in .onnx, found {path.suffix or 'no suffix'}")
    whole = complete_card(lifter, {**card, "weights": "float16" if half else "float32"})
    x = _inputs(lifter, inputs)
    lifter = copy.deepcopy(lifter).cpu().eval()
    with torch.no_grad():
        wanted = lifter(torch.from_numpy(x)).numpy()
    if isinstance(lifter.network, Seq2Seq):
        lifter.network = lifter.network.folded()
    model = _traced(lifter)
    onnx.helper.set_model_props(model, {METADATA: json.dumps(whole)})
    found = _run(model, x)
    difference = np.abs(found - wanted)
    scale = np.maximum(lifter.output_std.numpy(), np.abs(wanted[..., 1:, :]))
    if not (difference[..., 1:, :] <= TOLERANCE * scale).all():  # NaN does not pass either
        raise SteadyposeError(
            f"{path}: expected ONNX Runtime to compute what torch does, to {TOLERANCE:g} of an output or its "
            f"deviation, found a difference of {difference.max():.3g} mm"
        )
    cost = 0.0
    if half:
        _halve(model)
        cost = float(np.linalg.norm(_run(model, x) - found, axis=-1).mean())
    write_atomically(path, lambda to: onnx.save(model, to))
    return Exported(path, path.stat().st_size, float(difference.max()), cost)


def _inputs(lifter: Lifter, given: npt.ArrayLike | None) -> Floats:
    spec = lifter.spec
    shape = (spec.length, len(spec.joints), spec.channels)
    if given is not None:
        x = np.asarray(given, dtype=np.float32)
        if x.shape[1:] != shape or not len(x) or not np.isfinite(x).all():
            raise DataError(
                f"expected inputs of finite numbers and shape (windows, {shape}), found {x.shape}"
            )
        return x
    rng = np.random.default_rng(0)
    mean, deviation = lifter.input_mean.cpu().numpy(), lifter.input_std.cpu().numpy()
    x = rng.standard_normal((64, *shape)).astype(np.float32)
    x[..., :2] = x[..., :2] * deviation + mean
    if spec.confidence:
        x[..., 2] = rng.uniform(0.3, 1, x.shape[:-1]) * (rng.random(x.shape[:-1]) > 0.1)
    return x


def _traced(lifter: Lifter) -> Any:
    import onnx

    spec = lifter.spec
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # it is told at every call that it is the older one
        torch.onnx.export(
            lifter,
            (torch.zeros(2, spec.length, len(spec.joints), spec.channels),),
            buffer,  # type: ignore[arg-type]
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    # The exporter loses the sizes of the output behind a reshape to an unknown batch.
    dims = model.graph.output[0].type.tensor_type.shape.dim
    for dim, size in zip(dims[1:], (spec.length, len(spec.outputs), 3), strict=True):
        dim.dim_value = size
    onnx.checker.check_model(model, full_check=True)
    return model


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


def _run(model: Any, x: Floats) -> Floats:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run([OUTPUT], {INPUT: x})[0]  # type: ignore[no-any-return]
