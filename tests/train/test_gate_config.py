"""Configurations of banks with gates: from TOML, changed, refused, and on the page."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest
from test_train_config import PAGE, described, write

from steadypose.data.refine_pieces import PieceData
from steadypose.errors import SteadyposeError
from steadypose.models.gatenet import GateNetConfig
from steadypose.refine.bank import BankSpec
from steadypose.train import GateConfig, from_mapping, load
from steadypose.train.gate_loss import GateLossConfig

TRAININGS = Path(__file__).parents[2] / "experiments" / "refine_weights"


def test_the_least_file_is_the_shipped_network_s(tmp_path):
    c = load(write(tmp_path, "task = 'gates'"))
    assert isinstance(c, GateConfig)
    assert c.name == "my"
    assert (c.spec, c.network, c.loss) == (BankSpec(), GateNetConfig(), GateLossConfig())
    (shipped,) = (load(p) for p in TRAININGS.glob("*.toml") if 'task = "gates"' in p.read_text("utf-8"))
    assert isinstance(shipped, GateConfig)
    assert (shipped.spec, shipped.network) == (c.spec, c.network)
    assert shipped.optimiser == c.optimiser


def test_every_field_survives_json():
    table = {
        "task": "gates",
        "name": "x",
        "seed": 3,
        "bank": {"edges": [0.5, 2.0], "slope": 4.0, "gate_rate": 10.0, "reach": 0.5, "level": 2.0},
        "data": {"rates": [50.0], "seconds": [1.0, 2.0], "sources": ["cmu"], "clean": 0.2},
        "network": {"hidden": 8, "blocks": 1, "kernel": 3},
        "loss": {"acceleration": 0.1, "lasting": 0.2, "harm": 0.3, "floor": 0.001},
        "optimiser": {"average": 0.99},
        "trainer": {"epochs": 2, "onnx": True},
    }
    c = from_mapping(table)
    assert isinstance(c, GateConfig)
    assert from_mapping(json.loads(json.dumps(c.to_json()))) == c
    assert (c.bank.edges, c.data.rates, c.network.kernel) == ((0.5, 2.0), (50.0,), 3)
    # What a table leaves out stays this task's.
    assert (c.optimiser.rate, c.optimiser.schedule, c.trainer.batch) == (2e-3, "cosine", 1)


def test_no_average_survives_json_too():
    c = from_mapping({"task": "gates", "optimiser": {"average": 0.0}})
    assert c.optimiser.average == 0
    assert from_mapping(c.to_json()) == c


def test_switches_may_be_changed_for_one_run(tmp_path):
    c = load(write(tmp_path, "task = 'gates'"), ["network.hidden=32", "data.rates=[30, 60]", "loss.harm=2"])
    assert isinstance(c, GateConfig)
    assert (c.network.hidden, c.data.rates, c.loss.harm) == (32, (30, 60), 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[network]\nhiden = 3", "network.hiden: expected 'hidden', found an unknown key"),
        ("[network]\nhidden = 0", "network: expected hidden as a whole number from 1"),
        ("[network]\nkind = 'tcn'", "network.kind: expected"),
        ("[window]\nlength = 8", "window: expected"),
        ("[bank]\nedges = [2, 1]", "bank: expected edges of a bank in rising hertz"),
        ("[bank]\nslope = 0", "bank: expected slope of a bank above 0, found 0"),
        ("[data]\nclean = 2", "data: expected clean as a share from 0 to 1, found 2"),
        ("[data]\nnoise = 'gaussian'", "data.noise: expected"),
        ("[loss]\nharm = -1", "loss.harm: expected a factor from 0 up, found -1.0"),
        ("[loss]\nlasting = inf", "loss.lasting: expected a factor from 0 up, found inf"),
        ("[loss]\nfloor = 0", "loss.floor: expected a share of the body's size above 0, found 0.0"),
        ("[trainer]\nbatch = 2", "trainer.batch: expected 1: a block is a batch, found 2"),
    ],
)
def test_what_does_not_fit_is_named_with_its_file(tmp_path, text, message):
    with pytest.raises(SteadyposeError, match=re.escape(message)) as e:
        load(write(tmp_path, f"task = 'gates'\n{text}"))
    assert str(tmp_path) in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("cls", [GateConfig, BankSpec, PieceData, GateNetConfig, GateLossConfig])
def test_every_field_is_described_in_its_class_and_the_same_on_the_page(cls):
    page = PAGE.read_text("utf-8").partition("## Fields of gates")[2]
    words, hints = described(cls), get_type_hints(cls)
    for name in (f.name for f in fields(cls)):
        text = re.sub(r" \((:func:)?`+\w+`+\)", "", words[name]).replace("``", "`")
        if not (is_dataclass(hints[name]) or cls is GateConfig):
            rows = [row for row in page.split("\n") if f"`{name}`" in row.partition("|")[2].partition("|")[0]]
            assert any(row.endswith(f"| {text} |") for row in rows), name
