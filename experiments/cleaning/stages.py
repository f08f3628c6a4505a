"""What the stages before smoothing do to motion that needs none, and what they find where it is planted.

    python experiments/cleaning/stages.py DATA      (or STEADYPOSE_DATA; the folder that holds mocap/)

Fast motion, strikes and shaking hands; slips of rotations; collapsed bodies; rest poses. Writes stages.md.
"""

from __future__ import annotations

import csv
import os
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from run import LAYOUT, body_size, camera, noise, plant_slips, thirteen

import steadypose as sp
from steadypose.refine._reach import rotation_sizes
from steadypose.refine.collapse import find_collapses
from steadypose.refine.outliers import find_outliers
from steadypose.refine.rest_pose import count_rest_positions, count_rest_rotations
from steadypose.rotations import forward_kinematics, from_axis_angle
from steadypose.sequence import BodyMotion

FAST = re.compile(
    "punch|kick|box|jump|run|jog|dash|slash|sword|hop|throw|dance|flip|wheel|squat|fight|martial"
)
ABOUT = """\
# Stages before smoothing

`python experiments/cleaning/stages.py DATA` (DATA holds `mocap/`)

Whatever is called in captured motion as it is counts as false. But captured motion is not free of slips:
joints of `snu_martial`, of `hdm05` (ankles in the squats of one performer), of `cmu_dance` (salsa), and
fingers and toes of `cmu` pop for single frames. Constants were chosen on training performers; `cmu 02, 05`,
`bandai1`, `sie` and `hdm05` were only looked at.
"""


@dataclass(frozen=True)
class Take:
    """A clip with its rest rows; positions in metres."""

    group: str
    fast: bool
    rest: int
    motion: BodyMotion
    positions: np.ndarray

    @property
    def fps(self) -> float:
        """Frames per second, whole."""
        return float(round(self.motion.fps))

    def at(self, fps: float) -> np.ndarray | None:
        """Positions without rest rows at another rate; None if the clip is too slow or too short."""
        x = self.positions[self.rest :].astype(np.float64)
        t = np.arange(len(x)) / self.fps
        grid = np.arange(0, t[-1] + 1e-9, 1 / fps)
        if fps > 1.05 * self.fps or len(grid) < max(fps, 8):
            return None
        flat = x.reshape(len(x), -1)
        return np.stack([np.interp(grid, t, c) for c in flat.T], axis=1).reshape(len(grid), *x.shape[1:])

    def rng(self) -> np.random.Generator:
        """The clip's own random numbers."""
        return np.random.default_rng(zlib.crc32(self.positions.tobytes()[:4096]))


def takes(data: Path) -> Iterator[Take]:
    """Every clip of the index."""
    with (data / "mocap" / "index.csv").open() as f:
        rows = list(csv.DictReader(f))
    for r in rows:
        folder, stem = r["path"].split("/")[0], Path(r["path"]).stem
        motion = sp.read(data / "mocap" / r["path"])
        body = forward_kinematics(motion)
        x = body.positions[:, 0][:, thirteen(body.skeleton)] * float(r["unit_cm"]) / 100
        group = "sie" if "/sie/" in r["path"] else folder
        if folder == "cmu" and stem[:3] in ("02_", "05_"):
            group = "cmu 02, 05"
        fast = bool(FAST.search(r["label"]) or FAST.search(stem))
        yield Take(group, fast, int(r["rest_rows"]), motion, x.astype(np.float32))


