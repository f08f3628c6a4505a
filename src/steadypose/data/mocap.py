"""Motion capture as clips of one kind: metres, z up, on the floor, at any frame rate, in any layout.

>>> from steadypose.data.mocap import load_clips
>>> clips = load_clips(fps=50)  # the folder is named by STEADYPOSE_DATA
>>> clips[0].joints("h36m17")
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

import steadypose.io
from steadypose.data import _asf_amc, _bodies, _neutral, _resample, _retarget, _to_smpl
from steadypose.data._splits import SPLITS, Split, split_of, subject_of
from steadypose.errors import DataError, FormatError
from steadypose.sequence import BodyMotion, Motion, PoseSequence
from steadypose.skeleton import Skeleton

__all__ = ["SPLITS", "Clip", "load_clips", "read_clip", "to_smpl"]

_SUFFIXES = (".bvh", ".amc", ".npz", ".c3d")
_Y_UP = ("bvh", "amc")
# Raw copies of clips that are in cmu_terrain/ already.
_NOT_CLIPS = ("amc_samples",)


@dataclass(frozen=True, eq=False)
class Clip:
    """A stretch of motion of one person.

    Parameters
    ----------
    name
        Path below the folder of motion capture, without suffix: ``"cmu/02_01"``.
    source
        The folder: ``"cmu"``, ``"deepmimic/sie"`` …
    subject
        Who was captured, as far as known: what the split goes by.
    label, licence
        As the folder's index has them.
    motion
        Metres, z up, floor at z = 0. A :class:`BodyMotion` with offsets and translation, rotations relative
        to the parents; of files that have no rotations (C3D) a :class:`PoseSequence`.
    split
        ``"train"``, ``"validation"``, ``"test"`` or ``"noncommercial"`` (tests only).
    """

    name: str
    source: str
    subject: str
    label: str
    licence: str
    motion: Motion
    split: Split

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.motion.fps

    @cached_property
    def stature(self) -> float:
        """Height of the person in metres, estimated from legs and trunk."""
        return _retarget.stature(self.motion)

    def at(self, fps: float) -> Clip:
        """The same clip at another frame rate, over the same time.

        Positions are band-limited to the lower of both rates; rotations are low-passed when slowed down, and
        interpolated by slerp when sped up.

        Raises
        ------
        DataError
            If the rate is not above 0.
        """
        if not (np.isfinite(fps) and fps > 0):
            raise DataError(f"expected a frame rate above 0 fps, found {fps}")
        if len(self.motion.times) < 2 or _resample.same_rate(self.fps, fps):
            return self
        return replace(self, motion=_resample.motion(self.motion, fps))

    def joints(
        self,
        layout: Skeleton | str = "h36m17",
        *,
        stature: float | None = None,
        proportions: Mapping[str, float] | None = None,
    ) -> PoseSequence:
        """Positions of the keypoints of a layout, in metres, world.

        Parameters
        ----------
        layout
            ``"h36m17"``, ``"coco17"`` or ``"smpl24"``.
        stature
            Height in metres that the body is scaled to, and its path with it.
        proportions
            Factors for the lengths of groups of bones (before ``stature``): ``legs``, ``arms``, ``trunk``,
            ``head``, ``hips`` and ``shoulders`` (their widths).

        Raises
        ------
        DataError
            If the skeleton lacks a joint that the layout needs, a group of bones or the layout is unknown, or
            a factor is not above 0.
        """
        return _retarget.joints(self.motion, layout, stature, proportions or {})


def read_clip(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    label: str = "",
    licence: str = "own",
    unit_m: float | None = None,
    up: Literal["y", "z"] | None = None,
    skip: int = 0,
    fps: float | None = None,
) -> Clip:
    """One file of motion capture: BVH, AMC (with its ASF beside it), AMASS npz or C3D.

    AMASS files hold rotations but no lengths; they get a neutral body of 1.72 m. C3D files hold positions,
    and their points keep their names: :meth:`Clip.joints` finds only those that are named as joints.

    Parameters
    ----------
    path
        The file.
    name
        Of the clip, its folders first; the subject and with it the split follow from it. None: the file's
        folder and stem.
    label, licence
        What the clip shows, and under which terms.
    unit_m
        Metres in one length unit of the file; None: what the file says, or else centimetres.
    up
        The axis that points up; None: y for BVH and AMC, z for AMASS and C3D.
    skip
        Rows at the start that are a rest pose and no motion.
    fps
        Frames per second of the file, where it does not say (AMC never does: None is 120).

    Raises
    ------
    FormatError
        If the file cannot be read, holds no person's body, or not in the unit it says.
    """
    p = Path(path)
    clip_name = name or f"{p.parent.name}/{p.stem}"
    source, _, stem = clip_name.rpartition("/")
    subject = subject_of(source, stem)
    try:
        body = _body(p, unit_m, up, skip, fps)
    except DataError as e:
        expected, _, found = str(e).removeprefix("expected ").partition(", found ")
        raise FormatError(p, "", expected, found or str(e)) from None
    return Clip(clip_name, source, subject, label or stem, licence, body, split_of(subject))


def _body(path: Path, unit_m: float | None, up: str | None, skip: int, fps: float | None) -> Motion:
    """What a file holds as a body, or as points where it has no rotations."""
    motion: Motion
    ends: dict[str, _bodies.Floats] = {}
    if path.suffix.lower() == ".amc":
        motion, ends = _asf_amc.read(path, fps)
        kind = "amc"
    else:
        motion = steadypose.io.read(path, fps=fps)
        assert motion.source is not None
        kind = motion.source.format
        if kind == "bvh":
            ends = {j.name: np.array(j.end) for j in motion.source.document.joints if j.end is not None}
    upwards = up or ("y" if kind in _Y_UP else "z")
    unit = unit_m if unit_m is not None else _bodies.METRES.get(motion.unit, 0.0)
    if not (np.isfinite(unit) and unit > 0):
        raise DataError(f"expected a length unit above 0 m, found {unit_m or motion.unit}")
    if isinstance(motion, PoseSequence):
        return _bodies.points(motion, unit, upwards, skip)
    if kind == "amass":
        motion = replace(
            motion,
            offsets=_neutral.offsets(motion.skeleton),
            history=(*motion.history, "lengths of a neutral body of 1.72 m"),
        )
    return _bodies.body(motion, ends, unit, upwards, skip)


def to_smpl(clip: Clip) -> BodyMotion:
    """A clip with SMPL's joints and rest pose: standing, looking along z, y up, arms to the sides.

    The body keeps its own lengths: forward kinematics puts the joints where ``clip.joints("smpl24")`` has
    them, and with other offsets (SMPL's) every limb still points the same way. Spine joints that a skeleton
    lacks do not turn; CMU's lowest one is at the pelvis.

    Returns
    -------
    BodyMotion
        ``smpl24``, rotations relative to the parents; metres, z up.

    Raises
    ------
    DataError
        If the clip has no rotations, or its skeleton does not stand at rest (``bandai1``), so that its
        rotations cannot be told from SMPL's.
    """
    if not isinstance(clip.motion, BodyMotion):
        raise DataError(f"expected a clip with joint rotations, found positions alone in {clip.name}")
    return _to_smpl.to_smpl(clip.motion)


def load_clips(
    root: str | os.PathLike[str] | None = None,
    *,
    splits: Sequence[str] = ("train",),
    sources: Sequence[str] | None = None,
    fps: float | None = None,
    licence: Literal["permissive", "any"] = "permissive",
    progress: Callable[[int, int], None] | None = None,
) -> list[Clip]:
    """All clips of some splits below a folder, in the order of their names.

    Parameters
    ----------
    root
        A folder that contains ``mocap/`` (or is it); None: the one that the environment variable
        ``STEADYPOSE_DATA`` names. Its ``index.csv`` says units, labels and licences; files that are not in
        the index are read as files of one's own.
    splits
        Among ``"train"``, ``"validation"``, ``"test"`` and ``"noncommercial"``.
    sources
        Folders below ``mocap/``; None: all.
    fps
        Resample to this rate; None: as captured.
    licence
        ``"any"`` includes clips that may be used for non-commercial purposes only.
    progress
        Called after every file with the number of files read and of all files.

    Raises
    ------
    DataError
        If the folder is not there, a split or source is unknown, or there is no such clip.
    FormatError
        If a file cannot be read.
    """
    folder = _folder(root)
    unknown = [s for s in splits if s not in ("train", "validation", "test", "noncommercial")]
    if unknown:
        raise DataError(f"expected splits among train, validation, test, noncommercial, found {unknown[0]!r}")
    rows = [r for r in _files(folder) if r.split in splits and (licence == "any" or r.permissive)]
    there = sorted({r.source for r in rows})
    if sources is not None:
        missing = [s for s in sources if s not in there]
        if missing:
            raise DataError(f"expected sources among {', '.join(there)}, found {missing[0]!r}")
        rows = [r for r in rows if r.source in sources]
    if not rows:
        raise DataError(f"expected clips of {', '.join(splits)} ({licence} licences) in {folder}, found none")
    clips = []
    for n, row in enumerate(rows):
        clip = row.read(folder)
        clips.append(clip if fps is None else clip.at(fps))
        if progress is not None:
            progress(n + 1, len(rows))
    return clips


@dataclass(frozen=True)
class _Row:
    """A file, and what the index says of it."""

    path: str
    label: str = ""
    licence: str = "own"
    unit_m: float | None = None
    skip: int = 0

    @property
    def source(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[0]

    @property
    def split(self) -> Split:
        return split_of(subject_of(self.source, self.name.rpartition("/")[2]))

    @property
    def permissive(self) -> bool:
        return self.split != "noncommercial" and "-NC" not in self.licence.upper().replace(" ", "-")

    def read(self, folder: Path) -> Clip:
        return read_clip(
            folder / self.path,
            name=self.name,
            label=self.label,
            licence=self.licence,
            unit_m=self.unit_m,
            skip=self.skip,
        )


def _folder(root: str | os.PathLike[str] | None) -> Path:
    given = root if root is not None else os.environ.get("STEADYPOSE_DATA")
    if not given:
        raise DataError(
            "expected a folder of motion capture (an argument, or the environment variable "
            "STEADYPOSE_DATA), found neither"
        )
    folder = Path(given)
    folder = folder / "mocap" if (folder / "mocap").is_dir() else folder
    if not folder.is_dir():
        raise DataError(f"expected a folder of motion capture, found none at {folder}")
    return folder


def _files(folder: Path) -> Iterator[_Row]:
    """Every file of motion capture below a folder, in the order of their names."""
    index = _index(folder)
    for p in sorted(folder.rglob("*")):
        path = p.relative_to(folder).as_posix()
        if p.suffix.lower() in _SUFFIXES and path.partition("/")[0] not in _NOT_CLIPS:
            yield index.get(path, _Row(path))


def _index(folder: Path) -> dict[str, _Row]:
    path = folder / "index.csv"
    if not path.exists():
        return {}
    rows = {}
    with path.open(newline="", encoding="utf-8") as f:
        for line, row in enumerate(csv.DictReader(f), 2):
            try:
                rows[row["path"]] = _Row(
                    row["path"],
                    row["label"],
                    row["licence"],
                    float(row["unit_cm"]) / 100,
                    int(row["rest_rows"]),
                )
            except (KeyError, TypeError, ValueError) as e:
                expected = "path, label, licence, unit_cm, rest_rows"
                raise FormatError(path, f"line {line}", expected, str(e)) from None
    return rows
