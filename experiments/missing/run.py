"""What the stages for doubted keypoints, repeated frames and low rates find, and what they are worth.

    python experiments/missing/run.py DATA      (or STEADYPOSE_DATA; the folder that holds mocap/)

about.md says on which clips constants were chosen.
"""

from __future__ import annotations

import csv
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

import steadypose as sp
from steadypose._size import body_size
from steadypose.data._splits import split_of, subject_of
from steadypose.data.noise import DetectorNoise
from steadypose.refine import missing
from steadypose.refine.repeats import find_copies
from steadypose.rotations import forward_kinematics
from steadypose.skeleton import Skeleton

FOLDERS = ("cmu", "cmu_terrain", "deepmimic")
NAMES = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
BONES = ("UpLeg", "Leg", "Foot", "Arm", "ForeArm", "Hand")
LAYOUT = Skeleton.from_names([f"{side}_{n}" for n in NAMES for side in ("left", "right")] + ["neck"])
SECONDS = 12
CLIPS = 14  # of a split and a folder
STORED = ((12, 60), (15, 30), (24, 60), (24, 30), (25, 30), (50, 60), (5, 30), (2, 30))
RATES = (2, 3, 4, 5, 6, 8, 10, 12)
NOISE = (0.0, 0.006, 0.02)  # metres
LIMBS = [LAYOUT.index(f"{side}_{n}") for n in ("wrist", "ankle", "elbow") for side in ("left", "right")]


@dataclass(frozen=True)
class Clip:
    """Joint positions in metres (frames, keypoints, 3), and a curve through them."""

    split: str
    fps: float
    positions: np.ndarray

    @property
    def seconds(self) -> float:
        """Length."""
        return (len(self.positions) - 1) / self.fps

    def at(self, times: np.ndarray) -> np.ndarray:
        """Positions at some times, by a cubic spline."""
        x = self.positions
        curve = CubicSpline(np.arange(len(x)) / self.fps, x.reshape(len(x), -1))
        return curve(times).reshape(len(times), *x.shape[1:])


def clips(data: Path) -> list[Clip]:
    """Clips of the performers that train and of those of validation."""
    with (data / "mocap" / "index.csv").open() as f:
        rows = list(csv.DictReader(f))
    np.random.default_rng(0).shuffle(rows)
    found: list[Clip] = []
    count: dict[tuple[str, str], int] = {}
    wanted = [f"{side}{n}" for n in BONES for side in ("Left", "Right")] + ["Neck"]
    for row in rows:
        folder, split = row["path"].split("/")[0], ""
        if folder in FOLDERS and "/sie/" not in row["path"]:
            split = split_of(subject_of(folder, Path(row["path"]).stem))
        if split not in ("train", "validation") or count.get((split, folder), 0) >= CLIPS:
            continue
        body = forward_kinematics(sp.read(data / "mocap" / row["path"]))
        if not set(wanted) <= set(body.skeleton.keypoints):
            continue
        keep = [body.skeleton.keypoints.index(w) for w in wanted]
        first = int(row["rest_rows"])
        x = body.positions[first : first + round(SECONDS * body.fps), 0][:, keep]
        if len(x) > 2 * body.fps:
            count[split, folder] = count.get((split, folder), 0) + 1
            found.append(Clip(split, body.fps, x.astype(float) * float(row["unit_cm"]) / 100))
    return found


