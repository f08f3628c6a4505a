"""ONNX: the same function as in torch, at any batch, with its card; float16 weights at a measured cost."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from steadypose.errors import DataError, SteadyposeError
from steadypose.lift._network import Network
from steadypose.lift._spec import INPUT, METADATA, OUTPUT, LiftSpec
from steadypose.models import (
    FCNConfig,
    MotionAwareConfig,
    Seq2SeqConfig,
    SmoothNetConfig,
    SpatioTemporalConfig,
    TCNConfig,
    TransformerConfig,
    build,
    build_refiner,
    export,
    export_onnx,
)
from steadypose.models.checkpoints import REQUIRED
from steadypose.models.refiner import NETWORKS
from steadypose.refine import windows as refining
from steadypose.refine.windows import WindowSpec

CARD = {**dict.fromkeys(REQUIRED), "name": "tiny"}
CONFIGS = {
    "seq2seq": (Seq2SeqConfig(width=48), 3),
    "no layer norm, no residual, not reversed": (
        Seq2SeqConfig(width=48, layer_norm=False, residual=False, reverse=False),
        3,
    ),
    "plain": (Seq2SeqConfig(width=8, cell="plain"), 2),
    "fcn": (FCNConfig(width=48), 1),
    "fcn without batch norm": (FCNConfig(width=48, batch_norm=False, residual=False), 1),
}


def trained(name="seq2seq", confidence=True):
    """A lifter whose outputs are of a body's size."""
    config, length = CONFIGS[name]
    torch.manual_seed(0)
    lifter = build(config, LiftSpec(length=length, confidence=confidence))
    rng = np.random.default_rng(0)
    lifter.set_statistics(
        input_mean=rng.normal(size=(16, 2)),
        input_std=rng.uniform(0.3, 1, (16, 2)),
        output_mean=rng.normal(size=(16, 3)) * 200,
        output_std=rng.uniform(20, 200, (16, 3)),
    )
    for _ in range(3):  # batch statistics
        lifter.train()(windows(lifter, 32))
    return lifter


def windows(lifter, batch):
    x = torch.randn(batch, lifter.spec.length, 16, lifter.spec.channels)
    if lifter.spec.confidence:
        x[..., 2] = torch.rand(x.shape[:-1]) * (torch.rand(x.shape[:-1]) > 0.2)
    return x


@pytest.mark.parametrize(("name", "confidence"), [*((name, True) for name in CONFIGS), ("seq2seq", False)])
def test_equals_torch_at_any_batch(tmp_path, name, confidence):
    lifter = trained(name, confidence)
    exported = export_onnx(lifter, tmp_path / "net.onnx", CARD)
    network = Network(exported.path)
    assert network.spec == lifter.spec
    for batch in (1, 2, 7):
        x = windows(lifter, batch)
        with torch.no_grad():
            wanted = lifter.eval()(x).numpy()
        # Outputs of hundreds of mm in float32: 5e-4 mm is a millionth.
        np.testing.assert_allclose(network(x.numpy()), wanted, rtol=0, atol=5e-4)
        assert not wanted[..., 0, :].any()
    assert exported.difference < 5e-4 and exported.cost == 0
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]
    assert exported.size == exported.path.stat().st_size


def test_the_lifter_is_left_as_it_is(tmp_path):
    lifter = trained().train()
    before = copy.deepcopy(lifter.state_dict())
    export_onnx(lifter, tmp_path / "net.onnx", CARD, half=True)
    assert lifter.training and lifter.network.training
    assert before.keys() == lifter.state_dict().keys()
    assert all(torch.equal(before[name], value) for name, value in lifter.state_dict().items())


def test_the_file(tmp_path):
    lifter = build(Seq2SeqConfig(width=40), LiftSpec(length=3))
    model = onnx.load(export_onnx(lifter, tmp_path / "net.onnx", CARD).path)
    assert [o.version for o in model.opset_import] == [17]
    for value, name, shape in (
        (model.graph.input, INPUT, ["batch", 3, 16, 3]),
        (model.graph.output, OUTPUT, ["batch", 3, 17, 3]),
    ):
        assert [v.name for v in value] == [name]
        dims = value[0].type.tensor_type.shape.dim
        assert [d.dim_param or d.dim_value for d in dims] == shape
    card = json.loads({p.key: p.value for p in model.metadata_props}[METADATA])
    assert card["name"] == "tiny" and card["weights"] == "float32"
    assert LiftSpec.from_json(card["spec"]) == lifter.spec
    assert card["network"]["kind"] == "seq2seq"
    # Folded: no matrix of width × 4 width but the two hidden ones.
    shapes = [tuple(i.dims) for i in model.graph.initializer]
    assert sum(sorted(s) == [40, 4 * 40] for s in shapes) == 2


