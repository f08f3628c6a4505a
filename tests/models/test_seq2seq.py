"""The sequence-to-sequence network against a slow NumPy one with the same weights, switch by switch."""

from __future__ import annotations

import dataclasses
from collections import defaultdict

import numpy as np
import pytest
import torch

from steadypose.errors import DataError
from steadypose.models import Seq2Seq, Seq2SeqConfig
from steadypose.models._dropout import Dropout
from steadypose.models._layernorm_lstm import EPSILON

SMALL = Seq2SeqConfig(joints_in=3, joints_out=2, width=8, length=4)
NO_DROPOUT = {"recurrent_keep": 1.0, "input_keep": 1.0, "output_keep": 1.0}


class Slow:
    """One sequence at a time, one gate at a time; ``masks``: the dropout of every layer, in order."""

    def __init__(self, network: Seq2Seq, masks: dict[str, list[np.ndarray]] | None = None):
        self.p = {name: v.detach().numpy() for name, v in network.named_parameters()}
        self.c, self.masks = network.config, masks

    def drop(self, x, layer):
        return x if self.masks is None else x * self.masks[layer].pop(0)

    def linear(self, x, name):
        return self.p[f"{name}.weight"] @ x + self.p[f"{name}.bias"]

    def norm(self, x, gain, shift):
        return (x - x.mean()) / np.sqrt(x.var() + EPSILON) * gain + shift

    def cell(self, x, c, h, name):
        def sigmoid(a):
            return 1 / (1 + np.exp(-a))

        width, a = self.c.width, []
        for gate in range(4):
            rows = slice(gate * width, (gate + 1) * width)
            value = self.p[f"{name}.input.weight"][rows] @ x + self.p[f"{name}.hidden.weight"][rows] @ h
            if self.c.layer_norm:
                value = self.norm(value, self.p[f"{name}.gain"][gate], self.p[f"{name}.shift"][gate])
            else:
                value = value + self.p[f"{name}.input.bias"][rows]
            a.append(value)
        candidate = self.drop(np.tanh(a[3]), f"{name}.candidate_dropout")
        c = sigmoid(a[1] + self.c.forget_bias) * c + sigmoid(a[0]) * candidate
        if self.c.layer_norm:
            c = self.norm(c, self.p[f"{name}.state_norm.weight"], self.p[f"{name}.state_norm.bias"])
        return c, sigmoid(a[2]) * np.tanh(c)

    def __call__(self, sequence):
        c = h = np.zeros(self.c.width)
        for frame in sequence[::-1] if self.c.reverse else sequence:
            c, h = self.cell(
                self.drop(self.linear(frame.ravel(), "encoder_in"), "input_dropout"), c, h, "encoder"
            )
        pose, poses = np.ones(self.c.joints_out * 3), []
        for _ in range(self.c.length):
            c, h = self.cell(self.drop(self.linear(pose, "decoder_in"), "input_dropout"), c, h, "decoder")
            out = self.linear(self.drop(h, "output_dropout"), "decoder_out")
            pose = pose + out if self.c.residual else out
            poses.append(pose)
        return np.reshape(poses, (self.c.length, -1, 3))


def random_network(config: Seq2SeqConfig) -> Seq2Seq:
    """A network in float64 whose gains, shifts and biases are not what they start as."""
    torch.manual_seed(0)
    network = Seq2Seq(config).double()
    for parameter in network.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.2)
    return network


def windows(config: Seq2SeqConfig, batch: int = 3) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, config.length, config.joints_in, config.channels_in, dtype=torch.float64)


SWITCHES = [
    {}, {"residual": False}, {"reverse": False}, {"layer_norm": False}, {"forget_bias": 0.0},
    {"channels_in": 3}, {"cell": "plain"}, {"cell": "plain", "layer_norm": False, "residual": False},
    *({"length": length} for length in range(2, 11)), {"length": 1},
]  # fmt: skip


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_equals_the_slow_one(switch):
    config = dataclasses.replace(SMALL, **switch)
    network, x = random_network(config).eval(), windows(config)
    slow = Slow(network)
    wanted = np.stack([slow(sequence) for sequence in x.numpy()])
    found = network(x).detach().numpy()
    assert found.shape == (3, config.length, 2, 3)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("layer_norm", [True, False])
