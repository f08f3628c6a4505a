"""Units around a network: z-scoring in, millimetres out, what is missing; and imports that wait."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch

from steadypose.errors import DataError
from steadypose.lift._spec import LiftSpec
from steadypose.models import FCN, FCNConfig, Lifter, Seq2SeqConfig, build

SPEC = LiftSpec(joints=("pelvis", "right_hip", "head"), outputs=("pelvis", "spine", "head"), length=4)


def statistics(spec: LiftSpec = SPEC) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    joints, outputs = len(spec.joints), len(spec.outputs) - 1
    return {
        "input_mean": rng.normal(size=(joints, 2)),
        "input_std": rng.uniform(0.5, 2, (joints, 2)),
        "output_mean": rng.normal(size=(outputs, 3)) * 300,
        "output_std": rng.uniform(50, 300, (outputs, 3)),
    }


def small(spec: LiftSpec = SPEC, config: FCNConfig | Seq2SeqConfig | None = None) -> Lifter:
    torch.manual_seed(0)
    lifter = build(config or Seq2SeqConfig(width=8), spec)
    lifter.set_statistics(**statistics(spec))
    return lifter.eval()


@pytest.mark.parametrize("config", [Seq2SeqConfig(width=8), FCNConfig(width=8)], ids=["seq2seq", "fcn"])
@pytest.mark.parametrize("confidence", [True, False])
def test_z_scoring_and_millimetres(config, confidence):
    spec = dataclasses.replace(SPEC, confidence=confidence)
    lifter, s = small(spec, config), statistics(spec)
    x = np.random.default_rng(1).normal(size=(5, 4, 3, spec.channels)).astype(np.float32)
    z = np.array(x)
    z[..., :2] = (x[..., :2] - s["input_mean"]) / s["input_std"]
    if confidence:
        x[..., 2] = z[..., 2] = [1, 0.4, 0]
        z[..., 2, :2] = 0
    with torch.no_grad():
        found = lifter(torch.from_numpy(x)).numpy()
        wanted = lifter.network(torch.from_numpy(z)).numpy() * s["output_std"] + s["output_mean"]
    assert found.shape == (5, 4, 3, 3)
    assert not found[..., 0, :].any()
    np.testing.assert_allclose(found[..., 1:, :], wanted, rtol=1e-4, atol=1e-2)


def test_whatever_a_missing_joint_says():
    lifter, x = small(), torch.randn(2, 4, 3, 3)
    x[..., 2] = 1
    x[:, 1:3, 1, 2] = 0
    y = lifter(x)
    for nonsense in (7e7, float("nan"), float("inf")):
        x[:, 1:3, 1, :2] = nonsense
        assert torch.equal(lifter(x), y)


def test_the_spec_shapes_the_network():
    c = small().network.config
    assert (c.joints_in, c.joints_out, c.channels_in, c.length, c.width) == (3, 2, 3, 4, 8)
    assert build(Seq2SeqConfig(width=8), LiftSpec(confidence=False)).network.config.joints_out == 16


def test_a_network_that_does_not_fit():
    with pytest.raises(DataError, match=r"joints_in=3.*found.*joints_in=16"):
        Lifter(FCN(FCNConfig(width=8)), SPEC)


def test_a_dimension_that_never_changes_is_only_shifted():
    lifter = small()
    s = statistics()
    s["output_std"][1, 2] = 0
    lifter.set_statistics(**s)
    assert lifter.output_std[1, 2] == 1


def test_statistics_are_saved_and_not_trained():
    lifter = small()
    names = set(statistics())
    assert names <= set(lifter.state_dict())
    assert not names & {name for name, _ in lifter.named_parameters()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_mean": np.zeros((2, 2))}, r"input_mean: expected shape \(3, 2\), found \(2, 2\)"),
        ({"output_std": np.full((2, 3), -1.0)}, "output_std: expected .*no negative"),
        ({"input_std": np.full((3, 2), np.nan)}, "input_std: expected finite"),
        ({"scale": 1}, "expected input_mean, .*found .*scale"),
    ],
)
def test_refused_statistics(change, message):
    with pytest.raises(DataError, match=message):
        small().set_statistics(**{**statistics(), **change})


def test_torch_waits_until_it_is_needed():
    program = "import sys, steadypose.models; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_torch_the_extra_is_named():
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "import steadypose.models as m\n"
        "try: m.FCN\n"
        "except ImportError as e: assert 'steadypose[train]' in str(e), e\n"
        "else: raise SystemExit(1)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_only_names_that_exist():
    import steadypose.models

    assert all(getattr(steadypose.models, name) for name in steadypose.models.__all__)
    assert set(steadypose.models.__all__) <= set(dir(steadypose.models))
    with pytest.raises(AttributeError, match="no attribute 'GAN'"):
        _ = steadypose.models.GAN
