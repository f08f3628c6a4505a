"""What only the system can promise: that bytes are on the disk, and that a name is taken in one step."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

_HERE, _NO_REPLACE, _EXCHANGE = -100, 1, 2  # AT_FDCWD, RENAME_NOREPLACE, RENAME_EXCHANGE of Linux
# What a kernel or a file system answers that does not know a call, or has no hard links.
CANNOT = frozenset((errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK))
_MANY = 16  # files, from which on flushing the whole file system is the faster way


def take_new(made: Path, name: Path) -> None:
    """Give a file or folder a name that nothing has.

    Where the system cannot rename without replacing, a hard link does the same for a file. Where there are no
    hard links either, a warning says what may happen.

    Raises
    ------
    FileExistsError
        If something has the name, even if it appeared only now.
    """
    if _rename(made, name, _NO_REPLACE):
        return
    if not made.is_dir():
        try:
            os.link(made, name)
        except OSError as e:
            if e.errno not in CANNOT:
                raise
        else:
            made.unlink()
            return
    if os.path.lexists(name):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(name))
    if not made.is_dir():  # a folder replaces nothing but an empty folder
        warnings.warn(
            f"{name}: this file system can neither rename without replacing nor link: a file that appears "
            "there at the same instant is replaced",
            RuntimeWarning,
            stacklevel=2,
        )
    made.rename(name)


def exchange(made: Path, name: Path, aside: Path) -> Path:
    """Let two folders exchange names, in one step, and return where the old one is then.

    Where the system cannot, the old one is set aside first, and a warning says so: a kill between the two
    steps leaves it there.
    """
    if _rename(made, name, _EXCHANGE):
        return made
    warnings.warn(
        f"{name}: this file system cannot exchange folders in one step: a kill now would leave the old one "
        f"in {aside.parent}, and the next run puts it back",
        RuntimeWarning,
        stacklevel=2,
    )
    name.rename(aside)
    try:
        made.rename(name)
    except BaseException:
        aside.rename(name)
        raise
    return aside


def flush(path: Path) -> None:
    """Wait until a file, or a folder and all that is in it, is on the disk.

    Raises
    ------
    OSError
        If it cannot be: the disk is full, or broken.
    """
    if not path.is_dir() or path.is_symlink():
        _flush_one(path)
        return
    files, folders = [], []
    for root, _, names in os.walk(path):
        folders.append(Path(root))
        files += [p for name in names if (p := Path(root, name)).is_file() and not p.is_symlink()]
    if len(files) < _MANY or not _flush_file_system(path):
        for one in (*files, *reversed(folders)):
            _flush_one(one)


def flush_names(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system lets one ask for it."""
    try:
        _flush_one(folder)
    except OSError as e:
        if e.errno not in {*CANNOT, errno.EACCES}:  # a folder that may be written to but not looked into
            raise


def _flush_one(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # which has no such thing for folders
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_file_system(path: Path) -> bool:
    """Whether the system could do it in one go; thousands of files would each wait for the disk."""
    flush_all = _function("syncfs")
    if flush_all is None:
        return False
    handle = os.open(path, os.O_RDONLY)
    try:
        if flush_all(handle):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(path))
    finally:
        os.close(handle)
    return True


def _rename(old: Path, new: Path, how: int) -> bool:
    """Whether the system has renamed; False if it cannot do so in this way."""
    rename = _function("renameat2")
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(old), _HERE, os.fsencode(new), ctypes.c_uint(how)) == 0:
        return True
    code = ctypes.get_errno()
    if code in CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(old), None, str(new))


@cache
def _function(name: str) -> Callable[..., Any] | None:
    """A function of Linux's C library that Python does not offer; None where there is none."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), name, None)
