"""Real detections and simulated ones, side by side.

    STEADYPOSE_DATA=… python experiments/detector_noise/run.py       (the folder that holds real/ and mocap/)

Writes results.json, results.md and comparison.png.
"""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
from fit import misfit, parts, summary
from real import Recording, load
from simulate import CLIPS, simulate
from stats import LAGS, PARTS, acf, average, describe, high_pass

from steadypose.data.noise import DetectorNoise

HERE = Path(__file__).parent
SEEDS = (10, 11, 12)
ROWS = {  # statistic: heading, digits
    "missing": ("missing points", 3),
    "run_seconds": ("missing run, s", 2),
    "speed": ("speed, torso/s", 2),
    "jitter_median": ("jitter, torso", 4),
    "jitter_kurtosis": ("jitter kurtosis", 1),
    "jitter_fast": ("jitter, fast/slow", 1),
    "error_offset": ("lasting offset, torso", 3),
    "error_median": ("error, torso", 4),
    "error_kurtosis": ("error kurtosis", 1),
    "error_far": ("beyond 0.3 torso", 3),
    "error_fast": ("error, fast/slow", 1),
    "error_hidden": ("error, hidden/open", 1),
}
LISTS = {
    "error_acf": ("Autocorrelation of the error after … s", [f"{lag:.2f}" for lag in LAGS]),
    "jitter_acf": ("Autocorrelation of the jitter after … s", [f"{lag:.2f}" for lag in LAGS]),
    "error_tail": ("Quantiles of the error over its median", ["25 %", "75 %", "90 %", "99 %"]),
    "jitter_tail": ("Quantiles of the jitter over its median", ["25 %", "75 %", "90 %", "99 %"]),
    "error_parts": ("Median error by joint, torso", list(PARTS)),
    "jitter_parts": ("Median jitter by joint, torso", list(PARTS)),
    "jitter_by_confidence": (
        "Jitter over the joint's median, by rank of confidence within the joint",
        ["lowest 10 %", "10–30 %", "30–60 %", "highest 40 %"],
    ),
    "confidence_acf": ("Autocorrelation of confidence (its logit) after … s", [f"{lag:.2f}" for lag in LAGS]),
}
GROUPS = {
    "triangulation": "calibrated cameras",
    "motion capture": "motion capture",
    "all": "all recordings",
}


def main() -> None:
    """Measure, compare, write."""
    warnings.simplefilter("ignore", RuntimeWarning)  # statistics of what a recording does not have
    root = Path(os.environ["STEADYPOSE_DATA"])
    whole = load(root / "real")
    recordings = parts(whole)
    noise = DetectorNoise()
    pairs = [simulate(noise, root / "mocap", seed) for seed in SEEDS]
    real = {
        "fitted": summary([r for r in recordings if not r.held_out]),
        "held out": summary([r for r in recordings if r.held_out]),
    }
    by_seed = [_simulated(*pair) for pair in pairs]
    ours = _simulated([r for t, _ in pairs for r in t], [r for _, e in pairs for r in e])
    fits = {name: [misfit(goal, s) for s in by_seed] for name, goal in real.items()}
    record = {
        "noise": asdict(noise),
        "misfit": {**fits, "held out to fitted, both real": misfit(real["held out"], real["fitted"])},
        "real": real,
        "simulated": ours,
        "recordings": {r.name: {"held_out": r.held_out, **describe(r)} for r in recordings},
    }
    record["confidence"] = confidences(whole, [r for t, _ in pairs for r in t])
    (HERE / "results.json").write_text(json.dumps(_plain(record), indent=1) + "\n")
    (HERE / "results.md").write_text("\n".join(report(record, recordings)) + "\n")
    plot(recordings, pairs[0])


def _simulated(triangulated: list[Recording], true: list[Recording]) -> dict[str, dict[str, object]]:
    seen = average([describe(r) for r in triangulated])
    exact = average([describe(r, jitter=False) for r in true])
    return {"triangulation": seen, "motion capture": exact, "all": seen}


def confidences(real: list[Recording], ours: list[Recording]) -> dict[str, list[float]]:
    """Quantiles of confidence, over all points of an estimator's recordings."""
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    groups = {r.estimator: [] for r in (*real, *ours) if r.confidence is not None}
    for r in (*real, *ours):
        if r.confidence is not None:
            groups[r.estimator].append(r.confidence[np.isfinite(r.pixels[..., 0])])
    return {name: np.quantile(np.concatenate(of), levels).tolist() for name, of in groups.items()}


