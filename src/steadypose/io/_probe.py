"""A file under examination: every parse of it is made once, whoever asks first.

Sniffing must never raise, so the parsed views are None where the content is not of that kind; the ``need_…``
methods are for readers, which must raise instead.
"""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from steadypose._timed import checked_rate, within_reach
from steadypose.errors import FormatError
from steadypose.sequence import Motion, Source, Unit
from steadypose.skeleton import Skeleton

HEAD = 1 << 16
ASSUMED_FPS = 30.0


@dataclass(frozen=True)
class ReadOptions:
    """What a user can say about a file that the file itself does not (or says wrongly).

    Parameters
    ----------
    fps
        Frames per second; overrides the file's own time stamps.
    skeleton
        The keypoint layout, where the file does not name its keypoints.
    unit
        Of the coordinates, where the file does not say.
    columns
        For ``long-csv``: which column means what.
    keep_zeros
        Keypoints exactly at zero (or -1) are there, not missing, unless the format says otherwise.
    """

    fps: float | None = None
    skeleton: Skeleton | str | None = None
    unit: Unit | None = None
    columns: Mapping[str, Any] | None = None
    keep_zeros: bool = False


def loads_json(data: bytes) -> Any:
    """Parse JSON; the NaN and Infinity that Python's own writer puts into files come as None: missing.

    Raises
    ------
    orjson.JSONDecodeError
        If it is not JSON even so.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        if b"NaN" in data or b"Infinity" in data:
            with contextlib.suppress(ValueError, RecursionError):
                return _plain(json.loads(data, parse_constant=lambda _: None, parse_int=_number))
        raise


def _number(digits: str) -> int | float:
    """As orjson reads it: an integer too long for 64 bits is a number with a fraction, or infinite."""
    return int(digits) if len(digits) < 19 else float(digits)


def _plain(document: Any) -> Any:
    """The document; raises ValueError for half a character (a lone surrogate), which no file can hold."""
    json.dumps(document, ensure_ascii=False).encode()
    return document


class Probe:
    """A path, and cached views of what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def error(self, place: str, expected: str, found: str) -> FormatError:
        """A FormatError about this file."""
        return FormatError(self.path, place, expected, found)

    @cached_property
    def is_dir(self) -> bool:
        """Whether the path is a folder."""
        return self.path.is_dir()

    @property
    def suffix(self) -> str:
        """The path's suffix in lower case, with its dot."""
        return self.path.suffix.lower()

    @cached_property
    def data(self) -> bytes:
        """The whole content; empty for a folder."""
        return b"" if self.is_dir else self.path.read_bytes()

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB."""
        if self.is_dir:
            return b""
        if "data" in self.__dict__:
            return self.data[:HEAD]
        with self.path.open("rb") as f:
            return f.read(HEAD)

    @cached_property
    def json(self) -> Any:
        """The parsed JSON document, or None."""
        if self.head.lstrip()[:1] not in (b"{", b"["):
            return None
        try:
            return loads_json(self.data)
        except orjson.JSONDecodeError:
            return None

    def need_json(self) -> Any:
        """The parsed JSON document; raises FormatError naming the line and column of the first mistake."""
        try:
            return loads_json(self.data)
        except orjson.JSONDecodeError as e:
            raise self.error(f"line {e.lineno} column {e.colno}", "JSON", e.msg) from None

    @cached_property
    def first_lines(self) -> list[str]:
        """The first few lines of a text file without their line ends; empty if the content is not text."""
        if self.is_dir or b"\0" in self.head:
            return []
        return self.head.decode("utf-8-sig", errors="replace").splitlines()[:20]

    def need_text(self) -> str:
        """The whole text; raises FormatError if it is not UTF-8."""
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError as e:
            raise self.error(f"byte {e.start}", "UTF-8 text", f"byte {self.data[e.start]:#x}") from None

    @cached_property
    def zip_names(self) -> tuple[str, ...]:
        """Names in the zip archive (an npz or a torch file is one); empty if it is none."""
        if self.is_dir or not self.head.startswith(b"PK"):
            return ()
        try:
            with zipfile.ZipFile(self.path) as z:
                return tuple(z.namelist())
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            return ()

    @property
    def npz_keys(self) -> tuple[str, ...]:
        """Names of the arrays of an npz file; empty if it is none."""
        names = self.zip_names
        return (
            tuple(n.removesuffix(".npy") for n in names)
            if names and all(n.endswith(".npy") for n in names)
            else ()
        )

    @cached_property
    def npz(self) -> dict[str, Any] | None:
        """The arrays of an npz file (object arrays through the restricted unpickler), or None."""
        from steadypose.io import _npy

        try:
            return _npy.load_npz(self.path) if self.npz_keys else None
        except FormatError:
            return None

    @cached_property
    def pickle(self) -> Any:
        """The plain content of a pickle or joblib file, through the restricted unpickler, or None."""
        from steadypose.io import _pickle

        if self.is_dir or not _pickle.looks_like_pickle(self.head):
            return None
        try:
            return _pickle.load(self.path)
        except FormatError:
            return None


def tie(streams: Mapping[str, Motion], format: str, path: Path, document: Any) -> dict[str, Motion]:
    """Every stream with the source it came from; the last thing a reader does."""
    return {name: replace(m, source=Source(format, str(path), name, document)) for name, m in streams.items()}


def timeline(numbers: npt.ArrayLike, options: ReadOptions, fps: float | None = None) -> tuple[Any, list[str]]:
    """Times of frames known by number only, and what to say about it in the history.

    Parameters
    ----------
    numbers
        Frame numbers, strictly increasing; a step of 2 is a missing frame.
    options
        ``options.fps`` wins.
    fps
        The file's own rate, if it says one.

    Returns
    -------
    times : ndarray of float64
        Seconds, 0 at the first frame.
    notes : list of str
        Empty unless the rate had to be assumed.
    """
    n = np.asarray(numbers, dtype=np.float64)
    n = n - n[0]
    if options.fps is not None or fps is not None:
        rate = options.fps if options.fps is not None else fps
        assert rate is not None
        return n / checked_rate(rate), []
    return n / ASSUMED_FPS, [f"no frame rate in the file: {ASSUMED_FPS:g} fps assumed"]


def keep_exact(original: npt.ArrayLike, new: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """``new``, but with the file's own digits wherever single precision cannot tell the two apart.

    Positions travel as float32; without this, writing an untouched file back would change its last digits.
    Shapes must agree; NaN equals NaN, and what was too far away to be read.
    """
    old = np.asarray(original, dtype=np.float64)
    fresh = np.asarray(new, dtype=np.float32)
    with np.errstate(over="ignore"):
        same = old.astype(np.float32) == fresh
    return np.where(same | (np.isnan(within_reach(old)) & np.isnan(fresh)), old, shortest(fresh))


def shortest(a: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """float32 values as the float64 whose shortest decimal form is the same (0.1, not 0.10000000149)."""
    x = np.asarray(a, dtype=np.float32)
    return x.astype("U32").astype(np.float64) if x.size else x.astype(np.float64)
