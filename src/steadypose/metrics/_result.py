"""What an evaluation gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steadypose.metrics._arrays import Floats, mean


@dataclass(frozen=True, eq=False)
class Evaluation(Mapping[str, float]):
    """Metrics by name, in a fixed order; prints as a table.

    Parameters
    ----------
    scores
        Value by metric.
    units
        Unit by metric.
    frames
        Frames in which something was measured.
    per_joint
        Value by joint, by metric, where asked for.
    notes
        What was done to make the two comparable, and what was left out.
    actions
        One evaluation an action, where several were given; the values above pool all their frames.
    """

    scores: dict[str, float]
    units: dict[str, str]
    frames: int
    per_joint: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    actions: dict[str, Evaluation] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        return self.scores[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def action_mean(self) -> dict[str, float]:
        """Every metric's plain mean over actions (Human3.6M's way), empty without actions."""
        out = {}
        for name in self.scores if self.actions else ():
            each = np.array([a.scores.get(name, np.nan) for a in self.actions.values()])
            out[name] = float(each[np.isfinite(each)].mean()) if np.isfinite(each).any() else float("nan")
        return out

    def __str__(self) -> str:
        columns = [("", dict(self.scores))]
        if self.actions:
            columns = [(name, a.scores) for name, a in self.actions.items()]
            columns += [("mean", self.action_mean), ("pooled", self.scores)]
        rows = [["metric", *(name or "value" for name, _ in columns), "unit"]]
        rows += [[m, *(_number(v.get(m)) for _, v in columns), self.units.get(m, "")] for m in self.scores]
        lines = _table(rows)
        for metric, joints in self.per_joint.items():
            lines += [
                "",
                *_table(
                    [[metric, self.units.get(metric, "")], *([j, _number(v)] for j, v in joints.items())]
                ),
            ]
        lines += [
            "",
            f"{self.frames} frame{'' if self.frames == 1 else 's'}",
            *(f"note: {n}" for n in self.notes),
        ]
        return "\n".join(lines)

    __repr__ = __str__


class Table:
    """Metrics as they are measured, in order."""

    def __init__(self, keypoints: Sequence[str], per_joint: bool) -> None:
        self.keypoints, self.per_joint = keypoints, per_joint
        self.scores: dict[str, float] = {}
        self.units: dict[str, str] = {}
        self.joints: dict[str, dict[str, float]] = {}

    def add(self, name: str, unit: str, value: Callable[[bool], Any], by_joint: bool = True) -> None:
        """A metric from a function of whether to give it by joint."""
        self.scores[name], self.units[name] = float(value(False)), unit
        if self.per_joint and by_joint:
            self.joints[name] = {k: float(v) for k, v in zip(self.keypoints, value(True), strict=True)}

    def mean(self, name: str, unit: str, errors: Floats, extra: Floats | None = None) -> None:
        """The mean of errors (frames, keypoints)."""
        self.add(name, unit, lambda each: mean(errors, each, extra))

    def done(self, frames: int, notes: tuple[str, ...]) -> Evaluation:
        return Evaluation(self.scores, self.units, frames, self.joints, notes)


def _number(x: float | None) -> str:
    """Four digits before the exponent is needed, none invented; a dash for what is not known."""
    if x is None or not np.isfinite(x):
        return "-"
    return f"{x:.4g}" if abs(x) < 1000 else f"{x:.0f}"


def _table(rows: list[list[str]]) -> list[str]:
    """Columns aligned: the first to the left, numbers to the right, a unit after them to the left."""
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    left = {0} if len(widths) == 2 else {0, len(widths) - 1}
    lines = []
    for row in rows:
        cells = [
            c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
