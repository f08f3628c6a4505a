"""Whole trainings of small networks on made-up tracks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_pairs import pairs

from steadypose.errors import DataError, SteadyposeError
from steadypose.models import checkpoints
from steadypose.train import TrainConfig, from_mapping, train
from steadypose.train._running import begin, claim

SMALL = {
    "network": {"kind": "seq2seq", "width": 12},
    "optimiser": {"rate": 1e-2, "decay_steps": 10},
    "trainer": {"batch": 16, "epochs": 4, "accelerator": "cpu", "log_every": 5},
}


def config(kind: str = "seq2seq", **trainer) -> TrainConfig:
    table = {**SMALL, "network": {"kind": kind, "width": 12}}
    return from_mapping({**table, "trainer": {**SMALL["trainer"], **trainer}})


def run(c: TrainConfig, folder: Path, **how):
    return train(c, folder, train_set=pairs(c.spec), validation_set=pairs(c.spec, 2), **how)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return checkpoints.load(path)[0].state_dict()


def assert_same(a: Path, b: Path) -> None:
    x, y = weights(a), weights(b)
    assert all(torch.equal(x[k], y[k]) for k in x)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Four epochs without interruption."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    said: list[str] = []
    return run(config(), folder, command="steadypose train", say=said.append), said


def test_training_lowers_the_error(straight):
    trained, said = straight
    errors = [float(line.split("MPJPE ")[1].split()[0]) for line in said if line.startswith("epoch")]
    assert len(errors) == 4
    assert errors[-1] < 0.8 * errors[0]
    assert trained.finished


def test_the_card_says_what_the_network_is(straight):
    trained, _ = straight
    lifter, card = checkpoints.load(trained.path)
    assert card == json.loads(trained.path.with_suffix(".json").read_text())
    assert card["config"] == config().to_json()
    assert from_mapping(card["config"]) == config()
    assert (card["epochs"], card["steps"], card["seed"]) == (4, 4 * 6, 0)
    assert card["command"] == "steadypose train"
    assert lifter.spec == config().spec
    v = pairs(config().spec, 2)
    x, y = (torch.from_numpy(a) for a in v.batch(np.arange(len(v))))
    with torch.inference_mode():
        own = torch.linalg.vector_norm(lifter(x)[:, -1, 1:] - y[:, -1, 1:], dim=-1).mean()
    assert card["scores"]["validation"]["mpjpe"] == pytest.approx(float(own), rel=0.1)  # other frames too


def test_the_same_seed_gives_the_same_network_and_another_another(straight, tmp_path):
    assert_same(straight[0].last, run(config(), tmp_path / "again").last)
    other = run(replace(config(), seed=1), tmp_path / "other")
    assert any(not torch.equal(a, b) for a, b in zip(
        weights(straight[0].last).values(), weights(other.last).values(), strict=True
    ))  # fmt: skip


def test_two_epochs_and_two_more_are_four(straight, tmp_path):
    run(config(epochs=2), tmp_path / "run")
    trained = run(config(), tmp_path / "run", resume=True)
    assert_same(straight[0].last, trained.last)
    assert_same(straight[0].path, trained.path)
    assert trained.card["epochs"] == 4


@pytest.mark.parametrize("kind", ["seq2seq", "fcn"])
def test_stopped_inside_an_epoch_and_resumed_is_the_same_too(kind, straight, tmp_path):
    whole = straight[0] if kind == "seq2seq" else run(config(kind), tmp_path / "whole")
    run(config(kind, max_steps=9), tmp_path / "run")
    trained = run(config(kind), tmp_path / "run", resume=True)
    assert_same(whole.last, trained.last)


def test_sigint_saves_and_resuming_goes_on(straight, tmp_path):
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if text.startswith("epoch 2,"):
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    trained = run(config(), tmp_path / "run", say=say)
    assert not trained.finished
    assert trained.path.exists()
    assert any(line.startswith("interrupted; saved as") for line in said)
    assert signal.getsignal(signal.SIGINT) is before
    assert_same(straight[0].last, run(config(), tmp_path / "run", resume=True).last)


def test_training_works_off_the_main_thread(tmp_path):
    found = []
    thread = threading.Thread(target=lambda: found.append(run(config(epochs=1), tmp_path / "run")))
    thread.start()
    thread.join()
    assert found[0].finished


def test_minutes_end_a_training_and_it_is_validated(tmp_path):
    said: list[str] = []
    trained = run(config(epochs=0, max_minutes=0.005, validate_every=1000), tmp_path / "run", say=said.append)
    assert trained.finished
    assert sum(line.startswith("epoch") for line in said) == 1


def test_a_single_window_is_enough(tmp_path):
    c = config("seq2seq", epochs=1)
    one = pairs(c.spec, 1, frames=1)
    assert train(c, tmp_path / "run", train_set=one, validation_set=one).finished


def test_the_best_network_can_leave_as_onnx(tmp_path):
    trained = run(config("fcn", epochs=1, onnx=True), tmp_path / "run")
    assert trained.path.with_suffix(".onnx").exists()


def test_a_folder_with_a_training_is_not_overwritten(straight):
    with pytest.raises(SteadyposeError, match="expected a new folder, found a training"):
        run(config(), straight[0].path.parent)


def test_another_training_is_not_resumed(tmp_path):
    claim(tmp_path, config(), resume=False)
    (tmp_path / "last.ckpt").touch()
    for other in (replace(config(), seed=1), config("fcn"), config(batch=8)):
        with pytest.raises(SteadyposeError, match="it was begun with, found another"):
            claim(tmp_path, other, resume=True)


def test_what_never_got_to_train_is_no_training(tmp_path, monkeypatch):
    monkeypatch.delenv("STEADYPOSE_DATA", raising=False)  # there is nothing to validate on
    c = config(epochs=1)
    with pytest.raises(DataError):
        train(c, tmp_path / "run", train_set=pairs(replace(c.spec, length=2)), validation_set=None)
    assert run(c, tmp_path / "run").finished


@pytest.mark.parametrize("left", ["last.ckpt", "best.safetensors", "events.out.tfevents.1.host"])
def test_no_training_is_written_over(left, tmp_path):
    claim(tmp_path, config(), resume=False)
    (tmp_path / left).touch()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SteadyposeError, match="expected a new folder, found a training"):
        claim(tmp_path, config(), resume=False)
    claim(tmp_path, config(), resume=True)
    with pytest.raises(SteadyposeError, match="expected the seed it was begun with, found another"):
        claim(tmp_path, replace(config(), seed=1), resume=True)
    for text, found in (("{", "Expecting"), ("[1]", "cannot convert")):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(
            SteadyposeError, match=f"expected the configuration it was begun with, found {found}"
        ):
            claim(tmp_path, config(), resume=True)


def test_two_trainings_are_not_in_one_folder(tmp_path):
    with (
        begin(config(), tmp_path / "run", False, print),
        pytest.raises(SteadyposeError, match="found another run at work in it"),
    ):
        run(config(), tmp_path / "run", resume=True)
    assert run(config(epochs=1), tmp_path / "run").finished


def test_a_finished_training_stays_as_it_is(straight, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(straight[0].path.parent, folder)
    again = run(config(), folder, resume=True)
    assert_same(straight[0].last, again.last)
    assert_same(straight[0].path, again.path)
    assert again.card["steps"] == straight[0].card["steps"]


def test_nobody_in_sight_is_said(tmp_path):
    c = config()
    p = pairs(c.spec)
    nobody = type(p)([replace(t, confidence=np.zeros_like(t.confidence)) for t in p.tracks], c.spec)
    with pytest.raises(DataError, match="expected windows with a person"):
        train(c, tmp_path / "run", train_set=nobody, validation_set=p)
