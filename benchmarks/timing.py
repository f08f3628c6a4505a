"""Timing that can be trusted: warm-up, rivals in turn within one run, medians, spread, and the machine."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
Rival = Callable[[], object]


def side_by_side(rivals: Mapping[str, Rival], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Seconds of every rival in every round; rivals take turns, so that a slow minute hits all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for i in range(warm_up + rounds):
        for name, work in rivals.items():
            start = time.perf_counter()
            work()
            if i >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def process(arguments: list[str]) -> Rival:
    """A whole process as a rival."""
    return lambda: subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    packages = ["numpy", "scipy", "orjson", "cyclopts"]
    return {
        "python": sys.version.split()[0],
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        **{p: version(p) for p in packages},
    }


def row(
    name: str,
    ours: list[float],
    theirs: Mapping[str, list[float]],
    scale: float = 1.0,
    frames: int | None = None,
) -> dict[str, object]:
    """One comparison: medians, spreads and how many times faster we are (below 1: slower).

    ``frames``: how many were worked on, where frames a second are to be said too.
    """
    return {
        "what": name,
        **({} if frames is None else {"frames": frames}),
        "steadypose": _summary(ours, 1.0),
        "rivals": {
            rival: {
                **_summary(seconds, scale),
                "ratio": statistics.median(seconds) * scale / statistics.median(ours),
            }
            for rival, seconds in theirs.items()
        },
    }


def _summary(seconds: list[float], scale: float) -> dict[str, float]:
    return {
        "median_s": statistics.median(seconds) * scale,
        "min_s": min(seconds) * scale,
        "max_s": max(seconds) * scale,
        "rounds": len(seconds),
    }


def save(name: str, title: str, rows: list[dict[str, object]], notes: list[str], command: str) -> None:
    """Write results as JSON and as a Markdown table, and print the table."""
    RESULTS.mkdir(exist_ok=True)
    record = {"title": title, "command": command, "machine": machine(), "notes": notes, "rows": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    lines = [f"# {title}", "", f"`{command}`", ""]
    lines += [", ".join(f"{k} {v}" for k, v in machine().items()), ""]
    lines += ["| what | steadypose | instead | time | ratio |", "|---|---|---|---|---|"]
    for r in rows:
        ours, frames = r["steadypose"], r.get("frames")
        for rival, t in r["rivals"].items() or [("–", None)]:  # type: ignore[attr-defined]
            cells = (_cell(t, frames), f"{t['ratio']:.1f}×") if t else ("–", "–")
            lines.append(f"| {r['what']} | {_cell(ours, frames)} | {rival} | {cells[0]} | {cells[1]} |")
    lines += ["", "Median (least – most) of the rounds. Ratio: how many times as long the other takes.", ""]
    lines += [f"- {n}" for n in notes]
    text = "\n".join(lines).rstrip() + "\n"
    (RESULTS / f"{name}.md").write_text(text)
    print(text)


def _cell(t: object, frames: object = None) -> str:
    assert isinstance(t, dict)
    unit, factor = ("s", 1.0) if t["median_s"] >= 0.5 else ("ms", 1000.0)
    digits = [f"{t[k] * factor:.3g}" for k in ("median_s", "min_s", "max_s")]
    rate = f", {frames / t['median_s']:,.0f} fps" if isinstance(frames, int) else ""
    return f"{digits[0]} {unit} ({digits[1]} – {digits[2]}){rate}"
