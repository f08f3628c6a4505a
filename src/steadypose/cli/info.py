"""``steadypose info``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from steadypose.cli._history import rate_assumed
from steadypose.cli._options import Json, Reading, file_or_stdin
from steadypose.cli._words import file_label, print_json

if TYPE_CHECKING:
    from steadypose.sequence import Motion

MOST_PERSONS = 8  # listed by name; more are only counted

app = App(
    name="info",
    help_epilogue="""\
Examples:
  steadypose info poses.json
  steadypose info openpose_output/
  steadypose info poses.json --json
""",
)


@app.default
def info(
    path: Annotated[str, Parameter(name="FILE")],
    /,
    *,
    stream: str | None = None,
    json: Json = False,
    reading: Reading | None = None,
) -> None:
    """Say what is in a pose file: its sequences, frames, persons, keypoints, unit, what is missing.

    Parameters
    ----------
    path
        A file, a folder that is a recording (OpenPose), or - for stdin.
    stream
        Only this one of the file's sequences.
    json
        As JSON, with the names of all keypoints.
    """
    with file_or_stdin(path) as file:
        streams = (reading or Reading()).read(file, stream)
    first = next(iter(streams.values()))
    assert first.source is not None
    facts: dict[str, Any] = {
        "path": file_label(path),
        "format": first.source.format,
        "streams": [_facts(name, m) for name, m in streams.items() if stream in (None, name)],
    }
    if json:
        print_json(facts)
        return
    from steadypose.io import formats

    print(facts["path"])
    print(f"  format      {facts['format']} ({formats()[facts['format']].title})")
    for one in facts["streams"]:
        print("\n".join(_lines(one)))


def _facts(name: str, motion: Motion) -> dict[str, Any]:
    import numpy as np

    from steadypose.refine import worth
    from steadypose.sequence import PoseSequence

    seen = motion.valid
    found = worth(motion)
    steps = np.diff(motion.times)
    facts: dict[str, Any] = {
        "name": name,
        "kind": "keypoints" if isinstance(motion, PoseSequence) else "rotations",
        "frames": len(motion.times),
        "fps": motion.fps,
        "fps_assumed": rate_assumed(motion),
        "seconds": motion.duration,
        "shortest_step": float(steps.min()) if len(steps) else None,
        "longest_step": float(steps.max()) if len(steps) else None,
        "repeated_frames": found.copies,
        "own_fps": found.rate,
        "too_fast": found.too_fast,
        "curves": found.curves,
        "persons": {p: int(seen[:, i].any(axis=1).sum()) for i, p in enumerate(motion.persons)},
        "skeleton": motion.skeleton.name,
        "keypoints": list(motion.skeleton.keypoints),
        "unit": motion.unit,
        "space": motion.space,
        "missing": float(1 - seen.mean()) if seen.size else None,
    }
    if isinstance(motion, PoseSequence):
        facts["dims"] = motion.shape[3]
        c = motion.confidence
        finite = c[np.isfinite(c)] if c is not None else np.empty(0)
        facts["confidence"] = [float(finite.min()), float(finite.max())] if finite.size else None
    else:
        facts["representation"] = motion.representation
        facts["relative_to"] = motion.relative_to
        facts["translation"] = motion.translation is not None
        facts["body_shape"] = motion.body_shape is not None
    return facts | {"history": list(motion.history)}


def _lines(one: dict[str, Any]) -> list[str]:
    rate = ""
    if one["frames"] > 1:
        rate = f" at {one['fps']:.4g} fps{' (assumed: the file does not say)' if one['fps_assumed'] else ''}"
        rate += f", {one['seconds']:.4g} s"
        if one["longest_step"] > 1.01 * one["shortest_step"]:
            rate += f", steps of {1e3 * one['shortest_step']:.4g} to {1e3 * one['longest_step']:.4g} ms"
    rates = []
    if one["repeated_frames"]:
        rates.append(
            f"    repeated    {one['repeated_frames']} frames repeat the one before: without them "
            f"{one['own_fps']:.3g} fps"
        )
    if one["too_fast"]:
        rates.append(
            f"    too fast    {one['too_fast']} of {one['curves']} "
            f"{'keypoints' if 'dims' in one else 'joints'} for {one['own_fps']:.3g} fps: left alone by refine"
        )
    persons = one["persons"]
    named = [f"{p!r} in {n} frames" for p, n in persons.items()][:MOST_PERSONS]
    more = f", and {len(persons) - MOST_PERSONS} more" if len(persons) > MOST_PERSONS else ""
    points = f", {one['dims']}D" if "dims" in one else ""
    lines = [
        f"  stream      {one['name']} ({one['kind']})",
        f"    frames      {one['frames']}{rate}",
        *rates,
        f"    persons     {len(persons)}{': ' * bool(named)}{', '.join(named)}{more}",
        f"    {'keypoints' if 'dims' in one else 'joints':10}  {len(one['keypoints'])}{points}"
        f" ({one['skeleton']})",
        f"    unit        {one['unit']}, {one['space']}",
        f"    missing     {'–' if one['missing'] is None else format(one['missing'], '.1%')}",
    ]
    if "representation" in one:
        also = [f"; {what.replace('_', ' ')}" for what in ("translation", "body_shape") if one[what]]
        lines.append(
            f"    rotations   {one['representation']}, relative to {one['relative_to']}{''.join(also)}"
        )
    elif one["confidence"] is not None:
        low, high = one["confidence"]
        lines.append(f"    confidence  {low:.3g} to {high:.3g}")
    else:
        lines.append("    confidence  none")
    return lines + [f"    history     {note}" for note in one["history"]]
