"""The parts of experiments/hossain_little that decide what its tables say."""

from __future__ import annotations

import json
import shutil
import subprocess
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
import writing  # noqa: E402

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
        ([50.0], [40.0, 41.0], True, "one seed"),
        ([40.0, 41.0], [50.0], True, "one seed"),
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
    assert writing.spread([40.0, 42.0]) == "41.0 ± 1.4"
    assert writing.spread([40.0]) == "40.0"
    assert writing.spread([]) == writing.spread([float("nan")]) == "–"


def test_the_summary_of_finished_rows(tmp_path):
    folder = tmp_path / "rows"
    for seed in range(3):
        fcn = record("fcn", seed, flat(60.0 + seed), {"median": {"test": flat(59.0 + seed)}})
        writing.save_json(folder / f"fcn-seed{seed}.json", fcn)
        writing.save_json(folder / f"seq2seq-seed{seed}.json", record("seq2seq", seed, flat(50.0 + seed)))
    clean = {**flat(30.0, "clean"), **flat(45.0, "gaussian_10")}
    writing.save_json(folder / "fcn_clean-seed0.json", record("fcn_clean", 0, clean))
    summary.summarise(folder, tmp_path, "the command")
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
    assert min(lines) > 4 and "different versions" not in page
    other = {**record("fcn", 3, flat(60.0)), "training": {"data_code": "another"}}
    writing.save_json(folder / "fcn-seed3.json", other)
    summary.summarise(folder, tmp_path, "the command")
    assert "different versions" in (tmp_path / "results.md").read_text()


def test_interrupted_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    writing.save_json(path, {"value": float("nan")})
    assert json.loads(path.read_text()) == {"value": None}
    with pytest.raises(TypeError):
        writing.save_json(path, {"value": object()})
    assert json.loads(path.read_text()) == {"value": None}
    assert list(tmp_path.iterdir()) == [path]


def test_the_papers_tables_add_up():
    paper = tomllib.loads((HERE / "paper.toml").read_text("utf-8"))
    for t in paper["table"]:
        *actions, average = t["mm"]
        assert len(actions) == 15 and np.mean(actions) == pytest.approx(average, abs=0.1)
        assert t["retracted"] == (t["row"] != "fcn")


@pytest.fixture
def motion(tmp_path, monkeypatch):
    """A folder of motion capture with one short clip in each split."""
    folder = tmp_path / "data" / "mocap"
    (folder / "cmu").mkdir(parents=True)
    sample = Path(__file__).parents[1] / "data" / "bvh" / "02_03.bvh"
    lines = ["path,source,subject,label,frames,fps,unit_cm,rest_rows,licence"]
    for subject in ("02", "03", "10"):  # test, validation, train
        shutil.copy(sample, folder / "cmu" / f"{subject}_03.bvh")
        lines.append(f"cmu/{subject}_03.bvh,cmu,{subject},run,30,120,5.644444,1,CMU")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("STEADYPOSE_DATA", str(folder.parent))
    return folder


SMALL = ["network.width=8", "trainer.epochs=1", "trainer.batch=16"]


def test_kept_sets_are_what_would_be_made(motion, tmp_path):
    import sets

    from steadypose.train import pairs_of

    for row, split in (("fcn", "train"), ("seq2seq_clean", "test")):
        config = rows.configuration(row, 1, SMALL)
        made, first, again = (
            pairs_of(config, split),
            *(sets.kept_pairs(config, split, tmp_path) for _ in "ab"),
        )
        for pairs in (first, again):
            for name in ("keypoints", "confidence", "truth", "frames", "track"):
                np.testing.assert_array_equal(getattr(pairs, name), getattr(made, name))
            assert [(t.name, t.label, t.fps) for t in pairs.tracks] == [
                (t.name, t.label, t.fps) for t in made.tracks
            ]
    assert len(list(tmp_path.glob("*.npz"))) == 2
    sets.kept_pairs(rows.configuration("fcn", 2, SMALL), "train", tmp_path)
    assert len(list(tmp_path.glob("train-*.npz"))) == 2, "another seed is another training set"
    with pytest.raises(SteadyposeError, match="fresh"):
        sets.kept_pairs(rows.configuration("fcn", 2, [*SMALL, "data.fresh=1"]), "train", tmp_path)


