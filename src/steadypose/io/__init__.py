"""Reading and writing every pose file steadypose knows: the content decides, not the suffix."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from steadypose.errors import DataError, FormatError, SteadyposeError
from steadypose.io._missing import hide, restore
from steadypose.io._probe import Probe, ReadOptions
from steadypose.io._registry import FORMATS, Format, find
from steadypose.sequence import Motion, Unit
from steadypose.skeleton import Skeleton

__all__ = ["detect", "formats", "image_size", "read", "read_streams", "touches", "write"]


def formats() -> dict[str, Format]:
    """Every format by its name, in the order in which content is tried."""
    return dict(FORMATS)


def detect(path: str | os.PathLike[str]) -> str:
    """Name of the format of a file or folder, from its content.

    Raises
    ------
    FormatError
        If the path does not exist, is empty, or holds nothing that any format recognises.
    """
    with _said_of(path):
        return _detect(_probe(path)).name


def read(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    stream: str | None = None,
    fps: float | None = None,
    skeleton: Skeleton | str | None = None,
    unit: Unit | None = None,
    columns: Mapping[str, Any] | None = None,
    keep_zeros: bool = False,
) -> Motion:
    """Read a pose file: one sequence, the main one where the file holds several.

    Parameters
    ----------
    path
        A file, or a folder for formats that are one.
    format
        Name of the format (:func:`formats`); ``None``: by content.
    stream
        Which of the file's sequences (:func:`read_streams` has them all); ``None``: the main one.
    fps
        Frames per second, overriding the file's own times. Without either, 30 is assumed, and ``history``
        says so.
    skeleton, unit
        For files that do not name their keypoints or their unit.
    columns
        For ``long-csv``: which column means what.
    keep_zeros
        Many tools write zeros (or -1 in every coordinate) for a keypoint that was not seen. Such keypoints
        are missing, and ``history`` says how many, unless they can have been there (the root of root-relative
        data, a path through the origin). True: they are there, except where the format defines zeros as
        missing.

    Returns
    -------
    PoseSequence or BodyMotion
        Writing it back (:func:`write`) changes coordinates only.

    Raises
    ------
    FormatError
        If the file is not what it should be: names the file, the place, what was expected and what was found.
    """
    streams = read_streams(
        path, format=format, fps=fps, skeleton=skeleton, unit=unit, columns=columns, keep_zeros=keep_zeros
    )
    if stream is None:
        return next(iter(streams.values()))
    if stream not in streams:
        raise FormatError(str(path), "", f"a stream among {', '.join(streams)}", repr(stream))
    return streams[stream]


def read_streams(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    fps: float | None = None,
    skeleton: Skeleton | str | None = None,
    unit: Unit | None = None,
    columns: Mapping[str, Any] | None = None,
    keep_zeros: bool = False,
) -> dict[str, Motion]:
    """Read every sequence of a pose file by its name: cameras, subjects, image and world, rotations …

    Parameters are those of :func:`read`. The main stream comes first.
    """
    probe = _probe(path)
    options = ReadOptions(fps, skeleton, unit, columns, keep_zeros)
    with _said_of(path):
        chosen = _detect(probe) if format is None else find(format)
        streams = chosen.module.read(probe, options)
    if not streams:
        raise FormatError(str(path), "", "at least one sequence", "none")
    return streams if keep_zeros else hide(streams)


def image_size(motion: Motion) -> tuple[float, float] | None:
    """Width and height in pixels of the image that a sequence's fractions are of, if its file says them."""
    if motion.source is None:
        return None
    said = getattr(find(motion.source.format).module, "image_size", None)
    size: tuple[float, float] | None = None if said is None else said(motion.source.document)
    return size


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
    streams = dict(data) if isinstance(data, Mapping) else {_stream_name(data): data}
    if not streams:
        raise DataError("expected at least one sequence to write, found none")
    target = Path(path)
    chosen = find(format) if format is not None else _format_for(streams, target)
    sources = [m.source for m in streams.values() if m.source is not None]
    touched = next((how for s in sources if (how := touches(s.path, target))), None)
    if touched:
        raise SteadyposeError(f"{target}: {touched}; steadypose never touches its input")
    kept = [s for s in sources if s.format == chosen.name]
    together = len(kept) == len(streams) and all(s.document is kept[0].document for s in kept)
    if together:
        streams = {name: restore(m) for name, m in streams.items()}
    with _atomic(target, chosen, force) as temporary:
        chosen.module.write(streams, kept[0].document if together else None, temporary)
    return target


