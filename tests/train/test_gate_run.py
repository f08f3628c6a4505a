"""Whole trainings of small banks with gates, on a few clips of motion capture."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import steadypose as sp
from steadypose.data.refine_pieces import Pieces, pieces_of
from steadypose.errors import DataError, SteadyposeError
from steadypose.models import checkpoints
from steadypose.models.gatenet import GatedBank, GateNet
from steadypose.train import GateConfig, from_mapping, train_gates
from steadypose.train._running import claim
from steadypose.train.gate_module import GateModule, Judged

SMALL = {
    "task": "gates",
    "name": "small",
    "bank": {"edges": [0.5, 1.5, 4.0, 8.0]},
    "data": {
        "root": str(Path(__file__).parent.parent / "data"),
        "blocks": 6,
        "rates": [30.0],
        "seconds": [1.0, 1.2],
        "rotations": 0.2,
    },
    "network": {"hidden": 8, "blocks": 1, "kernel": 1},
    "optimiser": {"rate": 1e-2, "average": 0.5},
    "trainer": {"epochs": 3, "threads": 1, "accelerator": "cpu", "onnx": True, "log_every": 2},
}


def config(**trainer) -> GateConfig:
    made = from_mapping({**SMALL, "trainer": {**SMALL["trainer"], **trainer}})
    assert isinstance(made, GateConfig)
    return made


@pytest.fixture(scope="module")
def judged() -> Pieces:
    """Pieces to validate on; no clip of the tests' is a validation performer's."""
    c = config()
    return pieces_of(replace(c.data, blocks=3), "train", c.bank, seed=99)


@pytest.fixture(scope="module")
def straight(judged, tmp_path_factory):
    """Three epochs without interruption."""
    said: list[str] = []
    folder = tmp_path_factory.mktemp("straight") / "run"
    how = {"validation_set": judged, "command": "steadypose train small.toml", "say": said.append}
    return train_gates(config(), folder, **how), said


def same(a: Path, b: Path) -> bool:
    x, y = (checkpoints.load(p)[0].state_dict() for p in (a, b))
    return all(torch.equal(x[k], y[k]) for k in x)


def test_training_lowers_the_loss(straight):
    trained, said = straight
    losses = [float(line.split(", loss ")[1].split(" ")[0]) for line in said if line.startswith("epoch")]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    found = trained.card["scores"]["validation"]
    assert set(found) == {"loss", "position", "acceleration", "input", "harmed"}
    assert found["loss"] == pytest.approx(min(losses), abs=1e-3)
    assert 0 < found["input"] < 1.5 and 0 <= found["harmed"] <= 1
    assert trained.finished
    assert said[0] == "reading motion capture"
    assert said[1] == "training: 6 blocks an epoch; validation: 3"
    assert said[2].startswith("gatenet: ")


def test_the_card_says_what_the_network_is(straight):
    trained, _ = straight
    bank, card = checkpoints.load(trained.path, GatedBank)
    assert card == json.loads(trained.path.with_suffix(".json").read_text())
    told = from_mapping(card["config"])
    assert replace(told, data=replace(told.data, root=config().data.root)) == config()
    assert "root" not in card["config"]["data"]
    assert (bank.spec, bank.network.config) == (config().bank, config().network)
    assert (card["name"], card["epochs"], card["steps"]) == ("small", 3, 18)
    assert card["command"] == "steadypose train small.toml"
    assert card["network"]["kind"] == "gatenet"


def test_the_onnx_file_refines(straight):
    trained, _ = straight
    rng = np.random.default_rng(0)
    truth = np.sin(np.arange(120) / 30 + rng.random((1, 17, 3, 1))).transpose(3, 0, 1, 2)
    x = truth + rng.normal(0, 0.02, truth.shape)
    seq = sp.PoseSequence.from_array(x, fps=30, skeleton="h36m17", unit="m", space="world")
    for how in ({"weights": trained.path.with_suffix(".onnx")},
                {"method": "network", "weights": trained.path.with_suffix(".onnx")}):  # fmt: skip
        refined = sp.refine(seq, **how)
        assert np.abs(refined.positions - truth).mean() < np.abs(x - truth).mean()
        assert "small: GateNet (steadypose)" in refined.history[-1]


def test_stopped_and_resumed_is_the_same(straight, judged, tmp_path):
    def say(text: str) -> None:
        if text.startswith("epoch 2,"):
            os.kill(os.getpid(), signal.SIGINT)

    trained = train_gates(config(), tmp_path / "run", validation_set=judged, say=say)
    assert not trained.finished
    again = train_gates(config(), tmp_path / "run", validation_set=judged, resume=True)
    assert again.finished
    assert same(straight[0].last, again.last)
    assert same(straight[0].path, again.path)


def test_epochs_have_other_blocks_each_and_all_of_them(judged):
    first, second = (Judged(judged, epoch * len(judged)) for epoch in (0, 1))
    one, two = (j.batch(np.array([0])) for j in (first, second))
    assert one[0] is not None and two[0] is not None
    assert one[0].shape != two[0].shape or (one[0] != two[0]).any()
    fourth = judged.block(3)
    assert np.array_equal(two[0], fourth.noisy) and np.array_equal(two[1], fourth.truth)


def test_every_other_step_trains_the_second_pass(judged, monkeypatch):
    torch.manual_seed(0)
    c = config()
    module = GateModule(GatedBank(GateNet(c.network, c.bank)), c, 3)
    batches = [tuple(torch.from_numpy(a) for a in Judged(judged).batch(np.array([n]))) for n in range(3)]
    found = []
    for step in (0, 1, 2):
        monkeypatch.setattr(GateModule, "global_step", step)
        found.append([float(module.loss_of(b).detach()) for b in batches])
    assert np.isfinite(found).all()
    assert found[0] == found[2] != found[1]


def test_a_training_is_gone_on_with_only_as_it_was_begun(tmp_path):
    claim(tmp_path, config(), resume=False)
    (tmp_path / "last.ckpt").touch()
    claim(tmp_path, config(epochs=9), resume=True)
    c = config()
    others = (
        replace(c, seed=1),
        replace(c, bank=replace(c.bank, slope=4.0)),
        replace(c, data=replace(c.data, clean=0.5)),
        replace(c, network=replace(c.network, hidden=9)),
        replace(c, loss=replace(c.loss, harm=0.0)),
    )
    for other in others:
        with pytest.raises(SteadyposeError, match="it was begun with, found another"):
            claim(tmp_path, other, resume=True)
    with pytest.raises(SteadyposeError, match="expected a new folder, found a training"):
        claim(tmp_path, c, resume=False)


def test_pieces_of_another_bank_are_refused(judged, tmp_path):
    c = config()
    other = replace(c, bank=replace(c.bank, slope=4.0))
    with pytest.raises(DataError, match="expected pieces of the network's bank"):
        train_gates(other, tmp_path / "run", train_set=judged, validation_set=judged)


def test_without_validation_performers_there_is_no_training(tmp_path):
    with pytest.raises(DataError):
        train_gates(config(), tmp_path / "run")
