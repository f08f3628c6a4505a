"""The parts of experiments/hossain_little that decide what its tables say."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parents[2] / "experiments" / "hossain_little"
sys.path.insert(0, str(HERE))

import claims  # noqa: E402
import rows  # noqa: E402
import summary  # noqa: E402
import tables  # noqa: E402

from steadypose.errors import SteadyposeError  # noqa: E402


def record(row, seed, test, filtered=None):
    config = rows.configuration(row, seed).to_json()
    scores = {"test": test, "validation": test}
    return {"row": row, "seed": seed, "config": config, "scores": scores, "filtered": filtered or {}}


def flat(mpjpe, condition="detector"):
    return {condition: {"mpjpe": mpjpe, "pa_mpjpe": mpjpe * 0.8, "accel": mpjpe * 0.2}}


def test_every_row_is_one_change_from_its_base():
    seq2seq = rows.configuration("seq2seq", 0)
    expected = {
        "no_weighted_joints": ("loss", "weights", "none"),
        "no_temporal": ("loss", "temporal", 0.0),
        "no_recurrent_dropout": ("network", "recurrent_keep", 1.0),
        "no_layer_norm": ("network", "layer_norm", False),
        "no_residual": ("network", "residual", False),
        "seq2seq_clean": ("data", "noise", "none"),
        **{f"length_{n}": ("network", "length", n) for n in (2, 3, 4, 6, 7, 8, 9, 10)},
    }
    for row, (table, field, value) in expected.items():
        own, base = rows.configuration(row, 0).to_json(), seq2seq.to_json()
        assert own[table].pop(field) == value
        base[table].pop(field, None)
        assert {**own, "name": ""} == {**base, "name": ""}, row
    assert rows.configuration("no_layer_norm_no_dropout", 2).network.layer_norm is False
    assert rows.configuration("fcn", 2).seed == 2
    assert {p.stem for p in rows.ROWS.glob("*.toml")} == set(rows.TRAINED)


def test_rows_and_their_changes_are_checked():
    assert rows.configuration("fcn", 0, ["trainer.epochs=3"]).trainer.epochs == 3
    with pytest.raises(SteadyposeError, match="rows among"):
        rows.configuration("fcn_median", 0)
    with pytest.raises(SteadyposeError, match="epochs"):
        rows.configuration("fcn", 0, ["trainer.epoch=3"])


@pytest.mark.parametrize(
    ("before", "after", "falls", "said"),
    [
        ([50.0, 52.0], [40.0, 41.0], True, "appears"),
        ([50.0, 52.0], [40.0, 41.0], False, "does not"),
        ([40.0, 41.0], [50.0, 52.0], True, "does not"),
        ([50.0, 52.0], [49.0, 52.0], True, "undecided"),
        ([50.0], [49.9], True, "appears"),
        ([], [40.0], True, "not run"),
    ],
)
def test_a_claim_appears_beyond_the_seeds_spread(before, after, falls, said):
    given = {("a", "detector", "accel"): before, ("b", "clean", "accel"): after}
    claim = claims.Claim("main", "", "", "a", "b@clean", falls, "accel")
    assert claims.verdict(claim, lambda *key: given[key])[1] == said


def test_numbers_of_a_claim_are_in_the_papers_order():
    claim = claims.Claim("main", "", "", "fcn", "seq2seq")
    given = {"fcn": [50.0], "seq2seq": [45.0]}
    assert claims.verdict(claim, lambda row, *_: given[row])[0] == "50.0 → 45.0 (−10.0 %)"


def test_every_claim_is_about_rows_and_conditions_that_exist():
    for claim in claims.CLAIMS:
        for name in (claim.before, claim.after):
            row, condition = claims.place(name)
            assert row in rows.ORDER and condition in summary.CONDITIONS
        assert claim.metric in summary.METRICS and claim.table in summary.PARTS


def test_mean_and_deviation_over_seeds():
    assert tables.spread([40.0, 42.0]) == "41.0 ± 1.4"
    assert tables.spread([40.0]) == "40.0"
    assert tables.spread([]) == tables.spread([float("nan")]) == "–"


def test_the_summary_of_finished_rows(tmp_path):
    folder = tmp_path / "rows"
    for seed in range(3):
        fcn = record("fcn", seed, flat(60.0 + seed), {"median": {"test": flat(59.0 + seed)}})
        tables.save_json(folder / f"fcn-seed{seed}.json", fcn)
        tables.save_json(folder / f"seq2seq-seed{seed}.json", record("seq2seq", seed, flat(50.0 + seed)))
    clean = {**flat(30.0, "clean"), **flat(45.0, "gaussian_10")}
    tables.save_json(folder / "fcn_clean-seed0.json", record("fcn_clean", 0, clean))
    summary.summarise(folder, "the command")
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["rows"]["fcn"]["test"]["detector"]["mpjpe"] == [60.0, 61.0, 62.0]
    assert found["rows"]["fcn_median"]["test"]["detector"]["mpjpe"] == [59.0, 60.0, 61.0]
    verdicts = {(c["before"], c["after"], c["metric"]): c["verdict"] for c in found["claims"]}
    assert verdicts["fcn", "seq2seq", "mpjpe"] == "appears"
    assert verdicts["fcn", "fcn_median", "mpjpe"] == "undecided"
    assert verdicts["seq2seq", "no_residual", "mpjpe"] == "not run"
    page = (tmp_path / "results.md").read_text()
    assert "| fcn | 61.0 ± 1.0 |" in page and "| fcn_median | 60.0 ± 1.0 |" in page
    assert "retracted" in page and "the command" in page
    assert "| fcn_clean, MPJPE | 30.0 | – | 45.0 | – | – |" in page
    lines = [line.count("|") for line in page.splitlines() if line.startswith("|")]
    assert min(lines) > 4


def test_interrupted_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    tables.save_json(path, {"value": float("nan")})
    assert json.loads(path.read_text()) == {"value": None}
    with pytest.raises(TypeError):
        tables.save_json(path, {"value": object()})
    assert json.loads(path.read_text()) == {"value": None}
    assert list(tmp_path.iterdir()) == [path]


def test_the_papers_tables_add_up():
    paper = tomllib.loads((HERE / "paper.toml").read_text("utf-8"))
    for t in paper["table"]:
        *actions, average = t["mm"]
        assert len(actions) == 15 and np.mean(actions) == pytest.approx(average, abs=0.1)
        assert t["retracted"] == (t["row"] != "fcn")
