"""A refiner fits its network to the spec and gives it windows of one channel, or of all."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from steadypose.errors import DataError
from steadypose.models import (
    FCNConfig,
    MotionAwareConfig,
    RefinerNet,
    SmoothNet,
    SmoothNetConfig,
    SpatioTemporalConfig,
    TCNConfig,
    TransformerConfig,
    build_refiner,
)
from steadypose.models.refiner import NETWORKS
from steadypose.refine.windows import WindowSpec

SPEC = WindowSpec(length=12, step=4)
PER_CHANNEL = {
    "smoothnet": SmoothNetConfig(hidden=8, inner=4),
    "motion_aware": MotionAwareConfig(hidden=8, inner=4),
    "tcn": TCNConfig(27, 6),
    "transformer": TransformerConfig(width=8, heads=2, inner=8, blocks=1),
}


@pytest.mark.parametrize("kind", PER_CHANNEL)
def test_windows_of_one_channel_or_of_all(kind):
    refiner = build_refiner(PER_CHANNEL[kind], SPEC).eval()
    assert isinstance(refiner.network, NETWORKS[kind][1])
    assert refiner.channels is None
    x = torch.randn(5, 3, 12)
    assert refiner(x).shape == x.shape
    torch.testing.assert_close(refiner(x[:, 1]), refiner(x)[:, 1])
    assert getattr(refiner.network.config, "length", 12) == 12


def test_channels_together():
    refiner = build_refiner(SpatioTemporalConfig(channels=3, width=8, heads=2, inner=8), SPEC)
    assert refiner.channels == 3
    assert refiner(torch.randn(5, 3, 12)).shape == (5, 3, 12)


@dataclasses.dataclass(frozen=True)
class ToldConfig:
    """Of a network that is told the mean of a curve and adds it."""

    length: int = 1
    context: int = 0


class Told(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config

    def forward(self, x, context):
        return x + context.sum(-1, keepdim=True)


def test_context(monkeypatch):
    monkeypatch.setitem(NETWORKS, "told", (ToldConfig, Told))
    refiner = build_refiner(ToldConfig(), dataclasses.replace(SPEC, context=2))
    assert refiner.network.config == ToldConfig(12, 2)
    x, context = torch.randn(5, 3, 12), torch.randn(5, 3, 2)
    torch.testing.assert_close(refiner(x, context), x + context.sum(-1)[..., None])
    torch.testing.assert_close(refiner(x[:, 1], context[:, 1]), refiner(x, context)[:, 1])
    with pytest.raises(DataError, match="expected a context of 2 numbers a window, found none"):
        refiner(x)


def test_refused():
    with pytest.raises(DataError, match="a spec without context for SmoothNetConfig, found 3 numbers"):
        build_refiner(SmoothNetConfig(), dataclasses.replace(SPEC, context=3))
    with pytest.raises(DataError, match="puts out all 12 frames of a window, found 10"):
        build_refiner(SmoothNetConfig(length=12, output=10), SPEC)
    with pytest.raises(DataError, match=r"expected a network for its spec, .*length=12.*, found .*length=32"):
        RefinerNet(SmoothNet(SmoothNetConfig(hidden=8, inner=4)), SPEC)
    with pytest.raises(DataError, match=r"expected a configuration among SmoothNetConfig, .*found FCNConfig"):
        build_refiner(FCNConfig(), SPEC)
