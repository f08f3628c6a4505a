"""The per-frame network against NumPy with the same weights, switch by switch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from steadypose.errors import DataError
from steadypose.models import FCN, FCNConfig

SMALL = FCNConfig(joints_in=3, joints_out=2, width=8)


def random_network(config: FCNConfig) -> FCN:
    """A network in float64 whose biases and batch statistics are not what they start as."""
    torch.manual_seed(0)
    network = FCN(config).double()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(torch.rand_like(tensor) + 0.5)
        elif tensor.is_floating_point():
            tensor.add_(torch.randn_like(tensor) * 0.2)
    return network


def slow(network: FCN, frame: np.ndarray) -> np.ndarray:
    """One frame in evaluation."""
    p, c = {name: v.numpy() for name, v in network.state_dict().items()}, network.config

    def layer(x, name):
        x = p[f"{name}.0.weight"] @ x + p[f"{name}.0.bias"]
        if c.batch_norm:
            x = (x - p[f"{name}.1.running_mean"]) / np.sqrt(p[f"{name}.1.running_var"] + 1e-5)
            x = x * p[f"{name}.1.weight"] + p[f"{name}.1.bias"]
        return np.maximum(x, 0)

    y = layer(frame.ravel(), "first")
    for block in range(c.blocks):
        z = layer(layer(y, f"blocks.{block}.0"), f"blocks.{block}.1")
        y = y + z if c.residual else z
    return (p["last.weight"] @ y + p["last.bias"]).reshape(c.joints_out, 3)


@pytest.mark.parametrize(
    "switch",
    [{}, {"residual": False}, {"batch_norm": False}, {"blocks": 0}, {"blocks": 3}, {"channels_in": 3}],
    ids=str,
)
def test_equals_the_slow_one(switch):
    config = dataclasses.replace(SMALL, **switch)
    network = random_network(config).eval()
    x = torch.randn(4, 5, 3, config.channels_in, dtype=torch.float64)
    found = network(x).detach().numpy()
    wanted = [[slow(network, frame) for frame in window] for window in x.numpy()]
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


def test_frames_with_or_without_windows():
    network, x = random_network(SMALL).eval(), torch.randn(4, 5, 3, 2, dtype=torch.float64)
    assert network(x).shape == (4, 5, 2, 3)
    torch.testing.assert_close(network(x)[2], network(x[2]))
    assert network(x[:0]).shape == (0, 5, 2, 3)


def test_full_size():
    with torch.device("meta"):
        count = sum(p.numel() for p in FCN(FCNConfig()).parameters())
    assert count == (32 + 1) * 1024 + 4 * (1024 + 1) * 1024 + 5 * 2 * 1024 + (1024 + 1) * 48


def test_dropout_is_the_only_chance():
    x = torch.randn(6, 3, 2, dtype=torch.float64)
    network = random_network(dataclasses.replace(SMALL, batch_norm=False))
    assert torch.equal(network.eval()(x), network.eval()(x))
    assert not torch.equal(network.train()(x), network.train()(x))
    without = random_network(dataclasses.replace(SMALL, batch_norm=False, dropout=0.0))
    assert torch.equal(without.train()(x), network.eval()(x))


def test_batch_norm_learns_the_statistics():
    network, x = random_network(dataclasses.replace(SMALL, dropout=0.0)), torch.randn(64, 3, 2).double()
    for _ in range(200):
        network.train()(x)
    linear, norm, *_ = network.first
    y = linear(x.flatten(1))
    torch.testing.assert_close(norm.running_mean, y.mean(0))
    torch.testing.assert_close(norm.running_var, y.var(0))


def test_gradients_reach_every_weight():
    network = random_network(SMALL).train()
    network(torch.randn(16, 3, 2, dtype=torch.float64)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        # What is in front of a batch norm cannot shift its output.
        assert parameter.grad.abs().max() > (-1 if name.endswith(".0.bias") else 0), name


@pytest.mark.parametrize(
    ("field", "value"),
    [("width", 0), ("blocks", -1), ("blocks", 10**6), ("dropout", 1.0), ("dropout", "x"), ("batch_norm", 1)],
)
def test_refused_configurations(field, value):
    with pytest.raises(DataError, match=f"expected {field} as .*, found"):
        dataclasses.replace(SMALL, **{field: value})
