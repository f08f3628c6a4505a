"""The sequence-to-sequence network of Hossain & Little (ECCV 2018, section 3): 2D poses in, 3D poses out."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from steadypose.errors import DataError
from steadypose.models._checks import check_count, check_keep, check_switch
from steadypose.models._dropout import Dropout
from steadypose.models._layernorm_lstm import LayerNormLSTM, PlainLayerNormLSTM

__all__ = ["Seq2Seq", "Seq2SeqConfig"]

Cell = Literal["fused", "plain"]


@dataclass(frozen=True)
class Seq2SeqConfig:
    """Shape and switches of :class:`Seq2Seq`; the defaults are the paper's.

    Parameters
    ----------
    joints_in, channels_in
        Joints of a 2D pose, and what is known of each: x and y, perhaps confidence.
    joints_out
        Joints of a 3D pose, without the root, which is zero.
    length
        Frames of a sequence (the paper's figure 3: 2 to 10).
    width
        Units of the linear layers and LSTMs.
    layer_norm
        Layer normalisation inside the LSTMs.
    recurrent_keep, input_keep, output_keep
        Probabilities of surviving dropout: of the LSTMs' candidates, inputs and outputs; 1 switches it off.
    residual
        Whether the decoder's own input is added to what it puts out.
    reverse
        Whether the encoder reads the frames from the last to the first.
    forget_bias
        Added to the forget gates.
    cell
        ``"fused"``, or ``"plain"``: the same computation gate by gate, slower, for comparison.

    Raises
    ------
    DataError
        If a field does not fit; the message names it.
    """

    joints_in: int = 16
    joints_out: int = 16
    length: int = 5
    width: int = 1024
    channels_in: int = 2
    layer_norm: bool = True
    recurrent_keep: float = 0.5
    input_keep: float = 0.5
    output_keep: float = 0.5
    residual: bool = True
    reverse: bool = True
    forget_bias: float = 1.0
    cell: Cell = "fused"

    def __post_init__(self) -> None:
        check_count(self, ("joints_in", "joints_out", "length", "width", "channels_in"))
        check_keep(self, ("recurrent_keep", "input_keep", "output_keep"))
        check_switch(self, ("layer_norm", "residual", "reverse"))
        if not isinstance(self.forget_bias, int | float) or not math.isfinite(self.forget_bias):
            raise DataError(f"expected forget_bias as a finite number, found {self.forget_bias!r}")
        if self.cell not in get_args(Cell):
            raise DataError(f"expected cell as 'fused' or 'plain', found {self.cell!r}")


class Seq2Seq(nn.Module):
    """A layer-normalised LSTM reads 2D poses, another one, started from its state, puts out 3D poses.

    The decoder is fed its own last prediction, in training too; its first input is a vector of ones. Without
    dropout a linear layer meets the LSTM's own input product with nothing in between: :meth:`folded`.
    """

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config = c = config
        lstm = LayerNormLSTM if c.cell == "fused" else PlainLayerNormLSTM
        size_in, size_out = c.joints_in * c.channels_in, c.joints_out * 3
        switches = {"layer_norm": c.layer_norm, "keep": c.recurrent_keep, "forget_bias": c.forget_bias}
        self.encoder_in: nn.Module = _linear(size_in, c.width)
        self.encoder = lstm(c.width, c.width, **switches)  # type: ignore[arg-type]
        self.decoder_in: nn.Module = _linear(size_out, c.width)
        self.decoder = lstm(c.width, c.width, **switches)  # type: ignore[arg-type]
        self.decoder_out = _linear(c.width, size_out)
        self.input_dropout = Dropout(c.input_keep)
        self.output_dropout = Dropout(c.output_keep)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, joints_in, channels_in) to (batch, length, joints_out, 3), both z-scored."""
        frames = x.flatten(2).transpose(0, 1)
        if self.config.reverse:
            frames = frames.flip(0)
        state = self.encoder(self.input_dropout(self.encoder_in(frames)))
        pose = x.new_ones(x.shape[0], self.config.joints_out * 3)
        poses = []
        for _ in range(self.config.length):
            state = self.decoder.step(self.input_dropout(self.decoder_in(pose)), state)
            out = self.decoder_out(self.output_dropout(state.h))
            pose = pose + out if self.config.residual else out
            poses.append(pose)
        return torch.stack(poses, 1).view(-1, len(poses), self.config.joints_out, 3)

    def folded(self) -> Seq2Seq:
        """The same network for evaluation only, with half of the weights and of the arithmetic.

        Without dropout between them, the linear layers in front of the LSTMs and the LSTMs' own input
        products are one linear map each.
        """
        folded = copy.deepcopy(self)
        folded.encoder = self.encoder.after(self.encoder_in)
        folded.decoder = self.decoder.after(self.decoder_in)
        folded.encoder_in = folded.decoder_in = nn.Identity()
        return folded.eval()


def _linear(size_in: int, size_out: int) -> nn.Linear:
    linear = nn.Linear(size_in, size_out)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
