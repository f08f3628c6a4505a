"""Which pipeline `steadypose refine` should use when no method is named.

    export STEADYPOSE_DATA=…                                    (the folder that holds mocap/)
    python experiments/classical_default/run.py develop          writes development.json
    python experiments/classical_default/run.py                  writes results.json and results.md

Every method is tried with its defaults and with the setting that was best on the development clips (lowest
MPJPE on `cmu/`, all conditions pooled). The clips of the other folders are only tested on.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from noise import realistic, white

import steadypose as sp
from steadypose.metrics import accel, lag, mpjpe, peak_speed_ratio
from steadypose.refine import METHODS
from steadypose.rotations import forward_kinematics

HERE = Path(__file__).parent
DEVELOPMENT = HERE / "development.json"
SEEDS = (0, 1, 2)
DEVELOPMENT_SEED = 100
EVERY = {"cmu": 4, "cmu_sports": 4, "cmu_terrain": 6, "deepmimic": 2, "bandai1": 12}  # every n-th clip
GRID = {
    "moving_average": {"window": [0.1, 0.17, 0.23, 0.3, 0.4]},
    "median": {"window": [0.1, 0.17, 0.23, 0.3]},
    "gaussian": {"sigma": [0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1]},
    "savgol": {"window": [0.17, 0.23, 0.3, 0.37, 0.5, 0.7]},
    "butterworth": {"cutoff": [1.5, 2, 3, 4, 5, 6, 8]},
    "one_euro": {"beta": [1, 3, 10, 30, 100]},
    "kalman": {"cutoff": [2, 2.5, 3, 3.5, 4, 5, 6, 8]},
    "adaptive": {"strength": [0.8, 1.0, 1.25]},
}
SIDES = ("UpLeg", "Leg", "Foot", "Arm", "ForeArm", "Hand")
JOINTS = ("Neck", "Head", *(side + part for side in ("Left", "Right") for part in SIDES))


@dataclass(frozen=True)
class Condition:
    """One kind of input: dimensions, frame rate, and the noise of the four levels of its clips."""

    name: str
    dims: int
    fps: int
    scales: tuple[float, ...]  # mm or px
    noise: str = "realistic"


CONDITIONS = (
    Condition("3D 30 fps", 3, 30, (1, 6, 15, 35)),
    Condition("3D 60 fps", 3, 60, (1, 6, 15, 35)),
    Condition("2D 30 fps, confidence", 2, 30, (0.5, 1.5, 4, 9)),
    Condition("2D 60 fps, confidence", 2, 60, (0.5, 1.5, 4, 9)),
    Condition("3D 60 fps, white p=.5", 3, 60, (5, 10, 25, 50), "white"),
)


def clips(data: Path, folder: str, fps: int) -> list[np.ndarray]:
    """Joint positions in mm (frames, joints, 3) of the folder's clips, thinned to about ``fps``."""
    with (data / "mocap" / "index.csv").open() as f:
        rows = [
            r for r in csv.DictReader(f) if r["path"].startswith(folder + "/") and "/sie/" not in r["path"]
        ]
    found = []
    for r in rows[:: EVERY[folder]]:
        motion = sp.read(data / "mocap" / r["path"])
        body = forward_kinematics(motion)
        names = [n for n in JOINTS if n in body.skeleton.keypoints]
        if len(names) < 12:
            names = list(body.skeleton.keypoints)
        keep = [body.skeleton.keypoints.index(n) for n in names]
        x = body.positions[int(r["rest_rows"]) :, 0][:, keep] * (10 * float(r["unit_cm"]))
        x = x[:: max(1, round(float(r["fps"]) / fps))]
        if len(x) > fps:
            found.append(x[: 10 * fps].astype(np.float64))
    return found