def _probe(path: str | os.PathLike[str]) -> Probe:
    p = Path(path)
    with _said_of(path):
        if not p.exists():
            raise FormatError(p, "", "a file or folder", "nothing there")
        if not (p.is_file() or p.is_dir()):  # its content could be read only once
            raise FormatError(p, "", "a file or folder", "a pipe or a device")
        probe = Probe(p)
        if not p.is_dir() and not probe.head:
            raise FormatError(p, "", "a pose file", "an empty file")
    return probe


@contextlib.contextmanager
def _said_of(path: str | os.PathLike[str]) -> Iterator[None]:
    """What goes wrong with a file, said of that file."""
    try:
        yield
    except DataError as e:  # what it says cannot be a sequence (0 fps, repeated times …)
        expected, _, found = str(e).removeprefix("expected ").partition(", found ")
        raise FormatError(str(path), "", expected if found else "a valid sequence", found or str(e)) from None
    except OSError as e:
        raise FormatError(str(path), "", "a readable file", e.strerror or str(e)) from None
    except (RecursionError, MemoryError) as e:
        raise FormatError(str(path), "", "a file of reasonable content", f"{type(e).__name__} {e}") from None


def _detect(probe: Probe) -> Format:
    for f in FORMATS.values():
        if f.module.sniff(probe):
            return f
    what = "a folder of something else" if probe.is_dir else "content that no format recognises"
    raise FormatError(probe.path, "", f"a pose file ({', '.join(FORMATS)}; --format names one)", what)


def _stream_name(motion: Motion) -> str:
    return motion.source.stream if motion.source is not None else "main"


def _format_for(streams: Mapping[str, Motion], target: Path) -> Format:
    source = next(iter(streams.values())).source
    suffix = target.suffix.lower()
    if source is not None:
        came = FORMATS[source.format]
        if suffix in (came.suffix, Path(source.path).suffix.lower(), ""):
            return came
    from steadypose.sequence import PoseSequence

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


def touches(source: str, target: Path) -> str | None:
    """What writing ``target`` would do to the file or folder that was read; None if nothing."""
    a, b = Path(source), target
    with contextlib.suppress(OSError):
        if b.exists() and b.samefile(a):
            return "is the file that was read"
        if b.resolve() in a.resolve().parents and b.exists():
            return "holds the file that was read"
        if a.is_dir() and a.resolve() in b.resolve().parents:
            return "lies in the folder that was read"
    return None


@contextlib.contextmanager
def _atomic(target: Path, format: Format, force: bool) -> Iterator[Path]:
    """A temporary place beside ``target`` that becomes it only if nothing goes wrong."""
    temporary = target.with_name(f".{uuid.uuid4().hex[:12]}{target.suffix}")
    try:
        _check_target(target, format, force)
        yield temporary
        if target.is_dir():  # a folder cannot be replaced in one step: set the old one aside first
            aside = target.with_name(f".{uuid.uuid4().hex[:12]}.old")
            target.rename(aside)
            try:
                temporary.rename(target)
            except BaseException:
                aside.rename(target)
                raise
            shutil.rmtree(aside)
        else:
            temporary.replace(target)
    except OSError as e:
        raise SteadyposeError(f"{target}: could not be written: {e.strerror or e}") from None
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        elif temporary.exists():
            temporary.unlink()


def _check_target(target: Path, format: Format, force: bool) -> None:
    if not target.parent.is_dir():
        raise SteadyposeError(f"{target}: expected an existing folder, found none at {target.parent}")
    if target.exists() and not force:
        raise SteadyposeError(f"{target}: exists already (--force replaces it)")
    if target.is_dir() and any(target.iterdir()) and not format.module.sniff(Probe(target)):
        raise SteadyposeError(
            f"{target}: expected a file or {format.name} data to replace, found a folder of something else"
        )
