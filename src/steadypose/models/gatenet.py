"""GateNet, our own refining network: how far each band of each curve passes.

It stands on a bank of filters (``refine/bank.py``) that takes a curve apart into bands, and sees of the bands
only how large they are: now, over a second and in the whole curve; of the keypoint, of the body, and, by a
linear map alone, of the axis. Its answer is one logit for every band and gate. A gate that depended on its
own energy E and the curve's noise N alone would be E / (E + N), the Wiener filter's: with logarithms of
energies that is a linear map before a sigmoid, and the network begins as one.

Mirrored curves have the same gates, since no number has a sign, and reversed ones have them reversed, since
kernels in time are symmetric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadypose.models._checks import check_count
from steadypose.refine.bank import BankSpec

__all__ = ["GateNet", "GateNetConfig", "GatedBank"]

_SCALE = 0.3  # logarithms of amplitudes, of a few units, become numbers of about 1
_WIENER = 2.0  # energy is the square of an amplitude
_LIMIT = 16.0  # of a logit: beyond, single precision knows no difference


@dataclass(frozen=True)
class GateNetConfig:
    """Shape of :class:`GateNet`.

    Parameters
    ----------
    hidden
        Units of a gate's time.
    blocks
        Residual layers that look at neighbouring gates, each twice as far as the one before.
    kernel
        Gates on either side that a layer sees.

    Raises
    ------
    DataError
        If a field does not fit; the message names it.
    """

    hidden: int = 64
    blocks: int = 3
    kernel: int = 2

    def __post_init__(self) -> None:
        check_count(self, ("hidden",))
        check_count(self, ("blocks", "kernel"), 0, 16)


class GateNet(nn.Module):
    """Numbers of bands in, logits of gates out; the same for every keypoint.

    Parameters
    ----------
    config
        Its shape.
    spec
        The bank it stands on.
    """

    def __init__(self, config: GateNetConfig, spec: BankSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        bands, numbers = len(spec.edges), spec.numbers
        self.now: nn.Module = nn.Linear(numbers["now"], config.hidden)
        self.always: nn.Module = nn.Linear(numbers["always"], config.hidden)
        self.blocks = nn.ModuleList(
            _Block(config.hidden, config.kernel, 2**number) for number in range(config.blocks)
        )
        self.gates: nn.Module = nn.Linear(config.hidden, bands)
        self.straight: nn.Module = nn.Linear(numbers["now"], bands, bias=False)
        self.straight_always: nn.Module = nn.Linear(numbers["always"], bands, bias=False)
        self.axis_now: nn.Module = nn.Linear(numbers["axis_now"], bands, bias=False)
        self.axis_always: nn.Module = nn.Linear(numbers["axis_always"], bands, bias=False)
        nn.init.normal_(self.gates.weight, std=0.1 / math.sqrt(config.hidden))
        for layer in (self.straight, self.straight_always, self.axis_now, self.axis_always):
            nn.init.zeros_(layer.weight)
        with torch.no_grad():  # the first numbers are the bands' own amplitudes, now and over a second
            self.axis_now.weight[:, :bands] = torch.eye(bands) * (_WIENER / 2 / _SCALE)
            self.axis_now.weight[:, bands:] = torch.eye(bands) * (_WIENER / 2 / _SCALE)

    def forward(self, now: Tensor, always: Tensor, axis_now: Tensor, axis_always: Tensor) -> Tensor:
        """Logits of gates from what :class:`steadypose.refine.bank_numbers.Described` holds.

        Parameters
        ----------
        now
            (gates, keypoints, numbers).
        always
            (keypoints, numbers).
        axis_now
            (gates, keypoints, axes, numbers).
        axis_always
            (keypoints, axes, numbers).

        Returns
        -------
        Tensor
            (gates, keypoints, axes, bands).
        """
        x = now * _SCALE
        whole = always * _SCALE
        h = nn.functional.silu(self.now(x) + self.always(whole))  # (gates, keypoints, hidden)
        for block in self.blocks:
            h = block(h)
        of_axes = self.axis_now(axis_now * _SCALE) + self.axis_always(axis_always * _SCALE)
        logits: Tensor = (self.gates(h) + self.straight(x) + self.straight_always(whole))[
            :, :, None
        ] + of_axes
        return logits.clamp(-_LIMIT, _LIMIT)


class _Block(nn.Module):
    """A residual layer that sees neighbouring gates, alike on both sides."""

    def __init__(self, hidden: int, kernel: int, apart: int) -> None:
        super().__init__()
        self.kernel, self.apart = kernel, apart
        self.taps = nn.Parameter(torch.randn(kernel + 1, hidden) * (0.5 / math.sqrt(kernel + 1)))
        self.mixed: nn.Module = nn.Linear(hidden, hidden)
        nn.init.normal_(self.mixed.weight, std=0.5 / math.sqrt(hidden))

    def forward(self, h: Tensor) -> Tensor:
        wide = self.kernel * self.apart
        first, last = h[:1], h[-1:]
        padded = torch.cat([first] * wide + [h] + [last] * wide)
        around = self.taps[0] * h
        for tap in range(1, self.kernel + 1):
            before, after = wide - tap * self.apart, wide + tap * self.apart
            both = padded[before : before - 2 * wide] + padded[after : (after - 2 * wide) or None]
            around = around + self.taps[tap] * both
        y: Tensor = h + nn.functional.silu(self.mixed(around))
        return y


class GatedBank(nn.Module):
    """A :class:`GateNet` with the bank it stands on: what is saved, exported and opened again.

    Parameters
    ----------
    network
        The network.
    """

    def __init__(self, network: GateNet) -> None:
        super().__init__()
        self.network, self.spec = network, network.spec

    def forward(self, now: Tensor, always: Tensor, axis_now: Tensor, axis_always: Tensor) -> Tensor:
        """See :meth:`GateNet.forward`."""
        logits: Tensor = self.network(now, always, axis_now, axis_always)
        return logits
