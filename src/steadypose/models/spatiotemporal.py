"""A spatio-temporal refinement network: what the other channels do says something about this one.

No network of a paper: a small Transformer whose tokens are the channels of a body, each described by its
whole window. It stands for the learned networks that SmoothNet is compared with, which see all joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadypose.models._attention import AttentionBlock, check_heads
from steadypose.models._checks import check_count, check_dropout

__all__ = ["SpatioTemporal", "SpatioTemporalConfig"]


@dataclass(frozen=True)
class SpatioTemporalConfig:
    """Shape of :class:`SpatioTemporal`.

    Parameters
    ----------
    channels
        Of a body: keypoints times axes. The network is for this skeleton only.
    length
        Frames of a window.
    width
        Numbers a channel's window is described by.
    heads
        Attention heads, which share the width.
    inner
        Units of the layer between two attentions.
    blocks
        Attentions one after the other.
    dropout
        Probability with which a unit is dropped in training.

    Raises
    ------
    DataError
        If a field does not fit; the message names it.
    """

    channels: int = 51
    length: int = 32
    width: int = 128
    heads: int = 4
    inner: int = 256
    blocks: int = 3
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_count(self, ("channels", "length", "width", "heads", "inner"))
        check_count(self, ("blocks",), 0, 64)
        check_dropout(self)
        check_heads(self.width, self.heads)


class SpatioTemporal(nn.Module):
    """Time is mixed inside a token, space between tokens; what comes out is added to what went in.

    The last layer starts at zero, so that training starts from the input as it is.
    """

    def __init__(self, config: SpatioTemporalConfig) -> None:
        super().__init__()
        self.config = c = config
        self.first = nn.Linear(c.length, c.width)
        self.names = nn.Parameter(torch.randn(c.channels, c.width) * 0.02)  # which channel a token is
        self.blocks = nn.Sequential(
            *(AttentionBlock(c.width, c.heads, c.inner, c.dropout) for _ in range(c.blocks))
        )
        self.norm = nn.LayerNorm(c.width)
        self.last = nn.Linear(c.width, c.length)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, length) to the same, all channels of a body together."""
        y = self.first(x) + self.names  # (N, channels, width)
        y = self.norm(self.blocks(y))
        return x + self.last(y)  # type: ignore[no-any-return]
