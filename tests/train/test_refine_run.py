"""Whole trainings of small refining networks on made-up curves."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from synthetic_trajectories import SPEC, curves, trajectory

from steadypose.data.trajectories import TrajectoryPairs
from steadypose.errors import DataError, SteadyposeError
from steadypose.models import checkpoints
from steadypose.models.refiner import RefinerNet, build_refiner
from steadypose.refine.windows import INPUT, METADATA
from steadypose.train import RefineConfig, from_mapping, train_refiner
from steadypose.train._running import claim
from steadypose.train.refine_module import RefiningModule
from steadypose.train.refine_score import score

SMALL = {
    "task": "refine",
    "window": SPEC.to_json(),
    "network": {"kind": "smoothnet", "hidden": 16, "inner": 8, "blocks": 1},
    "loss": {"acceleration": 1.0},
    "optimiser": {"rate": 1e-2},
    "trainer": {"batch": 64, "epochs": 4, "epoch_steps": 20, "accelerator": "cpu", "log_every": 5},
}


def config(optimiser: dict | None = None, network: dict | None = None, **trainer) -> RefineConfig:
    made = from_mapping(
        {
            **SMALL,
            "network": network or SMALL["network"],
            "optimiser": {**SMALL["optimiser"], **(optimiser or {})},
            "trainer": {**SMALL["trainer"], **trainer},
        }
    )
    assert isinstance(made, RefineConfig)
    return made


def run(c: RefineConfig, folder: Path, **how):
    sets = {"train_set": curves(4, c.spec), "validation_set": curves(2, c.spec, seed=50)}
    return train_refiner(c, folder, **{**sets, **how})


def weights(path: Path) -> dict[str, torch.Tensor]:
    return checkpoints.load(path)[0].state_dict()


def same(a: Path, b: Path) -> bool:
    x, y = weights(a), weights(b)
    return all(torch.equal(x[k], y[k]) for k in x)


class Fresh:
    """Other noise in every epoch."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def epoch(self, number: int) -> TrajectoryPairs:
        self.asked.append(number)
        return curves(4, SPEC, seed=100 * number)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Four epochs without interruption."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    said: list[str] = []
    return run(config(), folder, command="steadypose train", say=said.append), said


def test_training_takes_noise_away(straight):
    trained, said = straight
    lines = [line for line in said if line.startswith("epoch")]
    positions = [float(line.split("validation position ")[1].split(",")[0]) for line in lines]
    assert len(lines) == 4
    assert positions[-1] < min(0.8, positions[0])
    assert trained.card["scores"]["validation"]["acceleration"] < 0.3
    assert trained.finished
    assert said[0] == "training: 4 trajectories, 480 frames, 2,520 windows"
    assert said[2] == "smoothnet: 824 parameters; at most 4 epochs of 20 steps"


def test_the_card_says_what_the_network_is(straight):
    trained, _ = straight
    network, card = checkpoints.load(trained.path, RefinerNet)
    assert card == json.loads(trained.path.with_suffix(".json").read_text())
    assert from_mapping(card["config"]) == config()
    assert network.spec == SPEC
    assert (card["epochs"], card["steps"], card["seed"]) == (4, 80, 0)
    assert card["trained_on"] == {"trajectories": 4, "frames": 480, "windows": 2520, "labels": ["noise"]}
    found = score(network, curves(2, seed=50), position=1.0, acceleration=1.0)
    assert card["scores"]["validation"] == found


@pytest.mark.parametrize("average", [0, 0.9])
@pytest.mark.parametrize("epochs", [{"epochs": 2}, {"max_steps": 33}])
def test_interrupted_and_resumed_is_the_same(average, epochs, straight, tmp_path):
    o = {"average": average}
    whole = run(config(o), tmp_path / "whole") if average else straight[0]
    run(config(o, **epochs), tmp_path / "run")
    trained = run(config(o), tmp_path / "run", resume=True)
    assert same(whole.last, trained.last)
    assert same(whole.path, trained.path)


def test_sigint_saves_and_resuming_goes_on(straight, tmp_path):
    def say(text: str) -> None:
        if text.startswith("epoch 2,"):
            os.kill(os.getpid(), signal.SIGINT)

    trained = run(config(), tmp_path / "run", say=say)
    assert not trained.finished
    assert trained.path.exists()
    assert same(straight[0].last, run(config(), tmp_path / "run", resume=True).last)


def test_the_average_is_what_is_kept(straight, tmp_path):
    averaged = run(config({"average": 0.9}), tmp_path / "run")
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["state_dict"]
    for k, v in weights(averaged.last).items():
        assert torch.equal(v, state[f"averaged.{k}"])
    # The network underneath is trained as if there were none.
    for k, v in weights(straight[0].last).items():
        assert torch.equal(v, state[f"network.{k}"])
    assert not same(averaged.last, straight[0].last)


def test_the_first_average_is_the_first_network(tmp_path):
    c = config({"average": 0.999}, max_steps=1)
    run(c, tmp_path / "run")
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["state_dict"]
    distance = state["network.network.decoder.bias"] - state["averaged.network.decoder.bias"]
    assert float(distance.abs().max()) <= 0.1 * 1e-2 * 1.01  # a tenth of Adam's first step


