"""results_real.md from what was scored: tables by measure, losing rows, and the picture's caption."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from real_compare import BEFORE, COMPARED, CUTOFFS, KINDS, MODELS, compared, kalman, mean_of
from real_picture import draw, networks
from real_score import Scores
from real_store import Results
from real_streams import Stream

from steadypose import metrics

WORDS = {
    "mpjpe": "MPJPE",
    "offset_free": "offset-free",
    "accel": "Accel",
    "shake": "shake",
    "change": "change",
}
RIVALS = ("adaptive", "butterworth 6 Hz", "gcv")
WORSE = {"the input": ("input", 1.0), **{name: (name, 1.05) for name in RIVALS}}
ACCEL_MOST = 1.15  # times that of the default before
TIMED = 2.0  # frames: where the input itself seems further off, noise hides its timing
KNEE_MOST = 2.0  # degrees off the input's


def summarise(here: Path, results: Results, streams: Sequence[Stream], strengths: Sequence[float]) -> None:
    """Write results_real.md and front_real.png."""
    families = {s.name: s.family for s in streams}
    shown = _shown(results)
    labels = networks(results)
    defaults = [f"{n}, strength 1" for n in labels]
    parts = [
        (here / "about_real.md").read_text().strip(),
        _inputs(results, streams),
        _overall(results, shown, families),
        _by_family(results, shown, families),
        _kalman(results, [*RIVALS, *defaults], families),
        _losing(results, defaults),
        _knees(results, shown),
        _strengths(results, [*labels, *(f"{n} alone" for n in labels), "adaptive"], strengths, families),
        _every_stream(results, shown),
    ]
    (here / "results_real.md").write_text("\n\n".join(parts) + "\n")
    draw(here / "front_real.png", results, families, strengths)


def _shown(results: Results) -> list[str]:
    own = [f"{n}{how}, strength 1" for how in ("", " alone") for n in networks(results)]
    names = ["input", *RIVALS, *(f"{n}, cleaned" for n in RIVALS), *own]
    return [n for n in names if n in results.rows]


def _inputs(results: Results, streams: Sequence[Stream]) -> str:
    head = ("stream", "frames", "fps", "unit", "MPJPE", "offset-free", "Accel", "shake", "shake of the truth")
    rows = []
    for s in streams:
        row = results.rows["input"][s.name]
        fps = 1 / float(np.median(np.diff(s.raw.times)))
        unit = "mm" if s.truth.shape[-1] == 3 else "px"
        own = metrics.accel_magnitude(s.truth, root=s.root)
        values = [f"{row[m]:.2f}" for m in ("mpjpe", "offset_free", "accel", "shake")]
        rows.append([s.name, str(len(s.truth)), f"{fps:.0f}", unit, *values, f"{own:.2f}"])
    return "## The streams, before anything is done\n\n" + _table(head, rows)


def _overall(results: Results, shown: Iterable[str], families: dict[str, str]) -> str:
    """Means over families, over the input's."""
    given, before = results.rows["input"], results.rows[BEFORE]
    head = ("method", "MPJPE", "offset-free", "Accel", "shake", "lag moved, frames: mean, most", "peak speed")
    head = (*head, "MPJPE ÷ before's", "Accel ÷ before's")
    rows = []
    for name in shown:
        of = results.rows[name]
        moved = np.abs([of[n]["lag"] - given[n]["lag"] for n in of if abs(given[n]["lag"]) <= TIMED])
        speed = float(np.exp(np.mean([np.log(of[n]["peak_speed"]) for n in of])))
        ratios = [f"{mean_of(of, given, m, families):.3f}" for m in (*COMPARED, "shake")]
        last = [f"{mean_of(of, before, m, families):.3f}" for m in ("mpjpe", "accel")]
        rows.append([name, *ratios, f"{moved.mean():.2f}, {moved.max():.2f}", f"{speed:.2f}", *last])
    for kind in KINDS:
        for model in MODELS:
            labels = [kalman(kind, model, c) for c in CUTOFFS]
            best = min(labels, key=lambda n: mean_of(results.rows[n], given, "mpjpe", families))
            of = results.rows[best]
            ratios = [f"{mean_of(of, given, m, families):.3f}" for m in COMPARED]
            last = [f"{mean_of(of, before, m, families):.3f}" for m in ("mpjpe", "accel")]
            rows.append([f"{best} (its lowest MPJPE)", *ratios, "", "", "", *last])
    about = "Geometric means over families of streams, over the input's (peak speed over the truth's)."
    return f"## All streams\n\n{about}\n\n" + _table(head, rows)


def _by_family(results: Results, shown: Iterable[str], families: dict[str, str]) -> str:
    given = results.rows["input"]
    kinds = list(dict.fromkeys(families.values()))
    rows = []
    for name in shown:
        if name == "input":
            continue
        cells = []
        for kind in kinds:
            of = {n: r for n, r in results.rows[name].items() if families[n] == kind}
            cells.append(" · ".join(f"{mean_of(of, given, m, families):.3f}" for m in COMPARED))
        rows.append([name, *cells])
    return "## By family\n\nMPJPE · offset-free · Accel over the input's.\n\n" + _table(
        ("method", *kinds), rows
    )


