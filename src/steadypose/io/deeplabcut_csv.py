"""DeepLabCut's csv: header rows scorer, (individuals), bodyparts, coords; then one row a frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadypose.io import _check, _deeplabcut
from steadypose.io._probe import Probe, ReadOptions, shortest, tie, timeline
from steadypose.io._table import delimited, quote
from steadypose.io._wide import Wide, frame_order
from steadypose.sequence import Motion


def sniff(probe: Probe) -> bool:
    """Whether the first rows start with scorer and end with coords."""
    first = [line.split(",", 1)[0].strip('"') for line in probe.first_lines[:4]]
    return first[:1] == ["scorer"] and "coords" in first and "bodyparts" in first


def read(probe: Probe, options: ReadOptions) -> dict[str, Motion]:
    """One stream a scorer; the first column has frame numbers, or names of images that end in one."""
    table = delimited(probe, ",")
    starts = table.texts(0)[: len(_deeplabcut.LEVELS)]
    rows = starts.index("coords") + 1 if "coords" in starts else 0
    if not rows:
        raise probe.error("line 1", "header rows scorer, bodyparts, coords", ", ".join(starts))
    head = [[c.decode() for c in table.cells(range(table.shape[1]), r)] for r in range(rows)]
    body = table.rows(rows)
    if not body.shape[0]:
        raise probe.error(f"line {rows + 1}", "at least one frame", "none")
    # Labelled data has three index columns (folder, video, image): the header is empty above the others.
    first = next((i for i in range(1, table.shape[1]) if head[0][i]), table.shape[1])
    columns = [[row[i] for row in head] for i in range(first, table.shape[1])]
    found = _deeplabcut.layouts(starts[:rows], columns, probe.error)
    if not found:
        raise probe.error("line 1", "columns of coordinates", "none")
    number, order = frame_order(body, first - 1)
    times, notes = timeline(number, options)
    document = Wide(
        body, order, {s: layout.columns + first * (layout.columns >= 0) for s, layout in found.items()}
    )
    streams = {}
    for scorer, layout in found.items():
        likelihood = document.read(layout.likelihood + first * (layout.likelihood >= 0))[..., 0]
        positions = document.read(document.columns[scorer])
        streams[scorer] = _deeplabcut.sequence(layout, positions, likelihood, times, notes, options)
    return tie(streams, "deeplabcut-csv", probe.path, document)


def write(streams: Mapping[str, Motion], document: Any, target: Path) -> None:
    """Coordinates into a copy of the file; or a new file, whose likelihood is empty where there is none."""
    if document is not None:
        target.write_bytes(document.write(streams))
        return
    motion = _check.positions_alone(streams, "deeplabcut-csv")
    levels, columns = _deeplabcut.header(motion)
    lines = [",".join([level, *(quote(c[i]) for c in columns)]) for i, level in enumerate(levels)]
    rows = shortest(_deeplabcut.values(motion)).tolist()
    for number, row in zip(_check.frame_numbers(motion), rows, strict=True):
        lines.append(",".join([str(number), *("" if v != v else repr(v) for v in row)]))
    target.write_text("\n".join(lines) + "\n")