@pytest.mark.parametrize("name", ["seq2seq", "fcn"])
def test_half(tmp_path, name):
    lifter, x = trained(name), None
    x = windows(lifter, 40).numpy()
    full = export_onnx(lifter, tmp_path / "full.onnx", CARD, inputs=x)
    half = export_onnx(lifter, tmp_path / "half.onnx", CARD, inputs=x, half=True)
    assert half.size < 0.75 * full.size
    assert half.difference == full.difference  # of the network as such, not of its smaller weights
    a, b = Network(full.path), Network(half.path)
    assert b.card["weights"] == "float16"
    moved = np.linalg.norm(a(x) - b(x), axis=-1)
    assert half.cost == pytest.approx(moved.mean(), rel=1e-3)
    assert 0 < half.cost < 1
    stored = {i.name: i for i in onnx.load(half.path).graph.initializer}
    large = [i for i in stored.values() if np.prod(i.dims) >= 1024 and i.data_type != onnx.TensorProto.INT64]
    assert large and all(i.data_type == onnx.TensorProto.FLOAT16 for i in large)


def test_weights_beyond_float16_stay(tmp_path):
    lifter = trained("fcn")
    with torch.no_grad():
        lifter.network.blocks[0][0][0].weight[0, 0] = 1e6
    half = export_onnx(lifter, tmp_path / "half.onnx", CARD, half=True)
    assert np.isfinite(half.cost)
    kinds = [i.data_type for i in onnx.load(half.path).graph.initializer if np.prod(i.dims) >= 48 * 48]
    assert sorted(kinds) == [onnx.TensorProto.FLOAT] + [onnx.TensorProto.FLOAT16] * 5


def test_a_difference_is_refused_and_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    run = export._run
    for change in (lambda y: y + 0.1, lambda y: y * np.nan):
        monkeypatch.setattr(export, "_run", lambda model, x, change=change: change(run(model, x)))
        with pytest.raises(
            SteadyposeError, match=r"net\.onnx: expected .* what torch does.*found a difference"
        ):
            export_onnx(trained(), path, CARD)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    "inputs",
    [np.zeros((2, 4, 16, 3)), np.zeros((0, 3, 16, 3)), np.full((1, 3, 16, 3), np.nan), np.zeros((3, 16, 3))],
    ids=["length", "none", "nan", "axes"],
)
def test_refused_inputs(tmp_path, inputs):
    with pytest.raises(DataError, match="expected inputs of finite numbers and shape"):
        export_onnx(trained(), tmp_path / "net.onnx", CARD, inputs=inputs)


def test_refused_names_and_cards(tmp_path):
    with pytest.raises(DataError, match=r"ends in \.onnx, found \.pb"):
        export_onnx(trained(), tmp_path / "net.pb", CARD)
    with pytest.raises(DataError, match="found none of: trained_on"):
        export_onnx(trained(), tmp_path / "net.onnx", {"name": "x"})
    with pytest.raises(SteadyposeError, match="expected an existing folder"):
        export_onnx(trained(), tmp_path / "nowhere" / "net.onnx", CARD)
    assert not list(tmp_path.iterdir())


WINDOWS = WindowSpec(length=20, step=5)
REFINERS = {
    "smoothnet": SmoothNetConfig(hidden=48, inner=24),
    "motion_aware": MotionAwareConfig(hidden=48, inner=24),
    "tcn": TCNConfig(81, 32),
    "transformer": TransformerConfig(32, 4, 48, 2),
    "spatiotemporal": SpatioTemporalConfig(9, width=32, heads=4, inner=48, blocks=2),
    "told": None,
}


@dataclasses.dataclass(frozen=True)
class ToldConfig:
    """Of a network that multiplies windows by what it is told of the whole curve."""

    length: int = 1
    context: int = 0


