"""What was measured, in plain words: the first thing on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

import numpy as np

from steadypose.metrics._changes import percentage
from steadypose.report import signals
from steadypose.report._stream import Stream
from steadypose.report.table import Row, number
from steadypose.sequence import BodyMotion, PoseSequence

CUTOFF = (
    6.0  # Hz; deliberate human motion is nearly all below (Winter, Biomechanics and Motor Control, ch. 3)
)

WELL_KEPT, ILL_KEPT = 0.95, 0.85  # of the fastest movement: what is judged good, and bad


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


@dataclass(frozen=True)
class Merit:
    """One figure of the headline.

    Parameters
    ----------
    figure
        The number, with its unit.
    text
        What it means; it reads on from the number.
    verdict
        How it is to be judged.
    """

    figure: str
    text: str
    verdict: Literal["better", "worse", "same"] = "same"


def headline(stream: Stream) -> tuple[Merit, Merit, Merit]:
    """What was kept, what was taken away, and how steady it is now: none of them means much alone."""
    return _kept(stream), _moved(stream), _steadier(stream)


def _kept(stream: Stream) -> Merit:
    found = stream.changes
    if not np.isfinite(found.peak_speed_ratio):
        return Merit("–", "No movement stands above the noise: there is nothing fast to keep.")
    least = float(np.nanmin([found.peak_speed_ratio, found.gain]))
    verdict: Literal["better", "worse", "same"] = (
        "better" if least >= WELL_KEPT else "worse" if least < ILL_KEPT else "same"
    )
    who = f" of person {found.person}" if len(stream.before.persons) > 1 else ""
    what = f"keypoint {found.keypoint}" if found.keypoint.isdigit() else found.keypoint
    reach = f", and {percentage(found.gain)} of its reach" if np.isfinite(found.gain) else ""
    text = (
        f"of the fastest movement's speed is kept{reach} "
        f"({what}{who} at {found.time:.2f} s, {found.how_fast})."
    )
    return Merit(percentage(found.peak_speed_ratio), text, verdict)


def _moved(stream: Stream) -> Merit:
    moved, rotated = stream.changes.moved, isinstance(stream.before, BodyMotion)
    if not np.isfinite(moved):
        return Merit("–", "No point is there both before and after.")
    what = "joints were turned" if rotated else "points were moved"
    figure = f"{number(float(f'{moved:.3g}'))} {stream.unit}".replace(" °", "°")
    return Merit(figure, f"is how far {what} (root mean square), of those that were seen and not replaced.")


def _steadier(stream: Stream) -> Merit:
    """Change of the mean acceleration in percent."""
    before, after = stream.changes.accel_before, stream.changes.accel_after
    unit = f"{stream.unit}/frame²"
    if not np.isfinite([before, after]).all():
        return Merit("–", "No three frames in a row show a point: how steady it is cannot be measured.")
    if before == 0:
        return Merit("0 %", "The recording does not move at all: there was nothing to make steadier.")
    change = 100 * (after / before - 1)
    if abs(change) < 0.05:
        return Merit("0 %", f"Jitter is unchanged: mean acceleration {number(before)} {unit}.")
    word = "less" if change < 0 else "more"
    text = f"{word} jitter: mean acceleration went from {number(before)} to {number(after)} {unit}."
    text = text.replace(" °", "°")
    return Merit(f"{_fraction(abs(change))} %", text, "better" if change < 0 else "worse")


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