def test_equals_the_slow_one_in_training(layer_norm):
    """With the dropout masks it drew: they are where they should be, and nothing else is random."""
    config = dataclasses.replace(SMALL, layer_norm=layer_norm)
    network, x = random_network(config).train(), windows(config, batch=1)
    masks = defaultdict(list)
    for name, module in network.named_modules():
        if isinstance(module, Dropout):
            module.register_forward_hook(
                lambda _, given, out, name=name: masks[name].extend(
                    (out / given[0]).detach().numpy().reshape(-1, config.width)
                )
            )
    found = network(x)[0].detach().numpy()
    counts = {name: len(rows) for name, rows in masks.items()}
    assert counts == {
        "input_dropout": 8, "output_dropout": 4, "encoder.candidate_dropout": 4,
        "decoder.candidate_dropout": 4,
    }  # fmt: skip
    assert {float(v) for rows in masks.values() for v in np.ravel(rows)} <= {0.0, 2.0}
    np.testing.assert_allclose(found, Slow(network, masks)(x[0].numpy()), rtol=1e-10, atol=1e-10)


def test_each_dropout_by_itself():
    x = windows(SMALL)
    everything_off = random_network(dataclasses.replace(SMALL, **NO_DROPOUT))
    assert torch.equal(everything_off.train()(x), everything_off.eval()(x))
    for name in NO_DROPOUT:
        network = random_network(dataclasses.replace(SMALL, **{**NO_DROPOUT, name: 0.5}))
        assert torch.equal(network.eval()(x), everything_off(x))
        torch.manual_seed(0)
        first = network.train()(x)
        assert not torch.equal(first, network.eval()(x))
        assert not torch.equal(first, network.train()(x))


def test_reverse_is_only_the_order_of_the_input():
    forwards = random_network(dataclasses.replace(SMALL, reverse=False)).eval()
    backwards = random_network(SMALL).eval()
    x = windows(SMALL)
    assert torch.equal(forwards(x.flip(1)), backwards(x))
    assert not torch.allclose(forwards(x), backwards(x))


def test_switches_do_not_change_the_weights():
    weights = random_network(SMALL).state_dict()
    for switch in ({"residual": False}, {"reverse": False}, {"length": 9}, {"cell": "plain"}, NO_DROPOUT):
        other = random_network(dataclasses.replace(SMALL, **switch)).state_dict()
        assert all(torch.equal(weights[name], other[name]) for name in weights | other)


def test_full_size():
    """Two matrices of 2048 × 4096 are nearly all of the paper's 17 million."""
    with torch.device("meta"):
        count = sum(p.numel() for p in Seq2Seq(Seq2SeqConfig()).parameters())
    linears = (32 + 1) * 1024 + (48 + 1) * 1024 + (1024 + 1) * 48
    assert count == 2 * (2048 * 4096 + 2 * 5 * 1024) + linears
    assert 16.5e6 < count < 17.5e6


def test_gradients_reach_every_weight():
    network = random_network(SMALL).train()
    network(windows(SMALL)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
        assert parameter.grad.isfinite().all(), name


def test_the_last_frame_sees_all_frames_and_the_loss_of_one_frame_reaches_all():
    network, x = random_network(SMALL).eval(), windows(SMALL).requires_grad_()
    network(x)[:, -1].sum().backward()
    assert (x.grad.abs().amax((0, 2, 3)) > 0).all()


def test_sequences_of_a_batch_do_not_know_of_each_other():
    network, x = random_network(SMALL).eval(), windows(SMALL)
    torch.testing.assert_close(network(x)[1], network(x[1:2])[0], rtol=1e-12, atol=1e-12)
    assert network(x[:0]).shape == (0, 4, 2, 3)


@pytest.mark.parametrize("layer_norm", [True, False])
def test_folded(layer_norm):
    network = random_network(dataclasses.replace(SMALL, layer_norm=layer_norm))
    folded, x = network.folded(), windows(SMALL)
    torch.testing.assert_close(folded(x), network.eval()(x), rtol=1e-10, atol=1e-10)
    assert isinstance(network.encoder_in, torch.nn.Linear)


def test_folded_is_half_of_the_full_size():
    with torch.device("meta"):
        network = Seq2Seq(Seq2SeqConfig())
    sizes = [sum(p.numel() for p in n.parameters()) for n in (network.folded(), network)]
    assert sizes[0] < 0.53 * sizes[1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("length", 0), ("width", 2.5), ("width", True), ("width", 10**9), ("joints_in", 0), ("input_keep", 0),
        ("output_keep", 1.5), ("recurrent_keep", float("nan")), ("layer_norm", "no"), ("residual", 1),
        ("forget_bias", float("inf")), ("cell", "fast"),
    ],
)  # fmt: skip
def test_refused_configurations(field, value):
    with pytest.raises(DataError, match=f"expected {field} as .*, found"):
        dataclasses.replace(SMALL, **{field: value})
