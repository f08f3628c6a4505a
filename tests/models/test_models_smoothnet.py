"""SmoothNet, basic and motion-aware: the released names and sizes, and the same numbers as NumPy's."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from steadypose.errors import DataError
from steadypose.models import MotionAwareConfig, MotionAwareSmoothNet, SmoothNet, SmoothNetConfig
from steadypose.models.smoothnet import motion

# hidden, inner, blocks of the five published sizes, and their parameters at 8, 16, 32 and 64 frames.
FAMILIES = {
    "aist_vibe_3D": ((512, 128, 5), (667_272, 675_472, 691_872, 724_672)),
    "h36m_fcn_3D": ((512, 128, 5), (667_272, 675_472, 691_872, 724_672)),
    "pw3d_spin_3D": ((512, 16, 1), (25_624, 33_824, 50_224, 83_024)),
    "mmpose": ((512, 256, 3), (797_448, 805_648, 822_048, 854_848)),
    "mmhuman3d": ((512, 512, 5), (2_635_272, 2_643_472, 2_659_872, 2_692_672)),
}
SMALL = SmoothNetConfig(length=7, hidden=10, inner=4, blocks=2)
AWARE = MotionAwareConfig(length=7, hidden=10, inner=4)


def leaky(x, slope):
    return np.where(x > 0, x, slope * x)


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def slow_block(p, name, x):
    inside = leaky(linear(p, f"{name}.linear1", x), 0.2)
    return x + leaky(linear(p, f"{name}.linear2", inside), 0.2)


def numbers(network):
    return {name: value.numpy() for name, value in network.state_dict().items()}


def parameters(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_of_the_published_sizes(name):
    (hidden, inner, blocks), wanted = FAMILIES[name]
    with torch.device("meta"):
        found = [
            parameters(SmoothNet(SmoothNetConfig(length=t, hidden=hidden, inner=inner, blocks=blocks)))
            for t in (8, 16, 32, 64)
        ]
    assert tuple(found) == wanted


def test_names_are_the_released_ones():
    network = SmoothNet(SMALL)
    inside = [
        f"res_blocks.{i}.linear{j}.{what}" for i in (0, 1) for j in (1, 2) for what in ("weight", "bias")
    ]
    ends = ["encoder.0.weight", "encoder.0.bias", "decoder.weight", "decoder.bias"]
    assert sorted(network.state_dict()) == sorted(inside + ends)


@pytest.mark.parametrize("change", [{}, {"output": 3}, {"blocks": 0}, {"length": 1}], ids=str)
def test_basic_equals_numpy(change):
    torch.manual_seed(0)
    network = SmoothNet(dataclasses.replace(SMALL, **change)).double().eval()
    x = torch.randn(3, 5, network.config.length, dtype=torch.float64)
    p, y = numbers(network), x.numpy()
    y = leaky(linear(p, "encoder.0", y), 0.1)
    for i in range(network.config.blocks):
        y = slow_block(p, f"res_blocks.{i}", y)
    y = linear(p, "decoder", y)
    assert y.shape == (3, 5, network.config.output or network.config.length)
    np.testing.assert_allclose(network(x).detach().numpy(), y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("change", [{}, {"embedding": 5}, {"blocks": 2}, {"length": 2}], ids=str)
def test_motion_aware_equals_numpy(change):
    torch.manual_seed(0)
    network = MotionAwareSmoothNet(dataclasses.replace(AWARE, **change)).double().eval()
    x = torch.randn(3, 5, network.config.length, dtype=torch.float64)
    p, frames = numbers(network), x.numpy()
    v, a = np.zeros_like(frames), np.zeros_like(frames)
    for t in range(1, frames.shape[-1]):
        v[..., t] = frames[..., t] - frames[..., t - 1]
    for t in range(2, frames.shape[-1]):
        a[..., t] = v[..., t] - v[..., t - 1]
    tops = []
    for name, y in (("position", frames), ("velocity", v), ("acceleration", a)):
        y = leaky(linear(p, f"{name}.0", y), 0.1)
        for i in range(network.config.blocks):
            y = slow_block(p, f"{name}.{2 + i}", y)
        tops.append(linear(p, f"{name}.{2 + network.config.blocks}", y))
    wanted = linear(p, "fusion", np.concatenate(tops, -1))
    np.testing.assert_allclose(network(x).detach().numpy(), wanted, rtol=1e-12, atol=1e-12)


def test_motion_aware_has_a_third_of_a_million_parameters():
    assert parameters(MotionAwareSmoothNet(MotionAwareConfig())) == 325_976
    at_basic_sizes = MotionAwareSmoothNet(MotionAwareConfig(inner=128))
    assert parameters(at_basic_sizes) == 498_176  # as the docstring says: 0.50 million


def test_a_steady_motion_has_velocity_and_no_acceleration():
    v, a = motion(torch.arange(6.0) * 3 + 50)
    assert v.tolist() == [0, 3, 3, 3, 3, 3]
    assert not a.any()
    v, a = motion(torch.arange(6.0) ** 2)
    assert a.tolist() == [0, 0, 2, 2, 2, 2]


@pytest.mark.parametrize("network", [SmoothNet(SMALL), MotionAwareSmoothNet(AWARE)], ids=["basic", "aware"])
def test_what_holds_for_both(network):
    x = torch.randn(64, 5, 7)
    # Channels and windows do not know of each other.
    y = network.eval()(x)
    assert y.shape == x.shape
    torch.testing.assert_close(network(x[3:5, 2:3]), y[3:5, 2:3])
    assert network(x[:0]).shape == (0, 5, 7)
    # Dropout is the only chance, and only in training.
    assert torch.equal(network(x), y)
    assert not torch.equal(network.train()(x), network(x))
    network.zero_grad()
    network(x).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("config", "field", "value"),
    [
        (SMALL, "length", 0), (SMALL, "hidden", 10**6), (SMALL, "inner", "4"), (SMALL, "blocks", -1),
        (SMALL, "blocks", True), (SMALL, "dropout", 1.0), (SMALL, "dropout", True), (SMALL, "output", 0),
        (SMALL, "output", 8), (AWARE, "length", 1), (AWARE, "embedding", 0), (AWARE, "dropout", -0.1),
    ],
)  # fmt: skip
def test_refused_configurations(config, field, value):
    with pytest.raises(DataError, match=f"expected {field} .*, found"):
        dataclasses.replace(config, **{field: value})
