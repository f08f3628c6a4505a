"""Never worse: error with and without the swap stage, where sides are exchanged and where they are not.

    python experiments/cleaning/exchanges.py DATA      (or STEADYPOSE_DATA; the folder that holds mocap/)

Captured motion as COCO-17 keypoints in 3D and through cameras, clean and with simulated estimators, with
planted exchanges. Writes exchanges.json and exchanges.md; ``exchanges_before.json`` is what this program
measured with the stage that decided arms, legs and face apart.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from steadypose.data.cameras import Camera, look_at
from steadypose.data.mocap import Clip, load_clips
from steadypose.data.noise import DetectorNoise
from steadypose.data.refine_sets import estimated
from steadypose.refine.swaps import repair_swaps
from steadypose.skeleton import skeleton

LAYOUT = skeleton("coco17")
FOLDER = Path(__file__).parent
CLIPS, SEED = 20, 101  # clips a cell
BODY = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
# What is exchanged: joints, how often, and from and to how many seconds; smoothed: afterwards.
PLANTS: dict[str, tuple[tuple[str, ...], int, float, float]] = {
    "nothing": ((), 0, 0, 0),
    "all, 0.83 s": ((*BODY, "eye", "ear"), 1, 0.83, 0.83),
    "all, 1–3 s": ((*BODY, "eye", "ear"), 1, 1, 3),
    "all, 2 × 0.03–0.2 s": ((*BODY, "eye", "ear"), 2, 0.03, 0.2),
    "body without face, 2 × 0.1–1 s": (BODY, 2, 0.1, 1),
    "legs, 3 × 0.3 s": (BODY[3:], 3, 0.3, 0.3),
    "legs, 1–3 s": (BODY[3:], 1, 1, 3),
    "shins, 3 × 0.3 s": (BODY[4:], 3, 0.3, 0.3),
    "shins, 1–3 s": (BODY[4:], 1, 1, 3),
    "ankles, 2 × 0.03–0.3 s": (BODY[5:], 2, 0.03, 0.3),
    "arms, 2 × 0.1–0.6 s": (BODY[:3], 2, 0.1, 0.6),
    "arms, 1–3 s": (BODY[:3], 1, 1, 3),
    "forearms, 2 × 0.1–0.6 s": (BODY[1:3], 2, 0.1, 0.6),
    "wrists, 2 × 0.03–0.3 s": (BODY[2:3], 2, 0.03, 0.3),
    "all, 0.83 s, smoothed": ((*BODY, "eye", "ear"), 1, 0.83, 0.83),
    "legs, 1–3 s, smoothed": (BODY[3:], 1, 1, 3),
    "nothing, smoothed": ((), 0, 0, 0),
}
# View, noise, frames per second.
CONDITIONS = [
    (view, noise, fps)
    for fps in (30, 60)
    for view, noise in (
        ("2D, any side", "clean"), ("2D, from the side", "clean"), ("2D, any side", "detector"),
        ("2D, from the side", "detector"), ("2D, from the side", "white"),
        ("3D", "clean"), ("3D", "estimator"),
    )
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Keypoints with planted exchanges (frames, 17, 2 or 3), where they are, and the truth."""

    found: np.ndarray
    truth: np.ndarray
    confidence: np.ndarray | None
    mark: np.ndarray


def groups(data: Path) -> dict[str, list[Clip]]:
    """Clips by whether costs were chosen on them; tests are performers that nothing is chosen on."""
    every = load_clips(data, splits=("train", "validation", "test", "noncommercial"), licence="any")
    found: dict[str, list[Clip]] = {"chosen on": [], "unseen": [], "tests": []}
    for c in every:
        found[_group(c)].append(c)
    return found


def _group(c: Clip) -> str:
    ours = c.name.endswith(("test_washwindow_1", "train_directing_traffic_4"))  # CMU subject 14
    if c.split in ("test", "noncommercial") or c.source.startswith("hdm05") or ours:
        return "tests"
    if c.split == "validation":
        return "unseen"
    if c.source == "cmu":
        return "unseen" if int(c.subject.split()[1]) % 2 else "chosen on"
    known = ("deepmimic", "cmu_terrain", "basket_004", "basket_006", "martial_005", "martial_019")
    chosen = c.source.endswith(known) or c.subject in ("cmu 60", "cmu 61")
    return "chosen on" if chosen or (c.source == "cmu_daz" and c.subject == "cmu 09") else "unseen"


