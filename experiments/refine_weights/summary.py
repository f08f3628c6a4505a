"""results.md from results.json, and the targets that are met or not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from judge import FILTERS, best

Rows = Mapping[str, Mapping[str, float]]
UNITS = {"2D": "px"}
CLEAN_MOST, LAG_MOST, FAST_LEAST = 1.0, 0.1, 0.95


def summarise(here: Path) -> None:
    """Write results.md (test sets) and validation.md, as far as there are results."""
    for name in ("validation", "results"):
        path = here / f"{name}.json"
        if path.exists():
            about = (here / f"about_{name}.md").read_text().strip()
            path.with_suffix(".md").write_text(f"{about}\n\n{_tables(json.loads(path.read_text()))}")


def _tables(results: dict) -> str:
    lines: list[str] = []
    for split, conditions in results.items():
        lines += [f"## {split}", ""]
        table, checks = [], []
        for name, rows in conditions.items():
            if name != "clean":
                table += _condition(name, rows)
                checks.append((name, rows))
        head = "| stream | method | MPJPE | Accel | MPJPE of the best filter's | Accel of its "
        head += "| Accel of the lowest | lag | peak speed | worst 1 % |"
        lines += [head, "|" + "---|" * 10, *table, ""]
        if "clean" in conditions:
            lines += _clean(conditions["clean"])
        lines += _targets(split, checks, conditions.get("clean", {}))
    return "\n".join(lines)


def _filters(rows: Rows) -> Rows:
    return {n: s for n, s in rows.items() if n.split(" ")[0] in FILTERS}


def _networks(rows: Rows) -> list[str]:
    return [n for n in rows if n not in ("raw", "adaptive") and n not in _filters(rows)]


def _condition(name: str, rows: Rows) -> list[str]:
    filters = _filters(rows)
    accurate, steady = best(filters, "mpjpe"), best(filters, "accel")
    shown = {"raw": "raw", accurate: f"{accurate} (lowest MPJPE)", steady: f"{steady} (lowest Accel)"}
    shown |= {"adaptive": "adaptive"} | {n: n for n in _networks(rows)}
    lines = []
    for method, words in shown.items():
        s = rows[method]
        ratios = (
            s["mpjpe"] / filters[accurate]["mpjpe"],
            s["accel"] / filters[accurate]["accel"],
            s["accel"] / filters[steady]["accel"],
        )
        fast = s.get("fast", s.get("peak_speed_ratio", float("nan")))
        cells = [f"{s['mpjpe']:.3f}", f"{s['accel']:.3f}", *(f"{r:.3f}" for r in ratios)]
        cells += [f"{s['lag']:.3f}", f"{fast:.2f}", f"{s['worst']:.2f}" if "worst" in s else ""]
        lines.append(f"| {name} | {words} | " + " | ".join(cells) + " |")
    return lines


def _clean(clean: Mapping[str, Rows]) -> list[str]:
    lines = [
        "Motion without noise, rms distance in mm that it is changed by (mean over clips; worst clip):",
        "",
    ]
    for fps, rows in clean.items():
        words = ", ".join(f"{n} {s['mean']:.2f}; {s['worst']:.2f}" for n, s in rows.items())
        lines.append(f"- {fps}: {words}")
    return [*lines, ""]


def _targets(split: str, conditions: list[tuple[str, Rows]], clean: Mapping[str, Rows]) -> list[str]:
    """The issue's targets, decided by mean over seeds."""
    lines = ["Targets (mean over the networks ± standard deviation):", ""]
    for name, rows in conditions:
        filters, networks = _filters(rows), _networks(rows)
        if not networks:
            continue
        accurate, steady = best(filters, "mpjpe"), best(filters, "accel")
        against = {
            "Accel against the input": ("accel", rows["raw"], 0.15),
            "MPJPE against the input": ("mpjpe", rows["raw"], 1.0),
        }
        if split == "real":
            against["MPJPE against the best filter"] = ("mpjpe", filters[accurate], 1.01)
            against["its Accel"] = ("accel", filters[accurate], 1.05)
        else:
            equal = [f for f in filters.values() if f["accel"] <= 1.05 * filters[steady]["accel"]]
            calmest = min(equal, key=lambda f: f["mpjpe"])
            against["MPJPE against filters of the lowest Accel"] = ("mpjpe", calmest, 0.95)
        words = []
        for what, (metric, other, most) in against.items():
            ratios = np.array([rows[n][metric] / other[metric] for n in networks])
            met = "met" if ratios.mean() <= most else "not met"
            words.append(f"{what} {ratios.mean():.3f} ± {ratios.std():.3f} (≤ {most:g}: {met})")
        lags = np.array([rows[n]["lag"] for n in networks])
        moved = lags - (rows["raw"]["lag"] if split == "real" else 0.0)
        met = "met" if abs(moved).max() < LAG_MOST else "not met"
        of = " against the input's" if split == "real" else ""
        words.append(f"lag{of} {moved.mean():.3f} frames (< {LAG_MOST}: {met})")
        if "fast" in rows[networks[0]]:
            fast = np.array([rows[n]["fast"] for n in networks])
            met = "met" if abs(fast.mean() - 1) <= 1 - FAST_LEAST else "not met"
            words.append(f"peak speed of fast clips {fast.mean():.3f} (within 5 %: {met})")
        lines.append(f"- {name}: " + "; ".join(words))
    for fps, rows in clean.items():
        moved = np.array([s["mean"] for n, s in rows.items() if n != "adaptive"])
        met = "met" if moved.mean() < CLEAN_MOST else "not met"
        lines.append(f"- clean {fps}: {moved.mean():.2f} ± {moved.std():.2f} mm (< {CLEAN_MOST:g}: {met})")
    return [*lines, ""]
