"""The convolutional comparator: its receptive field is what its name says, its numbers are NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from steadypose.errors import DataError
from steadypose.models import TCN, TCNConfig


def random_network(receptive, width=6):
    torch.manual_seed(receptive)
    network = TCN(TCNConfig(receptive, width)).double().eval()
    for p in network.parameters():  # large enough that nothing that passes is lost
        nn.init.normal_(p, std=0.5)
    return network


def leaky(x):
    return np.where(x > 0, x, 0.1 * x)


def slow_convolution(weight, bias, x, dilation):
    """Frame by frame; before the first and behind the last these are repeated. x: (channels, T)."""
    last = x.shape[1] - 1
    y = np.zeros((len(weight), x.shape[1]))
    for t in range(x.shape[1]):
        for k in range(weight.shape[2]):
            at = min(max(t + (k - weight.shape[2] // 2) * dilation, 0), last)
            y[:, t] += weight[:, :, k] @ x[:, at]
    return y + bias[:, None]


@pytest.mark.parametrize("receptive", [3, 27, 81])
@pytest.mark.parametrize("frames", [2, 40])
def test_equals_numpy(receptive, frames):
    network = random_network(receptive)
    p = {name: value.numpy() for name, value in network.state_dict().items()}
    x = torch.randn(2, 3, frames, dtype=torch.float64)

    def layer(name, y, dilation=1):
        return slow_convolution(p[f"{name}.weight"], p[f"{name}.bias"], y, dilation)

    wanted = np.zeros(x.shape)
    for n, c in np.ndindex(2, 3):
        y = leaky(layer("first", x.numpy()[n, c][None]))
        for i, dilation in enumerate(network.config.dilations[1:]):
            wide = leaky(layer(f"blocks.{i}.wide", y, dilation))
            y = y + leaky(layer(f"blocks.{i}.point", wide))
        wanted[n, c] = layer("last", y)[0]
    np.testing.assert_allclose(network(x).detach().numpy(), wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("receptive", "layers"), [(27, 6), (81, 8), (243, 10)])
def test_receptive_field_and_layers_of_the_paper(receptive, layers):
    network = random_network(receptive)
    assert sum(isinstance(m, nn.Conv1d) for m in network.modules()) == layers
    frames, middle = 2 * receptive + 1, receptive
    x = torch.randn(1, 1, frames, dtype=torch.float64, requires_grad=True)
    network(x)[0, 0, middle].backward()
    reached = x.grad[0, 0].nonzero().ravel().tolist()
    assert reached[0] == middle - receptive // 2
    assert reached[-1] == middle + receptive // 2
    assert len(reached) == receptive


def test_channels_do_not_know_of_each_other():
    network, x = random_network(27), torch.randn(4, 5, 9, dtype=torch.float64)
    y = network(x)
    assert y.shape == x.shape
    torch.testing.assert_close(network(x[1:2, 3:4]), y[1:2, 3:4])
    assert network(x[:0]).shape == (0, 5, 9)


def test_dropout_is_the_only_chance():
    network, x = TCN(TCNConfig(27, 16, dropout=0.5)), torch.randn(4, 5, 9)
    assert torch.equal(network.eval()(x), network(x))
    assert not torch.equal(network.train()(x), network(x))


@pytest.mark.parametrize("receptive", [1, 80, 81.0, True, "27", 3**8])
def test_refused_receptive_fields(receptive):
    with pytest.raises(DataError, match=r"expected receptive as one of 3, 9, 27, 81, 243, .* found"):
        TCNConfig(receptive)


def test_refused_sizes():
    with pytest.raises(DataError, match=r"expected width as .*, found 0"):
        TCNConfig(width=0)
    with pytest.raises(DataError, match=r"expected dropout as .*, found 1"):
        TCNConfig(dropout=1)
