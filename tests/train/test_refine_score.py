"""Errors of refined windows: against a slow version, by label, together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic_trajectories import SPEC, curves, trajectory

from steadypose.data.trajectories import TrajectoryPairs
from steadypose.models.refiner import build_refiner
from steadypose.models.smoothnet import SmoothNetConfig
from steadypose.models.spatiotemporal import SpatioTemporalConfig
from steadypose.train.refine_score import Labelled, score


def network(spec=SPEC):
    torch.manual_seed(0)
    return build_refiner(SmoothNetConfig(hidden=8, inner=4, blocks=1), spec).eval()


def slow(net, trajectories, step: int) -> dict[str, float]:
    """Window by window, in the units of the curves."""
    found = {"position": [], "acceleration": [], "input_position": [], "input_acceleration": []}
    for t in trajectories:
        for channel in range(t.noisy.shape[1]):
            for start in range(0, len(t.noisy) - SPEC.length + 1, step):
                x, y = (a[start : start + SPEC.length, channel] for a in (t.noisy, t.truth))
                with torch.inference_mode():
                    refined = net(torch.from_numpy((x - x.mean()) / x.std())[None])[0].numpy()
                refined = refined * x.std() + x.mean()
                for name, out in (("", refined), ("input_", x)):
                    found[f"{name}position"].append(np.abs(out - y).mean())
                    found[f"{name}acceleration"].append(np.abs(np.diff(out - y, 2)).mean())
    return {name: float(np.mean(values)) for name, values in found.items()}


@pytest.mark.parametrize("step", [1, 7])
def test_every_label_has_its_errors_in_its_own_units(step):
    first = [trajectory(n, 40 + n, 3, "metres") for n in range(2)]
    wide = [
        replace(t, label="pixels", noisy=t.noisy * np.float32(500), truth=t.truth * np.float32(500))
        for t in (trajectory(7, 50, 6, sigma=0.1),)
    ]
    net = network()
    found = score(net, TrajectoryPairs([*wide, *first], SPEC, step=step), position=1, acceleration=0.5)
    ratios = []
    for label, of in {"metres": first, "pixels": wide}.items():
        expected = slow(net, of, step)
        own = found["labels"][label]
        for name, value in expected.items():
            assert own[name] == pytest.approx(value, rel=1e-3)
        e = expected
        ratios.append((
            e["position"] / e["input_position"],
            e["acceleration"] / e["input_acceleration"],
            (e["position"] + 0.5 * e["acceleration"]) / (e["input_position"] + 0.5 * e["input_acceleration"]),
        ))  # fmt: skip
    for name, values in zip(("position", "acceleration", "loss"), zip(*ratios, strict=True), strict=True):
        assert found[name] == pytest.approx(float(np.sqrt(np.prod(values))), rel=1e-3)


def test_units_make_no_difference_to_the_ratios():
    def scaled(factor):
        made = [trajectory(n, label=f"{n}") for n in range(2)]
        f = np.float32(factor)
        made[0] = replace(made[0], noisy=made[0].noisy * f, truth=made[0].truth * f)
        return score(network(), TrajectoryPairs(made, SPEC), position=1, acceleration=10)

    one, many = scaled(1), scaled(4096)
    for name in ("position", "acceleration", "loss"):
        assert one[name] == pytest.approx(many[name], rel=1e-5)


def test_channels_together_or_one_by_one_have_the_same_errors():
    single, together = (score(network(), curves(3, joint=j)) for j in (False, True))
    assert single["labels"].keys() == together["labels"].keys()
    for name, value in single["labels"]["noise"].items():
        assert together["labels"]["noise"][name] == pytest.approx(value, rel=1e-5)


def test_a_network_of_all_channels_is_scored():
    net = build_refiner(SpatioTemporalConfig(channels=6, width=8, heads=2, inner=8, blocks=1), SPEC)
    found = score(net, curves(2, joint=True))  # its last layer begins at zero: what goes in comes out
    assert found["position"] == pytest.approx(1, abs=1e-4)
    assert found["acceleration"] == pytest.approx(1, abs=1e-4)


def test_input_without_errors_has_no_ratio():
    clean = trajectory(0, label="clean")
    clean = replace(clean, noisy=clean.truth)
    noisy = trajectory(1)
    alone = score(network(), TrajectoryPairs([noisy], SPEC))
    both = score(network(), TrajectoryPairs([clean, noisy], SPEC))
    assert both["position"] == pytest.approx(alone["position"])
    assert both["labels"]["clean"]["input_position"] == pytest.approx(0, abs=1e-7)
    assert both["labels"]["clean"]["position"] > 0


def test_windows_of_two_frames_have_no_acceleration():
    spec = replace(SPEC, length=2, step=1)
    found = score(network(spec), curves(1, spec))
    assert found["acceleration"] is None
    assert found["loss"] == pytest.approx(found["position"])


@pytest.mark.parametrize("joint", [False, True])
def test_items_know_their_label(joint):
    made = [trajectory(n, 30 + 5 * n, 6, label="abc"[n % 3]) for n in range(5)]
    pairs = TrajectoryPairs(made, SPEC, step=3, joint=joint)
    labelled = Labelled(pairs)
    *_, scale, label = labelled.batch(np.arange(len(pairs)))
    assert len(scale) == len(label) == len(labelled)
    counts = np.bincount(label, minlength=3)
    for n, name in enumerate(labelled.labels):
        expected = sum(((len(t.noisy) - 16) // 3 + 1) * (1 if joint else 6) for t in made if t.label == name)
        assert counts[n] == expected
