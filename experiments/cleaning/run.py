"""How well slips, changed bodies and exchanged sides are found, and how often where there are none.

    python experiments/cleaning/run.py DATA      (or STEADYPOSE_DATA; the folder that holds mocap/)

Captured motion at 30 fps, in metres and through random cameras, with planted faults. about.md says on which
clips thresholds were chosen.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

import steadypose as sp
from steadypose._size import body_size
from steadypose.refine.outliers import THRESHOLD, find_outliers, find_switches
from steadypose.refine.swaps import repair_swaps
from steadypose.rotations import forward_kinematics
from steadypose.skeleton import Skeleton

FPS = 30
NAMES = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
LAYOUT = Skeleton.from_names([f"{side}_{n}" for n in NAMES for side in ("left", "right")] + ["neck"])
BONES = {
    "cmu": (("UpLeg", "Leg", "Foot", "Arm", "ForeArm", "Hand"), "Left{}", "Right{}"),
    "bandai1": (("UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand"), "{}_L", "{}_R"),
    "daz": (("Thigh", "Shin", "Foot", "Shoulder", "ForeArm", "Hand"), "l{}", "r{}"),
}
PARTS = {
    "legs": ("hip", "knee", "ankle"),
    "knee, ankle": ("knee", "ankle"),
    "ankle": ("ankle",),
    "arms": ("shoulder", "elbow", "wrist"),
    "elbow, wrist": ("elbow", "wrist"),
    "wrist": ("wrist",),
    "all": NAMES,
}
FAST = ("punch", "kick", "slash", "dash", "dance", "run")


@dataclass(frozen=True)
class Clip:
    """Joint positions in metres (frames, keypoints, 3) at 30 fps."""

    path: str
    group: str
    positions: np.ndarray


def clips(data: Path) -> list[Clip]:
    """All clips; groups are disjoint in subjects as far as the sources name them."""
    with (data / "mocap" / "index.csv").open() as f:
        rows = list(csv.DictReader(f))
    found = []
    for r in rows:
        folder = r["path"].split("/")[0]
        if folder == "bandai1" and not any(word in r["label"] for word in FAST):
            continue
        body = forward_kinematics(sp.read(data / "mocap" / r["path"]))
        keep = thirteen(body.skeleton)
        skip = int(r["rest_rows"])
        x, t = body.positions[skip:, 0][:, keep], body.times[skip:] - body.times[skip]
        x = x.astype(np.float64) * float(r["unit_cm"]) / 100
        grid = np.arange(0, t[-1] + 1e-9, 1 / FPS)
        flat = x.reshape(len(x), -1)
        x = np.stack([np.interp(grid, t, c) for c in flat.T], axis=1).reshape(len(grid), *x.shape[1:])
        group = folder
        if folder == "cmu":
            even = int(Path(r["path"]).stem.split("_")[0]) % 2 == 0
            group = "cmu, even subjects" if even else "cmu, odd subjects"
        if len(x) > FPS:
            found.append(Clip(r["path"], group, x))
    return found


def thirteen(skeleton: Skeleton) -> list[int]:
    """Indices of the joints of ``LAYOUT``."""
    for names, left, right in BONES.values():
        wanted = [side.format(n) for n in names for side in (left, right)]
        wanted.append("Neck" if "Neck" in skeleton.keypoints else "neck")
        if set(wanted) <= set(skeleton.keypoints):
            return [skeleton.keypoints.index(n) for n in wanted]
    raise ValueError(f"unknown joints: {skeleton.keypoints}")


def camera(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pixels of a camera some metres away, from a random side and height; a person is about 400 px high."""
    a, e = rng.uniform(0, 2 * np.pi), rng.uniform(-0.2, 0.5)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
    seen = (x - x.mean((0, 1))) @ (tilt @ turn).T
    distance = rng.uniform(3, 7) + max(0.0, -seen[..., 2].min())
    return np.stack([seen[..., 0], -seen[..., 1]], -1) / (seen[..., 2:] + distance) * 235 * distance + [
        960,
        540,
    ]


