"""The LSTM layer: both ways to write it against each other and against its formulas in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.models._dropout import Dropout, dropout
from steadypose.models._layernorm_lstm import EPSILON, LayerNormLSTM, PlainLayerNormLSTM

GATES = ("i", "f", "o", "g")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def norm(x, gain, shift):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON) * gain + shift


def formulas(lstm: LayerNormLSTM, frames: np.ndarray, layer_norm: bool, forget_bias: float):
    """(c, h) after all frames (frames, batch, inputs), one gate at a time."""
    p = {name: value.detach().numpy() for name, value in lstm.named_parameters()}
    c = h = np.zeros((frames.shape[1], lstm.width))
    for x in frames:
        a = {}
        for k, gate in enumerate(GATES):
            rows = slice(k * lstm.width, (k + 1) * lstm.width)
            a[gate] = x @ p["input.weight"][rows].T + h @ p["hidden.weight"][rows].T
            if layer_norm:
                a[gate] = norm(a[gate], p["gain"][k], p["shift"][k])
            else:
                a[gate] = a[gate] + p["input.bias"][rows]
        c = sigmoid(a["f"] + forget_bias) * c + sigmoid(a["i"]) * np.tanh(a["g"])
        if layer_norm:
            c = norm(c, p["state_norm.weight"], p["state_norm.bias"])
        h = sigmoid(a["o"]) * np.tanh(c)
    return c, h


def random_lstm(cls, inputs=6, width=8, *, seed=0, **switches) -> LayerNormLSTM:
    """A layer in float64 whose gains, shifts and biases are not what they start as."""
    torch.manual_seed(seed)
    lstm = cls(inputs, width, **switches).double()
    for parameter in lstm.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.3)
    return lstm


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([LayerNormLSTM, PlainLayerNormLSTM]),
    st.booleans(), st.sampled_from([0.0, 1.0, -2.5]), st.integers(1, 6), st.integers(1, 4),
    st.integers(1, 5), st.integers(2, 9), st.integers(0, 99),
)  # fmt: skip
def test_formulas(cls, layer_norm, forget_bias, frames, batch, inputs, width, seed):
    lstm = random_lstm(cls, inputs, width, seed=seed, layer_norm=layer_norm, forget_bias=forget_bias)
    x = torch.randn(frames, batch, inputs, dtype=torch.float64)
    wanted = formulas(lstm, x.numpy(), layer_norm, forget_bias)
    for found, value in zip(lstm(x), wanted, strict=True):
        np.testing.assert_allclose(found.detach().numpy(), value, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("layer_norm", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_fused_equals_plain_in_training(layer_norm, dtype, tolerance):
    states, gradients = [], []
    for cls in (LayerNormLSTM, PlainLayerNormLSTM):
        lstm = random_lstm(cls, layer_norm=layer_norm, keep=0.5).to(dtype).train()
        x = torch.linspace(-2, 2, 5 * 3 * 6, dtype=dtype).view(5, 3, 6).sin().requires_grad_()
        torch.manual_seed(1)  # the same masks
        state = lstm(x)
        state = lstm.step(x[0], state)
        (state.c.square().sum() + state.h.sum()).backward()
        states.append(torch.stack(state))
        gradients.append([x.grad, *(p.grad for p in lstm.parameters())])
    torch.testing.assert_close(states[0], states[1], rtol=tolerance, atol=tolerance)
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * 10)


def test_gradient_is_the_derivative():
    lstm = random_lstm(LayerNormLSTM, 3, 4)
    x = torch.randn(3, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: tuple(lstm(x)), (x, *lstm.parameters()))


def test_a_bias_only_without_layer_norm():
    assert {n for n, _ in LayerNormLSTM(3, 4).named_parameters()} == {
        "input.weight", "hidden.weight", "gain", "shift", "state_norm.weight", "state_norm.bias",
    }  # fmt: skip
    without = dict(LayerNormLSTM(3, 4, layer_norm=False).named_parameters())
    assert set(without) == {"input.weight", "hidden.weight", "input.bias"}
    assert not without["input.bias"].any()


def test_xavier_uniform_of_the_joint_matrix():
    lstm = LayerNormLSTM(300, 200)
    bound = math.sqrt(6 / (300 + 200 + 800))
    for weight in (lstm.input.weight, lstm.hidden.weight):
        assert bound * 0.999 < weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_the_state_carried_on_is_normalised():
    torch.manual_seed(0)
    c = LayerNormLSTM(5, 64)(torch.randn(3, 7, 5)).c
    torch.testing.assert_close(c.mean(-1), torch.zeros(7), atol=1e-5, rtol=0)
    torch.testing.assert_close(c.var(-1, correction=0), torch.ones(7), atol=1e-3, rtol=0)


def test_recurrent_dropout_is_on_the_candidate_alone():
    lstm = LayerNormLSTM(5, 64, layer_norm=False, keep=0.5)
    x = torch.randn(1, 7, 5)
    kept = lstm.eval()(x).c
    dropped = lstm.train()(x).c
    zero = dropped == 0
    assert 0.3 < zero.float().mean() < 0.7
    torch.testing.assert_close(dropped[~zero], 2 * kept[~zero])


@pytest.mark.parametrize("layer_norm", [True, False])
@pytest.mark.parametrize("cls", [LayerNormLSTM, PlainLayerNormLSTM])
def test_after_a_linear_layer(cls, layer_norm):
    lstm = random_lstm(cls, layer_norm=layer_norm)
    linear = torch.nn.Linear(2, 6).double()
    x = torch.randn(4, 3, 2, dtype=torch.float64)
    merged = lstm.after(linear)
    torch.testing.assert_close(merged(x).h, lstm(linear(x)).h, rtol=1e-10, atol=1e-10)
    assert lstm.input.in_features == 6


def test_a_frame_of_zeros_has_a_bounded_gradient():
    """All joints missing, biases still zero: gates without variance."""
    lstm = LayerNormLSTM(4, 16)
    x = torch.zeros(3, 2, 4, requires_grad=True)
    lstm(x).h.sum().backward()
    assert x.grad is not None and x.grad.isfinite().all() and x.grad.abs().max() < 1e4


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 1), st.integers(0, 9))
def test_dropout_keeps_the_mean(keep, seed):
    torch.manual_seed(seed)
    y = dropout(torch.ones(100, 301), keep)
    share = round(keep * 256) / 256
    kept = y != 0
    torch.testing.assert_close(y[kept], torch.full_like(y[kept], 1 / share))
    assert abs(kept.float().mean().item() - share) < 5 * math.sqrt(share * (1 - share) / y.numel()) + 1e-9


def test_dropout_of_neighbours_is_independent():
    torch.manual_seed(0)
    kept = (dropout(torch.ones(64, 4096), 0.5) != 0).float() - 0.5
    for shift in (1, 2, 4, 8, 64):  # a random number serves eight entries
        assert abs((kept[:, shift:] * kept[:, :-shift]).mean().item()) < 0.005


def test_dropout_module():
    module, x = Dropout(0.5), torch.ones(3, 5)
    assert module.eval()(x) is x
    assert Dropout(1.0).train()(x) is x
    module.train()
    torch.manual_seed(3)
    first = module(x)
    assert not torch.equal(first, module(x))
    torch.manual_seed(3)
    assert torch.equal(first, module(x))
    assert module(torch.ones(0, 5)).shape == (0, 5)
