"""Scores before and after as rows: one table for the page, the terminal and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

HEADER = ("Metric", "Before", "After", "Change")


Better = Literal["lower", "higher", "zero", "one", "none"]


@dataclass(frozen=True)
class Row:
    """One metric, or one joint of it.

    Parameters
    ----------
    key
        Its name in the scores.
    label
        What people call it.
    unit
        May be empty.
    before, after
        NaN where it could not be measured; ``before`` is None where there is nothing to compare with.
    better
        Which values are: lower ones, higher ones, those nearer to zero or to one, or none.
    about
        One or two sentences that explain it.
    """

    key: str
    label: str
    unit: str
    before: float | None
    after: float
    better: Better
    about: str

    @property
    def change(self) -> float | None:
        """In percent of ``before``; None where that has no meaning."""
        if self.better in ("zero", "one"):  # signed, or a ratio: a percentage would mislead
            return None
        if self.before is None or not np.isfinite([self.before, self.after]).all() or self.before == 0:
            return None
        return 100.0 * (self.after - self.before) / abs(self.before)

    @property
    def verdict(self) -> Literal["better", "worse", "same"]:
        """How the change is to be judged; below 0.05 %, or 0.05 from zero or one, it is none."""
        if self.before is None or not np.isfinite([self.before, self.after]).all() or self.better == "none":
            return "same"
        old, new = (_badness(x, self.better) for x in (self.before, self.after))
        if abs(new - old) <= (0.05 if self.better in ("zero", "one") else 0.0005 * abs(old)):
            return "same"
        return "better" if new < old else "worse" if new > old else "same"

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Label (with its unit), before, after and change as text."""
        label = f"{self.label} ({self.unit})" if self.unit else self.label
        before = "" if self.before is None else number(self.before)
        return label, before, number(self.after), percent(self.change)


def _badness(x: float, better: Better) -> float:
    return {"lower": x, "higher": -x, "zero": abs(x), "one": abs(x - 1), "none": 0.0}[better]


def rows(before: Mapping[str, float] | None, after: Mapping[str, float]) -> list[Row]:
    """Rows from two results of :func:`steadypose.evaluate`, in their order.

    Parameters
    ----------
    before, after
        Scores by name; with units where they are :class:`steadypose.metrics.Evaluation`. ``before`` may be
        None: then there is no change to show.
    """
    units: Mapping[str, str] = getattr(after, "units", {})
    old = {} if before is None else before
    return [
        _row(key, units.get(key, ""), None if before is None else float(old.get(key, np.nan)), float(value))
        for key, value in after.items()
    ]


def joint_rows(before: Mapping[str, float] | None, after: Mapping[str, float]) -> dict[str, list[Row]]:
    """For every metric that was measured by joint one row a joint, by the metric's label."""
    units: Mapping[str, str] = getattr(after, "units", {})
    old: Mapping[str, Mapping[str, float]] = getattr(before, "per_joint", {})
    made = {}
    for key, joints in getattr(after, "per_joint", {}).items():
        whole, theirs = _row(key, units.get(key, ""), None, 0.0), old.get(key, {})
        made[whole.label] = [
            Row(
                joint,
                joint,
                whole.unit,
                None if before is None else float(theirs.get(joint, np.nan)),
                float(value),
                whole.better,
                "",
            )
            for joint, value in joints.items()
        ]
    return made


def markdown(table: Iterable[Row]) -> str:
    """The rows as a Markdown table, ending in a line break."""
    lines = ["| " + " | ".join(HEADER) + " |", "|---|---:|---:|---:|"]
    lines += ["| " + " | ".join(c.replace("|", "\\|") for c in row.cells) + " |" for row in table]
    return "\n".join(lines) + "\n"


def terminal(table: Iterable[Row], title: str | None = None) -> Any:
    """The rows as a ``rich.table.Table``; better is green, worse is red."""
    from rich.table import Table
    from rich.text import Text

    made = Table(title=None if title is None else Text(title))
    for i, name in enumerate(HEADER):
        made.add_column(name, justify="left" if i == 0 else "right")
    styles = {"better": "green", "worse": "red", "same": ""}
    for row in table:
        label, before, after, change = row.cells
        made.add_row(Text(label), before, after, Text(change, styles[row.verdict]))
    return made