def camera(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pixels of a camera some metres away, at a random side; 1920 × 1080, focal length 1100 px."""
    a = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    seen = (x - x.mean((0, 1))) @ turn.T
    depth = np.maximum(seen[..., 2] + rng.uniform(3500, 6000), 800)
    return np.stack([seen[..., 0], -seen[..., 1]], -1) / depth[..., None] * 1100 + [960, 540]


def pairs(
    condition: Condition, motions: list[np.ndarray], seed: int
) -> list[tuple[sp.PoseSequence, np.ndarray]]:
    """Noisy sequences with their truth."""
    rng = np.random.default_rng(seed)
    made = []
    for i, x in enumerate(motions):
        truth = x if condition.dims == 3 else camera(x, rng)
        corrupt = realistic if condition.noise == "realistic" else white
        y, c = corrupt(truth, condition.fps, condition.scales[i % len(condition.scales)], rng)
        seq = sp.PoseSequence.from_array(
            y,
            fps=condition.fps,
            unit="px" if condition.dims == 2 else "mm",
            space="image" if condition.dims == 2 else "world",
            confidence=c if condition.dims == 2 else None,
        )
        made.append((seq, truth))
    return made


def score(
    made: list[tuple[sp.PoseSequence, np.ndarray]], method: str | None, **parameters
) -> dict[str, float]:
    """Mean over clips; only keypoints that the input has count, so that filling gaps cannot pay or cost."""
    scores = []
    for seq, truth in made:
        out = seq if method == "raw" else sp.refine(seq, method, **parameters)
        x = np.where(seq.valid[..., None], out.positions, np.nan)[:, 0]
        scores.append((mpjpe(x, truth), accel(x, truth), peak_speed_ratio(x, truth), lag(x, truth)))
    names = ("mpjpe", "accel", "peak_speed", "lag")
    return dict(zip(names, np.nanmean(scores, axis=0).tolist(), strict=True))


def develop(data: Path, methods: list[str]) -> None:
    """Try every setting of these methods on the development clips; keeps what is on record of the others."""
    kept = json.loads(DEVELOPMENT.read_text()) if DEVELOPMENT.exists() else {}
    motions = {fps: clips(data, "cmu", fps) for fps in (30, 60)}
    for method in methods:
        ((name, values),) = GRID[method].items()
        kept[method] = []
        for value in values:
            ratios = []
            for condition in CONDITIONS[:4]:
                made = pairs(condition, motions[condition.fps], DEVELOPMENT_SEED)
                raw = score(made, "raw")["mpjpe"]
                ratios.append(score(made, method, **{name: value})["mpjpe"] / raw)
            kept[method].append({name: value, "mpjpe_ratio": round(float(np.mean(ratios)), 4)})
            print(method, kept[method][-1], flush=True)
    DEVELOPMENT.write_text(json.dumps(kept, indent=1) + "\n")


def settings() -> dict[str, dict[str, float]]:
    """Of every method the setting with the lowest MPJPE on the development clips."""
    best = {}
    for method, tried in json.loads(DEVELOPMENT.read_text()).items():
        least = min(tried, key=lambda t: t["mpjpe_ratio"])
        best[method] = {k: v for k, v in least.items() if k != "mpjpe_ratio"}
    return best


def main() -> None:
    """Develop on cmu/ or test on the rest (results.json, results.md)."""
    data = Path(os.environ["STEADYPOSE_DATA"])
    if sys.argv[1:2] == ["develop"]:
        develop(data, sys.argv[2:] or list(GRID))
        return
    best = settings()
    rivals: dict[str, tuple[str | None, dict[str, float]]] = {"raw": ("raw", {})}
    for m in METHODS:
        if m in GRID:
            rivals[f"{m}, default"] = (m, {})
            (setting,) = best[m].items()
            if getattr(METHODS[m](), setting[0]) != setting[1]:
                rivals[f"{m}, {setting[0]}={setting[1]:g}"] = (m, best[m])
    rivals["the default pipeline"] = (None, {})
    folders = [f for f in EVERY if f != "cmu"]
    table: dict[str, dict[str, dict[str, list[float]]]] = {}
    for condition in CONDITIONS:
        motions = [x for f in folders for x in clips(data, f, condition.fps)]
        for seed in SEEDS:
            made = pairs(condition, motions, seed)
            for name, (method, parameters) in rivals.items():
                for metric, value in score(made, method, **parameters).items():
                    cell = table.setdefault(condition.name, {}).setdefault(name, {})
                    cell.setdefault(metric, []).append(value)
            print(condition.name, seed, len(motions), "clips", flush=True)
    record = {
        "command": "run.py develop; run.py",
        "development": "cmu/ (every 4th clip), seed 100; settings with the lowest mean MPJPE ratio to raw",
        "test": {f: f"every {EVERY[f]}. clip" for f in folders},
        "seeds": SEEDS,
        "settings": best,
        "results": table,
    }
    (HERE / "results.json").write_text(json.dumps(record, indent=1) + "\n")
    (HERE / "results.md").write_text(markdown(record))


def markdown(record: dict) -> str:
    """The tables, with the spread over seeds."""
    lines = [
        "# The classical default",
        "",
        "`python experiments/classical_default/run.py develop`, then without `develop`",
        "",
        (HERE / "about.md").read_text().strip(),
        "",
    ]
    for condition, rows in record["results"].items():
        unit = "px" if condition.startswith("2D") else "mm"
        lines += [
            f"## {condition}",
            "",
            f"| method | MPJPE {unit} | Accel {unit}/frame² | peak speed | lag frames |",
        ]
        lines += ["|---|---|---|---|---|"]
        for name, metrics in rows.items():
            cells = [f"{np.mean(v):.2f} ± {np.std(v):.2f}" for v in metrics.values()]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