def report(record: dict, recordings: list[Recording]) -> list[str]:
    """The tables."""
    lines = ["# Simulated detections beside real ones", "", "`python experiments/detector_noise/run.py`", ""]
    lines += [(HERE / "about.md").read_text().strip(), "", "## Agreement", ""]
    m = record["misfit"]
    lines += ["| weighted squared difference (fit.py) | |", "|---|---|"]
    lines += [f"| simulated to {k} | {_spread(m[k])} |" for k in ("fitted", "held out")]
    lines += [f"| held out to fitted, both real | {m['held out to fitted, both real']:.2f} |", ""]
    lines += ["## Numbers", "", "| | " + " | ".join(_columns()) + " |", "|---" * 7 + "|"]
    for name, (heading, digits) in ROWS.items():
        cells = [_number(_cell(record, g, who, name), digits) for g, who in _cells()]
        lines.append(f"| {heading} | " + " | ".join(cells) + " |")
    for name, (heading, columns) in LISTS.items():
        lines += [
            "",
            f"## {heading}",
            "",
            "| | " + " | ".join(columns) + " |",
            "|---" * (len(columns) + 1) + "|",
        ]
        for group in ("triangulation", "motion capture") if name.startswith("error") else ("all",):
            for who in ("fitted", "held out", "simulated"):
                values = _cell(record, group, who, name)
                label = f"{GROUPS[group]}, {who}" if group != "all" else who
                lines.append(f"| {label} | " + " | ".join(_number(v, 3) for v in values) + " |")
    lines += [
        "",
        "## Confidence",
        "",
        "| quantile | 5 % | 25 % | 50 % | 75 % | 95 % |",
        "|---|---|---|---|---|---|",
    ]
    for who, values in record["confidence"].items():
        lines.append(f"| {who} | " + " | ".join(f"{v:.2f}" for v in values) + " |")
    lines += [
        "",
        "## Recordings",
        "",
        "| recording | estimator | licence | frames | error to | held out |",
        "|---" * 6 + "|",
    ]
    for r in recordings:
        cells = (r.name, r.estimator, r.licence, str(len(r.pixels)), r.kind, "yes" if r.held_out else "")
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "Simulated from (pace): " + ", ".join(f"{name} ({pace:g})" for name, pace in CLIPS) + "."]
    return lines


def _columns() -> list[str]:
    return [f"{GROUPS[g]}, {who}" for g, who in _cells()]


def _cells() -> list[tuple[str, str]]:
    return [
        (g, who) for g in ("triangulation", "motion capture") for who in ("fitted", "held out", "simulated")
    ]


def _cell(record: dict, group: str, who: str, name: str) -> object:
    source = record["simulated"] if who == "simulated" else record["real"][who]
    return source[group].get(name, np.nan)


def _number(value: object, digits: int) -> str:
    return "–" if value is None or not np.isfinite(float(value)) else f"{float(value):.{digits}f}"


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.2f} ± {np.std(values):.2f}"


def _plain(value: object) -> object:
    """Rounded, and None where there is nothing: JSON has no NaN."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 5) if np.isfinite(value) else None
    return value


def plot(recordings: list[Recording], pair: tuple[list[Recording], list[Recording]]) -> None:
    """Autocorrelation, tails, joints, and confidence: real recordings thin, simulated ones thick."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(13, 7.5), constrained_layout=True)
    of = {"motion capture": [r for r in recordings if r.kind == "motion capture"],
          "triangulation": [r for r in recordings if r.kind == "triangulation"]}  # fmt: skip
    for ax, (kind, real), ours in zip(axes[0], of.items(), pair[::-1], strict=False):
        for r, color in (*((r, _colour(r)) for r in real), *((r, "0.75") for r in ours)):
            e = r.error / r.unit
            ax.plot(
                LAGS, acf(e - np.nanmedian(e, axis=0), r.fps), color=color, lw=1, zorder=1 + (color != "0.75")
            )
        ax.set(xscale="log", xlabel="lag, s", ylabel="autocorrelation", title=f"Error to {kind}")
        ax.set_xticks(LAGS, [f"{lag:.2f}" for lag in LAGS])
        ax.minorticks_off()
    for ax, name, title in (
        (axes[0, 2], "jitter", "Tails of the jitter"),
        (axes[1, 0], "error", "Tails of the error"),
    ):
        for r, color in (*((r, "0.75") for r in pair[0]), *((r, _colour(r)) for r in recordings)):
            e = high_pass(r) if name == "jitter" else None if r.error is None else r.error / r.unit
            if e is None:
                continue
            d = np.linalg.norm(e - np.nanmedian(e, axis=0), axis=-1)
            d = d / np.nanmedian(d, axis=0)
            levels = 1 - np.geomspace(0.5, 0.005, 30)
            ax.plot(1 - levels, np.nanquantile(d, levels), color=color, lw=1)
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="share of points beyond",
            ylabel="over the joint's median",
            title=title,
        )
        ax.invert_xaxis()
    for r, color in (*((r, "0.75") for r in pair[0]), *((r, _colour(r)) for r in recordings)):
        axes[1, 1].plot(PARTS, describe(r)["jitter_parts"], color=color, lw=1)
    axes[1, 1].set(yscale="log", ylabel="torso lengths", title="Jitter by joint")
    bins = ("lowest 10 %", "10–30 %", "30–60 %", "highest 40 %")
    for r, color in (*((r, "0.75") for r in pair[0]), *((r, _colour(r)) for r in recordings)):
        if r.confidence is not None:
            axes[1, 2].plot(bins, describe(r)["jitter_by_confidence"], color=color, lw=1)
    axes[1, 2].set(yscale="log", ylabel="jitter over the joint's median", title="By rank of confidence")
    for name, color in (*COLOURS.items(), ("simulated", "0.75")):
        axes[0, 0].plot([], [], color=color, label=name)
    axes[0, 0].legend()
    figure.savefig(HERE / "comparison.png", dpi=80)


COLOURS = {"OpenPose": "C0", "AlphaPose": "C1", "BlazePose": "C2", "MediaPipe": "C3"}


def _colour(r: Recording) -> str:
    return COLOURS[r.estimator]


if __name__ == "__main__":
    main()
