"""The grid of cells as arrays: motion × noise × frame rate, those of a kind side by side.

>>> for group in Grid("validation").groups():
...     group.noisy, group.truth, group.times, group.size, group.person, group.cells

True motions are kept under ``runs/no_harm``; noise is made anew, always the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zlib import crc32

import captured
import catalogue
import numpy as np
import numpy.typing as npt
from catalogue import NOISES, RATES
from disturbances import KINDS, disturb
from fingerprint import fingerprint

import steadypose as sp
from steadypose._layouts import layouts
from steadypose._size import body_size
from steadypose.rotations import from_axis_angle
from steadypose.sequence import numbered

HERE = Path(__file__).parent
RUNS = HERE.parents[1] / "runs" / "no_harm"
SPACES = {"3d": 3, "2d": 2, "rotations": 9}
BLOCK = 6_000_000  # numbers of one group, at most
Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Cell:
    """One motion with one noise at one frame rate.

    Parameters
    ----------
    index
        Its place in the split.
    motion
        Of the motion, in ``Grid.motions``.
    noise, rate
        Name of the noise; frames a second.
    """

    index: int
    motion: int
    noise: str
    rate: int


@dataclass(frozen=True, eq=False)
class Group:
    """Cells of one frame rate, one length and one kind of numbers.

    Parameters
    ----------
    cells
        One a person.
    space, rate
        What the numbers are; frames a second.
    noisy, truth : ndarray of float32, shape (frames, curves, dims)
        All keypoints of the first cell, then those of the second; in mm, px, or as matrices of nine numbers.
    confidence : ndarray of float32, shape (frames, curves), optional
    times : ndarray, shape (frames,)
        Seconds.
    size : ndarray, shape (curves,)
        Of the body, in the units of ``noisy`` (√2 for rotations), as refinement measures it.
    person : ndarray of int, shape (curves,)
        Which of the cells a curve belongs to.
    scored : ndarray of bool, shape (curves,)
        Whether a curve's error counts.
    scale : ndarray, shape (cells,)
        Units (radians for rotations) that count as a millimetre.
    motions
        What is known of each cell's motion.
    waves : ndarray of float32, shape (frames, cells, dims)
        What was added to the key keypoint of oscillations; 0 elsewhere.
    """

    cells: tuple[Cell, ...]
    space: str
    rate: int
    noisy: Values
    truth: Values
    confidence: Values | None
    times: npt.NDArray[np.float64]
    size: npt.NDArray[np.float64]
    person: npt.NDArray[np.intp]
    scored: npt.NDArray[np.bool_]
    scale: npt.NDArray[np.float64]
    motions: tuple[dict, ...]
    waves: Values

    def recordings(self) -> Iterator[sp.PoseSequence | sp.BodyMotion]:
        """Every cell as a recording of one person."""
        points = self.noisy.shape[1] // len(self.cells)
        for c in range(len(self.cells)):
            yield self._recording(slice(c * points, (c + 1) * points), self.cells[c : c + 1])

    def together(self) -> sp.PoseSequence | sp.BodyMotion:
        """All cells as one recording, with a person a cell."""
        return self._recording(slice(None), self.cells)

    def _recording(self, some: slice, cells: Sequence[Cell]) -> sp.PoseSequence | sp.BodyMotion:
        noisy = self.noisy[:, some]
        frames, curves, dims = noisy.shape
        shape = (frames, len(cells), curves // len(cells))
        layout = layouts()["h36m17"] if shape[2] == 17 else numbered(shape[2])
        persons = tuple(str(c.index) for c in cells)
        if self.space == "rotations":
            matrices = noisy.reshape(*shape, 3, 3).astype(np.float64)
            return sp.BodyMotion(matrices, self.times, layout, persons=persons)
        return sp.PoseSequence(
            noisy.reshape(*shape, dims),
            self.times,
            layout,
            None if self.confidence is None else self.confidence[:, some].reshape(shape),
            persons,
            "mm" if dims == 3 else "px",
            "world" if dims == 3 else "image",
        )


class Grid:
    """All cells of a split.

    Parameters
    ----------
    split
        ``"validation"`` to choose on, ``"test"`` to choose nothing on.
    root
        The folder that holds ``mocap/``; None: the environment variable STEADYPOSE_DATA. Only needed where
        the true motions have not been kept yet.
    """

    def __init__(self, split: str, root: str | None = None) -> None:
        self.split = split
        self.folder = RUNS / f"{split}-{version()}"
        if not (self.folder / "motions.json").exists():
            _keep(split, root or os.environ["STEADYPOSE_DATA"], self.folder)
        self.motions: list[dict] = json.loads((self.folder / "motions.json").read_text())

    @cached_property
    def cells(self) -> list[Cell]:
        """Every cell, in the order of motions, noises and rates."""
        found: list[Cell] = []
        seen: dict[tuple[str, str], int] = {}
        for m, motion in enumerate(self.motions):
            like = (motion["space"], motion["family"])
            number = seen[like] = seen.get(like, -1) + 1
            for n, noise in enumerate(NOISES):
                for r, rate in enumerate(RATES):
                    if catalogue.included(motion, number, n, r):
                        found.append(Cell(len(found), m, noise, rate))
        return found

    def groups(
        self,
        *,
        every: int = 1,
        whole: bool = True,
        spaces: Sequence[str] = tuple(SPACES),
        noises: Sequence[str] = NOISES,
        rates: Sequence[int] = RATES,
    ) -> Iterator[Group]:
        """Cells by frame rate, space and what is scored.

        Parameters
        ----------
        every
            Only every so many cells of a kind.
        whole
            Whole bodies; False: only keypoints that are scored, for filters that treat a curve by itself.
        spaces, noises, rates
            Only these.
        """
        kinds: dict[tuple, list[Cell]] = {}
        for cell in self.cells:
            motion = self.motions[cell.motion]
            told = KINDS[cell.noise].confidence
            if motion["space"] in spaces and cell.noise in noises and cell.rate in rates:
                key = (motion["space"], cell.rate, told, tuple(motion["scored"]))
                kinds.setdefault(key, []).append(cell)
        for (space, rate, _, scored), some in kinds.items():
            some = some[::every]
            points = len(scored) if not whole else 17 if space != "rotations" else len(captured.JOINTS)
            most = max(1, int(BLOCK / (captured.SECONDS * rate * points * SPACES[space])))
            for at in range(0, len(some), most):
                yield self._group(space, rate, np.array(scored), some[at : at + most], whole)

    def _group(
        self, space: str, rate: int, scored: npt.NDArray[np.intp], cells: list[Cell], whole: bool
    ) -> Group:
        stored, waves = (np.load(self.folder / f"{n}-{space}-{rate}.npy", mmap_mode="r") for n in _KEPT)
        motions = tuple(self.motions[c.motion] for c in cells)
        at = [m["place"] for m in motions]
        truth = np.moveaxis(stored[at], 0, 1)  # (frames, cells, keypoints, dims)
        noisy, told = np.empty_like(truth), None
        for i, (cell, motion) in enumerate(zip(cells, motions, strict=True)):
            noisy[:, i], c = self._noisy(truth[:, i], cell, motion)
            if c is not None:
                told = np.empty(truth.shape[:3], np.float32) if told is None else told
                told[:, i] = c
        size = np.full(len(cells), np.sqrt(2.0)) if space == "rotations" else body_size(noisy)
        keep = np.arange(truth.shape[2]) if whole else scored
        flat = (len(truth), len(cells) * len(keep))
        wave = np.moveaxis(waves[at], 0, 1)
        return Group(
            tuple(cells), space, rate,
            noisy[:, :, keep].reshape(*flat, -1), truth[:, :, keep].reshape(*flat, -1),
            None if told is None else told[:, :, keep].reshape(flat),
            np.arange(len(truth)) / rate, np.repeat(size, len(keep)),
            np.repeat(np.arange(len(cells)), len(keep)), np.tile(np.isin(keep, scored), len(cells)),
            np.array([m["scale"] for m in motions]), motions, wave,
        )  # fmt: skip

    def _noisy(self, truth: Values, cell: Cell, motion: dict) -> tuple[Values, Values | None]:
        """A cell's input and confidence."""
        seed = crc32(f"{self.split} {motion['name']} {cell.noise} {cell.rate}".encode())
        rotations = motion["space"] == "rotations"
        shape = (*truth.shape[:2], 3 if rotations else truth.shape[2])
        error, told = disturb(KINDS[cell.noise], shape, cell.rate, np.random.default_rng([77, seed]))
        error *= motion["scale"]
        if not rotations:
            return (truth + error).astype(np.float32), told
        matrices = truth.astype(np.float64).reshape(*shape, 3)
        return (matrices @ from_axis_angle(error)).reshape(truth.shape).astype(np.float32), None