def cases(clips: list[Clip], condition: tuple[str, str, int], plant: str) -> Iterator[Case]:
    """The same clips, views and noise for every plant; sources come up equally often."""
    view, noise, fps = condition
    rng = np.random.default_rng([SEED, CONDITIONS.index(condition)])
    sources: dict[str, list[Clip]] = {}
    for c in clips:
        sources.setdefault(c.source.partition("/")[0], []).append(c)
    count = 0
    while count < CLIPS:
        some = sources[list(sources)[rng.integers(len(sources))]]
        clip = some[rng.integers(len(some))]
        length, start, own = (
            int(rng.uniform(4, 10) * fps),
            rng.random(),
            np.random.default_rng(rng.integers(1 << 40)),
        )
        if len(clip.motion.times) / clip.fps < 3.2:
            continue
        x = _joints(clip, fps)
        first = int(start * max(1, len(x) - length + 1))
        yield _case(x[first : first + length], view, noise, fps, plant, own, [count, SEED])
        count += 1


@lru_cache(256)
def _joints(clip: Clip, fps: int) -> np.ndarray:
    return clip.at(fps).joints("coco17").positions[:, 0].astype(np.float64)


def _case(
    x: np.ndarray, view: str, noise: str, fps: int, plant: str, rng: np.random.Generator, seed: list[int]
) -> Case:
    confidence = None
    if view == "3D":
        truth = x
        found = x + estimated(x.shape, fps, (0.003, 0.03), 0.0, rng) if noise == "estimator" else x
    else:
        camera = _camera(x, view == "2D, from the side", rng)
        seen = camera.to_camera(x)
        found = truth = camera.to_pixels(seen)
        if noise == "detector":
            found, confidence = DetectorNoise(swap_rate=0.0)(truth, seen, LAYOUT, fps, rng)
        if noise == "white":
            found = truth + rng.normal(
                0, _size(truth) * np.exp(rng.uniform(*np.log((0.002, 0.016)))), truth.shape
            )
    mark = _mark(x.shape[:2], plant, fps, np.random.default_rng(seed))
    found = np.where(mark[..., None], found[:, LAYOUT.mirror], found)
    if confidence is not None:
        confidence = np.where(mark, confidence[:, LAYOUT.mirror], confidence)
    if plant.endswith("smoothed"):
        there = np.isfinite(found)
        total, weight = (
            gaussian_filter1d(a, 0.02 * fps, axis=0) for a in (np.where(there, found, 0), there * 1.0)
        )
        found = np.where(there, total / np.maximum(weight, 1e-3), np.nan)
    return Case(found.astype(np.float32), truth, confidence, mark)


