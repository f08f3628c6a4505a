"""SteadyNet, our own refining network: a learned transform whose coefficients pass as far as they are
believed.

First samples that lie far from where their neighbours would have them are drawn back as far as they are not
believed, like a Student-t likelihood's. Then the window is taken apart by a learned transform, every
coefficient is multiplied by a gate between 0 and 1, and what passes is put together again. The gates are
found from the sizes of all coefficients and from what is known of the whole curve (``refine/_context.py``): a
Wiener filter that has seen how bodies move and how estimators err. Clean curves pass, noise does not, and
there is nothing to set.

Two symmetries hold exactly, by the shape of the network. A mirrored window comes out mirrored, because gates
do not depend on signs and nothing else bends. A reversed one comes out reversed, because coefficients come in
pairs that reversal exchanges.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadypose.errors import DataError
from steadypose.models._checks import check_count
from steadypose.refine._context import SPANS

__all__ = ["SteadyNet", "SteadyNetConfig"]

_DOUBT = -2.0  # of a sample before training: sigmoid(-2) is 0.12
_UNITS = (-3.0, 5.0)  # logarithms of the smallest and largest factor on sizes
_NEAR = 2.0  # frames: spread of the neighbours that say where a sample should be, before training
_OPEN = 0.5  # of a gate before training: sigmoid(0.5) is 0.62
_CONTEXT = 0.3  # logarithms of the context, of a few units, become numbers of about 1


@dataclass(frozen=True)
class SteadyNetConfig:
    """Shape of :class:`SteadyNet`.

    Parameters
    ----------
    length
        Frames of a window.
    context
        Numbers that tell of the whole curve.
    coefficients
        Of the transform; even.
    hidden
        Units that find the gates; even.
    blocks
        Residual layers between those units.

    Raises
    ------
    DataError
        If a field does not fit; the message names it.
    """

    length: int = 80
    context: int = len(SPANS)
    coefficients: int = 240
    hidden: int = 192
    blocks: int = 1

    def __post_init__(self) -> None:
        check_count(self, ("length", "context", "coefficients", "hidden"))
        check_count(self, ("blocks",), 0, 64)
        for name in ("coefficients", "hidden"):
            if getattr(self, name) % 2:
                raise DataError(f"expected {name} as an even number, found {getattr(self, name)}")


class SteadyNet(nn.Module):
    """Transform, gates, and the way back; the same for every channel."""

    def __init__(self, config: SteadyNetConfig) -> None:
        super().__init__()
        self.config = c = config
        self.neighbours: nn.Module = _Reversible(_bells(c.length))
        self.doubts: nn.Module = _Reversible(torch.eye(c.length))
        self.doubt_biases: nn.Module = _Even(c.context, 2, 0.2, _DOUBT)
        self.units: nn.Module = _Even(c.context, 4, 0.0)
        frame = _tight_frame(c.length, c.coefficients // 2)
        self.analysis: nn.Module = _Analysis(frame)
        self.synthesis: nn.Module = _Synthesis(torch.linalg.pinv(self.analysis.dense())[:, : len(frame)])
        self.sizes: nn.Module = _Mirrored(c.coefficients, c.hidden, 1.4)
        self.knowledge: nn.Module = _Even(c.context, c.hidden)
        self.blocks = nn.ModuleList(_Mirrored(c.hidden, c.hidden, 0.2) for _ in range(c.blocks))
        self.block_biases = nn.ModuleList(_Even(c.context, c.hidden, 0.2) for _ in range(c.blocks))
        self.gates: nn.Module = _Mirrored(c.hidden, c.coefficients, 0.5)
        self.gate_biases: nn.Module = _Even(c.context, c.coefficients, 0.2, _OPEN)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Windows (N, C, length) and what is known of their curves (N, C, context) to windows of the same
        shape.
        """
        known = context * _CONTEXT
        # What is large depends on the noise of the curve.
        unit = torch.exp(self.units(known)[..., :2].clamp(*_UNITS))  # (N, C, 2)
        off = x - self.neighbours(x)
        doubt = torch.sigmoid(self.doubts(off.abs() * unit[..., :1]) + self.doubt_biases(known)[..., :1])
        z = self.analysis(x - doubt * off)  # (N, C, coefficients)
        h = torch.relu(self.sizes(z.abs() * unit[..., 1:]) + self.knowledge(known))  # (N, C, hidden)
        for block, bias in zip(self.blocks, self.block_biases, strict=True):
            h = h + torch.relu(block(h) + bias(known))
        gates = torch.sigmoid(self.gates(h) + self.gate_biases(known))
        y: Tensor = self.synthesis(gates * z)
        return y

    def folded(self) -> SteadyNet:
        """The same network with plain linear layers, for evaluation only."""
        folded = copy.deepcopy(self)
        for parent in (folded, folded.blocks, folded.block_biases):
            for name, child in parent.named_children():
                if isinstance(child, _Dense):
                    setattr(parent, name, child.folded())
        return folded.eval()


