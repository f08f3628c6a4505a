"""The page: a template, a style sheet, a script and packed data in one file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from steadypose._version import __version__
from steadypose.report import _pack, _words
from steadypose.report._stream import Stream
from steadypose.report.table import HEADER, Row, joint_rows, number, percent, rows

SCRIPTS = ("data.js", "chart.js", "figure.js", "timeline.js", "main.js")
Scores = tuple[str, Mapping[str, float], Mapping[str, float]]  # title, before, after


def page(
    streams: Sequence[Stream],
    scores: Sequence[Sequence[Scores]],
    title: str,
    command: str | None = None,
    budget: int = _pack.BUDGET,
) -> str:
    """The whole page as text.

    Parameters
    ----------
    streams
        At least one; more are shown behind tabs.
    scores
        For each stream its tables: a title, the scores before and after.
    title
        Of the page.
    command
        What made it, for the footer.
    budget
        Bytes of coordinates that may be embedded, over all streams.
    """
    assets = files("steadypose.report") / "assets"
    style = (assets / "report.css").read_text("utf-8")
    script = script_text()
    # A stranger's text that got out of its place still could not run: only this script is allowed.
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    many = len(streams) > 1
    # every stream gets its share of the budget, so that all are thinned alike
    weights = [s.before.shape[0] * (4 * v + m) for s in streams for v, m in [s.values_per_frame()]]
    total = max(sum(weights), 1)
    plans = [
        _pack.plan(s.before.shape[0], *s.values_per_frame(), s.before.fps, max(1, budget * w // total))
        for s, w in zip(streams, weights, strict=True)
    ]
    whole = list(enumerate(zip(streams, scores, plans, strict=True)))
    parts = {
        "csp": policy,
        "version": escape(__version__),
        "title": escape(title),
        "style": style,
        "tabs": _tabs(streams) if many else "",
        "summaries": "\n".join(_summary(i, s, c, p, many) for i, (s, c, p) in whole),
        "tables": "\n".join(_tables(i, s, c, many) for i, (s, c, _) in whole),
        "footer": _footer(streams, command),
        "data": "\n".join(
            f'<script type="application/json" id="data-{i}">{safe_json(s.data(p))}</script>'
            for i, (s, _, p) in whole
        ),
        "script": script,
    }
    template = (assets / "template.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda m: parts[m[1]], template)


def script_text() -> str:
    """The page's script: the assets one after another, in a scope of their own."""
    assets = files("steadypose.report") / "assets"
    body = "\n".join((assets / name).read_text("utf-8") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{body}\n}})();\n'


def safe_json(value: Any) -> str:
    """JSON that no HTML parser can take for anything else, whatever strings are in it."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _tabs(streams: Sequence[Stream]) -> str:
    buttons = "".join(
        f'<button type="button" role="tab" data-tab="{i}" aria-selected="false">{escape(s.name)}</button>'
        for i, s in enumerate(streams)
    )
    return f'<div class="tabs" role="tablist" aria-label="Streams">{buttons}</div>'


def _summary(index: int, stream: Stream, scores: Sequence[Scores], plan: _pack.Plan, named: bool) -> str:
    measured = [row for _, before, after in scores for row in rows(before, after)]
    merits = "".join(
        f'<div><p class="figure-of-merit {m.verdict}">{escape(m.figure)}</p>'
        f'<p class="lead">{escape(m.text)}</p></div>'
        for m in _words.headline(stream)
    )
    found = "".join(f"<li>{escape(s)}</li>" for s in _words.sentences(stream, measured))
    facts = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in _words.facts(stream))
    name = f'<h2 class="name">{escape(stream.name)}</h2>' if named else ""
    note = plan.note(stream.before.fps)
    notice = f'<p class="notice" id="note-{index}">{escape(note)}</p>' if note else ""
    return (
        f'<div data-stream="{index}"><div class="headline">{name}'
        f'<div class="merits">{merits}</div>'
        f'<ul class="findings">{found}</ul><dl class="facts">{facts}</dl></div>{notice}</div>'
    )


def _tables(index: int, stream: Stream, scores: Sequence[Scores], named: bool) -> str:
    parts = []
    for title, before, after in scores:
        table, joints = rows(before, after), joint_rows(before, after)
        if not table:
            continue
        parts.append(f"<h2>{escape(title + (f': {stream.name}' if named else ''))}</h2>{_table(table)}")
        notes = dict.fromkeys((*getattr(before, "notes", ()), *getattr(after, "notes", ())))
        parts += [f'<p class="caption">{escape(n)}</p>' for n in notes]
        each = [
            f"<details><summary>{escape(metric)}{_unit(made[0])}</summary>{_table(made, 'Joint')}</details>"
            for metric, made in joints.items()
            if made
        ]
        if each:
            parts.append(f"<details><summary>Per joint</summary>{''.join(each)}</details>")
    return f'<section data-stream="{index}">{"".join(parts)}</section>'


def _unit(row: Row) -> str:
    return f' <span class="unit">{escape(row.unit)}</span>' if row.unit else ""


def _table(table: Sequence[Row], first: str = HEADER[0]) -> str:
    head = "".join(f'<th scope="col">{h}</th>' for h in (first, *HEADER[1:]))
    lines = []
    for row in table:
        about = f"<span>{escape(row.about)}</span>" if row.about else ""
        label = (
            f'<span class="about" tabindex="0">{escape(row.label)}{about}</span>'
            if about
            else escape(row.label)
        )
        before = "" if row.before is None else number(row.before)
        unit = _unit(row) if first == HEADER[0] else ""
        lines.append(
            f'<tr><th scope="row">{label}{unit}</th><td>{before}</td><td>{number(row.after)}</td>'
            f'<td class="{row.verdict}">{percent(row.change)}</td></tr>'
        )
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="scroll"><table>{body}</table></div>'


def _footer(streams: Sequence[Stream], command: str | None) -> str:
    said = [f"steadypose {__version__}"]
    if command:
        said.append(command)
    else:
        said += list(dict.fromkeys("; ".join(_words.method(s)) for s in streams if _words.method(s)))
    return " · ".join(escape(s) for s in said)
