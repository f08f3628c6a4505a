"""Losses: of lifting, Hossain & Little's (ECCV 2018, equations 1 to 3), in millimetres; of refining,
SmoothNet's (ECCV 2022, equations 3 and 4), in whatever units windows come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["LiftingLoss", "RefineLoss", "joint_weights"]

# torso and head, limb mid, limb terminal: η, ρ, τ of equation 2.
_TORSO, _MID, _TERMINAL = 1.0, 2.5, 4.0
_GROUPS = {
    "paper": {"knee": _MID, "elbow": _MID, "wrist": _TERMINAL, "ankle": _TERMINAL},
    "released": {"knee": _MID, "ankle": _MID, "elbow": _TERMINAL, "wrist": _TERMINAL},
    "none": {},
}


def joint_weights(joints: Sequence[str], weights: Literal["paper", "released", "none"]) -> Tensor:
    """Weights of joints in the temporal term, shape (joints,).

    ``"paper"`` is what section 3 says, ``"released"`` what the authors' code does, which takes whole arms for
    limb ends and whole legs for their middles.
    """
    groups = _GROUPS[weights]
    return torch.tensor([groups.get(name.rpartition("_")[2], _TORSO) for name in joints])


class LiftingLoss(nn.Module):
    """α · mean squared error + β · mean weighted squared first difference of the prediction over time.

    Both are means over all coordinates; the paper's sums over a pose are 3 × joints times as large, which
    leaves their ratio as it is. A window of one frame (a per-frame network) has no second term.

    Parameters
    ----------
    joints
        Names of the output joints. The first is the root, zero by definition, and does not count.
    mse, temporal
        α and β.
    weights
        See :func:`joint_weights`.
    """

    weights: Tensor

    def __init__(
        self,
        joints: Sequence[str],
        *,
        mse: float = 1.0,
        temporal: float = 5.0,
        weights: Literal["paper", "released", "none"] = "paper",
    ) -> None:
        super().__init__()
        self.mse, self.temporal = mse, temporal
        self.register_buffer("weights", joint_weights(joints[1:], weights)[:, None], persistent=False)

    def forward(self, predicted: Tensor, truth: Tensor) -> Tensor:
        """Loss of (batch, length, joints, 3) in mm against the same; a scalar."""
        y, x = predicted[..., 1:, :], truth[..., 1:, :]
        loss = self.mse * (y - x).square().mean()
        if self.temporal and y.shape[1] > 1:
            step = y[:, 1:] - y[:, :-1]
            loss = loss + self.temporal * (self.weights * step.square()).mean()
        return loss


class RefineLoss(nn.Module):
    """Error of the positions plus λ · mean absolute error of the second differences over the window.

    Both are means over all frames that have them; a window of two frames has no second difference.

    Parameters
    ----------
    position, acceleration
        Factors; the second is λ. One may be zero.
    norm
        Of the positions' error: ``"l1"``, the mean absolute one, or ``"l2"``, the mean squared one.
    """

    def __init__(
        self, *, position: float = 1.0, acceleration: float = 0.1, norm: Literal["l1", "l2"] = "l1"
    ) -> None:
        super().__init__()
        self.position, self.acceleration, self.norm = position, acceleration, norm

    def forward(
        self, refined: Tensor, truth: Tensor, *, share: float = 1.0, weights: Tensor | None = None
    ) -> Tensor:
        """Loss of (..., length) against the same; a scalar.

        Parameters
        ----------
        refined, truth
            (..., length).
        share
            Of the factor λ that counts.
        weights
            Of every window, (...).
        """
        error = refined - truth
        loss = error.new_zeros(error.shape[:-1])
        if self.position:
            size = error.abs() if self.norm == "l1" else error.square()
            loss = loss + self.position * size.mean(-1)
        if self.acceleration and error.shape[-1] > 2:
            # The difference of second differences is the second difference of the difference.
            loss = loss + share * self.acceleration * error.diff(n=2, dim=-1).abs().mean(-1)
        return (loss if weights is None else loss * weights).mean()
