"""What was measured, in plain words: the first thing on the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import numpy as np

from steadypose.report import signals
from steadypose.report._stream import Stream
from steadypose.report.table import Row, number
from steadypose.sequence import BodyMotion, Floats, PoseSequence

CUTOFF = (
    6.0  # Hz; deliberate human motion is nearly all below (Winter, Biomechanics and Motor Control, ch. 3)
)


def facts(stream: Stream) -> list[tuple[str, str]]:
    """What the recording is: name and value, in the order in which they are shown."""
    before = stream.before
    frames, persons, keypoints = before.shape[:3]
    said = []
    if before.source is not None:
        said += [("File", PurePath(before.source.path).name), ("Format", before.source.format)]
    said += [
        ("Frames", f"{frames:,}"),
        ("Rate", f"{number(before.fps)} fps" if np.isfinite(before.fps) else "unknown (one frame)"),
        ("Duration", f"{number(before.duration)} s"),
        ("Persons", f"{persons}"),
    ]
    if isinstance(before, BodyMotion):
        said += [("Joints", f"{keypoints} ({before.skeleton.name}), rotations as {before.representation}")]
    else:
        said += [("Keypoints", f"{keypoints} ({before.skeleton.name}), {before.shape[3]}D")]
        unit = "fractions of the image" if before.unit == "normalized" else before.unit
        shown = ", shown in mm" if stream.factor != 1 else ""
        said += [("Unit", f"{unit}, {before.space} space{shown}")]
    said += [("Method", "; ".join(method(stream)) or "not stated")]
    if before.history:
        said += [("Earlier", "; ".join(before.history))]
    return said


def method(stream: Stream) -> tuple[str, ...]:
    """What ``after`` went through that ``before`` did not."""
    old, new = stream.before.history, stream.after.history
    return new[len(old) :] if new[: len(old)] == old else new


def steadier(stream: Stream) -> tuple[str, str, str]:
    """The headline: change of the mean acceleration in percent, what it means, and better, worse or same."""
    before, after = (_mean(a) for a in stream.accelerations[:2])
    unit = f"{stream.unit}/frame²"
    if not np.isfinite(before):
        return "–", "No three frames in a row show a point: how steady it is cannot be measured.", "same"
    if before == 0:
        return "0 %", "The recording does not move at all: there was nothing to make steadier.", "same"
    change = 100 * (after / before - 1)
    if abs(change) < 0.05:
        return "0 %", f"Jitter is unchanged: mean acceleration {number(before)} {unit}.", "same"
    word, verdict = ("less", "better") if change < 0 else ("more", "worse")
    went = f"went from {number(before)} to {number(after)} {unit}"
    text = f"{word} jitter: mean acceleration {went}, on the points that both have."
    return f"{_fraction(abs(change))} %", text, verdict


def sentences(stream: Stream, rows: Sequence[Row] = ()) -> list[str]:
    """Further measured statements; only those for which there is something to measure.

    ``rows`` are the scores: of them only the errors against the truth are said here.
    """
    said = [
        f"Error against the truth ({r.label}) {'fell' if r.after < r.before else 'rose'} from "
        f"{number(r.before)} to {number(r.after)} {r.unit}."
        for r in rows
        if r.key in ("mpjpe", "mpjae") and r.before is not None and np.isfinite([r.before, r.after]).all()
    ]
    moved = stream.moved
    known = moved[np.isfinite(moved)]
    if known.size and known.max() > 0:
        f, p, k = np.unravel_index(int(np.nanargmax(moved)), moved.shape)
        name, time = stream.before.skeleton.keypoints[k], float(stream.before.times[f])
        who = f" of person {stream.before.persons[p]}" if len(stream.before.persons) > 1 else ""
        what = "Joints were turned" if isinstance(stream.before, BodyMotion) else "Points moved"
        usual, most = (
            f"{number(float(x))} {stream.unit}".replace(" °", "°") for x in (np.median(known), known.max())
        )
        said.append(f"{what} by {usual} (median); the largest change is {most}, {name}{who} at {time:.2f} s.")
    elif known.size:
        said.append("Nothing was moved.")
    said.append(_missing(stream))
    if stream.after.filled is not None:
        replaced = int((stream.after.filled & stream.before.valid).sum())
        if replaced:
            said.append(f"{_share(replaced, moved.size)} had been seen, were taken out and filled in anew.")
    if isinstance(stream.before, PoseSequence):
        limit, confidence = signals.low_confidence(stream.before), stream.before.confidence
        if limit is not None and confidence is not None:
            low = stream.before.valid & (confidence < limit)
            said.append(f"{_share(int(low.sum()), low.size)} have a confidence below {number(limit)}.")
    s = stream.spectrum
    if len(s.hz) and s.hz[-1] > CUTOFF:
        a, b = signals.share_above(s, CUTOFF)[:2]
        if a > 0:
            word = "fell" if b < a else "rose"
            said.append(f"Power above {CUTOFF:g} Hz {word} by {_fraction(abs(100 * (b / a - 1)))} %.")
    return said


def _missing(stream: Stream) -> str:
    gone = ~stream.before.valid
    if not gone.size:
        return "There is no person in the recording."
    if not gone.any():
        return "No point is missing."
    filled = gone & stream.after.valid
    text = f"{_share(int(gone.sum()), gone.size)} were missing"
    if not filled.any():
        return f"{text}; none was filled in."
    left = int(gone.sum() - filled.sum())
    return f"{text}; {int(filled.sum()):,} were filled in, {f'{left:,}' if left else 'none'} left missing."


def _fraction(percent: float) -> str:
    """One decimal, but never a rounded 100: nothing falls by all of itself."""
    return "over 99.9" if 99.9 < percent < 100 else f"{percent:.1f}" if percent < 100 else f"{percent:,.0f}"


def _share(count: int, of: int) -> str:
    return f"{count:,} of {of:,} points ({100 * count / max(of, 1):.2g} %)"


def _mean(a: Floats) -> float:
    known = a[np.isfinite(a)]
    return float(known.mean()) if known.size else float("nan")
