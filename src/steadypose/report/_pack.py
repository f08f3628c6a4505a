"""Arrays small enough to travel in a page: base64 of float32, or of 16-bit steps if those are too many."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.sequence import Floats

BUDGET = 9 << 20  # bytes before base64, which adds a third: a page stays below 13 MB
SLOWEST = 10.0  # thinning stops at this many frames per second; beyond it the recording is cut
MISSING = -32768
STEPS = 65534  # from the least value to the greatest


@dataclass(frozen=True)
class Plan:
    """Which frames of a recording a page embeds, and how exactly.

    Parameters
    ----------
    frames
        Of the recording.
    step
        Every ``step``-th frame is embedded …
    stop
        … up to this frame, exclusive.
    exact
        float32 as it is; otherwise 16-bit steps per keypoint and axis.
    """

    frames: int
    step: int
    stop: int
    exact: bool

    @property
    def pick(self) -> slice:
        """The embedded frames."""
        return slice(0, self.stop, self.step)

    @property
    def count(self) -> int:
        """How many frames are embedded."""
        return len(range(self.frames)[self.pick])

    def note(self, fps: float) -> str:
        """What the reader of the page must know about it; empty where every value is embedded exactly."""
        said = []
        if self.step > 1:
            said.append(f"only every {_ordinal(self.step)} frame ({fps / self.step:.3g} of {fps:.3g} fps)")
        if self.stop < self.frames:
            said.append(f"only the first {self.stop:,} of {self.frames:,} frames")
        text = (
            f"To keep this page small, figure, curves and timeline show {' and '.join(said)}. "
            if said
            else ""
        )
        if said:
            text += "Every number, the acceleration and the spectrum use all frames. "
        if not self.exact:
            text += f"Values are rounded to 1/{STEPS:,} of each keypoint's range."
        return text.strip()


def plan(frames: int, values: int, marks: int, fps: float, budget: int = BUDGET) -> Plan:
    """How to embed a recording: exactly if that fits, else rounded, else thinned, else cut as well.

    Parameters
    ----------
    frames
        Of the recording.
    values, marks
        Coordinates and one-byte marks (confidence, flags) of one frame, over all layers.
    fps
        Frames per second; NaN where unknown.
    budget
        Bytes that may be embedded.
    """
    if frames * (4 * values + marks) <= budget:
        return Plan(frames, 1, frames, True)
    fits = max(1, budget // max(1, 2 * values + marks))
    most = max(1, int(fps / SLOWEST)) if np.isfinite(fps) else 1
    step = min(most, -(-frames // fits))
    return Plan(frames, step, min(frames, fits * step), False)


def pack(a: Floats, exact: bool) -> dict[str, Any]:
    """An array of coordinates; ``i2`` keeps a scale and an offset for every index of the last two axes.

    Parameters
    ----------
    a : ndarray, shape (frames, persons, keypoints, dims)
        NaN where missing.
    exact
        float32 as it is; otherwise value = offset + scale · step, off by at most half a scale.
    """
    if exact:
        return {"type": "f4", "shape": a.shape, "data": _base64(a.astype("<f4"))}
    x = a.astype(np.float64)
    known = np.isfinite(x)
    low = np.where(known, x, np.inf).min(axis=(0, 1), initial=np.inf)
    high = np.where(known, x, -np.inf).max(axis=(0, 1), initial=-np.inf)
    empty = low > high
    low, high = np.where(empty, 0.0, low), np.where(empty, 0.0, high)
    offset = low / 2 + high / 2
    scale = np.where(high == low, 1.0, (high - low) / STEPS)
    steps = np.where(known, np.rint((np.where(known, x, offset) - offset) / scale), MISSING)
    return {
        "type": "i2",
        "shape": a.shape,
        "scale": scale.ravel().tolist(),
        "offset": offset.ravel().tolist(),
        "data": _base64(steps.astype("<i2")),
    }


def pack_line(a: Floats) -> dict[str, Any]:
    """A one-dimensional array, exactly (float32)."""
    return {"type": "f4", "shape": a.shape, "data": _base64(a.astype("<f4"))}


def pack_times(a: Floats) -> dict[str, Any]:
    """Times as float64: single precision cannot tell frames apart after some hours."""
    return {"type": "f8", "shape": a.shape, "data": _base64(a.astype("<f8"))}


def pack_bytes(a: Floats, top: float = 255.0) -> dict[str, Any]:
    """Values from 0 to ``top`` in 255 steps; what is not known is 0."""
    steps = np.rint(np.clip(np.nan_to_num(a, nan=0.0), 0, top) * (255.0 / top))
    return {"type": "u1", "shape": a.shape, "scale": top / 255.0, "data": _base64(steps.astype("u1"))}


def unpack(packed: dict[str, Any]) -> Floats:
    """The inverse of the ``pack`` functions, as the page's script does it."""
    raw = np.frombuffer(base64.b64decode(packed["data"]), "<" + packed["type"]).reshape(packed["shape"])
    if packed["type"] == "i2":
        tail = raw.shape[2:]
        scale, offset = (np.array(packed[k]).reshape(tail) for k in ("scale", "offset"))
        return np.where(raw == MISSING, np.nan, offset + scale * raw)
    return raw * packed["scale"] if packed["type"] == "u1" else raw


def _base64(a: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(a).tobytes()).decode("ascii")


def _ordinal(n: int) -> str:
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
