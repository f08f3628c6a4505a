"""What may come of an input: a result, or one line that says what is wrong; in bounded time and memory.

Nothing else: no other exception, no warning, nothing on stderr, no file that was not asked for, and the input
is as it was.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from fuzz_archives import OUTSIDE
from fuzz_targets import Target
from fuzz_uses import Differs

import steadypose as sp

SECONDS = 5.0  # of processor time an input; all are small
MEMORY = 512  # MiB by which an input may raise the most that was ever needed
LONGEST = 2500  # characters of a message, beside the path
SOURCE = str(Path(sp.__file__).parent)
# What may be done to the rest of the machine by calls of Python; "open" is looked at more closely.
ACTS = ("os.", "shutil.", "subprocess.", "socket.", "pty.", "webbrowser.", "ftplib.", "urllib.")
HARMLESS = (
    "os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.getxattr", "os.listxattr", "os.putenv",
    "os.unsetenv", "shutil.rmtree", "os.add_dll_directory",
)  # fmt: skip


class Slow(BaseException):
    """Too long; no handler of ordinary exceptions catches it."""


@dataclass(frozen=True)
class Finding:
    """Something that may not be.

    Parameters
    ----------
    kind
        "exception", "message", "warning", "stderr", "slow", "memory", "files", "input" or "differs"; and, of
        processes that ended, "crash" or "hang".
    where
        Together with the kind the name of the fault: findings that share both are one.
    text
        What was seen.
    """

    kind: str
    where: str
    text: str


def improper(message: str) -> str | None:
    """What is wrong with a refusal; None if nothing."""
    if "\n" in message or "\r" in message:
        return "several lines"
    if not message.isprintable():
        return "characters that are not printable"
    if len(message) > LONGEST:
        return "a very long line"
    if "MemoryError" in message or "RecursionError" in message:
        return "memory or the stack ran out"
    return None


class Judge:
    """Gives inputs to targets, in a folder of its own.

    Parameters
    ----------
    root
        An empty folder; inputs lie a few levels deeper, so that climbing out of them is seen.
    watched
        Whether this process is there for nothing else: then its stderr and all that it opens are watched too.
    """

    def __init__(self, root: Path, watched: bool = False) -> None:
        self.root, self.place = root, root / "a" / "b"
        self.results = self.place / "results"
        self.results.mkdir(parents=True)
        Path(OUTSIDE).mkdir(exist_ok=True)
        self.acts: list[str] = []
        self.watching = False
        self.watched = watched
        self.stderr = 0
        signal.signal(signal.SIGPROF, self._late)
        if watched:
            self._log = os.open(root / "stderr", os.O_RDWR | os.O_CREAT | os.O_APPEND)
            os.dup2(self._log, 2)
            sys.addaudithook(self._audit)

    def __call__(self, target: Target, data: bytes, decisions: str) -> tuple[str, Finding | None]:
        """What came of an input: "read" or "refused", and what may not be."""
        path = self.place / f"in{target.suffix or '.zip'}"
        path.write_bytes(data)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.acts.clear()
        outcome, finding = "read", None
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            for module in ("ezc3d", "tables"):
                warnings.filterwarnings("ignore", category=DeprecationWarning, module=module)
            signal.setitimer(signal.ITIMER_PROF, SECONDS, SECONDS)
            self.watching = True
            try:
                target.use(path, self.results, Random(decisions))
            except sp.SteadyposeError as e:
                outcome = "refused"
                wrong = improper(str(e).replace(str(self.place), ""))
                finding = wrong and Finding("message", f"{wrong[:40]} {_where(e)}", str(e)[:3000])
            except Differs as e:
                finding = Finding("differs", str(e)[:60], str(e))
            except Slow as e:
                finding = Finding("slow", _where(e), _trace(e))
            except Exception as e:
                finding = Finding("exception", f"{type(e).__name__} {_where(e)}", _trace(e))
            finally:
                self.watching = False
                signal.setitimer(signal.ITIMER_PROF, 0)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        if finding is None and said:
            w = said[0]
            finding = Finding(
                "warning",
                f"{w.category.__name__} {Path(w.filename).name}",
                f"{w.filename}:{w.lineno} {w.message}",
            )
        if finding is None and grown > MEMORY:
            finding = Finding("memory", "", f"{grown:.0f} MiB more")
        finding = finding or self._traces(path, data)
        self._clean()
        return outcome, finding

    def _traces(self, path: Path, data: bytes) -> Finding | None:
        """What was left behind, beside what was asked for."""
        if path.read_bytes() != data:
            return Finding("input", "", "the input was changed")
        found = sorted(p.name for d in (self.root, self.root / "a", self.place) for p in d.iterdir())
        strange = set(found) - {"a", "b", "stderr", "results", path.name, "in"}
        strange |= {p.name for p in self.results.iterdir() if p.stem != "out"}
        strange |= {p.name for p in Path(OUTSIDE).iterdir()}
        if strange:
            return Finding("files", "", f"left behind: {sorted(strange)[:5]}")
        if self.acts:
            return Finding("files", self.acts[0].split()[0], f"did {self.acts[:5]}")
        if self.watched and (size := os.fstat(self._log).st_size) > self.stderr:
            text = os.pread(self._log, 500, self.stderr).decode(errors="replace")
            self.stderr = size
            return Finding("stderr", text[:40], text)
        return None

    def _clean(self) -> None:
        """Take away what the input left."""
        for top in (self.place, Path(OUTSIDE)):
            for folder, folders, files in os.walk(top, topdown=False):
                for name in files:
                    (Path(folder) / name).unlink()
                for name in folders:
                    if (folder, name) != (str(self.place), "results"):
                        (Path(folder) / name).rmdir()

    def _late(self, *_: Any) -> None:
        raise Slow

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.watching:
            return
        if event == "open":
            name, _, flags = (*arguments, None, None)[:3]
            if isinstance(name, int) or not flags or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
            self._act(event, name)
        elif event.startswith(ACTS) and event not in HARMLESS:
            name, *others = arguments or ("",)
            folder = others[-1] if others and event != "os.open" else -1  # a descriptor, or -1 for none
            if isinstance(folder, int) and folder >= 0 and not os.path.isabs(os.fsdecode(name)):  # noqa: PTH117
                name = Path(f"/proc/self/fd/{folder}").readlink() / os.fsdecode(name)
            self._act(event, name)

    def _act(self, event: str, name: Any) -> None:
        """Note what is done to anything outside the folder of results."""
        text = os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else str(name)
        if not os.path.realpath(text).startswith((str(self.place), "/dev/null")) and not isinstance(
            name, int
        ):
            self.acts.append(f"{event} {text}"[:200])


def _where(error: BaseException) -> str:
    """The innermost function of steadypose in a traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(SOURCE)]
    return f"{frames[-1].filename[len(SOURCE) + 1 :]}:{frames[-1].name}" if frames else ""


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-3000:]
