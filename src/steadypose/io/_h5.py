"""HDF5 files opened with care: damaged ones, and ones that reach for other files, end in a FormatError."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from steadypose.errors import MissingExtraError, SteadyposeError
from steadypose.io._bounded import ALWAYS_ALLOWED, RATIO
from steadypose.io._probe import Probe

MAGIC = b"\x89HDF\r\n\x1a\n"
# What h5py raises, depending on where in a damaged file it stumbles.
_STUMBLES = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError)


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("an HDF5 file", "formats") from None
    return h5py


@contextmanager
def opened(probe: Probe) -> Iterator[Any]:
    """The file, read-only; anything that h5py stumbles over becomes a FormatError."""
    h5py = _h5py()
    if not probe.head.startswith(MAGIC):
        raise probe.error("byte 0", "an HDF5 file", repr(probe.head[:8]))
    try:
        with h5py.File(probe.path, "r") as file:
            yield file
    except SteadyposeError:
        raise
    except _STUMBLES as e:
        raise probe.error("", "an undamaged HDF5 file", f"{type(e).__name__}: {e}") from None


def names(probe: Probe) -> set[str]:
    """Names of what is at the top of the file; empty if it is not HDF5 or h5py is not there. Never raises."""
    if not probe.head.startswith(MAGIC):
        return set()
    try:
        with _h5py().File(probe.path, "r") as file:
            return set(file)
    except (MissingExtraError, *_STUMBLES):
        return set()


def dataset(probe: Probe, group: Any, name: str) -> Any:
    """A dataset that lies in the file itself and is not absurdly larger than it.

    Raises
    ------
    FormatError
        If it is not there, refers to another file, or unfolds to far more than the file's size.
    """
    h5py = _h5py()
    found = group.get(name)
    if not isinstance(found, h5py.Dataset):
        raise probe.error(name, "a dataset", "none" if found is None else "a group")
    if found.external or found.is_virtual or Path(found.file.filename) != probe.path:
        raise probe.error(name, "a dataset in the file", "data in another file")
    size = int(np.prod([int(n) for n in found.shape or (0,)], dtype=object)) * found.dtype.itemsize
    if size > max(ALWAYS_ALLOWED, RATIO * probe.path.stat().st_size):
        raise probe.error(name, "a dataset in proportion to its file", f"shape {found.shape}")
    return found


def texts(probe: Probe, group: Any, name: str) -> list[str]:
    """A dataset of strings."""
    values = np.ravel(dataset(probe, group, name)[()])
    return [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in values.tolist()]


@contextmanager
def copied(data: bytes, target: Path) -> Iterator[Any]:
    """A copy of a file, open for changing some of it in memory: HDF5 itself ends badly on a full disk.

    Raises
    ------
    SteadyposeError
        If the file is damaged in a place that shows only now.
    """
    copy = io.BytesIO(data)
    try:
        with _h5py().File(copy, "r+") as file:
            yield file
    except (RuntimeError, KeyError) as e:
        raise SteadyposeError(f"the HDF5 file that was read is damaged and cannot be changed: {e}") from None
    target.write_bytes(copy.getvalue())


@contextmanager
def created(target: Path) -> Iterator[Any]:
    """A new file, made in memory."""
    made = io.BytesIO()
    with _h5py().File(made, "w") as file:
        yield file
    target.write_bytes(made.getvalue())
