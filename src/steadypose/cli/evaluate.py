"""``steadypose evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from steadypose.cli._options import Flag, Json, Reading
from steadypose.cli._words import print_json, print_table

if TYPE_CHECKING:
    from steadypose.metrics import Evaluation
    from steadypose.sequence import Motion

app = App(
    name="evaluate",
    help_epilogue="""\
Without truth: acceleration, jerk, power above 6 Hz, bone lengths, foot sliding.
With truth: MPJPE, PA-MPJPE, MPJVE, Accel, lag and more. 3D in millimetres, 2D in
the file's unit, rates per frame. Several alike sequences in one file (actions,
cameras) get a column each.

Examples:
  steadypose evaluate poses.json
  steadypose evaluate steady.npz truth.npz
  steadypose evaluate steady.npz truth.npz --reference raw.npz   before, after
""",
)


@app.default
def evaluate(
    pred: Annotated[Path, Parameter(name="PRED")],
    truth: Annotated[Path | None, Parameter(name="TRUTH")] = None,
    /,
    *,
    reference: Path | None = None,
    protocol: Literal["default", "official"] = "default",
    root: str = "skeleton",
    per_joint: Flag = False,
    stream: str | None = None,
    json: Json = False,
    reading: Reading | None = None,
) -> None:
    """Measure a pose file, against the truth where there is one.

    Parameters
    ----------
    pred
        The file to measure.
    truth
        The truth: keypoints are matched by name, frames by time.
    reference
        The input of the method that made PRED: shown beside it, and adds the worst 1 % of frames.
    protocol
        default: what is right. official: what the papers' code computes.
    root
        Subtracted from 3D positions: skeleton (its root), none, or keypoint names or indices with commas.
    per_joint
        Also every metric by joint.
    stream
        Only this one of the files' sequences.
    json
        As JSON.
    """
    from steadypose import metrics

    reading = reading or Reading()
    files: list[Any] = [reading.read(pred, stream)]
    files += [] if truth is None else [Reading(fps=reading.fps).read(truth)]
    files += [] if reference is None else [reading.read(reference, stream)]
    given, *others = _comparable(files, stream)
    known = others[0] if truth is not None else None
    old = others[-1] if reference is not None else None
    worst = None if truth is None else old

    def measure(motion: Any) -> Evaluation:
        return metrics.evaluate(
            motion, known, protocol, root=_root(root), per_joint=per_joint, reference=worst
        )

    result = measure(given)
    before = None if old is None else measure(old)
    if json:
        print_json(_plain(result) if before is None else {"reference": _plain(before), **_plain(result)})
    elif before is None:
        print(result)
    else:
        _print_both(before, result)


def _comparable(files: list[dict[str, Motion]], stream: str | None) -> list[Any]:
    """Of every file its sequences by name, if it has several of one kind that are in all files; else one."""
    if stream is not None:
        return [f[stream] if stream in f else next(iter(f.values())) for f in files]
    first = next(iter(files[0].values()))
    kind = (type(first), first.skeleton.name, first.unit)
    alike = [n for n, m in files[0].items() if (type(m), m.skeleton.name, m.unit) == kind]
    if len(alike) > 1 and all(n in f for n in alike for f in files):
        return [{n: f[n] for n in alike} for f in files]
    return [next(iter(f.values())) for f in files]


def _root(text: str) -> Any:
    """What ``evaluate`` takes as a root."""
    if text in ("skeleton", "none"):
        return text if text == "skeleton" else None
    parts = [int(t) if t.lstrip("-").isdecimal() else t for t in (t.strip() for t in text.split(","))]
    return parts if len(parts) > 1 else parts[0]


def _plain(e: Evaluation) -> dict[str, Any]:
    one: dict[str, Any] = {"metrics": dict(e), "units": e.units, "frames": e.frames, "notes": e.notes}
    one |= {"per_joint": e.per_joint} if e.per_joint else {}
    if e.actions:
        one |= {"action_mean": e.action_mean, "actions": {name: _plain(a) for name, a in e.actions.items()}}
    return one


def _print_both(before: Evaluation, after: Evaluation) -> None:
    from steadypose.report import table

    print_table(table.terminal(table.rows(before, after)))
    for metric, rows in table.joint_rows(before, after).items():
        print_table(table.terminal(rows, metric))
    for note in dict.fromkeys((*before.notes, *after.notes)):
        print(f"note: {note}")
