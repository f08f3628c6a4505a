"""The network that sees all channels: it starts as the identity and learns what one channel cannot tell."""

from __future__ import annotations

import pytest
import torch

from steadypose.errors import DataError
from steadypose.models import SpatioTemporal, SpatioTemporalConfig

SMALL = SpatioTemporalConfig(channels=4, length=6, width=16, heads=2, inner=16, blocks=1)


def small():
    torch.manual_seed(0)
    return SpatioTemporal(SMALL)


def test_starts_from_the_input():
    x = torch.randn(3, 4, 6)
    assert torch.equal(small()(x), x)
    assert small()(x[:0]).shape == (0, 4, 6)


def test_every_number_depends_on_every_other():
    network = small()
    torch.nn.init.normal_(network.last.weight)
    x = torch.randn(1, 4, 6, requires_grad=True)
    network(x)[0, 2, 3].backward()
    assert (x.grad != 0).all()


def test_channels_have_names():
    """Exchanged channels are other channels."""
    network = small()
    torch.nn.init.normal_(network.last.weight)
    x = torch.randn(1, 4, 6)
    assert not torch.allclose(network(x.flip(1)).flip(1), network(x), atol=1e-3)


def test_learns_from_another_channel():
    """Channel 1 is noise and channel 2 the truth of it: no network that looks at one channel can do this."""
    network, generator = small(), torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(150):
        x = torch.randn(64, 4, 6, generator=generator)
        loss = (network(x)[:, 1] - x[:, 2]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.5  # at the start 2, and for ever at least 1 without the other channel


def test_refused_configurations():
    with pytest.raises(DataError, match=r"expected width as a multiple of 3 heads, found 128"):
        SpatioTemporalConfig(heads=3)
    with pytest.raises(DataError, match=r"expected channels as .*, found 0"):
        SpatioTemporalConfig(channels=0)
