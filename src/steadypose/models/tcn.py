"""A temporal convolutional network, one of SmoothNet's comparators (its Table 4): local, dilated, deep."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from steadypose.errors import DataError
from steadypose.models._checks import check_count, check_dropout
from steadypose.models._dropout import Dropout

__all__ = ["TCN", "TCNConfig"]

KERNEL = 3
MOST = 7  # powers of three: 2,187 frames


@dataclass(frozen=True)
class TCNConfig:
    """Shape of :class:`TCN`.

    The paper's networks of 6, 8 and 10 layers see 27, 81 and 243 frames: a first convolution, blocks of a
    dilated one and a pointwise one, and a last pointwise one. It gives no width. Every weight works on
    every frame, which those of a fully connected network do not: 64 channels and 81 frames have an eighth of
    the basic SmoothNet's weights at 32 frames (49,857 of 428,448) and four times its arithmetic.

    Parameters
    ----------
    receptive
        Frames that one frame of the output depends on: a power of three, 3 to 2,187.
    width
        Channels of every hidden layer.
    dropout
        Probability with which a unit is dropped in training.

    Raises
    ------
    DataError
        If a field does not fit; the message names it.
    """

    receptive: int = 81
    width: int = 64
    dropout: float = 0.0

    def __post_init__(self) -> None:
        powers = [KERNEL**n for n in range(1, MOST + 1)]
        if not isinstance(self.receptive, int) or self.receptive not in powers:
            known = ", ".join(map(str, powers))
            raise DataError(f"expected receptive as one of {known} frames, found {self.receptive!r}")
        check_count(self, ("width",))
        check_dropout(self)

    @property
    def dilations(self) -> list[int]:
        """Of the convolutions of three frames: 1, 3, 9, …"""
        return [d for d in (KERNEL**n for n in range(MOST)) if d < self.receptive]


class TCN(nn.Module):
    """Convolutions over the frames of one channel at a time, the same weights for all channels.

    As many frames come out as went in: before every convolution the first and the last frame are repeated.
    """

    def __init__(self, config: TCNConfig) -> None:
        super().__init__()
        self.config = c = config
        first, *rest = c.dilations
        self.first = _dilated(1, c.width, first)
        self.blocks = nn.ModuleList(_Block(c.width, dilation, c.dropout) for dilation in rest)
        self.last = nn.Conv1d(c.width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T) to (N, C, T) for any T; channels do not know of each other."""
        n, c, t = x.shape
        y = leaky_relu(self.first(x.reshape(n * c, 1, t)), 0.1)  # (N · C, width, T)
        for block in self.blocks:
            y = block(y)
        return self.last(y).view(n, c, t)  # type: ignore[no-any-return]


class _Block(nn.Module):
    """A dilated convolution, a pointwise one, and the sum around them."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.wide = _dilated(width, width, dilation)
        self.point = nn.Conv1d(width, width, 1)
        self.dropout = Dropout(1 - dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, T) to the same."""
        y: Tensor = self.dropout(leaky_relu(self.wide(x), 0.1))
        y = self.dropout(leaky_relu(self.point(y), 0.1))
        return x + y


def _dilated(channels_in: int, channels_out: int, dilation: int) -> nn.Conv1d:
    return nn.Conv1d(
        channels_in, channels_out, KERNEL, padding=dilation, dilation=dilation, padding_mode="replicate"
    )
