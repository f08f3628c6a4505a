"""SteadyNet's symmetries, which hold for any weights."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.errors import DataError
from steadypose.models.refiner import build_refiner
from steadypose.models.steadynet import SteadyNet, SteadyNetConfig
from steadypose.refine.windows import WindowSpec


def network(seed: int, length: int = 16, coefficients: int = 40, blocks: int = 2) -> SteadyNet:
    torch.manual_seed(seed)
    net = SteadyNet(SteadyNetConfig(length, 8, coefficients, 24, blocks))
    with torch.no_grad():
        for p in net.parameters():  # as training would: no weight stays what it was
            p.add_(0.2 * torch.randn_like(p))
    return net.eval()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 20), st.sampled_from([4, 20, 48]), st.integers(0, 2))
def test_mirrored_and_reversed_windows_come_out_so(seed, length, coefficients, blocks):
    net = network(seed, length, coefficients, blocks)
    x, context = torch.randn(3, 2, length), torch.randn(3, 2, 8)
    with torch.no_grad():
        y = net(x, context)
        assert torch.allclose(net(-x, context), -y, atol=1e-4)
        assert torch.allclose(net(x.flip(-1), context), y.flip(-1), atol=1e-4)
        assert torch.allclose(net(x.flip(1), context.flip(1)), y.flip(1), atol=1e-6)


def test_transform_and_its_inverse_begin_as_such():
    torch.manual_seed(0)
    for coefficients in (32, 48, 96):
        net = SteadyNet(SteadyNetConfig(32, 8, coefficients, 16))
        x = torch.randn(5, 32)
        back = net.synthesis(net.analysis(x))
        if coefficients >= 64:
            assert torch.allclose(back, x, atol=1e-3)
        else:  # too few coefficients: the nearest curve they can make
            assert torch.allclose(net.synthesis(net.analysis(back)), back, atol=1e-3)


def test_folded_computes_the_same():
    net = network(1)
    x, context = torch.randn(4, 3, 16), torch.randn(4, 3, 8)
    folded = net.folded()
    with torch.no_grad():
        assert torch.allclose(folded(x, context), net(x, context), atol=1e-6)
    assert all(
        type(m) is torch.nn.Linear for m in folded.modules() if not list(m.children()) and m is not folded
    )


def test_the_context_opens_gates():
    net = network(2)
    x = torch.randn(1, 1, 16)
    with torch.no_grad():
        calm, wild = (net(x, torch.full((1, 1, 8), v)) for v in (-9.0, 2.0))
    assert not torch.allclose(calm, wild, atol=1e-3)


def test_as_a_refiner_it_takes_the_window_s_length_and_context():
    refiner = build_refiner(SteadyNetConfig(), WindowSpec(length=32, context=8))
    assert refiner(torch.randn(5, 32), torch.randn(5, 8)).shape == (5, 32)
    with pytest.raises(DataError, match="context"):
        refiner(torch.randn(5, 32))


def test_odd_numbers_are_refused():
    with pytest.raises(DataError, match="expected hidden as an even number, found 9"):
        SteadyNetConfig(hidden=9)