_KEPT = ("truth", "waves")
_ABOUT = (
    "name", "family", "kind", "key", "scored", "frequency", "amplitude", "peaks", "space", "scale",
)  # fmt: skip


def version() -> str:
    """Changes with anything that the grid is made by."""
    return fingerprint(*(HERE / f"{n}.py" for n in ("captured", "motions", "disturbances", "catalogue")))


def _keep(split: str, root: str, folder: Path) -> None:
    """Write true motions at all rates, and what is known of them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = list(catalogue.motions_of(split, root))
    places: dict[str, int] = {}
    about = []
    for m in found:
        place = places[m.space] = places.get(m.space, -1) + 1
        about.append({f: getattr(m, f) for f in _ABOUT} | {"place": place})
    for space, dims in SPACES.items():
        some = [m for m in found if m.space == space]
        for rate in RATES:
            times = np.arange(round(captured.SECONDS * rate)) / rate
            truth = np.stack([m.curve(times) for m in some]).astype(np.float32)
            waves = np.zeros((len(some), len(times), min(dims, 3)), np.float32)
            for i, m in enumerate(some):
                if m.wave is not None:
                    waves[i] = m.wave(times)
            np.save(folder / f"truth-{space}-{rate}.npy", truth)
            np.save(folder / f"waves-{space}-{rate}.npy", waves)
    (folder / "motions.json").write_text(json.dumps(about, default=float))
