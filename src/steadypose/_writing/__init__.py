"""The one door through which files and folders are written.

What comes out of it is complete or is not there:

- It is made in a hidden folder beside the target, flushed to the disk, and takes its name in one step. A kill
  at any instant leaves the old or the new, and the next run takes the hidden folder away.
- Without ``force`` nothing is replaced, not even what appears while it is being made. With ``force`` a file
  keeps the mode that the old one had, and a folder keeps everything that is not replaced.
- Nothing is written to what the call reads, to what it has written, or to what is neither file nor folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from steadypose._writing._call import check_untouched, has_written, one_call, will_read, will_write
from steadypose._writing._disk import CANNOT, exchange, flush, flush_names, take_new
from steadypose._writing._workplace import NEW, OLD, alone, made_folders, tidy, workplace
from steadypose.errors import SteadyposeError

__all__ = [
    "alone",
    "check_target",
    "inside",
    "made_folders",
    "one_call",
    "tidy",
    "will_read",
    "will_write",
    "write_text",
    "writing",
]

Own = Callable[[Path], Collection[str]]


@contextlib.contextmanager
def writing(
    target: str | os.PathLike[str],
    *,
    force: bool = False,
    reads: Iterable[str | os.PathLike[str]] = (),
    own: Own | None = None,
    renew: bool = False,
) -> Iterator[Path]:
    """A path at which to make a file or a folder; it becomes ``target`` only if nothing goes wrong.

    Parameters
    ----------
    target
        Where to. Where it is a link to a file or folder, that is what is written.
    force
        Whether what is there is replaced.
    reads
        What the data came from, besides what the call has said of itself (``will_read``).
    own
        Of a folder that may be replaced: the names in it that belong to what is written there. They are
        replaced, the others stay. Raises SteadyposeError for a folder of something else. None: no folder may.
    renew
        Whether this is written again and again in one call, as checkpoints are.

    Raises
    ------
    SteadyposeError
        If it may not be written, or cannot be; what was there is then still there.
    """
    target = Path(target)
    with _said_of(target):
        place = check_target(target, force=force, reads=reads, own=own)
        with workplace(place.parent) as work:
            made = work / NEW / place.name
            yield made
            if made.is_dir() and place.is_dir():
                _replace_folder(made, place, own, work / OLD / place.name)
            else:
                _take(made, place, target, force)
            flush_names(place.parent)
    if not renew:
        has_written(place)


def write_text(
    target: str | os.PathLike[str],
    text: str,
    *,
    force: bool = False,
    reads: Iterable[str | os.PathLike[str]] = (),
    errors: str = "strict",
) -> None:
    """A file of UTF-8 text with the line ends that the text has, through :func:`writing`."""
    with writing(target, force=force, reads=reads) as made:
        made.write_text(text, "utf-8", errors=errors, newline="\n")


def check_target(
    target: Path,
    *,
    force: bool = False,
    reads: Iterable[str | os.PathLike[str]] = (),
    own: Own | None = None,
) -> Path:
    """Refuse what may not be written, before any work is done; the place that ``target`` really is.

    Parameters as in :func:`writing`.
    """
    with _said_of(target):
        check_untouched(target, reads)
        if not target.parent.is_dir():
            raise SteadyposeError(f"{target}: expected an existing folder, found none at {target.parent}")
        if target.is_symlink() and not target.exists():
            raise SteadyposeError(f"{target}: expected a file or a new name, found a link to nothing")
        if not target.exists():
            return target.resolve()
        if not (target.is_file() or target.is_dir()):
            raise SteadyposeError(f"{target}: expected a file or a new name, found a pipe or a device")
        if not force:
            raise _exists(target)
        if target.is_dir():
            if own is None:
                raise SteadyposeError(f"{target}: expected a file to write, found a folder")
            own(target)
        return target.resolve()


def inside(folder: Path, name: str) -> Path:
    """The path of something by its name in a folder, proven to lie in it.

    Raises
    ------
    SteadyposeError
        If the name leads out of the folder, or to the folder itself.
    """
    path = folder / name
    if folder.resolve() not in path.resolve().parents:
        raise SteadyposeError(f"{name}: expected a name inside {folder}, found one that leads out of it")
    return path


def _take(made: Path, place: Path, target: Path, force: bool) -> None:
    """The name, for a file or a new folder."""
    kinds = ("folder", "file") if made.is_dir() else ("file", "folder")
    if place.exists() and made.is_dir() != place.is_dir():
        raise SteadyposeError(f"{target}: expected a {kinds[0]} to replace, found a {kinds[1]}")
    if force and place.exists():
        _keep_mode(place, made)
        flush(made)
        made.replace(place)
        return
    flush(made)
    try:
        take_new(made, place)
    except FileExistsError:
        raise _exists(target) from None


def _replace_folder(made: Path, place: Path, own: Own | None, aside: Path) -> None:
    """A folder in another's place: what is nobody's own moves over, by hard link where there are such."""
    assert own is not None
    old, new = set(own(place)), set(own(made))
    there = _names(place)
    for name in there:
        if name not in old and name not in new:
            _remove(made / name)
            _carry(place / name, made / name)
    _keep_mode(place, made)
    flush(made)
    left = exchange(made, place, aside)
    for name in _names(left) - there:  # what came while this was being made
        with contextlib.suppress(FileExistsError):
            take_new(left / name, place / name)


def _names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def _carry(source: Path, to: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, to, symlinks=True, copy_function=_link)
    else:
        _link(source, to)


def _link(source: str | Path, to: str | Path) -> str | Path:
    try:
        os.link(source, to, follow_symlinks=False)
    except (OSError, NotImplementedError) as e:
        if isinstance(e, OSError) and e.errno not in {*CANNOT, errno.EXDEV}:
            raise
        shutil.copy2(source, to, follow_symlinks=False)
    return to


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _keep_mode(old: Path, made: Path) -> None:
    """Who may read and write it is as it was; whose it is too, where the system lets one give it away."""
    status = old.stat()
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):
            os.chown(made, status.st_uid, status.st_gid)
    made.chmod(stat.S_IMODE(status.st_mode))


def _exists(target: Path) -> SteadyposeError:
    return SteadyposeError(f"{target}: exists already (--force replaces it)")


@contextlib.contextmanager
def _said_of(target: Path) -> Iterator[None]:
    """What goes wrong while writing, said of the target in one line."""
    try:
        yield
    except SteadyposeError:
        raise
    except OSError as e:
        raise SteadyposeError(f"{target}: could not be written: {e.strerror or e}") from None
    except Exception as e:  # of a library that writes
        reason = " ".join(str(e).split()) or type(e).__name__
        raise SteadyposeError(f"{target}: could not be written: {reason}") from e
