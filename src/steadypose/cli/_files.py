"""Which files are meant, and where each result goes."""

from __future__ import annotations

import glob
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from steadypose._writing import made_folders, tidy, will_read, will_write
from steadypose.cli._words import STDIO, UsageError, say
from steadypose.errors import ForeignError, FormatError, SteadyposeError

if TYPE_CHECKING:
    from steadypose.sequence import Motion

MARK, LIFTED = ".steady", ".lifted"
MARKS = (MARK, LIFTED)  # of results: a folder or a pattern does not mean them, unless it says so


@dataclass(frozen=True)
class Job:
    """One input and where its result goes.

    Parameters
    ----------
    source
        What is read.
    target
        What is written; None is stdout.
    named
        Whether the user chose the name of the target, so that its suffix says something about the format.
    make_folder
        Whether the folder of the target is made if it is not there.
    label
        What to call the source, where not by its path.
    """

    source: Path
    target: Path | None
    named: bool = False
    make_folder: bool = False
    label: str = ""

    def __str__(self) -> str:
        return f"{self.label or self.source} -> {self.target or 'stdout'}"


def expand(inputs: Iterable[str], format: str | None = None) -> tuple[list[Path], list[Path]]:
    """The pose files that were meant, each once and in order, and what was passed over in folders.

    A folder that is itself a pose file (OpenPose) is one; any other stands for every pose file in it.
    Patterns that the shell left alone are expanded here. What does not exist stays: reading it says so.
    """
    found: dict[Path, None] = {}
    passed_over: list[Path] = []
    for text in inputs:
        matches = [Path(text)]
        if not matches[0].exists() and glob.has_magic(text):
            every = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - the pattern may be absolute
            matches = [Path(m) for m in every if not _result(Path(m), text)]
            if not matches:
                raise FormatError(text, "", "files that match the pattern", "none")
        for path in matches:
            if path.is_dir() and not recognised(path) and format is None:
                inside = [p for p in sorted(path.iterdir()) if p.name[0] != "." and not _result(p)]
                good = [p for p in inside if _meant(p)]
                if not good:
                    raise FormatError(
                        path, "", "pose files in this folder", f"none among {len(inside)} entries"
                    )
                passed_over += [p for p in inside if p not in good]
                found.update(dict.fromkeys(good))
            else:
                found[path] = None
    return list(found), passed_over


def _result(path: Path, asked: str = "") -> bool:
    """Whether a file is the result of an earlier run, and not what was asked for."""
    return any(mark in path.name and mark not in asked for mark in MARKS)


def recognised(path: Path) -> bool:
    """Whether some format recognises the content."""
    from steadypose.io import detect

    try:
        detect(path)
    except FormatError:
        return False
    return True


def _meant(path: Path) -> bool:
    """Whether an entry of a folder is, or was, a pose file: what is damaged is an error, not passed over."""
    from steadypose.io import detect

    try:
        detect(path)
    except ForeignError:
        return False
    except SteadyposeError:
        return True
    return True


def plan(
    sources: Sequence[Path], output: str | None, suffix: str | None = None, mark: str = MARK
) -> list[Job]:
    """Where the result of each input goes.

    Beside the input as ``NAME.steady.SUFFIX`` (or another mark); into another folder under its own name; or,
    for a single input, to the very file that ``output`` names.

    Parameters
    ----------
    sources
        The inputs.
    output
        A file, or a folder (one that exists, one written with a slash at its end, or any if there are several
        inputs); STDIO is stdout.
    suffix
        Of the format asked for; None keeps the input's.
    mark
        What sets the result's name apart.
    """
    if output == STDIO:
        return [Job(s, None) for s in sources]
    sources = [s if s.name not in ("", "..") else s.resolve() for s in sources]  # "." has no name
    if output is None:
        return [Job(s, s.with_name(_name(s, suffix, mark))) for s in sources]
    folder = Path(output)
    if len(sources) == 1 and not output.endswith("/") and not (folder.is_dir() and not recognised(folder)):
        return [Job(sources[0], folder, named=True)]
    jobs = []
    for s in sources:
        same = s.parent.resolve() == folder.resolve()
        jobs.append(Job(s, folder / _name(s, suffix, mark if same else ""), make_folder=True))
    count = Counter(j.target for j in jobs)
    twice = next((target for target, n in count.items() if n > 1), None)
    if twice is not None:
        both = " and ".join(str(j.source) for j in jobs if j.target == twice)
        raise UsageError(f"{both} would both be written to {twice}")
    return jobs


def announce(jobs: Sequence[Job], page: Path | None = None, reads: Iterable[str | Path | None] = ()) -> None:
    """Refuse, before any work, that one of the results touches an input or another result.

    Parameters
    ----------
    page
        A result besides.
    reads
        What is read besides, where it is a file.
    """
    will_read(*(j.source for j in jobs), *(p for p in reads if p is not None and Path(p).exists()))
    will_write(*(t for t in (*(j.target for j in jobs), page) if t is not None))


def left_to_do(jobs: list[Job], page: Path | None = None, *, force: bool, quiet: bool) -> list[Job]:
    """The jobs whose results are not there yet: of a run that was killed, the rest (``--skip-existing``).

    A result that is there is complete. What the killed run has left half done is taken away.
    """
    if force:
        raise UsageError("--force and --skip-existing contradict each other")
    for folder in {j.target.parent.resolve() for j in jobs if j.target is not None}:
        tidy(folder)
    left = [j for j in jobs if not (_is_there(j.target) and (page is None or _is_there(page)))]
    if len(left) < len(jobs):
        say(f"{len(jobs) - len(left)} of {len(jobs)} are there already: skipped", quiet=quiet)
    return left


def _is_there(target: Path | None) -> bool:
    return target is not None and target.exists()


def _name(source: Path, suffix: str | None, mark: str) -> str:
    own = "" if source.is_dir() else source.suffix
    stem = source.name.removesuffix(own)
    return f"{stem}{mark}{own if suffix is None else suffix}"


def write_out(
    streams: Mapping[str, Motion],
    target: Path | None,
    format: str | None,
    force: bool,
    make_folder: bool = False,
) -> None:
    """Write sequences to a file; or to stdout, where the format is one file."""
    from steadypose.io import formats, write

    if target is not None:
        with made_folders(target.parent) if make_folder else nullcontext():
            write(streams, target, format=format, force=force)
        return
    source = next(iter(streams.values())).source
    chosen = format or (source.format if source is not None else "plain")
    suffix = formats()[chosen].suffix
    if source is not None and chosen == source.format:
        suffix = Path(source.path).suffix or suffix  # one format can have several
    if not suffix:
        raise UsageError(
            "this format is a folder, which cannot go to stdout (-o names one, --to another format)"
        )
    with TemporaryDirectory(prefix="steadypose-") as folder:
        data = write(streams, Path(folder) / f"stdout{suffix}", format=format).read_bytes()
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
