"""A Transformer along time, one of SmoothNet's comparators (its Table 4): all frames look at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadypose.models._attention import AttentionBlock, check_heads
from steadypose.models._checks import check_count, check_dropout

__all__ = ["TemporalTransformer", "TransformerConfig"]

LONGEST = 10_000.0  # frames, over 2π: wavelength of the slowest sine


@dataclass(frozen=True)
class TransformerConfig:
    """Shape of :class:`TemporalTransformer`; the paper gives none.

    Parameters
    ----------
    width
        Numbers a frame is described by; even.
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

    width: int = 64
    heads: int = 4
    inner: int = 128
    blocks: int = 3
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_count(self, ("width", "heads", "inner"))
        check_count(self, ("blocks",), 0, 64)
        check_dropout(self)
        check_heads(self.width, math.lcm(self.heads, 2))


class TemporalTransformer(nn.Module):
    """Self-attention among the frames of one channel at a time, the same weights for all channels.

    A frame enters as its value, spread over the width, plus sines of its place in the window (Vaswani et al.,
    2017), so that windows may be of any length.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = c = config
        self.first = nn.Linear(1, c.width)
        self.blocks = nn.Sequential(
            *(AttentionBlock(c.width, c.heads, c.inner, c.dropout) for _ in range(c.blocks))
        )
        self.norm = nn.LayerNorm(c.width)
        self.last = nn.Linear(c.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T) to (N, C, T) for any T; channels do not know of each other."""
        n, c, t = x.shape
        y = self.first(x.reshape(n * c, t, 1)) + places(t, self.config.width, x)  # (N · C, T, width)
        y = self.norm(self.blocks(y))
        return self.last(y).view(n, c, t)  # type: ignore[no-any-return]


def places(frames: int, width: int, like: Tensor) -> Tensor:
    """Sines and cosines of the frame number at ``width / 2`` wavelengths: (frames, width)."""
    steps = torch.arange(width // 2, dtype=like.dtype, device=like.device) / (width // 2)
    angles = torch.arange(frames, dtype=like.dtype, device=like.device)[:, None] * LONGEST**-steps
    return torch.cat([angles.sin(), angles.cos()], -1)
