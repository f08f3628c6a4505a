"""Losses against the papers' sums, written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from steadypose.lift._spec import H36M17
from steadypose.train.losses import LiftingLoss, RefineLoss, joint_weights

NAMES = {
    "paper": {"knee": 2.5, "elbow": 2.5, "wrist": 4.0, "ankle": 4.0},
    "released": {"knee": 2.5, "ankle": 2.5, "elbow": 4.0, "wrist": 4.0},
    "none": {},
}


@pytest.mark.parametrize("weights", NAMES)
def test_weights_go_by_name(weights):
    found = dict(zip(H36M17, joint_weights(H36M17, weights).tolist(), strict=True))
    for side in ("left", "right"):
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
            assert found[f"{side}_{part}"] == NAMES[weights].get(part, 1.0)
    assert all(found[n] == 1 for n in ("pelvis", "spine", "thorax", "neck_base", "head"))


@pytest.mark.parametrize("weights", NAMES)
def test_the_loss_is_the_papers_but_for_one_factor(weights):
    rng = np.random.default_rng(0)
    y, x = rng.normal(size=(2, 3, 4, 17, 3)) * 100
    x[:, :, 0] = y[:, :, 0] = 0
    w = joint_weights(H36M17, weights).numpy()
    squares = sum(
        sum(np.linalg.norm(y[i, t] - x[i, t]) ** 2 for t in range(4)) for i in range(3)
    ) / (3 * 4)  # fmt: skip
    moves = sum(
        w[j] * np.linalg.norm(y[i, t, j] - y[i, t - 1, j]) ** 2
        for i in range(3) for t in range(1, 4) for j in range(17)
    ) / (3 * 3)  # fmt: skip
    loss = LiftingLoss(H36M17, mse=0.7, temporal=5, weights=weights)
    found = loss(torch.from_numpy(y), torch.from_numpy(x))
    assert float(found) * 16 * 3 == pytest.approx(0.7 * squares + 5 * moves, rel=1e-6)


def test_one_frame_or_no_factor_leaves_the_mean_squared_error():
    y, x = torch.randn(2, 3, 4, 17, 3, generator=torch.Generator().manual_seed(0))
    mse = (y - x)[:, :, 1:].square().mean()
    assert float(LiftingLoss(H36M17, temporal=0)(y, x)) == pytest.approx(float(mse))
    one = LiftingLoss(H36M17, temporal=5)(y[:, :1], x[:, :1])
    assert float(one) == pytest.approx(float((y - x)[:, :1, 1:].square().mean()))


def test_its_weights_are_no_part_of_a_checkpoint():
    assert not LiftingLoss(H36M17).state_dict()


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_the_loss_of_refining_is_the_papers(norm):
    rng = np.random.default_rng(0)
    refined, truth = rng.normal(size=(2, 5, 3, 9))
    power = {"l1": 1, "l2": 2}[norm]
    position = sum(
        abs(refined[n, c, t] - truth[n, c, t]) ** power for n in range(5) for c in range(3) for t in range(9)
    ) / (5 * 3 * 9)  # fmt: skip

    def bend(x, n, c, t):
        return x[n, c, t] - 2 * x[n, c, t - 1] + x[n, c, t - 2]

    acceleration = sum(
        abs(bend(refined, n, c, t) - bend(truth, n, c, t))
        for n in range(5) for c in range(3) for t in range(2, 9)
    ) / (5 * 3 * 7)  # fmt: skip
    given = torch.from_numpy(refined), torch.from_numpy(truth)
    for a, b, share in ((1, 0.1, 1.0), (0.5, 0, 1.0), (0, 3, 0.25)):
        loss = RefineLoss(position=a, acceleration=b, norm=norm)
        assert float(loss(*given, share=share)) == pytest.approx(a * position + share * b * acceleration)


def test_windows_may_count_differently():
    refined, truth = torch.randn(2, 4, 9, generator=torch.Generator().manual_seed(0))
    loss = RefineLoss()
    each = torch.stack([loss(refined[n], truth[n]) for n in range(4)])
    weights = torch.tensor([0.0, 1.0, 2.0, 0.5])
    assert float(loss(refined, truth, weights=weights)) == pytest.approx(float((each * weights).mean()))


def test_two_frames_have_no_acceleration():
    refined, truth = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(0))
    assert float(RefineLoss(acceleration=100)(refined, truth)) == pytest.approx(
        float((refined - truth).abs().mean())
    )
