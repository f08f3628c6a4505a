"""The Transformer along time, and the attention it shares: NumPy's numbers, all frames seen, places known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from steadypose.errors import DataError
from steadypose.models import TemporalTransformer, TransformerConfig
from steadypose.models._attention import AttentionBlock
from steadypose.models.transformer import places

SMALL = TransformerConfig(width=8, heads=2, inner=12, blocks=2)


def small(config=SMALL):
    torch.manual_seed(0)
    return TemporalTransformer(config).double().eval()


def norm(x, p, name):
    centred = x - x.mean(-1, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * p[f"{name}.weight"]
        + p[f"{name}.bias"]
    )


def linear(x, p, name):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def gelu(x):
    from scipy.special import erf

    return x * (1 + erf(x / np.sqrt(2))) / 2


def slow_block(p, x, heads):
    """One sequence (tokens, width)."""
    width = x.shape[1]
    taken = linear(norm(x, p, "norm1"), p, "take")
    parts = [taken[:, i * width : (i + 1) * width] for i in range(3)]
    size, given = width // heads, []
    for h in range(heads):
        q, k, v = (part[:, h * size : (h + 1) * size] for part in parts)
        weights = np.exp(q @ k.T / np.sqrt(size))
        given.append(weights / weights.sum(1, keepdims=True) @ v)
    x = x + linear(np.concatenate(given, 1), p, "give")
    return x + linear(gelu(linear(norm(x, p, "norm2"), p, "linear1")), p, "linear2")


def test_attention_equals_numpy():
    torch.manual_seed(1)
    block = AttentionBlock(8, 2, 12, 0.3).double().eval()
    x = torch.randn(3, 5, 8, dtype=torch.float64)
    p = {name: value.numpy() for name, value in block.state_dict().items()}
    wanted = [slow_block(p, sequence, 2) for sequence in x.numpy()]
    np.testing.assert_allclose(block(x).detach().numpy(), wanted, rtol=1e-10, atol=1e-10)


def test_places_are_sines_that_tell_frames_apart():
    found = places(64, 8, torch.zeros(1, dtype=torch.float64)).numpy()
    t = np.arange(64)
    for i in range(4):
        np.testing.assert_allclose(found[:, i], np.sin(t / 10_000 ** (i / 4)), atol=1e-9)
        np.testing.assert_allclose(found[:, 4 + i], np.cos(t / 10_000 ** (i / 4)), atol=1e-9)
    apart = np.linalg.norm(found[:, None] - found[None], axis=-1)[~np.eye(64, dtype=bool)]
    assert apart.min() > 0.1


def test_every_frame_sees_every_frame():
    x = torch.randn(1, 1, 20, dtype=torch.float64, requires_grad=True)
    small()(x)[0, 0, 0].backward()
    assert (x.grad != 0).all()


def test_frames_know_their_place():
    network, x = small(), torch.randn(1, 1, 20, dtype=torch.float64)
    assert not torch.allclose(network(x.flip(2)).flip(2), network(x), atol=1e-3)


def test_channels_do_not_know_of_each_other_and_any_length_goes():
    network, x = small(), torch.randn(4, 3, 9, dtype=torch.float64)
    y = network(x)
    assert y.shape == x.shape
    torch.testing.assert_close(network(x[1:2, 2:3]), y[1:2, 2:3])
    assert network(x[..., :2]).shape == (4, 3, 2)
    assert network(x[:0]).shape == (0, 3, 9)


def test_gradients_reach_every_weight():
    network = small().train()
    network(torch.randn(4, 3, 9, dtype=torch.float64)).square().sum().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"heads": 3}, "width"),
        ({"width": 7, "heads": 1}, "width"),
        ({"blocks": 65}, "blocks"),
        ({"inner": 0}, "inner"),
    ],
)
def test_refused_configurations(fields, word):
    with pytest.raises(DataError, match=f"expected {word} as .*, found"):
        TransformerConfig(**fields)