def near_camera(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pixels of a camera 1 to 5 m in front of where the body comes nearest."""
    a = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    seen = (x - x.mean((0, 1))) @ turn.T
    away = rng.uniform(1, 5) - min(0.0, float(seen[..., 2].min()))
    return np.stack([seen[..., 0], -seen[..., 1]], -1) / (seen[..., 2:] + away) * 235 * away


def outliers(x: np.ndarray, fps: float) -> np.ndarray:
    """Slips of one body."""
    x = x.astype(np.float32)
    size = np.repeat(body_size(x[:, None]), x.shape[1])
    return find_outliers(x, np.ones(x.shape[:2], bool), np.arange(len(x)) / fps, size, bones=LAYOUT.bones)


def fast_motion(every: list[Take]) -> list[str]:
    """Samples of fast motion called outliers."""
    rates = (24, 30, 60)
    head = [f"{fps} fps, {what}" for fps in rates for what in ("clean", "6 mm", "2D")]
    lines = ["| clips | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for group in sorted({t.group for t in every}):
        cells = []
        for fps in rates:
            count, total = np.zeros(3, int), 0
            for take in every:
                x = take.at(fps) if take.group == group and take.fast else None
                if x is None:
                    continue
                rng = take.rng()
                flat = camera(x, rng) + rng.normal(0, 1.4, (*x.shape[:2], 2))
                views = (x, x + rng.normal(0, 0.006, x.shape), flat)
                count += [int(outliers(y, fps).sum()) for y in views]
                total += x.shape[0] * x.shape[1]
            cells += [f"{n} of {total}" if total else "–" for n in count]
        lines.append(f"| {group} | " + " | ".join(cells) + " |")
    return lines


def made_motion() -> list[str]:
    """Frames of strikes of half a metre, and of a hand that shakes by 15 cm, called outliers."""
    body = np.random.default_rng(0).uniform(0, 1.3, (17, 3))
    rates = (15, 24, 30, 60, 240)
    lines = ["| a hand | " + " | ".join(f"{fps} fps" for fps in rates) + " |", "|---" * 6 + "|"]

    def row(name: str, curve: object) -> str:
        cells = []
        for fps in rates:
            t, count = np.arange(4 * fps) / fps, 0
            for phase in (0, 0.25, 0.5, 0.75):
                for scale in (0, 0.006):
                    x = body + np.random.default_rng(1).normal(0, scale, (len(t), 17, 3))
                    x[:, 9, 0] += curve(t - phase / fps)  # type: ignore[operator]
                    size = np.full(17, 1.9)
                    found = find_outliers(x.astype(np.float32), np.ones(x.shape[:2], bool), t, size)
                    count += int(found.sum())
            cells.append(str(count))
        return f"| {name} | " + " | ".join(cells) + " |"

    for width in (0.06, 0.1, 0.2, 0.3):
        bell = 4 * np.log(2) / width**2
        lines.append(
            row(
                f"out and back, {width:g} s at half height", lambda t, b=bell: 0.5 * np.exp(-b * (t - 2) ** 2)
            )
        )
    for hertz in (4, 5, 6, 8):
        lines.append(row(f"shakes at {hertz} Hz", lambda t, f=hertz: 0.15 * np.sin(2 * np.pi * f * t + 0.3)))
    return lines


def plant_turns(r: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Slips of 1 to 5 frames and 8 to 180° in 1 % of the rotations (frames, joints, 3, 3)."""
    dummy = np.zeros((*r.shape[:2], 3))
    by, length, _ = plant_slips(dummy, 1.0, rng)
    away = np.linalg.norm(by, axis=-1)
    angle = np.radians(8 * (180 / 8) ** ((np.log(np.maximum(away, 0.05)) - np.log(0.05)) / -np.log(0.05)))
    axis = by / np.maximum(away, 1e-9)[..., None]
    return r @ from_axis_angle(np.where(length > 0, angle, 0)[..., None] * axis), length > 0


def rotations(every: list[Take]) -> list[str]:
    """False slips of rotations; planted ones found."""
    lines = [
        "| clips | fps | called, clean | precision | recall | recall above 45° |",
        "|---|---|---|---|---|---|",
    ]
    for group in sorted({t.group for t in every}):
        for fps in (30, 60):
            clean = total = hit = false = planted = big = found_big = 0
            for take in every:
                step = round(take.fps / fps)
                if take.group != group or step < 1:
                    continue
                r = take.motion.rotations[take.rest :: step, 0]
                if len(r) < fps:
                    continue
                rng, joints = take.rng(), r.shape[1]
                size = rotation_sizes(take.motion.skeleton, take.motion.offsets, 1)[0]

                def found(m: np.ndarray, fps: float = fps, size: np.ndarray = size) -> np.ndarray:
                    values = m.reshape(len(m), len(size), 9).astype(np.float32)
                    there, times = np.ones(values.shape[:2], bool), np.arange(len(m)) / fps
                    return find_outliers(values, there, times, size)

                clean, total = clean + int(found(r).sum()), total + r.shape[0] * joints
                shaken = r @ from_axis_angle(rng.normal(0, rng.uniform(0.01, 0.05), (*r.shape[:2], 3)))
                bad, where = plant_turns(shaken, rng)
                turned = np.einsum("tjab,tjab->tj", shaken, bad) < 1 + 2 * np.cos(np.pi / 4)
                called = found(bad)
                hit, false = hit + int((called & where).sum()), false + int((called & ~where).sum())
                planted, big = planted + int(where.sum()), big + int(turned.sum())
                found_big += int((called & turned).sum())
            if total:
                lines.append(
                    f"| {group} | {fps} | {clean} of {total} | {hit / max(1, hit + false):.3f} "
                    f"| {hit / max(1, planted):.3f} | {found_big / max(1, big):.3f} |"
                )
    return lines


def collapses(every: list[Take]) -> list[str]:
    """Frames falsely called collapsed; planted heaps found."""
    lines = [
        "| fps | frames | called, clean | with 2 cm of noise | 30 % missing, 5 % slips |",
        "|---" * 5 + "|",
    ]
    for fps in (60, 30, 10, 5, 2):
        count, total = np.zeros(3, int), 0
        for take in every:
            x = take.at(fps)
            if x is None:
                continue
            rng, t = take.rng(), np.arange(len(x)) / fps
            for y in (235 * x, near_camera(x, rng)):
                shaken = y + rng.normal(0, 4.7, y.shape)
                sparse = plant_slips(y + noise(y.shape, 3, rng), 400, rng, 0.05)[0]
                sparse[rng.random(y.shape[:2]) < 0.3] = np.nan
                count += [int(find_collapses(z[:, None], t).sum()) for z in (y, shaken, sparse)]
                total += len(x)
        lines.append(f"| {fps} | {total} | " + " | ".join(map(str, count)) + " |")
    found = planted = false = cut = 0
    for take in every:
        x = take.at(30)
        if x is None or len(x) < 60:
            continue
        rng, t = take.rng(), np.arange(len(x)) / 30
        y = camera(x, rng)
        y = y + noise(y.shape, 3, rng)
        bad, where = plant_heaps(y, rng)
        called = find_collapses(bad[:, None], t)[:, 0]
        found, false = found + int((called & where).sum()), false + int((called & ~where).sum())
        planted += int(where.sum())
        y[len(y) // 3 : len(y) // 3 + 40] *= 0.45
        cut += int(find_collapses(y[:, None], t).sum())
    return [
        *lines,
        "",
        f"Heaps of 1 to 20 frames planted at 30 fps: {found} of {planted} found, {false} others called. "
        f"Pictures cut to 45 % of their size for 40 frames: {cut} frames called.",
    ]


def plant_heaps(y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Frames whose keypoints are exchanged and drawn together to 5 to 40 %, about one stretch in 2 s."""
    out, where = y.copy(), np.zeros(len(y), bool)
    for _ in range(max(1, len(y) // 60)):
        n = int(rng.choice([1, 2, 3, 8, 20]))
        at = int(rng.integers(max(1, len(y) - n)))
        if where[max(0, at - 2) : at + n + 2].any():
            continue
        some = slice(at, at + n)
        mixed = y[some][:, rng.permutation(y.shape[1])] - y[some].mean(axis=1, keepdims=True)
        out[some] = y[at, rng.integers(y.shape[1])] + mixed * rng.uniform(
            0.05, 0.4, (len(mixed), y.shape[1], 1)
        )
        where[some] = True
    return out, where


def rest_poses(every: list[Take]) -> list[str]:
    """Rest rows counted rightly in clips with and without them."""
    lines = [
        "| fps | clips without | called: rotations | positions | clips with | found: rotations | positions |",
        "|---" * 7 + "|",
    ]
    for fps in (120, 60, 30, 15):
        count = np.zeros((2, 3), int)
        for take in every:
            step = round(take.fps / fps)
            for first in {0, take.rest} if step >= 1 else ():
                rest = take.rest - first
                rows = np.r_[first : first + rest, take.rest : len(take.positions) : max(1, step)]
                t = np.arange(len(rows)) / fps
                x = take.positions[rows][:, None]
                counted = (
                    count_rest_rotations(take.motion.rotations[rows], t)[0],
                    count_rest_positions(x, t, body_size(x), LAYOUT.bones)[0],
                )
                right = [int(n == 1) if rest else int(n > 0) for n in counted]
                count[int(rest > 0)] += [1, *right]
        lines.append(f"| {fps} | " + " | ".join(map(str, count.ravel())) + " |")
    return lines


def main() -> None:
    """Write stages.md beside this file."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["STEADYPOSE_DATA"])
    every = list(takes(data))
    text = [ABOUT]
    for title, lines in (
        ("Fast motion called outliers (samples)", fast_motion(every)),
        ("Made motion called outliers (frames, four phases, clean and with 6 mm)", made_motion()),
        ("Rotations", rotations(every)),
        ("Collapse (13 keypoints, in metres and through a near camera)", collapses(every)),
        ("Rest poses", rest_poses(every)),
    ):
        text += [f"## {title}", "", *lines, ""]
        print(title, flush=True)
    (Path(__file__).parent / "stages.md").write_text("\n".join(text).rstrip() + "\n")


if __name__ == "__main__":
    main()
