"""Options that several commands share: what a user can say about a file that the file does not say itself."""

from __future__ import annotations

import difflib
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from steadypose._toml import read_toml
from steadypose._writing import will_read
from steadypose.cli._words import STDIO, UsageError
from steadypose.errors import SteadyposeError

if TYPE_CHECKING:
    from steadypose.sequence import Motion, Unit

READING = Group(
    "About the input", help="Only where the file does not say it, or says it wrongly.", sort_key=3
)
OUTPUT = Group("Output", sort_key=0)


def known(what: str, names: Callable[[], Iterable[str]]) -> Callable[[Any, Any], None]:
    """A validator that refuses names which do not exist and says what was probably meant."""

    def validate(type_: Any, value: Any) -> None:
        if value is None:
            return
        allowed = list(names())
        if value not in allowed:
            close = difflib.get_close_matches(str(value), allowed, n=1, cutoff=0.6)
            hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(allowed)}."
            raise ValueError(f"No {what} has that name. {hint}")

    return validate


def format_names() -> list[str]:
    """Names of all formats."""
    from steadypose.io import formats

    return list(formats())


def formats_help() -> str:
    """The list of formats at the end of a command's help."""
    return textwrap.fill(f"Formats: {', '.join(format_names())}.", 78, subsequent_indent="  ")


def layout_names() -> list[str]:
    """Names of all keypoint layouts, parts before whole bodies made of them."""
    from steadypose._layouts import layouts

    return sorted(layouts(), key=lambda name: ("+" in name, name))


def unit_names() -> list[str]:
    """Names of all units."""
    from typing import get_args

    from steadypose.sequence import Unit

    return list(get_args(Unit))


FormatName = Annotated[str | None, Parameter(validator=known("format", format_names))]
Flag = Annotated[bool, Parameter(negative="", show_default=False)]
Force = Annotated[Flag, Parameter(name=["--force", "-f"], group=OUTPUT)]
SkipExisting = Annotated[Flag, Parameter(group=OUTPUT)]
Quiet = Annotated[Flag, Parameter(name=["--quiet", "-q"], group=OUTPUT)]
Json = Annotated[Flag, Parameter(group=OUTPUT)]
LayoutName = Annotated[str | None, Parameter(validator=known("keypoint layout", layout_names))]


@Parameter(name="*", group=READING)
@dataclass(frozen=True)
class Reading:
    """How to read the input."""

    format: FormatName = None
    "Its format, where the content is not recognised."

    fps: Annotated[float | None, Parameter(validator=Number(gt=0))] = None
    "Frames per second. Default: the file's own times, else 30."

    skeleton: LayoutName = None
    "Its keypoint layout (coco17, body25, mediapipe33 …), where keypoints have no names."

    unit: Annotated[str | None, Parameter(validator=known("unit", unit_names))] = None
    "Its unit: px, normalized, m, cm or mm."

    columns: str | None = None
    "For long-csv: a TOML file, or pairs such as frame=Frame,keypoint=marker,x=X,y=Y."

    keep_zeros: Flag = False
    "Keypoints exactly at zero (or -1) are there. Default: missing, where they cannot have been there."

    def read(self, path: Path, stream: str | None = None) -> dict[str, Motion]:
        """All sequences of a file (or only the one asked for), the main one first."""
        from typing import cast

        from steadypose.errors import FormatError
        from steadypose.io import read_streams

        streams = read_streams(
            path,
            format=self.format,
            fps=self.fps,
            skeleton=self.skeleton,
            unit=cast("Unit | None", self.unit),
            columns=None if self.columns is None else _columns(self.columns),
            keep_zeros=self.keep_zeros,
        )
        if stream is not None and stream not in streams:
            raise FormatError(path, "", f"a stream among {', '.join(streams)}", repr(stream))
        return streams

    def main(self, path: Path, stream: str | None = None) -> Motion:
        """One sequence of a file: the main one, or the one asked for."""
        streams = self.read(path, stream)
        return streams[stream] if stream is not None else next(iter(streams.values()))


def _columns(text: str) -> dict[str, Any]:
    if "=" in text:
        pairs = (pair.partition("=") for pair in text.split(","))
        return {key.strip(): value.strip() for key, _, value in pairs}
    will_read(text)
    return read_toml(Path(text), "a TOML file that maps columns")


@contextmanager
def file_or_stdin(name: str) -> Iterator[Path]:
    """The file of that name; for "-" what comes in on stdin, as a file (errors then speak of "stdin")."""
    if name != STDIO:
        yield Path(name)
        return
    if sys.stdin is None or sys.stdin.isatty():
        found = "a terminal" if sys.stdin is not None else "it closed"
        raise UsageError(f"expected a pose file on stdin (-), found {found}")
    with TemporaryDirectory(prefix="steadypose-") as folder:
        path = Path(folder) / "stdin"
        try:
            path.write_bytes(sys.stdin.buffer.read())
        except OSError as e:
            raise SteadyposeError(f"stdin: {e.strerror or e}") from None
        try:
            yield path
        except SteadyposeError as e:
            raise SteadyposeError(str(e).replace(str(path), "stdin")) from None
