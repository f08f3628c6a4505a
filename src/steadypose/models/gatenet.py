"""GateNet, our own refining network: how far each band of each curve passes.

It stands on a bank of filters (``refine/bank.py``) that takes a curve apart into bands, and sees of the bands
only how large they are: now, over a second and in the whole curve; in one axis, in all axes of the keypoint, in
the body, and in the keypoint that moves along. Its answer is one logit for every band and gate. A gate that
depended on its own energy E and the curve's noise N alone would be E / (E + N), the Wiener filter's: with
logarithms of energies that is a linear map before a sigmoid, and the network begins as one.

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

    hidden: int = 96
    blocks: int = 3
    kernel: int = 2

    def __post_init__(self) -> None:
        check_count(self, ("hidden",))
        check_count(self, ("blocks", "kernel"), 0, 16)


class GateNet(nn.Module):
    """Numbers of bands in, logits of gates out; the same for every curve.

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
        bands = len(spec.edges)
        self.now: nn.Module = nn.Conv1d(spec.varying, config.hidden, 1)
        self.always: nn.Module = nn.Linear(spec.fixed, config.hidden)
        self.blocks = nn.ModuleList(
            _Block(config.hidden, config.kernel, 2**number) for number in range(config.blocks)
        )
        self.gates: nn.Module = nn.Conv1d(config.hidden, bands, 1)
        self.straight: nn.Module = nn.Conv1d(spec.varying, bands, 1, bias=False)
        nn.init.normal_(self.gates.weight, std=0.1 / math.sqrt(config.hidden))
        nn.init.zeros_(self.straight.weight)
        with torch.no_grad():  # the first numbers of a gate's time are the bands' own amplitudes
            self.straight.weight[:, :bands, 0] = torch.eye(bands) * (_WIENER / 2 / _SCALE)
            self.straight.weight[:, bands : 2 * bands, 0] = torch.eye(bands) * (_WIENER / 2 / _SCALE)

    def forward(self, varying: Tensor, fixed: Tensor) -> Tensor:
        """Logits of gates.

        Parameters
        ----------
        varying
            (curves, numbers, gates); see :func:`steadypose.refine.bank.describe`.
        fixed
            (curves, numbers).

        Returns
        -------
        Tensor
            (curves, bands, gates).
        """
        x = varying * _SCALE
        h = self.now(x) + self.always(fixed * _SCALE)[..., None]
        h = nn.functional.silu(h)
        for block in self.blocks:
            h = block(h)
        logits: Tensor = self.gates(h) + self.straight(x)
        return logits.clamp(-_LIMIT, _LIMIT)


class _Block(nn.Module):
    """A residual layer that sees neighbouring gates, alike on both sides."""

    def __init__(self, hidden: int, kernel: int, apart: int) -> None:
        super().__init__()
        self.apart, self.units = apart, hidden
        self.taps = nn.Parameter(torch.randn(hidden, kernel + 1) * (0.5 / math.sqrt(kernel + 1)))
        self.mixed: nn.Module = nn.Conv1d(hidden, hidden, 1)
        nn.init.normal_(self.mixed.weight, std=0.5 / math.sqrt(hidden))

    def forward(self, h: Tensor) -> Tensor:
        kernel = self.taps.shape[1] - 1
        kernels = torch.cat([self.taps[:, 1:].flip(1), self.taps], 1)[:, None]
        wide = kernel * self.apart
        around = nn.functional.conv1d(
            nn.functional.pad(h, (wide, wide), mode="replicate"),
            kernels,
            dilation=self.apart,
            groups=self.units,
        )
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

    def forward(self, varying: Tensor, fixed: Tensor) -> Tensor:
        """See :meth:`GateNet.forward`."""
        logits: Tensor = self.network(varying, fixed)
        return logits
