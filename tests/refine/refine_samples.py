"""Refining networks small enough to know what they put out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from steadypose.refine.windows import CONTEXT, INPUT, METADATA, OUTPUT, WindowSpec

Array = np.ndarray[Any, Any]


def smoother(length: int, sigma: float = 2.0) -> Array:
    """A local line under a bell around every frame of a window: linear, the same in either direction."""
    t = np.arange(length)[:, None] - np.arange(length)
    bell = np.exp(-0.5 * (t / sigma) ** 2)
    s0, s1, s2 = (np.sum(bell * t**k, axis=1, keepdims=True) for k in range(3))
    return np.asarray((bell * (s2 - s1 * t) / (s0 * s2 - s1**2)).T, np.float32)  # windows @ this


def mlp(length: int, seed: int = 0, odd: bool = False) -> tuple[Array, Array, Array]:
    """Weights of a random network of one hidden layer; an odd one has no bias."""
    rng = np.random.default_rng(seed)
    first, last = rng.normal(0, 1, (2, length, length)).astype(np.float32) / np.float32(length**0.5)
    return first, np.zeros(length, np.float32) if odd else rng.normal(0, 1, length).astype(np.float32), last


def run_mlp(windows: Array, context: Array | None, weights: tuple[Array, Array, Array]) -> Array:
    """What the network of :func:`mlp` puts out; a context shifts its hidden layer."""
    first, bias, last = weights
    more = 0 if context is None else context.mean(axis=1, keepdims=True)
    return np.asarray(np.tanh(windows @ first + bias + more) @ last)


def write_network(
    path: Path,
    spec: WindowSpec,
    weights: Array | tuple[Array, Array, Array] | None = None,
    *,
    card: dict[str, Any] | None = None,
    metadata: bool = True,
    names: tuple[str, str] = (INPUT, OUTPUT),
    shape: tuple[int, int] | None = None,
) -> Path:
    """A network as ONNX: a matrix, :func:`mlp`'s weights, or None for one that changes nothing."""
    given, refined = names
    t_in, t_out = shape or (spec.length, spec.length)
    tensors, nodes = {}, []
    if isinstance(weights, tuple):
        tensors = dict(zip(("first", "bias", "last"), weights, strict=True))
        nodes.append(helper.make_node("Gemm", [given, "first", "bias"], ["hidden"]))
        inner = "hidden"
        if spec.context:
            nodes.append(helper.make_node("ReduceMean", [CONTEXT], ["mean"], axes=[1], keepdims=1))
            nodes.append(helper.make_node("Add", ["hidden", "mean"], ["shifted"]))
            inner = "shifted"
        nodes.append(helper.make_node("Tanh", [inner], ["active"]))
        nodes.append(helper.make_node("MatMul", ["active", "last"], [refined]))
    elif weights is not None:
        tensors = {"w": weights}
        nodes.append(helper.make_node("MatMul", [given, "w"], [refined]))
    else:
        nodes.append(helper.make_node("Identity", [given], [refined]))
    inputs = [helper.make_tensor_value_info(given, TensorProto.FLOAT, ("batch", t_in))]
    if spec.context:
        inputs.append(helper.make_tensor_value_info(CONTEXT, TensorProto.FLOAT, ("batch", spec.context)))
    outputs = [helper.make_tensor_value_info(refined, TensorProto.FLOAT, ("batch", t_out))]
    graph = helper.make_graph(
        nodes, "tiny", inputs, outputs, [numpy_helper.from_array(v, k) for k, v in tensors.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if metadata:
        said = {"name": "tiny", "spec": spec.to_json()} if card is None else card
        helper.set_model_props(model, {METADATA: json.dumps(said)})
    onnx.save(model, str(path))
    return path


def bank_network(path: Path, spec: dict[str, Any] | None = None) -> Path:
    """A bank with gates that random weights open half, as ONNX; ``spec`` replaces fields on its card."""
    import torch

    from steadypose.models.export import export_onnx
    from steadypose.models.gatenet import GatedBank, GateNet, GateNetConfig
    from steadypose.refine.bank import BankSpec

    torch.manual_seed(0)
    network = GateNet(GateNetConfig(hidden=8, blocks=2), BankSpec())
    with torch.no_grad():
        network.gates.weight.normal_(0, 0.5)
    card = dict.fromkeys(("name", "trained_on", "split", "licence", "seed", "epochs", "scores", "command"))
    export_onnx(GatedBank(network.eval()), path, {**card, "name": "tiny"})
    if spec is not None:
        model = onnx.load(str(path))
        said = {p.key: p.value for p in model.metadata_props}
        about = json.loads(said[METADATA])
        about["spec"] |= spec
        helper.set_model_props(model, {**said, METADATA: json.dumps(about)})
        onnx.save(model, str(path))
    return path
