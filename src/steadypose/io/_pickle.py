"""Pickle, joblib and object-array files: read through the restricted unpickler, written as plain pickles."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from steadypose.errors import FormatError, SteadyposeError
from steadypose.io._bounded import Broken, Reader, Writer, compression, unfolded
from steadypose.io._stand_ins import NUMBERS, DType
from steadypose.io._unpickle import Machine, unpickle

__all__ = ["compression", "dump", "load", "load_stream", "looks_like_pickle"]


def looks_like_pickle(head: bytes) -> bool:
    """Whether a file that starts like this is a pickle or joblib file, compressed or not."""
    if compression(head) in ("bz2", "xz", "lzma", "lz4"):
        return True  # their first bytes unfold only with the whole first block
    start = unfolded(head)
    if len(start) > 2 and start[0] == 0x80:
        return 2 <= start[1] <= pickle.HIGHEST_PROTOCOL
    # Protocols 0 and 1 have no mark of their own: only a container, memoised, is taken for one.
    return start.startswith((b"(dp", b"(lp", b"}q", b"]q"))


def load(path: str | Path) -> Any:
    """The content of a pickle or joblib file.

    Raises
    ------
    FormatError
        If the file is broken, needs a global that is not in the table, or unfolds to far more than its size.
    """
    target = Path(path)
    try:
        with target.open("rb") as f:
            method = compression(f.read(64))
            f.seek(0)
            return load_stream(target, f, target.stat().st_size, method)
    except OSError as e:
        raise FormatError(path, "", "a readable file", e.strerror or str(e)) from None


def load_stream(path: Path, file: BinaryIO, size: int, method: str | None = None, place: str = "") -> Any:
    """The pickle in an open file; ``path`` and ``place`` are for messages."""
    where = f"{place}, byte" if place else "byte"
    try:
        reader = Reader(file, size, method)
    except Broken as e:
        raise e.error(path, place) from None
    try:
        return unpickle(reader, Machine(reader, size, method is not None))
    except Broken as e:
        raise e.error(path, f"{where} {reader.position}") from None


def dump(content: Any, path: Path, method: str | None = None) -> None:
    """Write plain containers and arrays as a pickle (protocol 4) that ``pickle`` and ``joblib`` read.

    Parameters
    ----------
    method
        Compression, as :func:`compression` names it; joblib reads such files without being told.

    Raises
    ------
    SteadyposeError
        If the content is nested too deeply.
    """
    with Writer(path, method) as f:
        write_pickle(content, f)


def write_pickle(content: Any, file: Any) -> None:
    """Pickle into an open file; see :func:`dump`."""
    try:
        _Pickler(file, protocol=4).dump(content)
    except RecursionError:
        raise SteadyposeError("content nested too deeply to be written") from None


def portable_reduce(obj: Any) -> Any:
    """How to pickle what NumPy itself would pickle under names that NumPy before 1.26 does not have."""
    if type(obj) is np.ndarray:
        return np.ndarray, ((0,),), obj.__reduce__()[2]
    if type(obj) in NUMBERS:
        return type(obj), (obj.item(),)
    return obj.dtype.__reduce__() if isinstance(obj, DType) else NotImplemented


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        return portable_reduce(obj)
