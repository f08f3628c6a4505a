"""Before and after, side by side: one HTML page, plots as PNG, and tables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from steadypose import metrics
from steadypose._given import path_of
from steadypose._timed import check_motion
from steadypose._writing import check_target, write_text
from steadypose.errors import DataError
from steadypose.report._stream import Stream
from steadypose.report.html import Scores, page
from steadypose.sequence import Motion

Given = tuple[Mapping[str, float], Mapping[str, float]]

__all__ = ["report", "report_streams"]


def report(
    before: Motion,
    after: Motion,
    truth: Motion | None = None,
    path: str | os.PathLike[str] = "report.html",
    title: str | None = None,
    scores: Given | None = None,
    force: bool = False,
    command: str | None = None,
) -> Path:
    """Write a page that shows a motion before and after: figure, curves, spectrum, timeline and scores.

    The page is one file, needs no network, and is the same for the same input.

    Parameters
    ----------
    before, after
        The same frames, persons and keypoints (:func:`steadypose.refine` keeps them).
    truth
        As many frames and persons; keypoints are matched by name.
    path
        Where to.
    title
        Of the page; ``None``: the name of the file that ``before`` came from.
    scores
        Results of :func:`steadypose.evaluate` for before and after; ``None``: they are computed.
    force
        Replace what is there already (never a file the data came from).
    command
        What made the page, for its footer; ``None``: the history of ``after``.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    SteadyposeError
        If the file exists and ``force`` is not set, or is one the data came from.
    DataError
        If the motions do not fit each other.
    """
    check_motion(before)
    name = before.source.stream if before.source is not None else "main"
    given = None if scores is None else {name: scores}
    return report_streams({name: (before, after, truth)}, path, title, given, force, command)


def report_streams(
    streams: Mapping[str, tuple[Motion, Motion] | tuple[Motion, Motion, Motion | None]],
    path: str | os.PathLike[str] = "report.html",
    title: str | None = None,
    scores: Mapping[str, Given] | None = None,
    force: bool = False,
    command: str | None = None,
) -> Path:
    """:func:`report` for several sequences of one file (cameras, image and world …), behind tabs.

    Parameters
    ----------
    streams
        By name: before, after, and maybe truth.
    scores
        By the same names; those that are absent are computed.
    path, title, force, command
        As in :func:`report`.
    """
    if not streams:
        raise DataError("expected at least one sequence to report, found none")
    made = [Stream(name, *motions) for name, motions in streams.items()]
    target = path_of(path)
    reads = [m.source.path for s in made for m in (s.before, s.after, s.truth) if m is not None and m.source]
    check_target(target, force=force, reads=reads)  # before anything is computed
    results = [_scores(s, (scores or {}).get(s.name)) for s in made]
    text = page(made, results, _title(made[0]) if title is None else str(title), command)
    # a file name that is no valid text must not keep the page from being written
    write_text(target, text, force=force, reads=reads, errors="replace")
    return target


def _scores(stream: Stream, given: Given | None) -> list[Scores]:
    """Against the truth if there is one, and always what can be measured without it."""
    before, after = stream.before, stream.after
    if not before.persons:
        return []
    if given is not None:
        return [("Scores", *given)]
    alone = (metrics.evaluate(before, per_joint=True), metrics.evaluate(after, per_joint=True))
    if stream.truth is None:
        return [("Scores without a truth", *alone)]
    against = (metrics.evaluate(m, stream.truth, per_joint=True, reference=before) for m in (before, after))
    return [("Scores against the truth", *against), ("Scores without the truth", *alone)]  # type: ignore[list-item]


def _title(stream: Stream) -> str:
    source = stream.before.source
    return f"{Path(source.path).name}, before and after" if source is not None else "Before and after"
