"""results.json and results.md from the finished rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from claims import CLAIMS, verdict
from rows import FILTERS, ORDER
from writing import markdown, save_json, save_text, spread

METRICS = {"mpjpe": "MPJPE", "pa_mpjpe": "PA-MPJPE", "accel": "Accel"}
CONDITIONS = ("detector", "clean", "gaussian_5", "gaussian_10", "gaussian_15", "gaussian_20")
PARTS = {
    "main": ("fcn", "fcn_median", "fcn_mean", "fcn_wide", "fcn_wide_median", "fcn_wide_mean", "seq2seq"),
    "clean": ("fcn_clean", "fcn_clean_median", "fcn_clean_mean", "seq2seq_clean"),
    "noise": ("fcn_clean", "fcn_clean_median", "fcn_clean_mean", "seq2seq_clean"),
    "ablations": ("seq2seq", *(r for r in ORDER if r.startswith("no_"))),
    "length": tuple(f"length_{n}" if n != 5 else "seq2seq" for n in range(2, 11)),
}
TITLES = {
    "main": "Trained and tested with detector noise (the paper's Tables 1 and 2)",
    "clean": "Trained and tested on clean 2D: the lower bound",
    "noise": "Trained on clean 2D, tested under Gaussian noise (Table 3)",
    "ablations": "Ablations (Table 4)",
    "length": "Sequence length (Figure 3)",
}
NOTE = """\
The paper's absolute figures are retracted by its authors: by an evaluation error they tested on a part of the
sequences. About 58.5 mm (protocol 1) and 44 mm (protocol 2) are what they say instead of 51.9 and 42.0
(github.com/rayat137/Pose_3D/issues/3), on Human3.6M. None of its figures is a target here, where motion,
cameras and detector are others; what counts is which of its claims appear. A claim appears where the means
over the seeds move in its direction by more than the larger of the two standard deviations.

Everything is small here: width 128 for 1024, one pass over the windows of 24 minutes of motion seen by four
cameras (five passes over its frames for the FCN, which makes as many). A network this small under-fits, so
that whatever restrains it further (dropout, the temporal term and its weights) can only cost accuracy: that
those claims of Table 4 do not appear says little about the full size. The learning rate was chosen on the
validation split for the complete networks alone. `fcn_wide` has as many parameters as the sequence-to-
sequence network. Motion: CMU and DeepMimic, split by performer (tested on CMU's subjects 02 and 05;
mocap.cs.cmu.edu, funded by NSF EIA-0196217, free to use, not to resell).
"""

Scores = dict[str, dict[int, dict[str, Any]]]  # row, seed: split, condition, metric


def collect(folder: Path) -> tuple[Scores, list[dict[str, Any]]]:
    """The finished rows by name and seed, filtered ones too, and the files' contents."""
    scores: Scores = {}
    files = [json.loads(p.read_text("utf-8")) for p in sorted(folder.glob("*.json"))]
    for f in files:
        scores.setdefault(f["row"], {})[f["seed"]] = f["scores"]
        for name in FILTERS:
            if name in f.get("filtered", {}):
                scores.setdefault(f"{f['row']}_{name}", {})[f["seed"]] = f["filtered"][name]
    return scores, files


def values(scores: Scores, split: str = "test") -> Any:
    """What :func:`claims.verdict` asks: (row, condition, metric) to a value for every seed that has it."""

    def of(row: str, condition: str, metric: str) -> list[float]:
        found = (
            s.get(split, {}).get(condition, {}).get(metric) for _, s in sorted(scores.get(row, {}).items())
        )
        return [v for v in found if v is not None]

    return of


