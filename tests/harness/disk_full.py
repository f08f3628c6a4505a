"""Every format is written onto a disk that ends: nothing is left, what was there stays, and one line says so.

    python tests/harness/disk_full.py                       three formats, in seconds
    python tests/harness/disk_full.py --formats all --sizes 12 --output tests/harness/results

The disk is a small tmpfs where this process may mount one, and a limit on the size of files (RLIMIT_FSIZE),
at which the system refuses to write on in the same way. What is written is the sample of the format that the
tests read, with other coordinates, and a new file.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "io"))
warnings.filterwarnings("ignore")

from counting import contents, report  # noqa: E402
from io_samples import candidates, sample, suffix  # noqa: E402

import steadypose as sp  # noqa: E402
from steadypose.cli import main as steadypose  # noqa: E402

FEW = ("trc", "c3d", "deeplabcut-h5")
PAGE = 4096


def main() -> int:
    """Write, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--formats", nargs="+", default=FEW, help="names, or all")
    parser.add_argument("--sizes", type=int, default=3, help="of the disk, for every file")
    parser.add_argument("--output", type=Path, help="a folder for disk_full.json and disk_full.md")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # the disk is unmounted then
    names = list(sp.formats()) if options.formats == ["all"] else options.formats
    found: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory(prefix="full-") as made, _small_disk() as disk:
        for name in names:
            found[name] = Counter()
            for source in _sources(name, Path(made)):
                found[name].update(_fill(name, source, options.sizes, disk))
    sizes = "a tmpfs and limits on the size of files" if disk else "limits on the size of files"
    about = (
        f"Files written onto a disk that ends ({sizes}; `python tests/harness/disk_full.py --formats "
        f"{' '.join(options.formats)} --sizes {options.sizes}`)."
    )
    return 0 if report("disk_full", about, found, options.output) else 1


@contextlib.contextmanager
def _small_disk() -> Iterator[Path | None]:
    """A disk of 8 MiB, where one may be mounted."""
    place = Path(tempfile.mkdtemp(prefix="full-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    try:
        yield place if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


def _sources(name: str, folder: Path) -> Iterator[Path]:
    """The tests' sample of a format, and a new file."""
    yield sample(name, folder, f"sample-{name}")
    for n, motion in enumerate(candidates()):
        with contextlib.suppress(sp.SteadyposeError):
            yield sp.write(motion, folder / f"new-{name}-{n}{suffix(name)}", format=name)
            return


def _fill(name: str, source: Path, sizes: int, disk: Path | None) -> Counter[str]:
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="full-") as place:
        whole = Path(place) / f"whole{source.suffix}"
        arguments = ["refine", str(source), "-m", "gaussian", "-q", "--fps", "30", "-o"]
        code, said = _child([*arguments, str(whole)], lambda: None)
        if code:
            raise SystemExit(f"{name}: {said}")
        meant = contents(whole)
        size = max(len(data) for data in meant.values())
        for i in range(sizes):
            limit = (2 * i + 1) * size // (2 * sizes)
            for force in (False, True):
                here = Path(place) / "limited"
                counts.update(_attempt(arguments, here / whole.name, force, meant, lambda n=limit: _limit(n)))
                if disk is not None:
                    free = i * (_size(meant) + PAGE) // sizes
                    there = disk / "d" / whole.name
                    counts.update(_attempt(arguments, there, force, meant, lambda n=free: _ballast(disk, n)))
                    (disk / "ballast").unlink(missing_ok=True)
    return counts


def _attempt(
    arguments: list[str], target: Path, force: bool, meant: dict[str, bytes], prepare: Callable[[], None]
) -> Counter[str]:
    """One write onto a disk that ends."""
    target.parent.mkdir()
    if force:
        _old(target, meant)
    old = contents(target)
    code, said = _child([*arguments, str(target), *(["--force"] if force else [])], prepare)
    now = contents(target)
    counts = Counter({"written": code == 0, "refused": code == 1})
    complete = now.keys() == meant.keys() and _size(now) >= _size(meant) - 64  # HDF5 is never the same twice
    counts["wrong: lost"] += not complete if code == 0 else now != old
    counts["wrong: left"] += any(p != target for p in target.parent.iterdir())
    counts["wrong: said"] += code not in (0, 1) or said.count("\n") != code
    shutil.rmtree(target.parent)
    return counts


def _size(files: dict[str, bytes]) -> int:
    return sum(map(len, files.values()))


def _old(target: Path, meant: dict[str, bytes]) -> None:
    if list(meant) == ["."]:
        target.write_text("old")
        return
    target.mkdir()
    for name in meant:
        (target / name).write_text('{"people": []}')


def _limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _ballast(disk: Path, free: int) -> None:
    """Leave so many bytes of the disk, in whole pages."""
    status = os.statvfs(disk)
    with (disk / "ballast").open("wb") as f:
        f.write(b"\0" * max(0, status.f_bavail * status.f_bsize - free))


def _child(arguments: list[str], prepare: Callable[[], None]) -> tuple[int, str]:
    """The command line in a process of its own; its exit code and what it said on stderr."""
    ear, mouth = os.pipe()
    pid = os.fork()
    if not pid:
        os.dup2(mouth, 2)
        os.close(ear)
        sys.stderr = os.fdopen(2, "w")  # the stream of before may take itself for a file, and seek
        try:
            prepare()
            code = steadypose(arguments)
        except BaseException as e:
            print(type(e).__name__, e, file=sys.stderr)
            code = 99
        sys.stderr.flush()
        os._exit(code)
    os.close(mouth)
    with os.fdopen(ear, encoding="utf-8", errors="replace") as f:
        said = f.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


if __name__ == "__main__":
    sys.exit(main())