def _size(x: np.ndarray) -> float:
    """Of a body: the median diagonal of the box around its keypoints, of some 200 frames."""
    return float(np.median(np.linalg.norm(np.ptp(x[:: max(1, len(x) // 200)], axis=1), axis=-1)))


def _camera(x: np.ndarray, aside: bool, rng: np.random.Generator) -> Camera:
    """Some metres away, looking at the person; from the side: along the hips of the clip's mean."""
    middle = x.mean(axis=(0, 1))
    angle = rng.uniform(0, 2 * np.pi)
    if aside:
        hips = (x[:, LAYOUT.index("left_hip")] - x[:, LAYOUT.index("right_hip")]).mean(axis=0)
        angle = np.arctan2(hips[1], hips[0]) + rng.choice([0, np.pi]) + rng.normal(0, 0.15)
    distance = rng.uniform(3, 6) + np.abs(x - middle).max()
    place = middle[:2] + distance * np.array([np.cos(angle), np.sin(angle)])
    position = np.array([*place, max(0.2, rng.normal(1.35, 0.3))])
    focal = rng.uniform(250, 500) * distance / 1.7
    rotation = look_at(position, middle, rng.normal(0, 0.03))
    return Camera((focal, focal), (960, 540), rotation=rotation, position=position, size=(1920, 1080))


def _mark(shape: tuple[int, int], plant: str, fps: int, rng: np.random.Generator) -> np.ndarray:
    joints, times, low, high = PLANTS[plant]
    keypoints = [LAYOUT.index(f"{side}_{j}") for j in joints for side in ("left", "right")]
    mark = np.zeros(shape, bool)
    for _ in range(times):
        length = min(max(1, round(rng.uniform(low, high) * fps)), shape[0] // 3)
        start = int(rng.integers(shape[0] - length + 1))
        mark[start : start + length, keypoints] = True
    return mark


def measure(clips: list[Clip]) -> dict[str, dict[str, float]]:
    """Every cell: mean errors without and with the stage, and with exchanges undone, in thousandths of the
    body's size; clips that got worse; frames falsely exchanged in a thousand; planted frames missed."""
    cells = {}
    for condition in CONDITIONS:
        for plant in PLANTS:
            rows = [_judge(case, condition[2]) for case in cases(clips, condition, plant)]
            total = np.sum(rows, axis=0)
            name = f"{condition[0]}, {condition[1]}, {condition[2]} fps | {plant}"
            cells[name] = {
                "without": total[0] / CLIPS, "with": total[1] / CLIPS, "undone": total[2] / CLIPS,
                "worse": float(np.mean([r[1] > r[0] + 0.05 for r in rows])),
                "false": 1000 * total[3] / total[6], "missed": total[4] / max(total[5], 1),
            }  # fmt: skip
            cells[name] = {what: round(float(value), 4) for what, value in cells[name].items()}
    return cells


def _judge(case: Case, fps: int) -> list[float]:
    times = np.arange(len(case.found)) / fps
    seen = None if case.confidence is None else case.confidence[:, None]
    out, swapped = repair_swaps(case.found[:, None], seen, times, LAYOUT)
    undone = np.where(case.mark[..., None], case.found[:, LAYOUT.mirror], case.found)
    errors = []
    for x in (case.found, out[:, 0], undone):
        error = np.linalg.norm(x - case.truth, axis=-1) / _size(case.truth) * 1000
        errors.append(float(np.nansum(error) / error.size))
    false, missed = (a.any(axis=1).sum() for a in (swapped[:, 0] & ~case.mark, case.mark & ~swapped[:, 0]))
    return [*errors, float(false), float(missed), float(case.mark.any(axis=1).sum()), float(len(times))]


Cells = dict[str, dict[str, float]]


def table(now: Cells, before: Cells, name: Callable[[str], str]) -> list[str]:
    """A row for every value of ``name``: means over its cells, before and now."""
    lines = [
        "| | without the stage | before | now | exchanges undone | clips worse, before | now "
        "| false frames in 1000, before | now | planted frames missed, before | now |",
        "|---" * 11 + "|",
    ]
    for row in dict.fromkeys(map(name, now)):
        keys = [k for k in now if name(k) == row]
        mean = {
            (w, f): np.mean([c[k][f] for k in keys])
            for w, c in (("b", before), ("n", now))
            for f in now[keys[0]]
        }
        missed = [
            f"{100 * mean[w, 'missed']:.1f} %" if mean["n", "missed"] or mean["b", "missed"] else "–"
            for w in "bn"
        ]
        lines.append(
            f"| {row} | {mean['n', 'without']:.2f} | {mean['b', 'with']:.2f} | {mean['n', 'with']:.2f} "
            f"| {mean['n', 'undone']:.2f} "
            f"| {100 * mean['b', 'worse']:.1f} % | {100 * mean['n', 'worse']:.1f} % "
            f"| {mean['b', 'false']:.2f} | {mean['n', 'false']:.2f} | {missed[0]} | {missed[1]} |"
        )
    return lines


def _left(cells: list[dict[str, float]]) -> float:
    """Share of the error caused by exchanges that is there with the stage, percent."""
    caused, left = (sum(c[what] - c["undone"] for c in cells) for what in ("without", "with"))
    return 100 * left / caused


def report(now: dict[str, Cells], before: dict[str, Cells]) -> str:
    """Tables by what is exchanged and by condition for every group of clips."""
    text = [(FOLDER / "about_exchanges.md").read_text().strip()]
    for group, cells in now.items():
        worse, was = (
            [key for key, cell in some.items() if cell["with"] > cell["without"] + 1e-9]
            for some in (cells, before[group])
        )
        names = f": {'; '.join(worse)}" if worse else ""
        text += ["", f"## {group.capitalize()}", ""]
        text += [
            f"Cells worse than without the stage: {len(was)} of {len(cells)} before, {len(worse)} now{names}."
        ]
        left = [_left([c for k, c in some.items() if "smoothed" not in k]) for some in (before[group], cells)]
        text[-1] += f" Of the error by exchanges, {left[0]:.1f} % was left, {left[1]:.1f} % is (unsmoothed)."
        for part in (1, 0):
            text += ["", *table(cells, before[group], lambda key, part=part: key.split(" | ")[part])]
    return "\n".join(text) + "\n"


def dump(now: dict[str, Cells]) -> str:
    """JSON with a line a cell."""
    blocks = []
    for group, cells in now.items():
        rows = [f" {json.dumps(key, ensure_ascii=False)}: {json.dumps(cell)}" for key, cell in cells.items()]
        blocks.append(json.dumps(group) + ": {\n" + ",\n".join(rows) + "\n}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def main() -> None:
    """Write exchanges.json and exchanges.md beside this file."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["STEADYPOSE_DATA"])
    now = {}
    for name, clips in groups(data).items():
        now[name] = measure(clips)
        print(name, flush=True)
    (FOLDER / "exchanges.json").write_text(dump(now))
    before = json.loads((FOLDER / "exchanges_before.json").read_text())
    (FOLDER / "exchanges.md").write_text(report(now, before))


if __name__ == "__main__":
    main()
