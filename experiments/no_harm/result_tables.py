"""results.md from results.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

ORDER = ("input", "butterworth-6", "gcv", "adaptive", "network-before", "before", "after")  # then others
PLAIN = ("input", "butterworth-6", "gcv", "adaptive", "network-before")  # not looked at cell by cell
TARGETS = {  # of Tally.short, in words, with the target
    "over_1": "worse than the input by over 1 %, % of cells (≤ 1)",
    "over_5": "worse than the input by over 5 %, % of cells (0)",
    "worst": "largest error ÷ the input's (≤ 1.05)",
    "within": "within 1.10 × the oracle, % of cells (≥ 97)",
    "within_clips": "the same, clips",
    "within_oscillations": "the same, oscillations",
    "mean": "error ÷ the oracle's, mean (≤ .97)",
    "geometric": "error ÷ the oracle's, geometric mean",
    "clean_mean": "clean clips changed by, mm rms, mean",
    "clean_worst": "clean clips changed by, mm rms, worst (< 1)",
    "clean_under": "cells without noise changed by less than 1 mm or 0.3°, % (100)",
}
Labels = Mapping[str, Mapping[str, Any]]


def markdown(record: Mapping[str, Any], about: str) -> str:
    """All tables; the test grid in full, of the validation grid the targets alone."""
    lines = [about, ""]
    for split, title in (("test", "Test grid"), ("validation", "Validation grid")):
        if split not in record:
            continue
        labels = _ordered(record[split]["labels"])
        lines += [f"## {title}", "", *_targets(labels)]
        if split == "test":
            for part in (_shares, _gains, _peaks, _clean, _against, _cells):
                lines += part(labels)
    return "\n".join(lines).rstrip() + "\n"


def _ordered(labels: Labels) -> Labels:
    first = [n for n in ORDER if n in labels]
    return {n: labels[n] for n in [*first, *sorted(set(labels) - set(first))]}


def _looked_at(labels: Labels) -> Labels:
    return {n: v for n, v in labels.items() if n not in PLAIN}


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    head = list(head)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(c) for c in row) + " |" for row in rows]
    return [*lines, ""]


def _targets(labels: Labels) -> list[str]:
    rows = [[words, *(f"{v['short'][name]:.3g}" for v in labels.values())] for name, words in TARGETS.items()]
    gains = [v["gain"] for v in labels.values()]
    asked = gains[0]["asked"] if gains else 0
    rows.append([f"gain ≥ .95 where asked, % of {asked} cells (100)", *(f"{g['share']:.3g}" for g in gains)])
    rows.append(["lowest gain there (≥ .95)", *(f"{g['lowest']:.2f}" for g in gains)])
    for rival in dict.fromkeys(r for v in labels.values() for r in v["against"]):
        found = [v["against"].get(rival) for v in labels.values()]
        cells = ["" if a is None else f"{a['share']:.3g} ({a['worst']:.3g} ×)" for a in found]
        rows.append([f"loses to {rival} by over 5 %, % of cells (0), and worst", *cells])
    rows.append(["lag, ms, median and 95 %", *("{:.2g}, {:.2g}".format(*v["lag"]) for v in labels.values())])
    rows.append(["Accel ÷ the oracle's, ÷ the input's", *(
        f"{v['accel']['best']:.2f}, {v['accel']['input']:.2f}" for v in labels.values())])  # fmt: skip
    return _table(["", *labels], rows)


def _shares(labels: Labels) -> list[str]:
    lines = [
        "### Cells within 1.10 × the oracle",
        "",
        "% of cells; mean error ÷ the oracle's; % of cells worse than the input by over 1 %.",
        "",
    ]
    rows = []
    for what in ("family", "space", "noise", "rate", "kind"):
        for name, one in next(iter(labels.values()))["by"][what].items():
            found = [v["by"][what][name] for v in labels.values()]
            cells = [f"{s['within']:.0f}; {s['mean']:.2f}; {s['over_1']:.0f}" for s in found]
            rows.append([f"{name} fps" if what == "rate" else name, one["cells"], *cells])
    return lines + _table(["", "cells", *labels], rows)


def _gains(labels: Labels) -> list[str]:
    lines = [
        "### Gain of oscillations whose amplitude is ten times the noise or more",
        "",
        "Median, lowest; bursts and lasting ones, all kinds of noise and none.",
        "",
    ]
    for label, v in labels.items():
        if label == "input":
            continue
        table = v["gain"]["table"]
        frequencies = list(next(iter(table.values())))
        rows = [
            [f"{rate} fps", *("{:.2f}, {:.2f}".format(*row[f]) if f in row else "" for f in frequencies)]
            for rate, row in table.items()
        ]
        lines += _table([label, *(f"{f} Hz" for f in frequencies)], rows)
    return lines


def _peaks(labels: Labels) -> list[str]:
    lines = [
        "### Peak speed over the true one",
        "",
        "Median, lowest; % of cells within 5 %. *Made*: peaks are known; of clips the fastest moment.",
        "",
    ]
    noises = list(next(iter(next(iter(labels.values()))["peak"].values())))
    for label, v in labels.items():
        rows = [
            [kind, *("{:.2f}, {:.2f}; {:.0f}".format(*row[n]) if n in row else "" for n in noises)]
            for kind, row in v["peak"].items()
        ]
        if label not in ("network-before", "butterworth-6"):
            lines += _table([label, *noises], rows)
    return lines


def _clean(labels: Labels) -> list[str]:
    lines = [
        "### What motion without noise is changed by",
        "",
        "mm rms (rotations: 5 mm are 1°), mean, worst cell; % of cells under 1 mm or 0.3°.",
        "",
    ]
    kinds = [k for k in next(iter(labels.values()))["clean"] if k != "worst"]
    shown = "{1:.2f}, {2:.2f}; {3:.0f}"
    rows = [[k, *(shown.format(*v["clean"][k]) for v in labels.values())] for k in kinds]
    lines += _table(["", *labels], rows)
    for label, v in _looked_at(labels).items():
        most = (f"{name}, {rate} fps: {moved:.3g}" for moved, name, _, rate in v["clean"]["worst"][:8])
        lines += [f"Most changed, *{label}*: {'; '.join(most)}.", ""]
    return lines


def _against(labels: Labels) -> list[str]:
    lines = ["### Where it loses to others by over 5 %", ""]
    for label, v in _looked_at(labels).items():
        for rival, a in v["against"].items():
            where = "; ".join(f"{what}: {count} ({share:.0f} %)" for what, count, share in a["where"][:8])
            lines += [
                f"*{label}* against {rival}: {a['share']:.3g} % of cells, worst {a['worst']:.3g} ×, "
                f"geometric mean {a['geometric']:.3g} ×. {where or 'Nowhere'}.",
                "",
            ]
    return lines


def _cells(labels: Labels) -> list[str]:
    lines = []
    for label, v in _looked_at(labels).items():
        for name, words in (("worst", "furthest from the oracle"), ("harmed", "furthest above the input")):
            head = ["×", "motion", "noise", "fps", "error mm", "input", "oracle", "its setting"]
            lines += [f"### *{label}*: the cells {words}", "", *_table(head, v[name])]
    return lines