class Told(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config, self.mix = config, nn.Linear(config.context, config.length)

    def forward(self, x, context):
        return x * self.mix(context)


def refiner(kind, monkeypatch):
    torch.manual_seed(0)
    if kind == "told":
        monkeypatch.setitem(NETWORKS, "told", (ToldConfig, Told))
        return build_refiner(ToldConfig(), dataclasses.replace(WINDOWS, context=70))
    made = build_refiner(REFINERS[kind], WINDOWS)
    if kind == "spatiotemporal":
        nn.init.normal_(made.network.last.weight, std=0.1)  # no longer the identity
    return made


def shapes(values):
    return {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}


@pytest.mark.parametrize("kind", REFINERS)
def test_refiners_equal_torch_at_any_batch(tmp_path, monkeypatch, kind):
    made = refiner(kind, monkeypatch).train()
    exported = export_onnx(made, tmp_path / "net.onnx", CARD)
    assert made.training
    model = onnx.load(exported.path)
    together = [9] if kind == "spatiotemporal" else []
    told = {refining.CONTEXT: ["batch", 70]} if kind == "told" else {}
    assert shapes(model.graph.input) == {refining.INPUT: ["batch", *together, 20], **told}
    assert shapes(model.graph.output) == {refining.OUTPUT: ["batch", *together, 20]}
    card = json.loads({p.key: p.value for p in model.metadata_props}[refining.METADATA])
    assert card["name"] == "tiny" and card["network"]["kind"] == kind
    assert WindowSpec.from_json(card["spec"]) == made.spec
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    for batch in (1, 2, 7):
        x = [torch.randn(batch, *together, 20)] + [torch.randn(batch, 70)] * bool(told)
        with torch.no_grad():
            wanted = made.eval()(*x).numpy()
        found = session.run(None, {i.name: v.numpy() for i, v in zip(session.get_inputs(), x, strict=True)})
        np.testing.assert_allclose(found[0], wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    assert exported.difference < 1e-4 and exported.cost == 0


@pytest.mark.parametrize("kind", ["smoothnet", "motion_aware"])
def test_layers_of_single_channels_are_one_step_each(tmp_path, monkeypatch, kind):
    """Products with their bias, which ONNX Runtime also joins with the non-linearity behind them."""
    model = onnx.load(export_onnx(refiner(kind, monkeypatch), tmp_path / "net.onnx", CARD).path)
    steps = {node.op_type for node in model.graph.node}
    assert "Gemm" in steps
    assert not steps & {"MatMul", "Unsqueeze", "Gather"}


@pytest.mark.parametrize("kind", ["smoothnet", "told"])
def test_half_of_a_refiner(tmp_path, monkeypatch, kind):
    made, x = refiner(kind, monkeypatch), np.random.default_rng(0).normal(size=(9, 20)).astype(np.float32)
    given = {"inputs": x, "context": np.ones((9, 70), np.float32)} if kind == "told" else {"inputs": x}
    full = export_onnx(made, tmp_path / "full.onnx", CARD, **given)
    half = export_onnx(made, tmp_path / "half.onnx", CARD, half=True, **given)
    assert half.size < 0.75 * full.size
    names = (refining.INPUT, refining.CONTEXT)
    outputs = [
        onnxruntime.InferenceSession(e.path, providers=["CPUExecutionProvider"]).run(
            None, dict(zip(names, given.values(), strict=False))
        )[0]
        for e in (full, half)
    ]
    assert 0 < half.cost == pytest.approx(np.abs(outputs[1] - outputs[0]).mean(), rel=1e-3)


def test_refused_inputs_of_refiners(tmp_path, monkeypatch):
    plain, told = (refiner(kind, monkeypatch) for kind in ("smoothnet", "told"))
    path, x = tmp_path / "net.onnx", np.zeros((4, 20))
    for made, given, word in (
        (plain, {"inputs": np.zeros((4, 19))}, "expected inputs of finite numbers"),
        (plain, {"inputs": np.zeros((4, 3, 20))}, "expected inputs of finite numbers"),
        (plain, {"inputs": x, "context": np.zeros((4, 70))}, "expected no context"),
        (told, {"inputs": x, "context": np.zeros((3, 70))}, "expected context of finite numbers"),
        (told, {"inputs": x, "context": np.full((4, 70), np.nan)}, "expected context of finite numbers"),
    ):
        with pytest.raises(DataError, match=word):
            export_onnx(made, path, CARD, **given)
    assert not path.exists()


def test_a_difference_of_a_refiner_is_refused(tmp_path, monkeypatch):
    path, run = tmp_path / "net.onnx", export._run
    monkeypatch.setattr(export, "_run", lambda model, x: run(model, x) + 1e-3)
    with pytest.raises(SteadyposeError, match=r"net\.onnx: expected .* what torch does, .* of 0.001$"):
        export_onnx(refiner("smoothnet", monkeypatch), path, CARD)
    assert not path.exists()