def _kalman(results: Results, labels: Iterable[str], families: dict[str, str]) -> str:
    """Against the front of Kalman smoothers, on the mean and stream by stream."""
    head = ("method", "error", "Kalman", "Accel at equal error, mean", "error at equal Accel, mean")
    head = (*head, "Accel at equal error, by stream: median, below 1, above 1, no Kalman so accurate")
    rows = []
    for name in labels:
        if name not in results.rows:
            continue
        against = compared(results.rows[name], results.rows, families)["kalman"]
        for word, found in against.items():
            kind, error = word.split(", ")
            each = [r["accel"] for r in found["streams"].values()]
            there = np.array([a for a in each if a is not None])
            counts = ((there < 1).sum(), (there >= 1).sum(), len(each) - len(there))
            middle = f"{np.median(there):.2f}" if len(there) else "–"
            cells = [*map(_or_none, found["mean"].values()), ", ".join([middle, *map(str, counts)])]
            rows.append([name, WORDS[error], kind, *cells])
    about = (
        "Accel over the lowest of any Kalman smoother (two models, all cutoffs, interpolated) whose error\n"
        "is no higher, and error over the lowest whose Accel is no higher: below 1 is better. “–”: no\n"
        "Kalman smoother gets there. Mean: one cutoff for all streams; by stream: the best in hindsight for\n"
        "that very stream."
    )
    return f"## Against Kalman smoothers\n\n{about}\n\n" + _table(head, rows)


def _losing(results: Results, defaults: Iterable[str]) -> str:
    """Streams on which a network is worse than something."""
    lines = []
    for name in defaults:
        of = results.rows[name]
        for rival, (label, most) in WORSE.items():
            if label not in results.rows:
                continue
            for error in ("mpjpe", "offset_free"):
                ratio = {n: of[n][error] / results.rows[label][n][error] for n in of}
                worse = [f"{n} {r:.3f}" for n, r in ratio.items() if r > most]
                than = f"over {rival}'s" + (f" by more than {most - 1:.0%}" if most > 1 else "")
                lines.append(f"- {name}: {WORDS[error]} {than}: {_listed(worse, len(of))}")
        if name != BEFORE:
            ratio = {n: of[n]["accel"] / results.rows[BEFORE][n]["accel"] for n in of}
            worse = [f"{n} {r:.2f}" for n, r in ratio.items() if r > ACCEL_MOST]
            lines.append(
                f"- {name}: Accel over {ACCEL_MOST:g} × the default before's: {_listed(worse, len(of))}"
            )
    return "## Losing rows\n\n" + "\n".join(lines)


def _knees(results: Results, shown: Iterable[str]) -> str:
    names = [n for n in shown if n in results.knees and n != "input"]
    first = results.knees[names[0]]
    walks = list(first)
    rows = [
        ["truth", *(_angles(first[w]["truth"]) for w in walks)],
        ["input", *(f"{_angles(first[w]['input'])} ({first[w]['errors'][0]:.1f})" for w in walks)],
    ]
    for name in names:
        cells = []
        for row in (results.knees[name][w] for w in walks):
            off = float(np.mean(row["output"]) - np.mean(row["input"]))
            cells.append(f"{_angles(row['output'])} ({_marked(off, KNEE_MOST)}; {row['errors'][1]:.1f})")
        rows.append([name, *cells])
    about = (
        "Degrees of flexion around each of the truth's peaks; in brackets the change of their mean, bold\n"
        f"where it is over {KNEE_MOST:g}°, and the mean error over all frames."
    )
    return f"## The knee's peak in walking\n\n{about}\n\n" + _table(("method", *walks), rows)


def _strengths(
    results: Results, labels: Iterable[str], strengths: Sequence[float], families: dict[str, str]
) -> str:
    """Error, Accel and change against strength, and how even they are."""
    given = results.rows["input"]
    head = ("method", *(f"{s:g}" for s in strengths), "slopes of change", "of Accel")
    rows = []
    for name in labels:
        of = [results.rows[f"{name}, strength {s:g}"] for s in strengths]
        middle = results.rows[f"{name}, strength 1"]
        values = np.array(
            [
                [mean_of(r, given, m, families) for m in COMPARED] + [mean_of(r, middle, "change", families)]
                for r in of
            ]
        )
        slopes = np.diff(np.log(values), axis=0) / np.diff(np.log(strengths))[:, None]
        ends = [f"{s.min():.2f} … {s.max():.2f}" for s in (slopes[:, 3], slopes[:, 2])]
        rows.append([name, *(" · ".join(f"{v:.2f}" for v in line) for line in values), *ends])
    about = (
        "MPJPE · offset-free · Accel over the input's · mean distance from the input over that at strength\n"
        "1. Slopes between neighbours are of logarithms: one number if a scale were perfectly even, 0 on a\n"
        "plateau, of the other sign where it turns."
    )
    return f"## Strength\n\n{about}\n\n" + _table(head, rows)


def _every_stream(results: Results, shown: Iterable[str]) -> str:
    names = [n for n in shown if " alone" not in n and "cleaned" not in n]
    rows = []
    for stream in results.rows["input"]:
        best = {m: min(results.rows[n][stream][m] for n in names) for m in COMPARED}

        def cell(row: Scores, best: Scores = best) -> str:
            return " · ".join(f"**{row[m]:.2f}**" if row[m] <= best[m] else f"{row[m]:.2f}" for m in COMPARED)

        rows.append([stream, *(cell(results.rows[n][stream]) for n in names)])
    about = "MPJPE · offset-free · Accel; the lowest of a row in bold."
    return f"## Stream by stream\n\n{about}\n\n" + _table(("stream", *names), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def _or_none(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _angles(degrees: Iterable[float]) -> str:
    return " / ".join(f"{v:.0f}" for v in degrees)


def _marked(off: float, most: float) -> str:
    return f"**{off:+.1f}**" if abs(off) > most else f"{off:+.1f}"


def _listed(worse: Sequence[str], count: int) -> str:
    return f"{len(worse)} of {count}" + (f" ({', '.join(worse)})" if worse else "")