def noise(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> np.ndarray:
    """Half white, half with a memory of five frames."""
    slow = lfilter([0.48], [1, -0.8], rng.normal(size=shape), axis=0)
    return scale * (0.6 * rng.normal(size=shape) + slow)


def views(
    motions: list[Clip], seed: int, noisy: bool = True
) -> Iterator[tuple[np.ndarray, float, np.random.Generator]]:
    """Every clip once in metres and once in pixels (half of those whole), with the height of a person."""
    rng = np.random.default_rng(seed)
    for clip in motions:
        for flat in (False, True):
            x, height = (camera(clip.positions, rng), 400.0) if flat else (clip.positions, 1.7)
            if noisy:
                x = x + noise(x.shape, height / 1.7 * np.exp(rng.uniform(np.log(0.003), np.log(0.02))), rng)
            yield (np.round(x) if flat and rng.random() < 0.5 else x).astype(np.float32), height, rng


def plant_slips(
    x: np.ndarray, height: float, rng: np.random.Generator, rate: float = 0.01
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slips of 1 (60 %) or 2 to 5 frames, of 0.05 to 1 body height; with their lengths and sizes."""
    frames, keypoints, dims = x.shape
    y, length, size = x.copy(), np.zeros((frames, keypoints), int), np.zeros((frames, keypoints))
    for _ in range(rng.binomial(frames * keypoints, rate / 1.8)):
        n = 1 if rng.random() < 0.6 else int(rng.integers(2, 6))
        t, k = int(rng.integers(frames - n + 1)), int(rng.integers(keypoints))
        if length[max(0, t - 6) : t + n + 6, k].any():
            continue
        by = np.exp(rng.uniform(np.log(0.05), 0.0))
        way = rng.normal(size=(n if rng.random() < 0.5 else 1, dims))
        y[t : t + n, k] += by * height * way / np.linalg.norm(way, axis=1, keepdims=True)
        length[t : t + n, k], size[t : t + n, k] = n, by
    return y, length, size


def slips(groups: dict[str, list[Clip]], seed: int) -> list[str]:
    """Precision and recall over thresholds, and recall by length and size at the default."""
    lines = [
        "| clips | threshold | precision | recall | good samples taken, noisy | noise-free |",
        "|---|---|---|---|---|---|",
    ]
    detail = ["| clips | " + " | ".join(name for name, *_ in BINS) + " |", "|---" * (len(BINS) + 1) + "|"]
    for group, motions in groups.items():
        made = [(*plant_slips(x, h, rng), x) for x, h, rng in views(motions, seed)]
        clean = [x for x, _, _ in views(motions, seed, noisy=False)]
        for threshold in (2.0, 2.5, 3.0, 4.0, 6.0):
            found = [outliers(y, threshold) for y, *_ in made]
            f = np.concatenate([a.ravel() for a in found])
            n = np.concatenate([m[1].ravel() for m in made])
            size = np.concatenate([m[2].ravel() for m in made])
            false = np.concatenate([outliers(x, threshold).ravel() for x in clean]).mean()
            lines.append(
                f"| {group} | {threshold:g} | {(n[f] > 0).mean():.3f} | {f[n > 0].mean():.3f} "
                f"| {100 * f[n == 0].mean():.3f} % | {100 * false:.3f} % |"
            )
            if threshold == THRESHOLD:
                cells = [
                    f[(n >= a) & (n <= b) & (size >= low) & (size < high)].mean()
                    for _, a, b, low, high in BINS
                ]
                detail.append(f"| {group} | " + " | ".join(f"{c:.2f}" for c in cells) + " |")
    return [*lines, "", f"Recall by length and size (body heights) at {THRESHOLD:g}:", "", *detail]


BINS = (
    ("1 frame, .05–.1", 1, 1, 0.05, 0.1),
    ("1, .1–.2", 1, 1, 0.1, 0.2),
    ("1, .2–1", 1, 1, 0.2, 2),
    ("2–3 frames, .05–.2", 2, 3, 0.05, 0.2),
    ("2–3, .2–1", 2, 3, 0.2, 2),
    ("4–5 frames, .05–.2", 4, 5, 0.05, 0.2),
    ("4–5, .2–1", 4, 5, 0.2, 2),
)


def outliers(x: np.ndarray, threshold: float) -> np.ndarray:
    """Slips of one view."""
    size = np.repeat(body_size(x[:, None]), x.shape[1])
    there, times = np.isfinite(x).all(-1), np.arange(len(x)) / FPS
    return find_outliers(x, there, times, size, bones=LAYOUT.bones, threshold=threshold)


def switches(groups: dict[str, list[Clip]], seed: int) -> list[str]:
    """False switches in every clip; planted ones found."""
    lines = ["| clips | frames | false, clean | false, noisy with slips |", "|---|---|---|---|"]
    for group, motions in groups.items():
        count = []
        for noisy in (False, True):
            every = [plant_slips(x, h, rng)[0] if noisy else x for x, h, rng in views(motions, seed, noisy)]
            count.append(sum(int(find_switches(x[:, None], np.arange(len(x)) / FPS).sum()) for x in every))
        frames = sum(len(x) for x in every)
        lines.append(f"| {group} | {frames} | {count[0]} | {count[1]} |")
    rng = np.random.default_rng(seed)
    every = [c.positions for motions in groups.values() for c in motions if len(c.positions) >= 60]
    lines += ["", "| distance of the other body | found at its first frame | elsewhere |", "|---|---|---|"]
    for low, high in ((0.5, 1), (1, 1.5), (1.5, 2.5), (2.5, 6)):
        hit = other = 0
        for _ in range(200):
            a, b = (every[i][:60] for i in rng.integers(len(every), size=2))
            angle, gap = rng.uniform(0, 2 * np.pi), int(rng.integers(6))
            away = rng.uniform(low, high) * np.array([np.cos(angle), 0, np.sin(angle)])
            b = b - b[0].mean(0) + a[-1].mean(0) + away
            x = np.concatenate([a, np.full((gap, *a.shape[1:]), np.nan), b])
            x = (x + noise(x.shape, 0.01, rng)).astype(np.float32)
            found = find_switches(x[:, None], np.arange(len(x)) / FPS)[:, 0]
            hit, other = hit + int(found[60 + gap]), other + int(found.sum() - found[60 + gap])
        lines.append(f"| {low}–{high} m, after 0–5 empty frames | {hit} of 200 | {other} |")
    return lines


def swaps(groups: dict[str, list[Clip]], seed: int) -> list[str]:
    """Frames falsely exchanged; share of planted exchanges' error that is removed."""
    lines = [
        "| clips | frames | clean | noisy | noisy, 5 % slips | 10 % missing | 10 fps |",
        "|---" * 7 + "|",
    ]
    for group, motions in groups.items():
        cells = []
        for kind in ("clean", "noisy", "slips", "missing", "10 fps"):
            false = frames = 0
            for x, h, rng in views(motions, seed, kind != "clean"):
                step = 3 if kind == "10 fps" else 1
                y = plant_slips(x, h, rng, 0.05)[0] if kind == "slips" else x[::step].copy()
                if kind == "missing":
                    y[rng.random(y.shape[:2]) < 0.1] = np.nan
                mark = repair_swaps(y[:, None], None, np.arange(len(y)) * step / FPS, LAYOUT)[1]
                false, frames = false + int(mark.any(axis=(1, 2)).sum()), frames + len(x)
            cells.append(str(false))
        lines.append(f"| {group} | {frames} | " + " | ".join(cells) + " |")
    lengths = (1, 2, 3, 5, 10, 20, 40, 80)
    lines += [
        "",
        "| exchanged | " + " | ".join(f"{n} frames" for n in lengths) + " |",
        "|---" * (len(lengths) + 1) + "|",
    ]
    tested = [
        c
        for g, motions in groups.items()
        if g != "cmu, even subjects"
        for c in motions
        if len(c.positions) > 100
    ]
    for part, joints in PARTS.items():
        rng = np.random.default_rng(seed)
        cells = []
        for n in lengths:
            before = after = 0.0
            some = [tested[i] for i in rng.choice(len(tested), 40)]
            for x, _, _ in views(some, int(rng.integers(1 << 30))):
                y, start = x[:300].copy(), int(rng.integers(5, min(len(x), 300) - n - 4))
                for j in joints:
                    pair = [LAYOUT.index(f"{side}_{j}") for side in ("left", "right")]
                    y[start : start + n, pair] = x[start : start + n, pair[::-1]]
                out = repair_swaps(y[:, None], None, np.arange(len(y)) / FPS, LAYOUT)[0][:, 0]
                before += float(np.linalg.norm(y - x[:300], axis=2).sum() / np.ptp(x))
                after += float(np.linalg.norm(out - x[:300], axis=2).sum() / np.ptp(x))
            cells.append(f"{1 - after / before:.2f}")
        lines.append(f"| {part} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Write results.md beside this file."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["STEADYPOSE_DATA"])
    groups: dict[str, list[Clip]] = {}
    for clip in clips(data):
        groups.setdefault(clip.group, []).append(clip)
    text = [(Path(__file__).parent / "about.md").read_text().strip()]
    for title, run in (("Slips", slips), ("Another body", switches), ("Left and right exchanged", swaps)):
        text += ["", f"## {title}", "", *run(groups, seed=7)]
        print(title, flush=True)
    (Path(__file__).parent / "results.md").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
