"""Refining one file: read, refine every sequence, write, and say what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from steadypose.cli._files import Job, write_out
from steadypose.cli._history import counts, rate_assumed, remarks, unit_origin
from steadypose.cli._options import Reading
from steadypose.errors import SteadyposeError
from steadypose.refine import Tuning, method_for, refine, tune
from steadypose.refine.tune import Objective
from steadypose.sequence import Motion


@dataclass(frozen=True)
class Work:
    """What is to be done to every file.

    Parameters
    ----------
    settings
        Arguments of :func:`steadypose.refine`, the method's parameters included.
    reading
        How to read the file.
    stream
        The only sequence to refine; None: all.
    truth, objective, target_accel
        For :func:`steadypose.tune`; without truth nothing is tuned.
    to
        Format of the result; None: the input's.
    page
        The report; None: none.
    force
        Whether results replace what is there.
    skip_existing
        Whether a result that is there is left, and only the others are made.
    """

    settings: Mapping[str, Any]
    reading: Reading
    stream: str | None = None
    truth: Path | None = None
    objective: Objective = "mpjpe"
    target_accel: float | None = None
    to: str | None = None
    page: Path | None = None
    force: bool = False
    skip_existing: bool = False

    def __call__(self, job: Job) -> dict[str, Any]:
        """Refine one file and return what was done."""
        for path in (job.target, self.page):
            if path is not None and path.exists() and not (self.force or self.skip_existing):
                # before the work, not after it
                raise SteadyposeError(f"{path}: exists already (--force replaces it)")
        before: dict[str, Any] = self.reading.read(job.source, self.stream)
        chosen = [self.stream] if self.stream is not None else list(before)
        settings, truth, tuned = dict(self.settings), None, {}
        if self.truth is not None:
            truth = Reading(fps=self.reading.fps).main(self.truth)
            found = self._tune(before[chosen[0]], truth)
            settings |= found.params
            tuned = {"tuned": dict(found.params), "tuning": str(found).splitlines()}
        after = {name: refine(m, **settings) if name in chosen else m for name, m in before.items()}
        kept = None if job.named else before[chosen[0]].source.format
        if not self._is_done(job.target):
            write_out(after, job.target, self.to or kept, self.force, job.make_folder)
        if self.page is not None and not self._is_done(self.page):
            from steadypose.report import report_streams

            pairs = {
                name: (before[name], after[name], truth if name == chosen[0] else None) for name in chosen
            }
            report_streams(pairs, self.page, force=self.force)
        return {
            "input": job.label or str(job.source),
            "output": None if job.target is None else str(job.target),
            **tuned,
            "streams": {name: _change(before[name], after[name]) for name in chosen},
        }

    def _is_done(self, target: Path | None) -> bool:
        return self.skip_existing and target is not None and target.exists()

    def _tune(self, motion: Motion, truth: Motion) -> Tuning:
        fixed = dict(self.settings)
        method = fixed.pop("method")
        for stage in ("outliers", "swaps", "strays", "check_rate"):
            if fixed[stage] is None:  # as refine takes it
                fixed[stage] = method is None
        return tune(
            motion,
            truth,
            method_for(method, fixed),
            objective=self.objective,
            target_accel=self.target_accel,
            **fixed,
        )


def _change(before: Motion, after: Motion) -> dict[str, Any]:
    """One sequence in numbers: what it is, what was kept, what was taken away, what was counted."""
    from steadypose import metrics

    frames, persons = before.shape[:2]
    changes = metrics.compare(before, after)
    note = after.history[-1]
    placeholders = None if before.source is None else before.source.placeholders
    return {
        "frames": frames,
        "fps": before.fps,
        "fps_assumed": rate_assumed(before),
        "persons": persons,
        "file_unit": before.unit,
        "unit_origin": unit_origin(before) or "file",
        "filled": 0 if after.filled is None else int(after.filled.sum()),
        **asdict(changes),
        "counts": counts(note),
        "notes": [*(() if placeholders is None else placeholders.notes), *remarks(note)],
        "said": str(changes),
        "done": note,
    }


def summary(done: Mapping[str, Any]) -> str:
    """One line about one file; numbers are those of its main sequence."""
    streams = done["streams"]
    first = next(iter(streams.values()))
    parts = [
        *([f"{len(streams)} sequences"] if len(streams) > 1 else []),
        _recording(first),
        first["said"],
        ", ".join(f"{n} {what}" for what, n in first["counts"].items() if n),
        *first["notes"],
    ]
    return f"{done['input']} -> {done['output'] or 'stdout'}: {'; '.join(p for p in parts if p)}"


def _recording(one: Mapping[str, Any]) -> str:
    """Frames, rate, persons and unit; what the file does not say is marked."""
    rate = ""
    if one["frames"] > 1:
        rate = f" at {one['fps']:.4g} fps{' (assumed)' if one['fps_assumed'] else ''}"
    origin = one["unit_origin"]
    unit = one["file_unit"] + (f" ({origin})" if origin != "file" else "")
    return f"{_count(one['frames'], 'frame')}{rate}, {_count(one['persons'], 'person')}, {unit}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
