"""Configurations: from TOML, changed, refused."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest

from steadypose.errors import DataError, SteadyposeError
from steadypose.models import FCNConfig, Seq2SeqConfig
from steadypose.train.config import (
    DataConfig,
    LossConfig,
    NetworkConfig,
    OptimiserConfig,
    TrainConfig,
    TrainerConfig,
    from_mapping,
    load,
)

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
TABLES = (TrainConfig, DataConfig, NetworkConfig, LossConfig, OptimiserConfig, TrainerConfig)


def write(folder: Path, text: str, name: str = "my.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_an_empty_file_is_the_paper(tmp_path):
    c = load(write(tmp_path, ""))
    assert c.name == "my"
    assert c.network.build() == Seq2SeqConfig()
    assert (c.loss.mse, c.loss.temporal, c.loss.weights) == (1, 5, "paper")
    assert (c.optimiser.rate, c.optimiser.decay, c.optimiser.decay_steps) == (1e-5, 0.96, 100_000)
    assert (c.trainer.batch, c.trainer.epochs) == (32, 100)
    assert (c.spec.length, len(c.spec.joints), c.spec.normalisation, c.spec.confidence) == (
        5,
        16,
        "pixels",
        False,
    )


def test_every_field_survives_json():
    table = {
        "name": "x", "seed": 3,
        "data": {"sources": ["cmu"], "fps": [25, 50], "joints": 17, "normalisation": "person",
                 "confidence": True, "cameras": "mixed", "layout": "coco17", "noise": "detector",
                 "missing": 0.1, "augment": True},
        "network": {"kind": "fcn", "width": 64, "blocks": 1, "dropout": 0.25, "batch_norm": False},
    }  # fmt: skip
    c = from_mapping(table)
    assert from_mapping(c.to_json()) == c
    assert c.network.build() == FCNConfig(width=64, blocks=1, dropout=0.25, batch_norm=False)
    assert c.spec.rates == (25, 50)
    assert c.spec.length == 1
    assert c.spec.derived


def test_changes_are_laid_over_the_file(tmp_path):
    path = write(tmp_path, "[optimiser]\nrate = 1e-2\n[network]\nkind = 'fcn'")
    changes = [
        "optimiser.rate=1e-3",
        "trainer.epochs = 7",
        "data.noise=gaussian",
        "data.fps=[20, 30]",
        "seed=4",
    ]
    c = load(path, changes)
    assert (c.optimiser.rate, c.trainer.epochs, c.data.noise, c.data.fps, c.seed) == (
        1e-3, 7, "gaussian", (20.0, 30.0), 4,
    )  # fmt: skip


def test_files_extend_each_other(tmp_path):
    write(tmp_path, "[network]\nwidth = 8\nkind = 'fcn'\n[loss]\nmse = 2", "base.toml")
    (tmp_path / "rows").mkdir()
    c = load(write(tmp_path / "rows", "extends = '../base.toml'\n[network]\nwidth = 9"))
    assert (c.network.width, c.network.kind, c.loss.mse, c.name) == (9, "fcn", 2, "my")


def test_files_that_extend_each_other_in_a_circle_are_refused(tmp_path):
    write(tmp_path, "extends = 'my.toml'", "other.toml")
    with pytest.raises(SteadyposeError, match="found a circle"):
        load(write(tmp_path, "extends = 'other.toml'"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[optimizer]\nrate = 1", "optimizer: expected 'optimiser', found an unknown key"),
        ("[optimiser]\nrat = 1", "optimiser.rat: expected 'rate', found an unknown key"),
        ("[data]\nzzz = 1", "data.zzz: expected one of root, sources"),
        ("[data]\nnoise = 'loud'", "data.noise: expected 'none' or 'gaussian' or 'detector', found 'loud'"),
        ("[data]\njoints = 18", "data.joints: expected 16 or 17, found 18"),
        ("[data]\nfps = [25, 30, 50]", "data.fps: expected a number or a list of 2 numbers, found"),
        ("[data]\nfps = [50, 25]", "data.fps: expected a frame rate, or the lowest and the highest, found"),
        ("[data]\nfps = 0", "data.fps: expected"),
        ("[data]\nfps = nan", "data.fps: expected"),
        ("[data]\nfps = inf", "data.fps: expected"),
        ("[data]\nconfidence = 1", "data.confidence: expected true or false, found 1"),
        ("[trainer]\nbatch = true", "trainer.batch: expected a whole number, found True"),
        ("[trainer]\nbatch = 0", "trainer.batch: expected a number of windows from 1 up, found 0"),
        ("[trainer]\nepochs = 0", "trainer: expected epochs, max_steps or max_minutes above 0, found none"),
        ("[optimiser]\nrate = nan", "optimiser.rate: expected a learning rate above 0, found nan"),
        ("[network]\nkind = 'fcn'\nlength = 5", "network.length: expected a switch of fcn, found another's"),
        ("[network]\nwidth = 0", "width"),
        ("data = 3", "data: expected a table, found 3"),
        ("extends = 3", "extends: expected a file, found 3"),
        ("extends = 'none.toml'", "none.toml: expected a readable file, found No such file"),
        ("= 3", "expected a TOML file"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_file(tmp_path, text, message):
    with pytest.raises(SteadyposeError, match=re.escape(message)) as e:
        load(write(tmp_path, text))
    assert str(tmp_path) in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("change", ["rate", "optimiser.=1", "=3", "seed.x=1"])
def test_changes_that_are_none_are_refused(tmp_path, change):
    with pytest.raises(SteadyposeError, match="expected a change"):
        load(write(tmp_path, "seed = 1"), [change])


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(SteadyposeError, match="expected a TOML file"):
        load(tmp_path)


def test_networks_refuse_their_own_nonsense():
    with pytest.raises((DataError, SteadyposeError), match="keep"):
        from_mapping({"network": {"kind": "seq2seq", "recurrent_keep": 0.0}})


def described(cls: type) -> dict[str, str]:
    """Fields and what the class says of them; several may share a description."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in (inspect.getdoc(cls) or "").partition("----------\n")[2].split("\n"):
        if line and not line.startswith(" "):
            names = line.split(", ")
        else:
            found |= {n: f"{found.get(n, '')} {line.strip()}".strip() for n in names}
    return found


@pytest.mark.parametrize("cls", TABLES)
def test_every_field_is_described_in_its_class_and_the_same_on_the_page(cls):
    page = PAGE.read_text("utf-8")
    words, hints = described(cls), get_type_hints(cls)
    assert set(words) == {f.name for f in fields(cls)}
    for name, text in words.items():
        if not is_dataclass(hints[name]):
            rows = [row for row in page.split("\n") if f"`{name}`" in row.partition("|")[2].partition("|")[0]]
            assert any(row.endswith(f"| {text.replace('``', '`')} |") for row in rows), name


def test_the_example_on_the_page_is_a_configuration(tmp_path):
    page = PAGE.read_text("utf-8")
    for text in re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL):
        load(write(tmp_path, text))