def summarise(folder: Path, out: Path, command: str) -> None:
    """Write ``results.json`` and ``results.md`` of the rows that are in a folder."""
    scores, files = collect(folder)
    of = {split: values(scores, split) for split in ("test", "validation")}
    summary: dict[str, Any] = {"command": command, "rows": {}, "claims": []}
    for row in (r for r in ORDER if r in scores):
        summary["rows"][row] = {
            "seeds": sorted(scores[row]),
            **{
                split: {
                    c: {m: of[split](row, c, m) for m in METRICS} for c in _conditions(scores, row, split)
                }
                for split in of
            },
        }
    for claim in CLAIMS:
        numbers, said = verdict(claim, of["test"])
        summary["claims"].append({**vars(claim), "numbers": numbers, "verdict": said})
    summary["configurations"] = {f["row"]: f["config"] for f in files}
    save_json(out / "results.json", summary)
    save_text(out / "results.md", _page(command, files, of, summary["claims"], scores))


def _conditions(scores: Scores, row: str, split: str) -> list[str]:
    there = {c for s in scores[row].values() for c in s.get(split, {})}
    return [c for c in CONDITIONS if c in there]


def _page(
    command: str, files: Sequence[dict[str, Any]], of: Any, claims: Iterable[dict[str, Any]], scores: Scores
) -> str:
    claims = list(claims)
    parts = ["# Hossain & Little on motion capture\n", f"    {command}\n", NOTE, _facts(files)]
    for name, rows in PARTS.items():
        there = [r for r in rows if r in scores]
        if not there:
            continue
        parts.append(f"## {TITLES[name]}\n")
        parts.append(_noise(there, of["test"]) if name == "noise" else _table(there, of, name == "clean"))
        lines = [(c["text"], c["paper"], c["numbers"], c["verdict"]) for c in claims if c["table"] == name]
        parts.append(
            markdown(("claim", "the paper's figures (retracted)", "here", "does it appear?"), lines, words=4)
        )
    return "\n".join(parts)


def _table(rows: Sequence[str], of: Any, clean: bool) -> str:
    columns = [("test", "clean" if clean else "detector", m) for m in METRICS] + [
        ("test", "detector" if clean else "clean", m) for m in METRICS
    ]
    columns += [("validation", "clean" if clean else "detector", "mpjpe")]
    header = ["row", *(_column(*c) for c in columns)]
    return markdown(header, ([r, *(_cell(of[s](r, c, m), m) for s, c, m in columns)] for r in rows))


def _noise(rows: Sequence[str], of: Any) -> str:
    conditions = [c for c in CONDITIONS if c != "detector"]
    header = [
        "row, metric",
        *("clean" if c == "clean" else f"σ {c.partition('_')[2]} px" for c in conditions),
    ]
    return markdown(
        header,
        ([f"{r}, {METRICS[m]}", *(_cell(of(r, c, m), m) for c in conditions)] for m in METRICS for r in rows),
    )


def _column(split: str, condition: str, metric: str) -> str:
    return f"{METRICS[metric]}, {condition} 2D" + (", validation" if split == "validation" else "")


def _cell(numbers: Sequence[float], metric: str) -> str:
    return spread(numbers, 2 if metric == "accel" else 1)


def _facts(files: Sequence[dict[str, Any]]) -> str:
    """What the rows were trained with, as far as it is the same for all."""
    if not files:
        return "No row is finished.\n"
    network = {f["config"]["network"]["width"] for f in files}
    trainer = {(f["config"]["trainer"]["batch"], f["config"]["trainer"]["epochs"]) for f in files}
    seeds = sorted({f["seed"] for f in files})
    (batch, epochs), *others = sorted(trainer)
    mixed = len({f.get("training", {}).get("data_code") for f in files}) > 1
    warning = (
        "\n**The rows' data were made by different versions of the code: train them again.**\n"
        if mixed
        else ""
    )
    short = sorted(r for r in {f["row"] for f in files} if sum(f["row"] == r for f in files) < len(seeds))
    if short:
        warning += f"\nFewer seeds (0 upwards): {', '.join(short)}.\n"
    same = "" if not others and len(network) == 1 else " (not the same for all rows: see results.json)"
    return (
        f"Millimetres (Accel: mm per frame², 50 frames a second), mean ± standard deviation over seeds "
        f"{', '.join(map(str, seeds))}; mean per action, then over actions; 16 joints, without the root, "
        f"which is zero by definition. Width {sorted(network)[0]}, batch {batch}, {epochs} epochs{same}.\n"
        f"{warning}"
    )
