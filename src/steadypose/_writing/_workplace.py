"""A hidden folder beside the target, in which everything is made before it takes its name.

Whoever uses one holds a lock on it, which the system takes away with the process. So a hidden folder that is
not locked is what a killed process has left, and the next one that writes beside it takes it away.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from steadypose.errors import SteadyposeError

try:
    import fcntl
except ImportError:  # Windows: leftovers stay
    fcntl = None  # type: ignore[assignment]

NEW, OLD = "new", "old"  # folders in it: of what is being made, and of what was set aside
_PREFIX = ".steadypose-"
_NAME = re.compile(re.escape(_PREFIX) + "[0-9a-f]{12}")
_tidied: set[Path] = set()


@contextlib.contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """A hidden folder of one's own in ``folder``, which is gone afterwards."""
    tidy(folder)
    place, lock = _locked(folder)
    try:
        for name in (NEW, OLD):
            (place / name).mkdir()
        yield place
    finally:
        _clear(place)
        if lock is not None:
            os.close(lock)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """The folder is this process's, or call's, alone; where the system has no locks, this is not checked.

    Raises
    ------
    SteadyposeError
        If another one has it.
    """
    with made_folders(folder):
        try:
            lock = _lock(folder, wait=False)
        except BlockingIOError:
            raise SteadyposeError(
                f"{folder}: expected a free folder, found another run at work in it"
            ) from None
        try:
            yield
        finally:
            if lock is not None:
                os.close(lock)


@contextlib.contextmanager
def made_folders(folder: Path) -> Iterator[None]:
    """The folder is there, with those above it; what was made for it goes again if nothing comes of it."""
    new = []
    for one in (folder, *folder.parents):
        if one.exists():
            break
        new.append(one)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for one in new:
            with contextlib.suppress(OSError):  # something else came into it
                one.rmdir()
        raise


def tidy(folder: Path) -> None:
    """Take away what killed processes have left in a folder, once a process; what is locked stays."""
    if folder in _tidied:
        return
    _tidied.add(folder)
    try:
        with os.scandir(folder) as entries:
            left = [e.name for e in entries if _NAME.fullmatch(e.name) and e.is_dir(follow_symlinks=False)]
    except OSError:  # a folder that may be written to but not looked into
        return
    for name in left:
        with contextlib.suppress(OSError):  # another process is at work in it, or it is somebody else's
            lock = _lock(folder / name, wait=False)
            if lock is not None:
                _clear(folder / name)
                os.close(lock)


def _locked(folder: Path) -> tuple[Path, int | None]:
    """A new workplace and the lock on it; None where the system has no locks."""
    while True:
        place = folder / f"{_PREFIX}{uuid.uuid4().hex[:12]}"
        place.mkdir(mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            lock = _lock(place, wait=True)
            if place.exists():
                return place, lock
            if lock is not None:
                os.close(lock)
        # Another process took it for a leftover before it was locked.


def _lock(place: Path, *, wait: bool) -> int | None:
    """A lock on a folder; None where there are no locks; BlockingIOError if another one has it."""
    if fcntl is None:
        return None
    handle = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:
        os.close(handle)
        return None
    return handle


def _clear(place: Path) -> None:
    """Take a workplace away; what was set aside and not replaced goes back first."""
    try:
        for one in (place / OLD).iterdir():
            if not os.path.lexists(place.parent / one.name):
                one.rename(place.parent / one.name)
    except FileNotFoundError:  # killed before it was made
        pass
    except OSError:
        return
    shutil.rmtree(place, ignore_errors=True)
