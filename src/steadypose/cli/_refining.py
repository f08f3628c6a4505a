"""Refining one file: read, refine every sequence, write, and say what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steadypose.cli._files import Job, write_out
from steadypose.cli._options import Reading
from steadypose.errors import SteadyposeError
from steadypose.refine import Tuning, method_for, refine, tune
from steadypose.refine.tune import Objective
from steadypose.sequence import BodyMotion, Motion, PoseSequence


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

    def __call__(self, job: Job) -> dict[str, Any]:
        """Refine one file and return what was done."""
        for path in (job.target, self.page):
            if path is not None and path.exists() and not self.force:  # before the work, not after it
                raise SteadyposeError(f"{path}: exists already (--force replaces it)")
        if job.target is not None and job.make_folder:
            job.target.parent.mkdir(parents=True, exist_ok=True)
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
        write_out(after, job.target, self.to or kept, self.force)
        if self.page is not None:
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
    """One sequence: size, what was filled in, acceleration before and after, what was found on the way."""
    frames, persons = before.shape[:2]
    unit = after.unit if isinstance(after, PoseSequence) else "°"
    placeholders = None if before.source is None else before.source.placeholders
    read = () if placeholders is None else placeholders.notes
    found = [part for part in after.history[-1].split("; ")[1:] if not part.endswith(" filled")]
    return {
        "frames": frames,
        "persons": persons,
        "filled": 0 if after.filled is None else int(after.filled.sum()),
        "accel_before": acceleration(before),
        "accel_after": acceleration(after),
        "unit": f"{'of the image' if unit == 'normalized' else unit}/frame²",
        "done": after.history[-1],
        "notes": [*read, *found],
    }


def acceleration(motion: Motion) -> float:
    """Mean acceleration per frame²; NaN where there is none to measure."""
    from steadypose import metrics

    if 0 in motion.shape:
        return float("nan")
    cuts = metrics.find_cuts(motion.times)
    if isinstance(motion, BodyMotion):
        return float(metrics.angular_accel(motion.rotations, cuts=cuts))
    return float(metrics.accel_magnitude(motion.positions, cuts=cuts))


def summary(done: Mapping[str, Any]) -> str:
    """One line about one file; numbers are those of its main sequence."""
    streams = done["streams"]
    first = next(iter(streams.values()))
    many = [f"{len(streams)} sequences"] if len(streams) > 1 else []
    counts = [
        _count(first["frames"], "frame"),
        _count(first["persons"], "person"),
        f"{first['filled']} filled",
    ]
    accel = f"accel {first['accel_before']:.3g} → {first['accel_after']:.3g} {first['unit']}"
    notes = "; ".join(["", *first["notes"]])
    return f"{done['input']} -> {done['output'] or 'stdout'}: {', '.join([*many, *counts, accel])}{notes}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