class _Dense(nn.Module):
    """A linear layer whose matrix is made of fewer numbers."""

    def dense(self) -> Tensor:
        """The whole matrix, (out, in)."""
        raise NotImplementedError

    def shift(self) -> Tensor | None:
        """The whole bias, (out,)."""
        return None

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = nn.functional.linear(x, self.dense(), self.shift())
        return y

    def folded(self) -> nn.Linear:
        """As a plain layer."""
        weight, bias = self.dense().detach(), self.shift()
        linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
        linear.weight.data = weight.clone()
        if bias is not None:
            linear.bias.data = bias.detach().clone()
        return linear


class _Analysis(_Dense):
    """Frames to coefficients: half of them by themselves, the other half the same of the reversed window."""

    def __init__(self, half: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(half.clone())

    def dense(self) -> Tensor:
        return torch.cat([self.weight, self.weight.flip(1)])


class _Synthesis(_Dense):
    """Coefficients to frames, the second half reversed."""

    def __init__(self, half: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(half.clone())

    def dense(self) -> Tensor:
        return torch.cat([self.weight, self.weight.flip(0)], 1)


class _Mirrored(_Dense):
    """Units in two halves; exchanging the halves of what goes in exchanges those of what comes out."""

    def __init__(self, size_in: int, size_out: int, gain: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size_out // 2, size_in) * (gain / math.sqrt(size_in)))

    def dense(self) -> Tensor:
        own, other = self.weight.chunk(2, 1)
        return torch.cat([self.weight, torch.cat([other, own], 1)])


class _Even(_Dense):
    """What is the same for both halves."""

    def __init__(self, size_in: int, size_out: int, gain: float = 1.0, start: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size_out // 2, size_in) * (gain / math.sqrt(size_in)))
        self.bias = nn.Parameter(torch.full((size_out // 2,), start))

    def dense(self) -> Tensor:
        return torch.cat([self.weight, self.weight])

    def shift(self) -> Tensor:
        return torch.cat([self.bias, self.bias])


class _Reversible(_Dense):
    """Frames to frames, the same for a reversed window."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(start.clone())

    def dense(self) -> Tensor:
        return (self.weight + self.weight.flip(0, 1)) / 2


def _bells(length: int) -> Tensor:
    """A mean over the neighbours of every frame, without itself."""
    t = torch.arange(length, dtype=torch.float32)
    bells = torch.exp(-((t[:, None] - t) ** 2) / (2 * _NEAR**2)) * (1 - torch.eye(length))
    return bells / bells.sum(1, keepdim=True)


def _tight_frame(length: int, half: int) -> Tensor:
    """Directions to begin with: orthogonal ones, and random ones where more are asked for."""
    directions: Tensor = torch.linalg.qr(torch.randn(length, length))[0]
    if half <= length:
        return directions[:half]
    return torch.cat([directions, torch.randn(half - length, length) / math.sqrt(length)])
