"""Configurations of refining networks: from TOML, changed, refused, and on the page."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest
from test_train_config import PAGE, described, write

from steadypose.data.refine_sets import RefineData
from steadypose.errors import SteadyposeError
from steadypose.models.refiner import NETWORKS
from steadypose.models.smoothnet import SmoothNetConfig
from steadypose.refine.windows import WindowSpec
from steadypose.train import RefineConfig, TrainConfig, from_mapping, load
from steadypose.train.refine_config import RefineLossConfig


def test_the_least_file_is_the_papers_training(tmp_path):
    c = load(write(tmp_path, "task = 'refine'"))
    assert isinstance(c, RefineConfig)
    assert (c.name, c.kind, c.network) == ("my", "smoothnet", SmoothNetConfig())
    assert (c.loss.position, c.loss.acceleration, c.loss.norm) == (1, 0.1, "l1")
    assert (c.optimiser.rate, c.optimiser.schedule, c.optimiser.decay) == (1e-3, "epoch", 0.95)
    assert c.trainer.epochs == 70


def test_what_a_table_leaves_out_stays_the_papers(tmp_path):
    c = load(write(tmp_path, "task = 'refine'\n[optimiser]\namsgrad = true\n[trainer]\nepochs = 3"))
    assert (c.optimiser.rate, c.optimiser.schedule, c.optimiser.amsgrad) == (1e-3, "epoch", True)
    assert (c.trainer.batch, c.trainer.epochs) == (1024, 3)


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_kind_survives_json(kind):
    context = {"context": 8} if "context" in NETWORKS[kind][0].__dataclass_fields__ else {}
    table = {
        "task": "refine",
        "seed": 3,
        "window": {"length": 48, "rate": None, **context},
        "network": {"kind": kind},
        "data": {"noise": "gaussian", "rates": [50.0]},
        "optimiser": {"average": 0.99},
        "trainer": {"epoch_steps": 7},
    }
    c = from_mapping(table)
    assert isinstance(c, RefineConfig)
    assert from_mapping(json.loads(json.dumps(c.to_json()))) == c
    assert (c.kind, c.spec.length, c.spec.rate, c.data.rates) == (kind, 48, None, (50.0,))


def test_without_a_task_it_is_lifting(tmp_path):
    c = load(write(tmp_path, ""))
    assert isinstance(c, TrainConfig)
    assert isinstance(load(write(tmp_path, "task = 'lift'")), TrainConfig)
    assert "task" not in c.to_json()  # as it was before there were two
    assert not {"amsgrad", "average", "epoch_steps"} & {*c.to_json()["optimiser"], *c.to_json()["trainer"]}


def test_switches_may_be_changed_for_one_run(tmp_path):
    path = write(tmp_path, "task = 'refine'\n[network]\nkind = 'smoothnet'\nblocks = 5")
    c = load(path, ["network.hidden=64", "window.length=8", "window.step=2", "loss.norm=l2"])
    assert c.network == SmoothNetConfig(blocks=5, hidden=64)
    assert (c.window.length, c.loss.norm) == (8, "l2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task = 'denoise'", "task: expected 'lift' or 'refine' or 'gates', found 'denoise'"),
        ("task = 3", "task: expected 'lift' or 'refine' or 'gates', found 3"),
        ("task = []", "task: expected 'lift' or 'refine' or 'gates', found []"),
        ("network = 3", "network: expected a table, found 3"),
        ("[network]\nkind = 'lstm'", "network.kind: expected smoothnet or motion_aware or tcn"),
        ("[network]\nkind = ['tcn']", "network.kind: expected smoothnet or motion_aware or tcn"),
        ("[network]\nhiden = 3", "network.hiden: expected 'hidden', found an unknown key"),
        ("[network]\nkind = 'tcn'\nhidden = 3", "network.hidden: expected"),
        ("[network]\nblocks = -1", "network: expected blocks"),
        ("[network]\nlength = 8", "network.length: expected it under window, which decides it"),
        ("[window]\nlength = 1", "window: expected length of windows as a whole number from 2 up, found 1"),
        ("[window]\nstep = 100", "window: expected a step of at most the length 64, found 100"),
        ("[data]\nclean = 2", "data: expected clean"),
        ("[data]\nnoize = 'gaussian'", "data.noize: expected 'noise', found an unknown key"),
        ("[loss]\nposition = -1", "loss.position: expected a factor from 0 up, found -1.0"),
        ("[loss]\nposition = 0\nacceleration = 0", "loss: expected position or acceleration above 0"),
        ("[loss]\nposition = 0\n[window]\nlength = 2\nstep = 1", "loss: expected position or acceleration"),
        ("[loss]\nnorm = 'l3'", "loss.norm: expected 'l1' or 'l2', found 'l3'"),
        ("[loss]\nrelative = 1", "loss.relative: expected"),
        ("[loss]\nramp = 2", "loss.ramp: expected a share from 0 to 1, found 2.0"),
        ("[optimiser]\naverage = 1.0", "optimiser.average: expected a share from 0 to below 1, found 1.0"),
        ("[trainer]\nepoch_steps = -1", "trainer.epoch_steps: expected a number of steps from 0 up"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_file(tmp_path: Path, text: str, message: str):
    whole = text if text.startswith("task") else f"task = 'refine'\n{text}"
    with pytest.raises(SteadyposeError, match=re.escape(message)) as e:
        load(write(tmp_path, whole))
    assert str(tmp_path) in str(e.value)
    assert "\n" not in str(e.value)


def test_a_network_must_be_one(tmp_path):
    with pytest.raises(SteadyposeError, match="network: expected one of SmoothNetConfig"):
        RefineConfig(network=WindowSpec())


@pytest.mark.parametrize("cls", [RefineConfig, RefineData, RefineLossConfig, WindowSpec])
def test_every_field_is_described_in_its_class_and_the_same_on_the_page(cls):
    page = PAGE.read_text("utf-8").partition("## Fields of refining")[2]
    words, hints = described(cls), get_type_hints(cls)
    for name in (f.name for f in fields(cls)):
        text = words[name]
        if not (is_dataclass(hints[name]) or cls is RefineConfig):
            text = re.sub(r" \((:func:)?`+\w+`+\)", "", text).replace("``", "`")
            rows = [row for row in page.split("\n") if f"`{name}`" in row.partition("|")[2].partition("|")[0]]
            assert any(row.endswith(f"| {text} |") for row in rows), name


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_switch_is_on_the_page(kind):
    page = PAGE.read_text("utf-8").partition("## Fields of refining")[2]
    row = next(row for row in page.split("\n") if row.startswith(f"| `{kind}` |"))
    for f in fields(NETWORKS[kind][0]):
        assert (f"`{f.name}`" in row) == (f.name not in ("length", "output", "context")), f.name
