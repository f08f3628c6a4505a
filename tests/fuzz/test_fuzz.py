"""A little of every target on every run (``python tests/fuzz`` for more), and that faults would be found."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import fuzz_batch
import fuzz_judge
import numpy as np
import pytest
from fuzz_judge import Judge
from fuzz_targets import TARGETS, Target
from fuzz_uses import Differs

import steadypose as sp

A_FEW = 15
PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"


@pytest.mark.parametrize("name", list(TARGETS))
def test_a_few_inputs_give_a_result_or_one_line(name: str, tmp_path: Path) -> None:
    target, judge = TARGETS[name], Judge(tmp_path)
    for seed in target.seeds():
        assert judge(target, seed, "0")[1] is None
    for n in range(A_FEW):
        assert judge(target, target.make(0, n), f"0/{n}")[1] is None, f"input {n}"


@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("mediapipe-npz", 13210),
        ("mediapipe-npz", 30093),
        ("smoothnet", 28834),
        ("openpose", 13847),
        ("training configuration", 27388),
    ],
)
def test_what_was_a_finding_once_is_mended(name: str, n: int, tmp_path: Path) -> None:
    assert Judge(tmp_path)(TARGETS[name], TARGETS[name].make(0, n), f"0/{n}")[1] is None


@pytest.mark.parametrize("name", list(TARGETS))
def test_an_input_is_its_number(name: str) -> None:
    target = TARGETS[name]
    inputs = [target.make(0, n) for n in range(8)]
    assert inputs == [target.make(0, n) for n in range(8)]
    assert len(set(inputs)) > 4
    assert inputs != [target.make(1, n) for n in range(8)]


def raises(path: Path, results: Path, rng: Random) -> None:
    raise KeyError("x")


def takes_long(path: Path, results: Path, rng: Random) -> None:
    while True:
        pass


def takes_memory(path: Path, results: Path, rng: Random) -> None:
    np.ones(400 << 17)


def says_too_much(path: Path, results: Path, rng: Random) -> None:
    error = sp.SteadyposeError("x")
    error.args = ("one line\nand another",)
    raise error


def warns(path: Path, results: Path, rng: Random) -> None:
    warnings.warn("overflow", RuntimeWarning, stacklevel=1)


def changes_its_input(path: Path, results: Path, rng: Random) -> None:
    path.write_bytes(b"changed")


def leaves_something(path: Path, results: Path, rng: Random) -> None:
    (results / ".out.tmp").write_bytes(b"")


def climbs_out(path: Path, results: Path, rng: Random) -> None:
    (path.parent.parent / "x").write_bytes(b"")


def writes_elsewhere(path: Path, results: Path, rng: Random) -> None:
    (Path(fuzz_judge.OUTSIDE) / "x").write_bytes(b"")


def gives_other_values(path: Path, results: Path, rng: Random) -> None:
    raise Differs("values came back changed")


@pytest.mark.parametrize(
    ("use", "kind"),
    [
        (raises, "exception"), (takes_long, "slow"), (takes_memory, "memory"), (says_too_much, "message"),
        (warns, "warning"), (changes_its_input, "input"), (leaves_something, "files"), (climbs_out, "files"),
        (writes_elsewhere, "files"), (gives_other_values, "differs"),
    ],
)  # fmt: skip
def test_a_fault_is_found(
    use: Callable[[Path, Path, Random], None], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "slow":
        monkeypatch.setattr(fuzz_judge, "SECONDS", 0.05)
    monkeypatch.setattr(fuzz_judge, "MEMORY", 100)
    monkeypatch.setattr(fuzz_judge, "OUTSIDE", str(tmp_path / "outside"))
    judge = Judge(tmp_path / "root")
    finding = judge(Target("x", ".json", lambda: [b"{}"], use), b"{}", "")[1]
    assert finding is not None and finding.kind == kind


def test_counts_go_on_where_they_stopped(tmp_path: Path) -> None:
    state = fuzz_batch.load(tmp_path)
    for _ in range(2):
        fuzz_batch.batch("columns", state, tmp_path, "version", 100, 20)
        fuzz_batch.save(tmp_path, state)
        state = fuzz_batch.load(tmp_path)
    counts = state["versions"]["version"]["columns"]
    assert counts["read"] + counts["refused"] == 40 == state["next"]["columns"]
    assert counts["found"] == 0 and not state["findings"]


@pytest.mark.parametrize(("dies", "kind"), [("os.abort()", "crash"), ("time.sleep(1000)", "hang")])
def test_a_process_that_dies_is_a_finding(
    dies: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = tmp_path / "worker.py"
    head = "import os, struct, sys, time; from pathlib import Path; print(3); print('[]')"
    worker.write_text(f"{head}\nPath(sys.argv[6]).write_bytes(struct.pack('<3q', 7, 2, 5))\n{dies}\n")
    monkeypatch.setattr(fuzz_batch, "WORKER", worker)
    monkeypatch.setattr(fuzz_batch, "SILENCE", 0.5)
    state = fuzz_batch.load(tmp_path)
    fuzz_batch.batch("columns", state, tmp_path, "version", 100, 20)
    assert state["next"] == {"columns": 8}
    counts = state["versions"]["version"]["columns"]
    assert (counts["read"], counts["refused"], counts["found"]) == (2, 5, 1)
    (finding,) = state["findings"].values()
    assert (finding["kind"], finding["input"]) == (kind, 7)


def command() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_main", Path(__file__).with_name("__main__.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_counts_that_are_kept() -> None:
    results = json.loads((Path(__file__).parent / "results.json").read_text())
    assert command().table(results) in PAGE.read_text()


def test_the_command_goes_through_targets_and_says_what_it_found(tmp_path: Path) -> None:
    main = command()
    assert main.fuzz(["columns", "camera"], tmp_path, float("inf"), 30) == 0
    assert main.tried(fuzz_batch.load(tmp_path)) == {"columns": 15, "camera": 15}
    assert main.again(tmp_path) == 0
