"""results.json, results.md and figure_8.png from the finished rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from claims import CLAIMS, verdict
from papertables import METRICS, TABLES, Table, called
from rows import described
from writing import markdown, save_json, save_text, spread

ABOUT = Path(__file__).parent / "about.md"

Scores = dict[str, dict[int, dict[str, Any]]]  # row, seed: test, metric


def collect(folder: Path) -> tuple[Scores, list[dict[str, Any]]]:
    """The finished rows by name and seed, and the files' contents; those of other configurations left out."""
    scores: Scores = {}
    files = [json.loads(p.read_text("utf-8")) for p in sorted(folder.glob("*-seed*.json"))]
    files = [f for f in files if f["config"] == described(f["row"], f["seed"])]
    for f in files:
        scores.setdefault(f["row"], {})[f["seed"]] = f["scores"]
    return scores, files


def values(scores: Scores) -> Any:
    """What :func:`claims.verdict` asks: (``ROW@TEST``, metric) to a value for every seed that has it."""

    def of(at: str, metric: str) -> list[float]:
        row, _, test = at.partition("@")
        found = (s.get(test, {}).get(metric) for _, s in sorted(scores.get(row, {}).items()))
        return [v for v in found if v is not None]

    return of


def summarise(folder: Path, out: Path, command: str, only: str | None = None) -> None:
    """Write what there is of the rows in a folder.

    Parameters
    ----------
    folder
        Of the finished rows.
    out
        Where to write.
    command
        By which it was made.
    only
        The number of one table.
    """
    scores, files = collect(folder)
    of = values(scores)
    shown = TABLES if only is None else {called(only): TABLES[called(only)]}
    claims = []
    for claim in CLAIMS:
        if claim.table in shown:
            numbers, said = verdict(claim, of)
            claims.append({**vars(claim), "numbers": numbers, "verdict": said})
    summary = {
        "command": command,
        "rows": {row: {"seeds": sorted(s), "scores": _by_test(s)} for row, s in sorted(scores.items())},
        "claims": claims,
        "params": {f["row"]: f["params"] for f in files if "params" in f},
    }
    save_json(out / "results.json", summary)
    figure = _figure(files, out / "figure_8.png") if "8" in shown else False
    save_text(out / "results.md", _page(command, shown, of, claims, files, figure))


def _by_test(seeds: dict[int, dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    tests = dict.fromkeys(t for s in seeds.values() for t in s)
    return {
        t: {
            m: [s[t][m] for _, s in sorted(seeds.items()) if m in s.get(t, {})]
            for m in METRICS
            if any(m in s.get(t, {}) for s in seeds.values())
        }
        for t in tests
    }


def _page(
    command: str,
    shown: dict[str, Table],
    of: Any,
    claims: Sequence[dict[str, Any]],
    files: Sequence[dict[str, Any]],
    figure: bool,
) -> str:
    parts = [
        "# SmoothNet on motion capture\n",
        f"    {command}\n",
        ABOUT.read_text("utf-8"),
        _facts(files),
        _counts(claims),
    ]
    for number, table in shown.items():
        title = "Figure 8" if number == "8" else f"Table {number}"
        parts.append(f"## {title}: {table.title}\n")
        parts.append(_table(table, of))
        if table.said:
            parts.append(f"{table.said}\n")
        if number == "8" and figure:
            parts.append("![Errors over epochs](figure_8.png)\n")
        lines = [(c["text"], c["paper"], c["numbers"], c["verdict"]) for c in claims if c["table"] == number]
        if lines:
            parts.append(
                markdown(
                    ("claim", "the paper", f"here ({_metrics(claims, number)})", "does it appear?"),
                    lines,
                    words=4,
                )
            )
    return "\n".join(parts)


def _metrics(claims: Iterable[dict[str, Any]], number: str) -> str:
    found = dict.fromkeys(METRICS[c["metric"]] for c in claims if c["table"] == number)
    return ", ".join(found)


def _table(table: Table, of: Any) -> str:
    header = ["", *(METRICS[m] for m in table.columns)]
    rows = []
    for heading, lines in table.lines.items():
        if heading:
            rows.append([f"**{heading}**", *("" for _ in table.columns)])
        for line in lines:
            cells = [_cell(of(line.at, m), m) for m in table.columns]
            if not any(c != "–" for c in cells):
                cells = ["–"] * len(cells)
            for k, figure in enumerate(line.paper):
                if figure is not None:
                    cells[k] += f" *{figure:g}*"
            rows.append([line.label, *cells])
    return markdown(header, rows)


def _cell(numbers: Sequence[float], metric: str) -> str:
    digits = {"fps": 0, "peak_speed": 2, "lag": 2}.get(metric)
    if digits is None:
        digits = 2 if metric.startswith("accel") or not numbers or max(numbers) < 25 else 1
    return spread(numbers, digits)


def _counts(claims: Sequence[dict[str, Any]]) -> str:
    found: dict[str, int] = {}
    for c in claims:
        found[c["verdict"]] = found.get(c["verdict"], 0) + 1
    words = ", ".join(f"{n} {verdict}" for verdict, n in sorted(found.items(), key=lambda kv: -kv[1]))
    return f"Of {len(claims)} claims: {words}.\n"


def _facts(files: Sequence[dict[str, Any]]) -> str:
    if not files:
        return "No row is finished.\n"
    trained = [f for f in files if "training" in f]
    seeds = sorted({f["seed"] for f in trained} or {0})
    short = sorted({f["row"] for f in trained if sum(g["row"] == f["row"] for g in trained) < len(seeds)})
    minutes = sum(f["training"]["minutes"] or 0 for f in trained)
    text = (
        "Millimetres or pixels, Accel a frame squared, all frames and joints pooled; mean ± standard "
        f"deviation over seeds {', '.join(map(str, seeds))} (no deviation: one seed, or nothing in it "
        "depends on a seed). "
        f"{len(trained)} trainings, {minutes:.0f} minutes by the clock in all.\n"
    )
    return text + (f"\nFewer seeds: {', '.join(short)}.\n" if short else "")


def _figure(files: Sequence[dict[str, Any]], path: Path) -> bool:
    """Errors of the two networks over epochs, a line a seed; False where neither is there."""
    lines = [f for f in files if f["row"] in ("large", "motion_aware") and f["training"].get("curves")]
    if not lines:
        return False
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    colours = {"large": "tab:blue", "motion_aware": "tab:orange"}
    names = {"large": "basic", "motion_aware": "motion-aware"}
    for f in lines:
        curves, before = f["training"]["curves"], f["training"]["validation"]["labels"]["fcn"]
        style = {"color": colours[f["row"]], "lw": 1.2}
        if f["seed"] == lines[0]["seed"]:
            style["label"] = names[f["row"]]
        steps = f["training"]["steps"]
        for axis, tag, factor in (
            (left, "loss", 1000.0),
            (right, "validation/loss", 1000.0 * (before["input_position"] + before["input_acceleration"])),
        ):
            curve = [factor * value for value in curves[tag]]
            axis.plot([(k + 1) * steps / len(curve) for k in range(len(curve))], curve, **style)
    for axis, title in ((left, "training"), (right, "validation")):
        axis.set(xlabel="step", ylabel="position + acceleration, mm", yscale="log", title=title)
        axis.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(fig)
    return True
