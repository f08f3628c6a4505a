"""The per-frame network of Martinez et al. (ICCV 2017, section 3): fully connected, with residual blocks."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from steadypose.models._checks import check_count, check_dropout, check_switch
from steadypose.models._dropout import Dropout

__all__ = ["FCN", "FCNConfig"]


@dataclass(frozen=True)
class FCNConfig:
    """Shape and switches of :class:`FCN`; the defaults are the paper's.

    Parameters
    ----------
    joints_in, channels_in
        Joints of a 2D pose, and what is known of each: x and y, perhaps confidence.
    joints_out
        Joints of a 3D pose, without the root, which is zero.
    width
        Units of every hidden layer.
    blocks
        Residual blocks of two layers.
    dropout
        Probability with which a unit is dropped in training.
    batch_norm, residual
        Batch normalisation after every hidden layer; the sums around the blocks.

    Raises
    ------
    DataError
        If a field does not fit; the message names it.
    """

    joints_in: int = 16
    joints_out: int = 16
    width: int = 1024
    blocks: int = 2
    channels_in: int = 2
    dropout: float = 0.5
    batch_norm: bool = True
    residual: bool = True

    def __post_init__(self) -> None:
        check_count(self, ("joints_in", "joints_out", "width", "channels_in"))
        check_count(self, ("blocks",), 0, 64)
        check_switch(self, ("batch_norm", "residual"))
        check_dropout(self)


class FCN(nn.Module):
    """Linear, residual blocks of two layers, linear; frames do not know of each other.

    A layer is linear, batch norm, ReLU, dropout, and so is the first one, as in the authors' own program.
    Theirs also bounds the norm of the weights, which this does not.
    """

    def __init__(self, config: FCNConfig) -> None:
        super().__init__()
        self.config = c = config
        self.first = _layer(c.joints_in * c.channels_in, c)
        self.blocks = nn.ModuleList(
            nn.Sequential(_layer(c.width, c), _layer(c.width, c)) for _ in range(c.blocks)
        )
        self.last = nn.Linear(c.width, c.joints_out * 3)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(…, joints_in, channels_in) to (…, joints_out, 3), both z-scored; any leading axes."""
        y = self.first(x.reshape(-1, self.config.joints_in * self.config.channels_in))
        for block in self.blocks:
            y = y + block(y) if self.config.residual else block(y)
        return self.last(y).view(*x.shape[:-2], self.config.joints_out, 3)  # type: ignore[no-any-return]


def _layer(size_in: int, c: FCNConfig) -> nn.Sequential:
    norm = nn.BatchNorm1d(c.width) if c.batch_norm else nn.Identity()
    return nn.Sequential(nn.Linear(size_in, c.width), norm, nn.ReLU(), Dropout(1 - c.dropout))
