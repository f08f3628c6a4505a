"""What one call reads and writes: nothing that is read is written to, and nothing is written twice."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path

from steadypose.errors import SteadyposeError


class Paths:
    """Files and folders, known by what they are and by where they lie, whatever they are called."""

    def __init__(self, paths: Iterable[str | os.PathLike[str]] = ()) -> None:
        self._ids: set[tuple[int, int]] = set()
        self._places: set[Path] = set()
        self._above: set[Path] = set()
        for path in paths:
            self.add(path)

    def add(self, path: str | os.PathLike[str]) -> None:
        """One more."""
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # a loop of links, a name too long …
            place = Path(path).resolve()
            self._places.add(place)
            self._above.update(place.parents)
            self._ids.add(_id(place))

    def same(self, path: Path) -> bool:
        """Whether the path is one of them."""
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            if path.resolve() in self._places:
                return True
            return _id(path) in self._ids
        return False

    def touched_by(self, target: Path) -> str | None:
        """What writing ``target`` would do to one of them; None if nothing."""
        if self.same(target):
            return "is the file that was read"
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            place = target.resolve()
            if place in self._above and target.exists():
                return "holds the file that was read"
            if any(p in self._places and p.is_dir() for p in place.parents):
                return "lies in the folder that was read"
        return None


class _Call:
    def __init__(self) -> None:
        self.reads, self.planned, self.written = Paths(), Paths(), Paths()


_current: ContextVar[_Call | None] = ContextVar("call", default=None)


@contextlib.contextmanager
def one_call() -> Iterator[None]:
    """All that is read and written until the end belongs together, as in one run of the command line."""
    token = _current.set(_Call())
    try:
        yield
    finally:
        _current.reset(token)


def will_read(*paths: str | os.PathLike[str]) -> None:
    """Nothing in this call is written to these files and folders any more."""
    call = _current.get()
    if call is not None:
        for path in paths:
            call.reads.add(path)


def will_write(*paths: Path) -> None:
    """Refuse outputs that touch what the call reads, or each other, before any work is done.

    Raises
    ------
    SteadyposeError
        Naming the output.
    """
    call = _current.get() or _Call()
    for path in paths:
        check_untouched(path)
        if call.planned.same(path):
            raise SteadyposeError(f"{path}: expected another name for every output, found one for two")
        call.planned.add(path)


def check_untouched(target: Path, reads: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Refuse a target that touches ``reads``, or what this call reads, or has written already.

    Raises
    ------
    SteadyposeError
        Saying what writing there would do.
    """
    call = _current.get() or _Call()
    touched = Paths(reads).touched_by(target) or call.reads.touched_by(target)
    if touched is not None:
        raise SteadyposeError(f"{target}: {touched}; steadypose never touches its input")
    if call.written.same(target):
        raise SteadyposeError(f"{target}: expected another name for every output, found one for two")


def has_written(target: Path) -> None:
    """Nothing else in this call is written there."""
    call = _current.get()
    if call is not None:
        call.written.add(target)


def _id(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