def number(x: float | None) -> str:
    """Four significant digits and no exponent in the usual range; a dash for what is not known."""
    if x is None or not np.isfinite(x):
        return "–"
    if x == 0:
        return "0"
    size = abs(x)
    if not 1e-4 <= size < 1e7:
        return f"{x:.3g}"
    digits = max(0, 3 - int(np.floor(np.log10(size))))
    text = f"{x:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(x: float | None) -> str:
    """A signed percentage; beyond +999 % a factor."""
    if x is None or not np.isfinite(x):
        return "–"
    if x > 999:
        return f"×{x / 100 + 1:,.0f}"
    if -100 < x < -99.95:  # nothing falls by all of itself
        return "over −99.9 %"
    return f"{x:+.1f} %".replace("-", "−")


def _row(key: str, unit: str, before: float | None, after: float) -> Row:
    label, better, about = METRICS.get(key, (key.replace("_", " "), "none", ""))
    return Row(key, label, unit, before, after, better, about)


METRICS: dict[str, tuple[str, Better, str]] = {
    "mpjpe": (
        "MPJPE",
        "lower",
        "Mean per-joint position error: how far keypoints are from the truth, on average; in 3D relative to "
        "the root.",
    ),
    "pa_mpjpe": (
        "PA-MPJPE",
        "lower",
        "MPJPE after every frame was moved, turned and scaled onto the truth: the error of the pose alone.",
    ),
    "n_mpjpe": ("N-MPJPE", "lower", "MPJPE after every frame was scaled to the size of the truth."),
    "pck_150mm": ("PCK 150 mm", "higher", "Share of keypoints within 150 mm of the truth."),
    "auc": ("AUC", "higher", "Share of correct keypoints, averaged over thresholds from 0 to 150 mm."),
    "mpjve": (
        "MPJVE",
        "lower",
        "Mean per-joint velocity error: the distance of first differences from the truth's.",
    ),
    "accel": (
        "Accel",
        "lower",
        "Acceleration error: the distance of second differences from the truth's. Low for a still figure "
        "too, so read it beside MPJPE, lag and peak speed.",
    ),
    "mpjpe_worst": ("MPJPE-1 %", "lower", "MPJPE on the frames in which the input was worst."),
    "accel_worst": ("Accel-1 %", "lower", "Accel on the frames in which the input was worst."),
    "lag": ("Lag", "zero", "By how many frames the motion comes after the truth; negative: before it."),
    "peak_speed_ratio": (
        "Peak speed",
        "one",
        "Fastest motion compared with the truth's: 1 is right, below 1 fast motion is cut off.",
    ),
    "coverage": ("Coverage", "higher", "Share of keypoints that are there (of the truth's, if it is known)."),
    "accel_magnitude": (
        "Acceleration",
        "lower",
        "Mean size of second differences: jitter and true acceleration together.",
    ),
    "jerk": ("Jerk", "lower", "Mean size of third differences: even more sensitive to jitter."),
    "jitter": (
        "Jitter",
        "lower",
        "Mean jerk over time, with the frame rate taken into account (as EMDB reports it).",
    ),
    "high_frequency_power": (
        "Power above 6 Hz",
        "lower",
        "Share of the motion's power above 6 Hz (or a quarter of the frame rate), where deliberate motion "
        "has little.",
    ),
    "bone_length_variation": (
        "Bone length variation",
        "lower",
        "How much the lengths of bones vary over time; in a real body they do not.",
    ),
    "foot_sliding": ("Foot sliding", "lower", "How fast feet move while they stand on the ground."),
    "mpjae": ("MPJAE", "lower", "Mean per-joint angle error: angle between joint rotations and the truth's."),
    "mpjae_global": ("MPJAE, global", "lower", "The same for orientations in the world."),
    "angular_accel": (
        "Angular acceleration",
        "lower",
        "Mean angular acceleration of the joints; with a truth, how far it is from the truth's.",
    ),
    "translation_error": ("Translation error", "lower", "Mean distance of the root from the truth's."),
}
