"""A lifting network with its units: keypoints in as its spec says, millimetres out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from steadypose.errors import DataError
from steadypose.lift._spec import LiftSpec
from steadypose.models.fcn import FCN, FCNConfig
from steadypose.models.seq2seq import Seq2Seq, Seq2SeqConfig

__all__ = ["Lifter", "build"]


class Lifter(nn.Module):
    """A network between the z-scoring of its input and the way back to millimetres.

    Parameters
    ----------
    network
        Takes (batch, length, joints, channels), gives (batch, length, outputs - 1, 3), both z-scored: the
        root is zero by definition and not predicted.
    spec
        Names, window and normalisation of what goes in and comes out.

    Raises
    ------
    DataError
        If the network does not fit the spec.
    """

    input_mean: Tensor
    input_std: Tensor
    output_mean: Tensor
    output_std: Tensor

    def __init__(self, network: FCN | Seq2Seq, spec: LiftSpec) -> None:
        super().__init__()
        expected = _fitted(network.config, spec)
        if network.config != expected:
            raise DataError(f"expected a network for its spec, {expected}, found {network.config}")
        self.network, self.spec = network, spec
        for name, shape in self._statistics().items():
            self.register_buffer(name, torch.full(shape, float(name.endswith("std"))))

    def _statistics(self) -> dict[str, tuple[int, int]]:
        puts_in, puts_out = (len(self.spec.joints), 2), (len(self.spec.outputs) - 1, 3)
        return {
            "input_mean": puts_in, "input_std": puts_in, "output_mean": puts_out, "output_std": puts_out,
        }  # fmt: skip

    def set_statistics(self, **statistics: npt.ArrayLike) -> None:
        """Take over the training set's mean and standard deviation, dimension by dimension.

        Parameters
        ----------
        **statistics
            ``input_mean`` and ``input_std`` (joints, 2), of what is visible, in the spec's normalisation;
            ``output_mean`` and ``output_std`` (outputs - 1, 3) in mm, without the root. A dimension that
            never changes (deviation zero) is only shifted.

        Raises
        ------
        DataError
            If one is missing, unknown, of another shape, not finite, or a deviation is negative.
        """
        expected = self._statistics()
        if set(statistics) != set(expected):
            raise DataError(f"expected {', '.join(expected)}, found {', '.join(statistics) or 'nothing'}")
        for name, shape in expected.items():
            value = np.asarray(statistics[name], dtype=np.float64)
            if value.shape != shape:
                raise DataError(f"{name}: expected shape {shape}, found {value.shape}")
            if not np.isfinite(value).all() or (name.endswith("std") and (value < 0).any()):
                raise DataError(f"{name}: expected finite numbers and no negative deviation, found others")
            if name.endswith("std"):
                value = np.where(value > 1e-6, value, 1.0)
            getattr(self, name).copy_(torch.from_numpy(value))

    def forward(self, x: Tensor) -> Tensor:
        """Keypoints (batch, length, joints, channels) to positions (batch, length, outputs, 3) in mm.

        Where there is a confidence channel, a joint of confidence 0 enters as zeros whatever its x and y.
        """
        z = (x[..., :2] - self.input_mean) / self.input_std
        if self.spec.confidence:
            confidence = x[..., 2:]
            z = torch.cat([torch.where(confidence > 0, z, 0.0), confidence], -1)
        y = self.network(z) * self.output_std + self.output_mean
        return torch.cat([torch.zeros_like(y[..., :1, :]), y], -2)


def build(config: FCNConfig | Seq2SeqConfig, spec: LiftSpec) -> Lifter:
    """A new lifter whose network has the switches of ``config`` and the shape that ``spec`` asks for."""
    fitted = _fitted(config, spec)
    return Lifter(FCN(fitted) if isinstance(fitted, FCNConfig) else Seq2Seq(fitted), spec)


def _fitted(config: FCNConfig | Seq2SeqConfig, spec: LiftSpec) -> FCNConfig | Seq2SeqConfig:
    joints_in, joints_out = len(spec.joints), len(spec.outputs) - 1
    config = replace(config, joints_in=joints_in, joints_out=joints_out, channels_in=spec.channels)
    return replace(config, length=spec.length) if isinstance(config, Seq2SeqConfig) else config
