"""npy and npz files from strangers: headers are checked, object arrays go through the restricted unpickler.

Layout: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from steadypose.errors import FormatError
from steadypose.io._bounded import Broken, Reader, allowed, open_zip
from steadypose.io._pickle import write_pickle
from steadypose.io._stand_ins import checked_shape, unremarked
from steadypose.io._unpickle import Machine, unpickle

MAGIC = b"\x93NUMPY"
_MAX_HEADER = 1 << 16


def load_npy(path: str | Path) -> npt.NDArray[Any]:
    """The array of an npy file.

    Raises
    ------
    FormatError
        If the header is broken or does not agree with the size of the file.
    """
    try:
        with Path(path).open("rb") as f:
            return _array(Path(path), f, Path(path).stat().st_size, "")
    except OSError as e:
        raise FormatError(path, "", "a readable file", e.strerror or str(e)) from None


def load_npz(path: str | Path) -> dict[str, Any]:
    """The arrays of an npz file by name, in the file's order.

    Raises
    ------
    FormatError
        If the archive or one of its arrays is broken, or unfolds to far more than the file's size.
    """
    target = Path(path)
    try:
        with open_zip(target) as z:
            infos = z.infolist()
            # Declared sizes are binding: zipfile gives no more bytes than a member declares.
            if sum(i.file_size for i in infos) > allowed(target.stat().st_size):
                raise FormatError(
                    path, "", "an archive of reasonable content", "one that unfolds to far more"
                )
            arrays: dict[str, Any] = {}
            for info in infos:
                if not info.filename.endswith(".npy"):
                    raise FormatError(
                        path, "", "an archive of npy arrays", f"the member {info.filename[:60]!r}"
                    )
                with z.open(info) as f:
                    name = info.filename.removesuffix(".npy")
                    arrays[name] = _array(target, f, info.file_size, name)
            return arrays
    except FormatError:
        raise
    # zipfile lets everything through that a mangled archive can trip over.
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, struct.error) as e:
        raise FormatError(path, "", "an intact npz file", f"{type(e).__name__}: {e}") from None


def is_compressed(path: str | Path) -> bool:
    """Whether the members of an npz file are compressed (``numpy.savez_compressed``)."""
    with open_zip(path) as z:
        return any(i.compress_type != zipfile.ZIP_STORED for i in z.infolist())


def save_npy(array: npt.NDArray[Any], path: Path) -> None:
    """Write one array."""
    with path.open("wb") as f:
        _write(array, f)


def save_npz(arrays: Mapping[str, npt.NDArray[Any]], path: Path, compressed: bool = False) -> None:
    """Write arrays by name, in their order, as ``numpy.savez`` (or ``savez_compressed``) does."""
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method, allowZip64=True) as z:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy")  # a fixed date: the same data give the same file
            info.compress_type = method
            info.external_attr = 0o644 << 16
            with z.open(info, "w", force_zip64=True) as f:
                _write(np.asanyarray(array), f)


def _array(path: Path, file: Any, size: int, place: str) -> npt.NDArray[Any]:
    reader = Reader(file, size)
    try:
        dtype, fortran, shape = _header(reader)
        if dtype.hasobject:
            array = unpickle(reader, Machine(reader, size, False))
            if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
                raise Broken(f"an object array of shape {shape}", type(array).__name__)
            return array
        nbytes = math.prod(shape) * dtype.itemsize
        checked_shape(shape, dtype.itemsize, nbytes)
        raw = reader.read(nbytes)
        flat = np.frombuffer(raw, dtype) if raw else np.empty(0, dtype)
        return flat.reshape(shape, order="F" if fortran else "C")
    except Broken as e:
        raise e.error(path, place) from None


def _header(reader: Reader) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    expected = "the header of an npy array"
    if reader.read(6) != MAGIC:
        raise Broken(expected, "something else")
    version = reader.read(2)[0]
    if version not in (1, 2, 3):
        raise Broken("npy version 1, 2 or 3", str(version))
    length = (
        struct.unpack("<H", reader.read(2))[0] if version == 1 else struct.unpack("<I", reader.read(4))[0]
    )
    if length > _MAX_HEADER:
        raise Broken(expected, f"one of {length} bytes")
    text = reader.read(length).decode("utf-8" if version == 3 else "latin1")
    try:
        with unremarked():
            fields = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", text).strip())  # Python 2 wrote (10L, 3L)
            dtype = np.lib.format.descr_to_dtype(fields["descr"])
        fortran, shape = fields["fortran_order"], fields["shape"]
        if not isinstance(fortran, bool) or len(fields) != 3:
            raise ValueError("surplus fields")
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError) as e:
        raise Broken(expected, f"{type(e).__name__} in {text[:60]!r}") from None
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise Broken("the shape of an array", repr(shape)[:60])
    return dtype, fortran, shape


def _write(array: npt.NDArray[Any], file: BinaryIO | Any) -> None:
    if array.dtype.hasobject:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        write_pickle(array, file)
    else:
        np.lib.format.write_array(file, array, allow_pickle=False)
