"""``steadypose report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from steadypose._writing import check_target, will_read
from steadypose.cli._options import OUTPUT, Force, Quiet, Reading
from steadypose.cli._words import say

app = App(
    name="report",
    help_epilogue="""\
Examples:
  steadypose report poses.json poses.steady.json
  steadypose report raw.trc steady.trc --truth mocap.trc -o page.html
""",
)


@app.default
def report(
    before: Annotated[Path, Parameter(name="BEFORE")],
    after: Annotated[Path, Parameter(name="AFTER")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], group=OUTPUT)] = Path("report.html"),
    truth: Path | None = None,
    stream: str | None = None,
    title: Annotated[str | None, Parameter(group=OUTPUT)] = None,
    force: Force = False,
    quiet: Quiet = False,
    reading: Reading | None = None,
) -> None:
    """Compare two pose files on one HTML page: figures, curves, spectra, gaps and scores.

    The page is one file, needs no network and opens in any browser.

    Parameters
    ----------
    before
        A pose file.
    after
        The same frames, persons and keypoints after refinement.
    output
        The page.
    truth
        As many frames and persons; keypoints are matched by name.
    stream
        Only this one of the files' sequences. Default: all that both have.
    title
        Of the page. Default: the name of BEFORE.
    force
        Replace what is there already.
    quiet
        Say nothing unless something is wrong.
    """
    from steadypose.errors import DataError
    from steadypose.report import report_streams

    will_read(*(path for path in (before, after, truth) if path is not None))
    check_target(output, force=force)
    reading = reading or Reading()
    old, new = reading.read(before, stream), reading.read(after, stream)
    right = {} if truth is None else Reading(fps=reading.fps).read(truth)
    names = [stream] if stream is not None else [name for name in old if name in new]
    if not names:
        raise DataError(
            f"{after}: expected a stream that {before} has too ({', '.join(old)}), found {', '.join(new)}"
        )
    if right and len(names) == 1:
        right.setdefault(names[0], next(iter(right.values())))
    report_streams({n: (old[n], new[n], right.get(n)) for n in names}, output, title, force=force)
    say(f"report: {output}", quiet=quiet)