def test_a_row_is_trained_once_and_scored_in_every_condition(motion, tmp_path):
    import run

    options = {"runs": tmp_path / "runs", "results": tmp_path / "rows", "set_": tuple(SMALL)}
    assert not run.is_finished("fcn_clean", 0, tmp_path / "rows", SMALL)
    run.one("fcn_clean", 0, **options)
    assert run.is_finished("fcn_clean", 0, tmp_path / "rows", SMALL)
    assert not run.is_finished("fcn_clean", 0, tmp_path / "rows", [*SMALL, "optimiser.rate=0.1"])
    found = json.loads((tmp_path / "rows" / "fcn_clean-seed0.json").read_text())
    assert found["training"]["epochs"] == 1
    for scores in (found["scores"], found["filtered"]["median"], found["filtered"]["mean"]):
        for split in ("test", "validation"):
            assert list(scores[split]) == list(summary.CONDITIONS)
            assert all(np.isfinite(s[m]) for s in scores[split].values() for m in summary.METRICS)
    clean, noisy = (found["scores"]["test"][c]["accel"] for c in ("clean", "gaussian_20"))
    assert noisy > clean
    summary.summarise(tmp_path / "rows", tmp_path, "the command")
    assert "fcn_clean_mean" in (tmp_path / "results.md").read_text()


def test_many_rows_go_on_where_they_stopped(tmp_path, monkeypatch, capsys):
    import run

    asked = []

    def once(command, **_):
        row, seed = command[3:5]
        asked.append((row, int(seed)))
        if row == "seq2seq":
            return subprocess.CompletedProcess(command, 1)
        config = rows.configuration(row, int(seed)).to_json()
        writing.save_json(run.results_file(tmp_path / "rows", row, int(seed)), {"config": config})
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(run.subprocess, "run", once)
    options = {"seeds": (0, 1), "jobs": 1, "runs": tmp_path / "runs", "results": tmp_path / "rows"}
    run.train(rows=("fcn", "no_residual"), **options)
    assert asked == [("fcn", 0), ("no_residual", 0), ("fcn", 1), ("no_residual", 1)]
    with pytest.raises(SteadyposeError, match="not every row"):
        run.train(rows=("fcn", "seq2seq"), **options)
    assert asked[4:] == [("seq2seq", 0), ("seq2seq", 1)]
    assert "seq2seq-seed0.log" in capsys.readouterr().out
    with pytest.raises(SteadyposeError, match="rows among"):
        run.train(rows=("fcn", "seq3seq"), **options)


def test_tables_1_and_2_with_one_command(tmp_path, monkeypatch, capsys):
    import evaluation
    import human36m

    from steadypose.data.human36m import ACTIONS, SUBJECTS

    rng = np.random.default_rng(0)
    stage = {
        s: {
            f"{a}{n}": rng.normal([0, 0, 1], 0.3, (6, 32, 3)).astype(np.float32)
            for a in ACTIONS
            for n in ("", " 1")
        }
        for s in SUBJECTS
    }
    seen = {
        s: {a: [rng.uniform(0, 1000, (6, 16, 2)).astype(np.float32)] * 4 for a in actions}
        for s, actions in stage.items()
    }
    sides = {"num_joints": 16, "keypoints_symmetry": [[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]]}
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=stage)
    np.savez(tmp_path / "data_2d_h36m_sh_ft_h36m.npz", positions_2d=seen, metadata=sides)
    small = ("network.width=8", "trainer.epochs=1", "trainer.batch=512", "trainer.threads=1")
    human36m.tables(tmp_path, out=tmp_path / "out", set_=small)
    page = (tmp_path / "out" / "tables.md").read_text()
    assert page in capsys.readouterr().out
    for kind in ("GT", "sh_ft_h36m"):
        for title in human36m.TITLES.values():
            (first, second) = (
                line.split(" | ") for line in page.splitlines() if line.startswith(f"| {title}, {kind} |")
            )
            assert len(first) == len(second) == 1 + 15 + 3
            actions, average = [float(x) for x in first[1:16]], float(first[16].strip("*"))
            assert np.mean(actions) == pytest.approx(average, abs=0.06)
    printed = [line for line in page.splitlines() if "as printed" in line]
    assert len(printed) == 7 and all(line.count("✗") == 17 for line in printed)
    assert all(f"about {mm} |" in page for mm in (58.5, 44, 41))
    monkeypatch.setattr(evaluation, "finish", lambda *a, **k: pytest.fail("trained twice"))
    human36m.tables(tmp_path, out=tmp_path / "out", set_=small)
    assert (tmp_path / "out" / "tables.md").read_text() == page
    with pytest.raises(SteadyposeError, match="projected, sh_ft_h36m, found 'cpn'"):
        human36m.tables(tmp_path, inputs=("cpn",), out=tmp_path / "out")
