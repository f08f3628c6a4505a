"""Writing every format: into a copy of the file that was read, or a new one."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

from steadypose._given import path_of
from steadypose._writing import writing
from steadypose.errors import FormatError, SteadyposeError
from steadypose.io._doors import filling, reading, streams_of
from steadypose.io._missing import restore
from steadypose.io._probe import Probe, ReadOptions
from steadypose.io._registry import FORMATS, Format, find
from steadypose.sequence import Motion, PoseSequence


def write(
    data: Motion | Mapping[str, Motion],
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    force: bool = False,
) -> Path:
    """Write a sequence (or all streams of a file) to a new file, atomically.

    A sequence that came from a file of the same format goes back into a copy of that file's content: only
    coordinates change. Otherwise a new file is built, by name of keypoint.

    Parameters
    ----------
    data
        A sequence, or sequences by stream name as :func:`read_streams` gives them.
    path
        Where to. The file that was read is never overwritten.
    format
        Name of the format; ``None``: the one the data came from, else the one that ``path``'s suffix means.
    force
        Replace what is there already.

    Raises
    ------
    SteadyposeError
        If the path exists and ``force`` is not set, is or holds the file the data came from, or the format
        cannot hold the data.
    """
    streams, target = streams_of(data), path_of(path)
    chosen = find(format) if format is not None else _format_for(streams, target)
    sources = [m.source for m in streams.values() if m.source is not None]
    kept = [s for s in sources if s.format == chosen.name]
    together = len(kept) == len(streams) and all(s.document is kept[0].document for s in kept)
    if together:
        streams = {name: restore(m) for name, m in streams.items()}
    reads, own = {s.path for s in sources}, partial(_own, chosen)
    with writing(target, force=force, reads=reads, own=own) as made:
        with filling(target, chosen.name):
            chosen.module.write(streams, kept[0].document if together else None, made)
        if chosen.extra is not None:
            _read_back(made, target, chosen, streams, exact=not together)
    return target


def _own(format: Format, folder: Path) -> Collection[str]:
    """The names in a folder that belong to a recording of this format; SteadyposeError if it is none."""
    if not any(folder.iterdir()):
        return ()
    if not format.module.sniff(Probe(folder)):
        raise SteadyposeError(
            f"{folder}: expected a file or {format.name} data to replace, found a folder of something else"
        )
    own = getattr(format.module, "own", None)
    names: Collection[str] = () if own is None else own(folder)
    return names


def _read_back(made: Path, target: Path, format: Format, streams: Mapping[str, Motion], exact: bool) -> None:
    """Prove that a file holds what was meant, where a foreign library wrote it and may have failed silently.

    Parameters
    ----------
    exact
        Whether the numbers too must be the same, as they are in a new file.
    """
    try:
        with reading(made):
            found = format.module.read(Probe(made), ReadOptions())
    except FormatError as e:
        raise _incomplete(target, e.expected, e.found) from None
    for meant, read in zip(streams.values(), found.values(), strict=False):
        if not isinstance(meant, PoseSequence) or not isinstance(read, PoseSequence):
            continue
        if read.shape != meant.shape:
            raise _incomplete(target, f"shape {meant.shape}", str(read.shape))
        if (read.valid != meant.valid).any():
            raise _incomplete(target, f"{meant.valid.sum()} keypoints", str(read.valid.sum()))
        there = meant.valid
        if exact and read.unit == meant.unit and (read.positions[there] != meant.positions[there]).any():
            raise _incomplete(target, "the coordinates that were written", "others")


def _incomplete(target: Path, expected: str, found: str) -> SteadyposeError:
    return SteadyposeError(f"{target}: could not be written: read back, expected {expected}, found {found}")


def _format_for(streams: Mapping[str, Motion], target: Path) -> Format:
    source = next(iter(streams.values())).source
    suffix = target.suffix.lower()
    if source is not None:
        came = FORMATS[source.format]
        if suffix in (came.suffix, Path(source.path).suffix.lower(), ""):
            return came
    first = next(iter(streams.values()))
    kind = f"{first.shape[3]}d" if isinstance(first, PoseSequence) else "rotations"
    # Where several formats share a suffix, the plainest one is meant.
    plain = {".json": "mediapipe-json", ".csv": "long-csv", ".npy": "plain", ".zip": "openpose"}
    plain[".npz"] = "plain" if kind != "rotations" else "amass"
    if kind == "3d" and "pelvis" in first.skeleton.canonical:  # MediaPipe has none
        plain[".json"] = "mmpose"
    name = plain.get(suffix) or next(
        (f.name for f in FORMATS.values() if f.suffix == suffix and kind in f.holds), None
    )
    if name is None:
        raise SteadyposeError(
            f"{target}: expected a format for {kind} data (--format), found the suffix {suffix!r}"
        )
    return FORMATS[name]
