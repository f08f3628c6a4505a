"""The parts of experiments/smoothnet that decide what its tables say."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

HERE = Path(__file__).parents[2] / "experiments" / "smoothnet"
sys.path.insert(0, str(HERE))
for script in HERE.glob("*.py"):  # of the same name in another experiment
    sys.modules.pop(script.stem, None)

import claims  # noqa: E402
import lifting  # noqa: E402
import papertables as tables  # noqa: E402
import rotated  # noqa: E402
import rows  # noqa: E402
import sets  # noqa: E402
import store  # noqa: E402
import summary  # noqa: E402
import writing  # noqa: E402

from steadypose.errors import SteadyposeError  # noqa: E402
from steadypose.metrics import accel, mpjpe  # noqa: E402


def recorded(name="cmu/02_01/ne", frames=80, points=16, dims=3, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None, None] / 50
    truth = 0.3 * np.sin(t * rng.uniform(1, 6, (1, points, dims)) + rng.uniform(0, 6, (1, points, dims)))
    noisy = truth + 0.02 * rng.standard_normal(truth.shape)
    sure = rng.random((frames, points)).astype(np.float32)
    return store.Recorded(name, "walk", 50.0, noisy.astype(np.float32), truth.astype(np.float32), sure)


def test_every_line_and_claim_is_about_rows_and_tests_that_are_made():
    behind = {f"refinenet → {n}" for n in ("savgol", "gaussian", "SmoothNet")}
    ways = [(s, m, w) for s in ("fcn", "detector") for m in tables.METHODS for w in ("lowest", "comparable")]
    special = {
        "speed": {"fcn"},
        "refinenet": {"refinenet", "refinenet tuned", *behind},
        "filters": {" ".join(way) for way in ways},
    }
    asked = rows.tests_of(rows.TRAINED)
    places = [line.at for t in tables.TABLES.values() for lines in t.lines.values() for line in lines]
    places += [at for c in claims.CLAIMS for at in (c.before, c.after)]
    for place in places:
        row, _, test = place.partition("@")
        if row in rows.ROWS:
            assert test in rows.ROWS[row].tests, place
        elif row == "input":
            assert test in asked, place
        elif row != "strategies":
            assert test in special[row], place
    assert {c.table for c in claims.CLAIMS} <= set(tables.TABLES)
    assert {c.metric for c in claims.CLAIMS} <= set(tables.METRICS)
    told = {p.partition("@")[0] for p in places}
    assert set(rows.TRAINED) <= told, "every network that is trained is in a table"


def test_lines_of_the_paper_are_no_longer_than_the_table():
    for table in tables.TABLES.values():
        for lines in table.lines.values():
            assert all(len(line.paper) <= len(table.columns) for line in lines)


def test_a_table_names_all_it_needs():
    assert set(tables.needed("5").trained) == {"base", *(f"length_{n}" for n in rows.LENGTHS)}
    assert tables.needed("s3").trained[:1] == ("base",)
    assert tables.needed("S4") == tables.needed("3") and tables.called("fig8") == "8"
    assert "filters" in tables.needed("S6").fixed and "detector" in tables.needed("S6").trained
    assert "rotations" in tables.needed("S12").kinds
    with pytest.raises(SteadyposeError, match="expected a table among"):
        tables.needed("15")


def test_rows_are_one_change_from_the_base():
    base = rows.configuration("base", 3).to_json()
    for name, path, value in (
        ("length_64", ("window", "length"), 64),
        ("norm_window", ("window", "normalisation"), "window"),
        ("only_position", ("loss", "acceleration"), 0.0),
        ("only_acceleration", ("loss", "position"), 0.0),
    ):
        other = rows.configuration(name, 3).to_json()
        assert other[path[0]].pop(path[1]) == value
        same = {**base, path[0]: {n: v for n, v in base[path[0]].items() if n != path[1]}}
        assert {**other, "name": ""} == {**same, "name": ""}
    assert base["seed"] == 3 and base["window"]["taper"] == "flat"
    assert rows.configuration("base", 0, {"steps": 20}).trainer.epoch_steps == 2
    with pytest.raises(SteadyposeError, match="rows among"):
        rows.configuration("nothing", 0)


@pytest.mark.parametrize(
    ("p", "sigma", "error", "bend"),
    [(0.5, 10, 9.68, 26.25), (0.5, 50, 48.42, 131.25), (0.1, 50, 11.46, 40.68), (0.9, 50, 74.46, 184.32)],
)
def test_gaussian_noise_is_the_papers_in_3d(p, sigma, error, bend):
    clean = [recorded(frames=4000)]
    (noisy,) = sets.gaussian(clean, p, sets.unit(3, sigma), (0,))
    x, y = 1000 * noisy.noisy.astype(float), 1000 * noisy.truth.astype(float)
    assert mpjpe(x, y) == pytest.approx(error, rel=0.02)
    assert accel(x, y) == pytest.approx(bend, rel=0.02)


@pytest.mark.parametrize(
    ("p", "sigma", "error", "bend"),
    [(0.5, 10, 3.56, 10.10), (0.1, 50, 3.90, 14.31), (0.9, 50, 28.97, 72.26)],
)
def test_gaussian_noise_is_the_papers_in_2d(p, sigma, error, bend):
    clean = [recorded(frames=4000, dims=2)]
    (noisy,) = sets.gaussian(clean, p, sets.unit(2, sigma), (0,))
    x, y = (sets.PIXELS * v.astype(float) for v in (noisy.noisy, noisy.truth))
    assert mpjpe(x, y) == pytest.approx(error, rel=0.02)
    assert accel(x, y) == pytest.approx(bend, rel=0.02)


def test_what_is_kept_comes_back(tmp_path):
    some = [recorded("a/1/ne", 40), recorded("a/1/nw@7", 33, seed=1)]
    store.save(tmp_path / "x.npz", some, joints=[str(k) for k in range(16)])
    for mine, theirs in zip(store.load(tmp_path / "x.npz"), some, strict=True):
        assert (mine.name, mine.label, mine.fps) == (theirs.name, theirs.label, theirs.fps)
        for name in ("noisy", "truth", "confidence"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
    with np.load(tmp_path / "x.npz") as f:
        assert f["noisy"].shape == (73, 48) and f["joints"].shape == (16,)
    store.save(tmp_path / "y.npz", [replace(r, confidence=None) for r in some])
    assert all(r.confidence is None for r in store.load(tmp_path / "y.npz"))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 8))
def test_stretches_hold_every_frame_of_long_enough_runs(there, shortest):
    x = np.where(there, 1.0, np.nan)[:, None, None] * np.arange(1, len(there) + 1)[:, None, None]
    found = store.stretches("a", "b", 50.0, x, np.ones_like(x), shortest)
    runs = "".join("x" if t else " " for t in there).split()
    assert [len(r.noisy) for r in found] == [len(r) for r in runs if len(r) >= shortest]
    for r in found:
        start = int(r.name.partition("@")[2] or 0)
        np.testing.assert_array_equal(r.noisy[:, 0, 0], np.arange(start, start + len(r.noisy)) + 1)


def test_pieces_of_a_take_are_in_one_fold_and_performers_in_both():
    names = [f"cmu/07_{n:02d}" for n in range(1, 7)] + ["cmu/49_02_a", "cmu/49_02_b", "cmu/49_03"]
    found = lifting.folds([*names, *names])
    assert found["cmu/49_02_a"] == found["cmu/49_02_b"] != found["cmu/49_03"]
    assert sum(found[n] for n in names[:6]) == 3
    assert found == lifting.folds(reversed(names))


def test_one_camera_of_every_clip_is_tested():
    cameras = [c + at for c in ("ne", "nw", "se", "sw") for at in ("", "@50")]
    views = [recorded(f"cmu/{n:02d}_01/{c}", 40) for n in range(8) for c in cameras]
    bandai = [recorded(f"bandai1/walk_{n:03d}/ne", 40) for n in range(24)]
    found = [r.name for r in sets.tested([*views, *bandai])]
    assert len({n.partition("@")[0] for n in found}) == 8 + 24 // sets.EVERY["bandai1"]
    assert len({n.partition("@")[0].rpartition("/")[2] for n in found if n.startswith("cmu")}) == 4
    named = [
        recorded(f"{f}/x/ne", 40) for f in ("cmu", "cmu_sports", "deepmimic", "deepmimic/sie", "bandai1")
    ]
    assert [len(sets.part(named, s)) for s in ("cmu", "deepmimic", "bandai1", "sie")] == [2, 1, 1, 1]


@pytest.mark.parametrize("form", [*rotated.FORMS, rotated.POSITIONS])
def test_forms_of_rotations_hold_the_same_body(form):
    rng = np.random.default_rng(0)
    from steadypose.rotations import from_axis_angle

    local = from_axis_angle(rng.normal(0, 1.0, (12, 24, 3)))
    values = local.reshape(12, 24, 9).astype(np.float32)
    r = rotated.in_form(store.Recorded("a", "b", 50.0, values, values), form)
    there = rotated.from_form(r.noisy, form)
    assert there.shape == (12, 23, 3)
    np.testing.assert_allclose(there, rotated.positions(local), atol=1e-4)
    bones = np.linalg.norm(there[:, 3] - there[:, 0], axis=1)  # left knee and hip
    np.testing.assert_allclose(bones, bones[0], atol=1e-4)


@pytest.mark.parametrize("way", ["as it is", "sequence", "sequence, truth"])
def test_preparing_clips_can_be_undone(way):
    import material

    r, row = recorded(), replace(rows.BASE, prepared=way)
    x, y, _ = material.prepared(r, row)
    np.testing.assert_allclose(material.undone(y, r, row), r.truth, atol=1e-5)
    if way != "as it is":
        np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(x.std(axis=0), 1, atol=1e-3)


def test_scores_of_the_truth_are_perfect_and_of_the_input_its_own():
    import evaluation
    import material

    some = [recorded(frames=60), recorded("cmu/02_02/nw", 50, seed=1)]
    given_ = material._material_of(some)
    perfect = evaluation.score([r.truth for r in some], given_)
    assert perfect["mpjpe"] == perfect["accel"] == perfect["mpjpe_1"] == 0
    assert perfect["peak_speed"] == 1 and perfect["lag"] == pytest.approx(0, abs=1e-6)
    raw = evaluation.score([r.noisy for r in some], given_)
    assert given_.unit == "mm" and raw["mpjpe"] == pytest.approx(20 * 1.596, rel=0.05)
    assert raw["mpjpe_1"] > raw["mpjpe"] and raw["peak_speed"] > 1


class Same:
    """A network that changes nothing; all channels together or each by itself."""

    def __init__(self, spec):
        self.spec = spec

    def __call__(self, x):
        return x

    def eval(self):
        return self


@pytest.mark.parametrize("frames", [3, 31, 32, 33, 90])
@pytest.mark.parametrize("row", ["base", "spatiotemporal", "norm_sequence", "norm_window"])
@pytest.mark.parametrize("way", ["", "apart", "hann"])
def test_a_network_that_changes_nothing_changes_no_clip(frames, row, way):
    import evaluation

    r = recorded(frames=frames)
    network = Same(rows.configuration(row, 0).spec)
    out = evaluation.refined(network, r, rows.ROWS[row], way)
    np.testing.assert_allclose(out, r.noisy, atol=2e-5)


def test_other_frame_rates_go_through_the_networks_and_back():
    import evaluation

    r = replace(recorded(frames=90), fps=30.0)
    smooth = replace(r, noisy=r.truth)
    out = evaluation.refined(Same(rows.configuration("base", 0).spec), smooth, rows.BASE)
    np.testing.assert_allclose(out, r.truth, atol=5e-3)


def test_filters_do_not_reach_from_one_clip_into_the_next():
    import filtering
    import material

    some = [recorded(frames=60), recorded("cmu/02_02/nw", 50, seed=1)]
    both = filtering.filtered(material._material_of(some), "gaussian", sigma=0.1)
    for r, x in zip(some, both, strict=True):
        (alone,) = filtering.filtered(material._material_of([r]), "gaussian", sigma=0.1)
        np.testing.assert_allclose(x, alone, atol=1e-6)
    x, _ = filtering.sequences(material._material_of(some), confidence=True)
    assert x.confidence is not None and len(x.times) == 110 and np.diff(x.times).max() > 9


@pytest.mark.parametrize(
    ("before", "after", "falls", "said"),
    [
        ([50.0, 52.0], [40.0, 41.0], True, "appears"),
        ([50.0, 52.0], [40.0, 41.0], False, "does not"),
        ([50.0, 52.0], [49.0, 52.0], True, "undecided"),
        ([50.0], [40.0, 41.0], True, "one seed"),
        ([], [40.0], True, "not run"),
    ],
)
def test_a_claim_appears_beyond_the_seeds_spread(before, after, falls, said):
    values = {"a@x": before, "b@y": after}
    claim = claims.Claim("1", "", "", "a@x", "b@y", "mpjpe", falls)
    assert claims.verdict(claim, lambda at, metric: values[at])[1] == said


def test_what_has_no_seed_has_no_deviation():
    values = {"filters@x": [50.0], "b@y": [40.0, 41.0]}
    claim = claims.Claim("1", "", "", "filters@x", "b@y")
    assert claims.verdict(claim, lambda at, metric: values[at]) == ("50.0 → 40.5 (−19.0 %)", "appears")


def test_the_summary_of_finished_rows(tmp_path):
    folder = tmp_path / "rows"

    def write(row, seed, scores):
        record = {"row": row, "seed": seed, "config": rows.described(row, seed), "scores": scores}
        if row in rows.ROWS:
            record["training"] = {"minutes": 1.0}
        writing.save_json(folder / f"{row}-seed{seed}.json", record)

    def flat(value):
        return dict.fromkeys(tables.METRICS, value)

    write("input", 0, {"fcn": flat(100.0)})
    for seed in range(3):
        write("base", seed, {"fcn": flat(90.0 + seed), "fcn+apart": flat(95.0)})
        write("length_64", seed, {"fcn": flat(85.0 + seed)})
    write("length_2", 0, {"fcn": flat(99.0)})
    old = {"row": "length_2", "seed": 1, "config": {"window": "another"}, "scores": {"fcn": flat(1.0)}}
    writing.save_json(folder / "length_2-seed1.json", old)
    summary.summarise(folder, tmp_path, "the command", only="5")
    page = (tmp_path / "results.md").read_text()
    assert "## Table 5" in page and "## Table 4" not in page and "the command" in page
    assert "| 32 frames | 91.00 ± 1.00 *4.15* | 91.0 ± 1.0 *97.47* |" in page
    assert "| 8 frames | – *5.76* |" in page and "Fewer seeds: length_2" in page
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["rows"]["base"]["scores"]["fcn"]["mpjpe"] == [90.0, 91.0, 92.0]
    assert found["rows"]["length_2"]["seeds"] == [0], "what was made in another way is left out"
    said = {(c["before"], c["after"], c["metric"]): c["verdict"] for c in found["claims"]}
    assert said["base@fcn", "length_64@fcn", "mpjpe"] == "appears"
    assert said["length_16@fcn", "base@fcn", "accel"] == "not run"
    summary.summarise(folder, tmp_path, "the command")
    assert "## Figure 8" in (tmp_path / "results.md").read_text()


@pytest.fixture
def kept(tmp_path):
    """Recordings as `run.py sets` leaves them, very few."""
    folder = tmp_path / "runs" / "sets"
    for split in sets.SPLITS:
        clips = ["deepmimic/walk", "cmu/10_01"] if split == "train" else ["bandai1/a", "deepmimic/sie/b"]
        clips = clips if split in ("train", "noncommercial") else ["cmu/02_01", "cmu/05_01"]
        for kind, dims, scale in (("fcn", 3, 1.0), ("seq2seq", 3, 1.0), ("detector", 2, sets.PIXELS)):
            some = [recorded(f"{c}/ne", 70, dims=dims, seed=k) for k, c in enumerate(clips)]
            for k, r in enumerate(some):
                x, y = ((v + (dims == 2)) * scale for v in (r.noisy, r.truth))
                some[k] = replace(r, noisy=x, truth=y)
            store.save(sets.kept(folder, kind, split), some)
    return folder


def test_a_row_is_trained_once_and_scored_on_its_tests(kept, tmp_path, monkeypatch):
    import run

    tests = ("fcn", "fcn+apart", "detector", rows.GAUSSIAN, "fcn/deepmimic", "fcn/bandai1", "fcn/sie")
    small = replace(rows.BASE, tests=tests, steps=10, batch=16)
    monkeypatch.setitem(rows.ROWS, "base", small)
    options = {"runs": tmp_path / "runs", "results": tmp_path / "rows"}
    assert not run.is_finished("base", 0, tmp_path / "rows")
    run.one("base", 0, **options)
    assert run.is_finished("base", 0, tmp_path / "rows") and not run.is_finished("base", 1, tmp_path / "rows")
    found = json.loads((tmp_path / "rows" / "base-seed0.json").read_text())
    assert list(found["scores"]) == list(tests) and found["training"]["steps"] == 10
    assert len(found["training"]["curves"]["validation/position"]) == rows.EPOCHS
    assert found["training"]["parameters"] == 50224
    for scores in found["scores"].values():
        assert all(np.isfinite(v) for v in scores.values())
    monkeypatch.setitem(rows.ROWS, "base", replace(small, rate=1e-4))
    assert not run.is_finished("base", 0, tmp_path / "rows")


def test_what_comes_in_needs_recordings(kept, tmp_path):
    import evaluation

    assert evaluation.inputs("fcn/sie", kept)["mpjpe"] == pytest.approx(32, rel=0.1)
    assert evaluation.inputs("detector", kept)["mpjpe"] == pytest.approx(500 * 0.02 * 1.2533, rel=0.1)
    with pytest.raises(SteadyposeError, match="expected recordings"):
        evaluation.inputs("fcn", tmp_path / "nothing")


def test_many_rows_go_on_where_they_stopped(tmp_path, monkeypatch):
    import run

    asked = []

    def once(command, **_):
        row, seed = command[3:5]
        asked.append((row, int(seed)))
        if row == "seq2seq":
            return subprocess.CompletedProcess(command, 1)
        record = {"config": run.described(row, int(seed))}
        writing.save_json(run.results_file(tmp_path / "rows", row, int(seed)), record)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(run.subprocess, "run", once)
    options = {"seeds": (0, 1), "jobs": 1, "runs": tmp_path / "runs", "results": tmp_path / "rows"}
    run.train(rows=("base", "large"), **options)
    assert asked == [("base", 0), ("large", 0), ("base", 1), ("large", 1)]
    asked.clear()
    run.train(rows=("base", "large"), **options)
    assert not asked
    run.evaluate(rows=("input", "speed"), **options)
    assert asked == [("input", 0), ("speed", 0), ("speed", 1)]
    with pytest.raises(SteadyposeError, match="not every row"):
        run.train(rows=("base", "seq2seq"), **options)
