"""Reading and writing every pose file steadypose knows: the content decides, not the suffix."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from steadypose._given import path_of
from steadypose._writing import will_read
from steadypose.errors import ForeignError, FormatError
from steadypose.io._damage import check_intact, claims
from steadypose.io._doors import reading
from steadypose.io._missing import hide
from steadypose.io._probe import Probe, ReadOptions
from steadypose.io._registry import FORMATS, Format, find
from steadypose.io._write import write
from steadypose.sequence import Motion, Unit
from steadypose.skeleton import Skeleton

__all__ = ["detect", "formats", "image_size", "read", "read_streams", "write"]


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
    with reading(path):
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
    if not isinstance(stream, str) or stream not in streams:
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
    will_read(path_of(path))
    probe = _probe(path)
    options = ReadOptions(fps, skeleton, unit, columns, keep_zeros)
    with reading(path):
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


def _probe(path: str | os.PathLike[str]) -> Probe:
    p = path_of(path)
    with reading(p):
        if not p.exists():
            raise FormatError(p, "", "a file or folder", "nothing there")
        if not (p.is_file() or p.is_dir()):  # its content could be read only once
            raise ForeignError(p, "", "a file or folder", "a pipe or a device")
        probe = Probe(p)
        if not p.is_dir() and not probe.head:
            kind = FormatError if claims(probe) else ForeignError
            raise kind(p, "", "a pose file", "an empty file")
    return probe


def _detect(probe: Probe) -> Format:
    for f in FORMATS.values():
        if f.module.sniff(probe):
            return f
    check_intact(probe)
    what = "a folder of something else" if probe.is_dir else "content that no format recognises"
    raise ForeignError(probe.path, "", f"a pose file ({', '.join(FORMATS)}; --format names one)", what)
