"""HDF5 files from strangers: only what lies in the file itself is read, and no more than its size allows.

A file may name other files (external links, external storage, virtual datasets), refer to itself, state
shapes and chunks that it does not fill, and let many strings share one piece of memory. So every step is by
hard link, and every dataset and attribute is measured, as what it will become, before it is read.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.errors import MissingExtraError, SteadyposeError
from steadypose.io._bounded import Broken, Budget
from steadypose.io._probe import Probe

MAGIC = b"\x89HDF\r\n\x1a\n"
# What h5py raises, depending on where in a damaged file it stumbles.
_STUMBLES = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, AttributeError)
_OBJECT = 64  # bytes that Python needs for a short text, beside the text
_DEFLATE, _LZF = 1, 32000
_FILTERS = {_DEFLATE: "deflate", 2: "shuffle", 3: "fletcher32", _LZF: "lzf"}
_MOST_FOLDED = 1032  # bytes that deflate makes of one at most


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("an HDF5 file", "formats") from None
    return h5py


class Group:
    """What is in a group of a file.

    Parameters
    ----------
    probe
        The file.
    group
        Of h5py.
    place
        Its name, for messages; empty for the file itself.
    budget
        What may still be read of the file.
    """

    def __init__(self, probe: Probe, group: Any, place: str, budget: Budget) -> None:
        self._probe, self._group, self._place, self._budget = probe, group, place, budget

    def names(self) -> list[str]:
        """Names of what is in it."""
        return list(self._group)

    def __contains__(self, name: str) -> bool:
        return bool(self._group.id.links.exists(name.encode()))

    def is_group(self, name: str) -> bool:
        """Whether there is a group of that name, in the file itself."""
        return self._hard(name) and isinstance(self._group[name], _h5py().Group)

    def group(self, name: str) -> Group:
        """The group of that name; raises FormatError if there is none."""
        if not self.is_group(name):
            raise self._error(name, "a group", self._found(name))
        return Group(self._probe, self._group[name], self._at(name), self._budget)

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """The numbers of a dataset, or its rows of numbers and texts of fixed length.

        Raises
        ------
        FormatError
            If it is not there, holds anything else, refers to another file, or becomes far more than the
            file's size.
        """
        dataset = self._dataset(name)
        if dataset.dtype.hasobject:
            raise self._error(name, "numbers", str(dataset.dtype))
        return np.asarray(dataset[()])

    def texts(self, name: str) -> list[str]:
        """A dataset of texts; raises FormatError as :meth:`numbers` does."""
        dataset = self._dataset(name)
        kind = _h5py().check_string_dtype(dataset.dtype)
        if dataset.dtype.hasobject and kind is None:
            raise self._error(name, "texts", str(dataset.dtype))
        values = (
            self._long_texts(name, dataset) if dataset.dtype.hasobject else np.ravel(dataset[()]).tolist()
        )
        return [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in values]

    def attribute(self, name: str, of: str = "") -> Any:
        """A single text or number that is tied to the group, or to the dataset ``of`` in it; None without."""
        if of and not self._hard(of):
            return None
        attributes = (self._group[of] if of else self._group).attrs
        if name not in attributes:
            return None
        found = attributes.get_id(name)
        place = f"{of}:{name}" if of else name
        if found.shape != () or (found.dtype.hasobject and not _h5py().check_string_dtype(found.dtype)):
            raise self._error(place, "one text or number", f"{found.dtype} of shape {found.shape}")
        self._take(place, self._size if found.dtype.hasobject else found.dtype.itemsize)
        return attributes[name]

    @property
    def _size(self) -> int:
        return self._probe.path.stat().st_size

    def _at(self, name: str) -> str:
        return f"{self._place}/{name}" if self._place else name

    def _error(self, name: str, expected: str, found: str) -> SteadyposeError:
        return self._probe.error(self._at(name), expected, found)

    def _hard(self, name: str) -> bool:
        """Whether something of that name lies in the file itself: links elsewhere are not followed."""
        return "/" not in name and isinstance(self._group.get(name, getlink=True), _h5py().HardLink)

    def _found(self, name: str) -> str:
        if name not in self:
            return "none"
        return "something else" if self._hard(name) else "a link to another file or place"

    def _take(self, name: str, size: int) -> None:
        try:
            self._budget.take(size)
        except Broken as e:
            raise e.error(self._probe.path, self._at(name)) from None

    def _dataset(self, name: str) -> Any:
        """A dataset that can be read as a whole, which is counted."""
        if not self._hard(name) or not isinstance(found := self._group[name], _h5py().Dataset):
            raise self._error(name, "a dataset", self._found(name))
        if found.external or found.is_virtual:
            raise self._error(name, "a dataset in the file", "data in another file")
        items = math.prod(found.shape or ())
        kind = found.dtype
        each = max(8, kind.itemsize) if kind.kind in "fiub" else kind.itemsize + _OBJECT
        self._take(name, items * each if found.shape is not None else 0)
        if found.chunks is not None and items:
            self._check_chunks(name, found)
        return found

    def _check_chunks(self, name: str, dataset: Any) -> None:
        """The library makes room for whole chunks, and for all that a packed one unfolds to."""
        plan = dataset.id.get_create_plist()
        filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
        if not set(filters) <= set(_FILTERS) or len(set(filters)) < len(filters):
            raise self._error(name, f"data packed by {', '.join(_FILTERS.values())}", f"filters {filters}")
        chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize
        if filters and dataset.id.get_num_chunks():
            self._budget.check(chunk)
        if _DEFLATE not in filters:
            return
        for i in range(dataset.id.get_num_chunks()):
            info = dataset.id.get_chunk_info(i)
            if self._budget.allows(info.size * _MOST_FOLDED):
                continue
            packed = dataset.id.read_direct_chunk(info.chunk_offset)[1]
            unpacker = zlib.decompressobj()
            made = len(unpacker.decompress(packed, chunk + 64))  # and a checksum
            if not unpacker.eof:
                raise self._error(name, f"chunks of {chunk} bytes", f"one that unfolds to more than {made}")

    def _long_texts(self, name: str, dataset: Any) -> list[Any]:
        """Texts of any length, a few at a time: many of them may be one and the same long one."""
        flat: list[Any] = []
        size = self._size  # no text is longer than the file
        if not dataset.shape:
            self._take(name, size)
            return [dataset[()]]
        if len(dataset.shape) > 1:
            raise self._error(name, "a list of texts", f"shape {dataset.shape}")
        while len(flat) < len(dataset):
            some = dataset[len(flat) : len(flat) + max(1, self._budget.left // (2 * size))].tolist()
            self._take(name, sum(len(text) for text in some))
            flat += some
        return flat


@contextmanager
def opened(probe: Probe) -> Iterator[Group]:
    """The file, read-only; anything that h5py stumbles over becomes a FormatError."""
    h5py = _h5py()
    if not probe.head.startswith(MAGIC):
        raise probe.error("byte 0", "an HDF5 file", repr(probe.head[:8]))
    if _has_driver_block(probe.head):
        raise probe.error("superblock", "an HDF5 file of one piece", "a block of driver information")
    try:
        with h5py.File(probe.path, "r") as file:
            yield Group(probe, file, "", Budget(probe.path.stat().st_size))
    except SteadyposeError:
        raise
    except Broken as e:
        raise e.error(probe.path, "") from None
    except _STUMBLES as e:
        raise probe.error("", "an undamaged HDF5 file", f"{type(e).__name__}: {e}") from None


def _has_driver_block(head: bytes) -> bool:
    """Whether the library would read one: files of several pieces have it, of a stated size of up to 4 GB.

    Layout: HDF5 file format specification, II.A, superblocks of version 0 and 1.
    """
    if len(head) < 14 or head[8] > 1:
        return False
    version, width = head[8], head[13]
    at = 24 + 4 * version + 3 * width  # behind the base, free space and the end of the file
    return head[at : at + width] != b"\xff" * width


def names(probe: Probe) -> set[str]:
    """Names of what is at the top of the file; empty if it is not HDF5 or h5py is not there. Never raises."""
    if not probe.head.startswith(MAGIC):
        return set()
    try:
        with opened(probe) as file:
            return set(file.names())
    except SteadyposeError:
        return set()


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
