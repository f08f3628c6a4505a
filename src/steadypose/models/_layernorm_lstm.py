"""Layer-normalised LSTM, as TensorFlow's ``LayerNormBasicLSTMCell``: a fast one and an obvious one.

With gate products ``a = W x + U h`` (plus a bias only where there is no layer norm)::

    i, f, o, g = sigmoid(LN(a_i)), sigmoid(LN(a_f) + forget_bias), sigmoid(LN(a_o)), dropout(tanh(LN(a_g)))
    c = LN(f * c + i * g)          # the normalised state is the one carried on
    h = o * tanh(c)

Layer normalisation: Ba et al. 2016. Recurrent dropout on the candidate only: Semeniuta et al. 2016.
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from steadypose.models._dropout import Dropout

# TensorFlow's is 1e-12; a frame without any joint has gates without variance, whose gradient that multiplies
# by a million.
EPSILON = 1e-5
INPUT, FORGET, OUTPUT, CANDIDATE = range(4)  # order of the gates in the rows of every weight


class State(NamedTuple):
    """Cell state and output, each (batch, width)."""

    c: Tensor
    h: Tensor


class LayerNormLSTM(nn.Module):
    """One layer, gates fused: one product for the four of them, their layer norms in one call.

    Parameters
    ----------
    input_size, width
        Numbers of inputs and of units.
    layer_norm
        Without it: a bias, and no norm of the gates nor of the state.
    keep
        Probability with which an entry of the candidate survives recurrent dropout in training.
    forget_bias
        Added to the forget gate before its sigmoid.
    """

    def __init__(
        self,
        input_size: int,
        width: int,
        *,
        layer_norm: bool = True,
        keep: float = 1.0,
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__()
        self.width, self.forget_bias = width, forget_bias
        self.candidate_dropout = Dropout(keep)
        self.input = nn.Linear(input_size, 4 * width, bias=not layer_norm)
        self.hidden = nn.Linear(width, 4 * width, bias=False)
        self.gain = nn.Parameter(torch.ones(4, width)) if layer_norm else None
        self.shift = nn.Parameter(torch.zeros(4, width)) if layer_norm else None
        self.state_norm = nn.LayerNorm(width, eps=EPSILON) if layer_norm else None
        # Xavier uniform of the one matrix that maps [x, h] to the four gates.
        bound = math.sqrt(6 / (input_size + width + 4 * width))
        nn.init.uniform_(self.input.weight, -bound, bound)
        nn.init.uniform_(self.hidden.weight, -bound, bound)
        if not layer_norm:
            nn.init.zeros_(self.input.bias)

    def forward(self, x: Tensor) -> State:
        """The state after all frames of ``x`` (frames, batch, inputs), from zero."""
        first, *others = self.input(x).unbind(0)  # one product for all frames
        state = self._gates(first, first.new_zeros(x.shape[1], self.width))
        for product in others:
            state = self._next(product, state)
        return state

    def step(self, x: Tensor, state: State) -> State:
        """The state after one more frame ``x`` (batch, inputs)."""
        return self._next(self.input(x), state)

    def after(self, linear: nn.Module) -> LayerNormLSTM:
        """A copy that takes what ``linear`` takes, which it has multiplied into its own input product."""
        assert isinstance(linear, nn.Linear)
        merged = nn.Linear(linear.in_features, 4 * self.width).to(linear.weight)
        weight = self.input.weight.detach().double()
        bias = weight @ linear.bias.detach().double()
        merged.weight.data.copy_(weight @ linear.weight.detach().double())
        merged.bias.data.copy_(bias if self.input.bias is None else bias + self.input.bias.detach())
        result = copy.deepcopy(self)
        result.input = merged
        return result

    def _next(self, product: Tensor, state: State) -> State:
        return self._gates(torch.addmm(product, state.h, self.hidden.weight.T), state.c)

    def _gates(self, product: Tensor, c: Tensor) -> State:
        a = product.view(-1, 4, self.width)
        if self.gain is not None and self.shift is not None:
            a = torch.addcmul(self.shift, functional.layer_norm(a, (self.width,), eps=EPSILON), self.gain)
        i, f, o, g = a.unbind(1)
        f, g = torch.sigmoid(f + self.forget_bias), self.candidate_dropout(torch.tanh(g))
        c = torch.addcmul(f * c, torch.sigmoid(i), g)
        if self.state_norm is not None:
            c = self.state_norm(c)
        return State(c, torch.sigmoid(o) * torch.tanh(c))


class PlainLayerNormLSTM(LayerNormLSTM):
    """The same layer written gate by gate and frame by frame: what the fused one must equal."""

    def forward(self, x: Tensor) -> State:
        """The state after all frames of ``x`` (frames, batch, inputs), from zero."""
        zero = x.new_zeros(x.shape[1], self.width)
        state = State(zero, zero)
        for frame in x.unbind(0):
            state = self.step(frame, state)
        return state

    def step(self, x: Tensor, state: State) -> State:
        """The state after one more frame ``x`` (batch, inputs)."""
        i = torch.sigmoid(self._gate(INPUT, x, state.h))
        g = torch.tanh(self._gate(CANDIDATE, x, state.h))
        f = torch.sigmoid(self._gate(FORGET, x, state.h) + self.forget_bias)
        o = torch.sigmoid(self._gate(OUTPUT, x, state.h))
        c = f * state.c + i * self.candidate_dropout(g)
        if self.state_norm is not None:
            c = self.state_norm(c)
        return State(c, o * torch.tanh(c))

    def _gate(self, gate: int, x: Tensor, h: Tensor) -> Tensor:
        rows = slice(gate * self.width, (gate + 1) * self.width)
        a = x @ self.input.weight[rows].T + h @ self.hidden.weight[rows].T
        if self.input.bias is not None:
            a = a + self.input.bias[rows]
        if self.gain is None or self.shift is None:
            return a
        return functional.layer_norm(a, (self.width,), self.gain[gate], self.shift[gate], EPSILON)