def camera(x: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of a camera some metres away, from a random side and height; and the camera's own frame."""
    a, e = rng.uniform(0, 2 * np.pi), rng.uniform(-0.2, 0.5)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
    seen = (x - x.mean((0, 1))) @ (tilt @ turn).T * [1, -1, 1]
    distance = rng.uniform(3, 7) + max(0.0, -seen[..., 2].min())
    seen[..., 2] += distance
    return seen[..., :2] / seen[..., 2:] * 235 * distance + [960, 540], seen


def planted(
    x: np.ndarray, c: np.ndarray, height: float, fps: float, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Limbs on something else for a while; coordinates, confidence, and where."""
    y, believed, where = x.copy(), c.copy(), np.zeros(c.shape, bool)
    for k in LIMBS:
        n = int(rng.uniform(0.15, 1.5) * fps)
        if rng.random() < 0.5 or len(x) < n + 10:
            continue
        t, kind = int(rng.integers(3, len(x) - n - 3)), rng.integers(3)
        away = height * rng.normal(size=2) * rng.uniform(0.1, 0.8)
        other = (x[t, k] + away, x[t : t + n, rng.integers(len(LAYOUT))], x[t : t + n, k] + away)[kind]
        y[t : t + n, k] = other + 0.005 * height * rng.normal(size=(n, 2))
        believed[t : t + n, k] *= rng.uniform(0.2, 0.6)
        where[t : t + n, k] = True
    return y, believed, where


def strays(y: np.ndarray, confidence: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray, float]:
    """What is found, what is there at all, and the body's size."""
    valid = np.isfinite(y).all(-1)
    size = float(body_size(y[:, None])[0])
    times, sizes = np.arange(len(y)) / fps, np.full(len(LAYOUT), size)
    return missing.find_strays(np.nan_to_num(y), valid, confidence, times, sizes), valid, size


def doubted(motions: list[Clip], seed: int) -> list[str]:
    """Doubted keypoints: what is found over thresholds."""
    rng = np.random.default_rng(seed)
    made = []
    for clip in motions:
        for fps in (30, 60):
            pixels, seen = camera(clip.at(np.arange(0, clip.seconds, 1 / fps)), rng)
            x, c = DetectorNoise()(pixels, seen, LAYOUT, fps, rng)
            height = float(np.median(np.ptp(pixels[..., 1], axis=1)))
            made.append((fps, pixels, x, c, *planted(x, c, height, fps, rng)))
    lines = [
        "| confidence below | step above | found without need | their median error | planted found | else |",
        "|---" * 6 + "|",
    ]
    usual = missing.LOW, missing.REACH
    for low in (0.5, 0.6, 0.7):
        for reach in (0.03, 0.05, 0.08):
            missing.LOW, missing.REACH = low, reach
            need, errors, hit, other = [], [], [], []
            for fps, truth, x, c, y, believed, where in made:
                found, valid, size = strays(x, c, fps)
                need.append(found[valid])
                errors.append(np.linalg.norm(x - truth, axis=-1)[found] / size)
                found, valid, _ = strays(y, believed, fps)
                far = np.linalg.norm(y - truth, axis=-1) > 0.1 * size
                hit.append(found[where & valid & far])
                other.append(found[valid & ~where])
            a, b, h, o = map(np.concatenate, (need, errors, hit, other))
            chosen = " (chosen)" if (low, reach) == usual else ""
            lines.append(
                f"| {low:g}{chosen} | {reach:g} | {100 * a.mean():.2f} % | {np.median(b):.2f} "
                f"| {100 * h.mean():.0f} % | {100 * o.mean():.2f} % |"
            )
    missing.LOW, missing.REACH = usual
    return lines


def leaps(motions: list[Clip]) -> list[str]:
    """How often clean motion leaps."""
    lines = ["| fps | steps | leaps |", "|---|---|---|"]
    for fps in (5, 10, 15, 24, 30, 60):
        steps = count = 0
        for clip in motions:
            times = np.arange(0, clip.seconds, 1 / fps)
            x = clip.at(times)
            size = float(body_size(x[:, None])[0])
            count += sum(int(missing.leaps(x[:, k], times, size).sum()) for k in range(len(LAYOUT)))
            steps += x.shape[0] * x.shape[1]
        lines.append(f"| {fps} | {steps} | {count} |")
    return lines


def refined(x: np.ndarray, times: np.ndarray, check_rate: bool) -> np.ndarray:
    """By the default method."""
    seq = sp.PoseSequence.from_array(
        x.astype(np.float32), times=times, skeleton=LAYOUT, unit="m", space="world"
    )
    return sp.refine(seq, check_rate=check_rate).positions[:, 0]


def rms(x: np.ndarray, truth: np.ndarray) -> float:
    """Millimetres."""
    return 1000 * float(np.sqrt(np.square(x - truth).sum(-1).mean()))


def compared(made: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> str:
    """Truth, input and times of clips: error of the input, without the stage and with it, as cells."""
    errors = np.array(
        [[rms(o, truth) for o in (x, refined(x, t, False), refined(x, t, True))] for truth, x, t in made]
    )
    pooled = np.sqrt(np.square(errors).mean(axis=0))
    worse = [np.mean(errors[:, i] > 1.01 * errors[:, 0] + 1) for i in (1, 2)]
    return " | ".join([*(f"{e:.1f}" for e in pooled), *(f"{100 * w:.0f} %" for w in worse)])


HEAD = "input | without | with | worse than the input by over 1 mm: without | with |"


def repeated(motions: list[Clip], seed: int) -> list[str]:
    """Recordings stored at a higher rate."""
    rng = np.random.default_rng(seed)
    lines = [f"| own rate | stored at | noise, mm | frames told right | {HEAD}", "|---" * 9 + "|"]
    for own, rate in STORED:
        for noise in NOISE:
            made, right = [], []
            for clip in motions:
                times = np.arange(0, clip.seconds, 1 / rate)
                starts = np.round(np.arange(0, clip.seconds * own) * rate / own + 1e-9)
                shown = np.searchsorted(starts, np.arange(len(times)), side="right") - 1
                own_frames = clip.at(np.arange(shown.max() + 1) / own)
                x = (own_frames + noise * rng.normal(size=own_frames.shape))[shown].astype(np.float32)
                copies = find_copies(x.reshape(len(x), 1, -1), times)[:, 0]
                right.append(np.mean(copies == (np.diff(shown, prepend=-1) == 0)))
                made.append((clip.at(times), x, times))
            share = f"{100 * np.mean(right):.1f} %"
            lines.append(f"| {own} | {rate} | {1000 * noise:g} | {share} | {compared(made)} |")
    return lines


def low_rates(motions: list[Clip], seed: int) -> list[str]:
    """Motion at few frames a second."""
    rng = np.random.default_rng(seed)
    lines = [f"| fps | noise, mm | {HEAD}", "|---" * 7 + "|"]
    for fps in RATES:
        for noise in NOISE:
            made = []
            for clip in motions:
                times = np.arange(0, clip.seconds, 1 / fps)
                truth = clip.at(times)
                made.append((truth, truth + noise * rng.normal(size=truth.shape), times))
            lines.append(f"| {fps} | {1000 * noise:g} | {compared(made)} |")
    return lines


def main() -> None:
    """Write results.md beside this file."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["STEADYPOSE_DATA"])
    every = clips(data)
    text = [(Path(__file__).parent / "about.md").read_text().strip()]
    for split in ("train", "validation"):
        motions = [c for c in every if c.split == split]
        text += ["", f"## Performers of {split}: {len(motions)} clips"]
        for title, table in (
            ("Doubted keypoints", doubted(motions, 1)),
            ("Leaps in clean motion", leaps(motions)),
            ("Repeated frames", repeated(motions, 1)),
            ("Low rates", low_rates(motions, 1)),
        ):
            text += ["", f"### {title}", "", *table]
            print(split, title, flush=True)
    (Path(__file__).parent / "results.md").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
