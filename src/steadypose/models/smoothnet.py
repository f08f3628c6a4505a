"""SmoothNet (Zeng et al., ECCV 2022): fully connected along time, the same weights for every channel.

The basic network of section 4.1, with the names and the arithmetic of the released weights, and the
motion-aware one of section 4.2, which was never released.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad

from steadypose.errors import DataError
from steadypose.models._checks import check_count, check_dropout
from steadypose.models._dropout import Dropout

__all__ = ["MotionAwareConfig", "MotionAwareSmoothNet", "SmoothNet", "SmoothNetConfig"]


@dataclass(frozen=True)
class SmoothNetConfig:
    """Shape of :class:`SmoothNet`.

    Hidden and inner sizes of the released weights: 512 and 128 with 5 blocks (trained on AIST++ and
    Human3.6M), 512 and 16 with 1 block (3DPW), 512 and 256 with 3 (mmpose), 512 and 512 with 5 (mmhuman3d).
    The paper's text has 3 blocks.

    Parameters
    ----------
    length
        Frames of a window.
    output
        How many of them come out, the first ones; None is all of them.
    hidden
        Units between the blocks.
    inner
        Units inside a block.
    blocks
        Residual blocks of two layers.
    dropout
        Probability with which a unit inside a block is dropped in training.

    Raises
    ------
    DataError
        If a field does not fit; the message names it.
    """

    length: int = 32
    output: int | None = None
    hidden: int = 512
    inner: int = 128
    blocks: int = 3
    dropout: float = 0.25

    def __post_init__(self) -> None:
        check_count(self, ("length", "hidden", "inner"))
        check_count(self, ("blocks",), 0, 64)
        check_dropout(self)
        if self.output is not None:
            check_count(self, ("output",))
            if self.output > self.length:
                raise DataError(
                    f"expected output of at most length {self.length} frames, found {self.output}"
                )


class SmoothNet(nn.Module):
    """Linear over the frames, residual blocks, linear back to frames; nothing is normalised inside.

    There is no sum around the whole network: the frames that come out are made anew. Names of the weights
    are those of the released files.
    """

    def __init__(self, config: SmoothNetConfig) -> None:
        super().__init__()
        self.config = c = config
        self.encoder = nn.Sequential(nn.Linear(c.length, c.hidden), nn.LeakyReLU(0.1))
        self.res_blocks = nn.Sequential(*(_Block(c.hidden, c.inner, c.dropout) for _ in range(c.blocks)))
        self.decoder = nn.Linear(c.hidden, c.length if c.output is None else c.output)

    def forward(self, x: Tensor) -> Tensor:
        """Windows (N, C, length) to (N, C, output); channels do not know of each other."""
        y = self.encoder(x)  # (N, C, hidden)
        y = self.res_blocks(y)
        return self.decoder(y)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class MotionAwareConfig:
    """Shape of :class:`MotionAwareSmoothNet`.

    The paper gives one block a branch and 0.33 million parameters at 32 frames, but no sizes. Three branches
    of the basic network's 512 and 128 would have 0.50 million. The defaults keep 512 units, as all released
    weights have, and make the blocks so narrow that 0.33 million (325,976) remain.

    Parameters
    ----------
    length
        Frames of a window.
    hidden, inner
        Units between the blocks of a branch, and inside of them.
    blocks
        Residual blocks of a branch.
    embedding
        Numbers that a branch hands to the fusion; None: one a frame, as in the basic network.
    dropout
        Probability with which a unit inside a block is dropped in training.

    Raises
    ------
    DataError
        If a field does not fit; the message names it.
    """

    length: int = 32
    hidden: int = 512
    inner: int = 72
    blocks: int = 1
    embedding: int | None = None
    dropout: float = 0.25

    def __post_init__(self) -> None:
        check_count(self, ("length",), 2)
        check_count(self, ("hidden", "inner"))
        check_count(self, ("blocks",), 0, 64)
        if self.embedding is not None:
            check_count(self, ("embedding",))
        check_dropout(self)


class MotionAwareSmoothNet(nn.Module):
    """Three basic networks for position, velocity and acceleration, and one linear layer that fuses them.

    Nothing is known of the frames before a window. So the first velocity and the first two accelerations are
    zero, rather than made up from a velocity of zero: that would begin every window with a jerk. All three
    branches then see as many frames and are of the same shape, as the paper has them.
    """

    def __init__(self, config: MotionAwareConfig) -> None:
        super().__init__()
        self.config = c = config
        size = c.length if c.embedding is None else c.embedding
        self.position, self.velocity, self.acceleration = (_branch(c, size) for _ in range(3))
        self.fusion = nn.Linear(3 * size, c.length)

    def forward(self, x: Tensor) -> Tensor:
        """Windows (N, C, length) to (N, C, length); channels do not know of each other."""
        v, a = motion(x)  # (N, C, length) both
        y = torch.cat([self.position(x), self.velocity(v), self.acceleration(a)], -1)  # (N, C, 3 · embedding)
        return self.fusion(y)  # type: ignore[no-any-return]


def motion(x: Tensor) -> tuple[Tensor, Tensor]:
    """First and second differences to earlier frames, zero where there are none: (…, T) to twice (…, T)."""
    v = x[..., 1:] - x[..., :-1]
    return pad(v, (1, 0)), pad(v[..., 1:] - v[..., :-1], (2, 0))


def _branch(c: MotionAwareConfig, size: int) -> nn.Sequential:
    blocks = (_Block(c.hidden, c.inner, c.dropout) for _ in range(c.blocks))
    return nn.Sequential(nn.Linear(c.length, c.hidden), nn.LeakyReLU(0.1), *blocks, nn.Linear(c.hidden, size))


class _Block(nn.Module):
    """Two layers and the sum around them; dropout comes before the non-linearity, as in the released code."""

    def __init__(self, hidden: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.linear1 = nn.Linear(hidden, inner)
        self.linear2 = nn.Linear(inner, hidden)
        self.dropout = Dropout(1 - dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(…, hidden) to (…, hidden)."""
        y = leaky_relu(self.dropout(self.linear1(x)), 0.2)
        return x + leaky_relu(self.dropout(self.linear2(y)), 0.2)