def test_amsgrad_and_clipping_make_a_difference(straight, tmp_path):
    for n, o in enumerate(({"amsgrad": True}, {"clip": 0.01}, {"decay": 0.5})):
        assert not same(straight[0].last, run(config(o), tmp_path / f"{n}").last)


def test_fresh_pairs_come_epoch_by_epoch_also_after_an_interruption(tmp_path):
    source = Fresh()
    whole = run(config(), tmp_path / "whole", train_set=source)
    assert sorted(set(source.asked)) == [0, 1, 2, 3]
    assert len(source.asked) == 4
    run(config(max_steps=50), tmp_path / "run", train_set=Fresh())
    assert same(whole.last, run(config(), tmp_path / "run", train_set=Fresh(), resume=True).last)


def test_windows_may_make_the_epochs(tmp_path):
    trained = run(config(epoch_steps=0, epochs=1), tmp_path / "run")
    assert trained.card["steps"] == 2520 // 64
    assert trained.card["epochs"] == 1


@pytest.mark.parametrize(
    ("network", "window"),
    [
        ({"kind": "motion_aware", "hidden": 8, "inner": 4}, {}),
        ({"kind": "tcn", "receptive": 9, "width": 4}, {}),
        ({"kind": "transformer", "width": 8, "heads": 2, "inner": 8, "blocks": 1}, {}),
        ({"kind": "steadynet", "coefficients": 32, "hidden": 8}, {"context": 8}),
    ],
)
def test_every_network_learns_something(network, window, tmp_path):
    c = replace(config(network=network), window=replace(SPEC, **window))
    trained = run(c, tmp_path / "run")
    found = trained.card["scores"]["validation"]
    assert found["loss"] < 0.95
    assert checkpoints.load(trained.path, RefinerNet)[0].spec == c.window


def test_windows_of_calm_curves_count_more():
    table = {**SMALL, "network": {"kind": "steadynet", "coefficients": 32, "hidden": 8}}
    table["window"] = replace(SPEC, context=8).to_json()
    c = from_mapping({**table, "loss": {"acceleration": 1.0, "relative": 0.5}})
    torch.manual_seed(0)
    module = RefiningModule(build_refiner(c.network, c.window), c, 10, ["all"])
    made = [trajectory(n, sigma=(0.003, 0.1)[n % 2]) for n in range(4)]
    pairs = TrajectoryPairs(made, c.window)
    x, y, context = (torch.from_numpy(a) for a in pairs.batch(np.arange(0, len(pairs), 7)))
    with torch.no_grad():
        found = float(module.loss_of((x, y, context)))
        error = module.network(x, context) - y
        each = error.abs().mean(1) + error.diff(n=2).abs().mean(1)
        weights = 1 / (context[:, 0].exp() + 0.02).sqrt()
    assert found == pytest.approx(float((weights * each).mean()), rel=1e-5)
    assert float(weights.max() / weights.min()) > 1.5


def test_a_network_of_all_channels_learns_too(tmp_path):
    c = config(network={"kind": "spatiotemporal", "channels": 6, "width": 8, "heads": 2, "inner": 8})
    sets = {"train_set": curves(4, joint=True), "validation_set": curves(2, seed=50, joint=True)}
    trained = run(c, tmp_path / "run", **sets)
    assert trained.card["scores"]["validation"]["loss"] < 0.9
    with pytest.raises(DataError, match="all 6 channels together"):
        run(c, tmp_path / "single")
    with pytest.raises(DataError, match="the network's 6 channels, found 3"):
        three = curves(1, joint=True, channels=3)
        run(c, tmp_path / "other", train_set=three, validation_set=three)


def test_pairs_of_other_windows_are_refused(tmp_path):
    other = curves(1, replace(SPEC, length=8))
    with pytest.raises(DataError, match="expected pairs of the network's windows"):
        run(config(), tmp_path / "run", train_set=other)
    with pytest.raises(DataError, match="expected pairs of the network's windows"):
        run(config(), tmp_path / "run", validation_set=other)
    assert run(config(epochs=1), tmp_path / "run").finished  # nothing was begun


def test_a_training_of_two_frames(tmp_path):
    c = replace(config(epochs=1), window=replace(SPEC, length=2, step=1))
    found = run(c, tmp_path / "run").card["scores"]["validation"]
    assert found["acceleration"] is None
    assert found["loss"] == found["position"]


def test_the_best_network_can_leave_as_onnx(tmp_path):
    trained = run(config(epochs=1, onnx=True), tmp_path / "run")
    session = onnxruntime.InferenceSession(trained.path.with_suffix(".onnx"))
    assert json.loads(session.get_modelmeta().custom_metadata_map[METADATA])["spec"] == SPEC.to_json()
    x, _, _ = curves(1).batch(np.arange(5))
    with torch.inference_mode():
        y = checkpoints.load(trained.path, RefinerNet)[0](torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(session.run(None, {INPUT: x})[0], y, atol=1e-5)


def test_another_training_is_not_resumed(tmp_path):
    claim(tmp_path, config(), resume=False)
    (tmp_path / "last.ckpt").touch()
    claim(tmp_path, config(epochs=9), resume=True)
    others = (
        config({"average": 0.5}),
        config(epoch_steps=9),
        config(network={"kind": "tcn"}),
        replace(config(), window=replace(SPEC, length=8)),
    )
    for other in others:
        with pytest.raises(SteadyposeError, match="it was begun with, found another"):
            claim(tmp_path, other, resume=True)
