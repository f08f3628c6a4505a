"""One pair of motions as the page needs it: drawable positions, channels to plot, signals over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from steadypose import metrics, rotations
from steadypose._timed import check_motion
from steadypose.report import _pack, signals
from steadypose.report._truth import MILLIMETRES, truth_like
from steadypose.sequence import BodyMotion, Floats, Motion, PoseSequence
from steadypose.skeleton import canonical_name

LINE = 20_000  # points of a curve over all frames; longer ones are averaged in bins
UPPER = ("head_top", "head", "nose", "neck", "left_shoulder", "right_shoulder")
LOWER = ("left_ankle", "right_ankle", "left_heel", "right_heel", "left_hip", "right_hip", "pelvis")
AXES = "xyz"
UNITS = {"normalized": "of the image"}


@dataclass(frozen=True, eq=False)
class Stream:
    """Before, after and, where known, the truth, of one of a file's sequences.

    Raises
    ------
    DataError
        If the motions cannot be compared frame by frame.
    """

    name: str
    before: Motion
    after: Motion
    truth: Motion | None = None

    def __post_init__(self) -> None:
        for motion in (self.before, self.after, *([] if self.truth is None else [self.truth])):
            check_motion(motion)
        signals.check_pair(self.before, self.after)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """``before``, ``after`` and maybe ``truth``."""
        return ("before", "after") if self.truth is None else ("before", "after", "truth")

    @property
    def unit(self) -> str:
        """Of what is measured, named as :func:`steadypose.evaluate` does; degrees for rotations."""
        if isinstance(self.before, BodyMotion):
            return "°"
        return "mm" if self.factor != 1 else UNITS.get(self.before.unit, self.before.unit)

    @property
    def power_unit(self) -> str:
        """Of the spectrum."""
        return f"({self.unit})²/Hz" if " " in self.unit else f"{self.unit}²/Hz"

    @property
    def factor(self) -> float:
        """From the file's unit to the one shown: metric 3D is shown in millimetres, as scores are."""
        metric = isinstance(self.before, PoseSequence) and self.before.shape[3] == 3
        return MILLIMETRES.get(self.before.unit, 1.0) if metric else 1.0

    @cached_property
    def layers(self) -> list[Floats]:
        """Positions (in ``unit``) or rotation matrices of every layer, at the keypoints of ``before``."""
        values = [
            m.positions if isinstance(m, PoseSequence) else m.rotations for m in (self.before, self.after)
        ]
        if self.truth is not None:
            values.append(truth_like(self.before, self.truth))
        return values if self.factor == 1 else [v * np.float32(self.factor) for v in values]

    @cached_property
    def figure(self) -> list[Floats] | None:
        """Positions to draw, of every layer; None for rotations without rest offsets."""
        if isinstance(self.before, PoseSequence):
            return self.layers
        assert isinstance(self.after, BodyMotion)
        if self.before.offsets is None or self.after.offsets is None:
            return None
        before, after = (rotations.forward_kinematics(m) for m in (self.before, self.after))
        drawn: list[Floats] = [before.positions, after.positions]
        if isinstance(self.truth, PoseSequence):
            drawn.append(truth_like(before, self.truth))
        elif self.truth is not None:
            known = self.truth.offsets is not None
            drawn.append(
                truth_like(before, rotations.forward_kinematics(self.truth))
                if known
                else np.full_like(before.positions, np.nan)
            )
        return drawn

    @cached_property
    def accelerations(self) -> list[Floats]:
        """Mean acceleration over all points per frame, of every layer; of rotations in the world's frame."""
        layers = self.layers
        if isinstance(self.before, BodyMotion) and self.before.relative_to == "parent":
            parents = self.before.skeleton.parents or ()
            layers = [rotations.to_global(a, parents) for a in layers]
        each = [signals.acceleration(a, self.before.times) for a in layers]
        pair = signals.mean_over_points(each[0], each[1:2])
        return pair if self.truth is None else [*pair, signals.mean_over_points(each[0], each[1:])[2]]

    @cached_property
    def spectrum(self) -> signals.Spectrum:
        """Of positions, or of rotation vectors from the mean rotation."""
        layers = self.layers if isinstance(self.before, PoseSequence) else signals.from_mean(self.layers)
        found = signals.spectrum(layers, self.before.times)
        return found if len(found.hz) else signals.spectrum(layers[:2], self.before.times)

    @cached_property
    def moved(self) -> Floats:
        """How far every point was moved; (frames, persons, keypoints)."""
        return signals.changes(*self.layers[:2])

    @cached_property
    def changes(self) -> metrics.Changes:
        """What was kept and what was taken away."""
        return metrics.compare(self.before, self.after)

    @cached_property
    def size(self) -> tuple[float, float] | None:
        """Width and height of the image in pixels, where the file says them."""
        return image_size(self.before)

    def values_per_frame(self) -> tuple[int, int]:
        """Coordinates and one-byte marks that a page embeds for each frame."""
        points = int(np.prod(self.before.shape[1:3]))
        layers = len(self.layer_names)
        channels = self.before.shape[-1] if isinstance(self.before, PoseSequence) else 2
        drawn = 3 if isinstance(self.before, BodyMotion) and self.figure is not None else 0
        has_confidence = isinstance(self.before, PoseSequence) and self.before.confidence is not None
        return points * layers * (channels + drawn), points * (1 + has_confidence)

    def data(self, plan: _pack.Plan) -> dict[str, Any]:
        """Everything the page's script draws, ready for JSON."""
        before, shown = self.before, plan.pick
        names, arrays = self.channels()
        keypoints = before.skeleton.keypoints
        confidence = before.confidence if isinstance(before, PoseSequence) else None
        known = confidence[np.isfinite(confidence)] if confidence is not None else np.empty(0)
        top = float(max(1.0, known.max(initial=0.0)))
        return {
            "name": self.name,
            "unit": self.unit,
            "fps": _number(before.fps),
            "frames": before.shape[0],
            "step": plan.step,
            "note": plan.note(before.fps),
            "layers": self.layer_names,
            "persons": before.persons,
            "keypoints": keypoints,
            "sides": [_side(n) for n in keypoints],
            "edges": before.skeleton.edges,
            "trail": self.first_keypoint(),
            "fastest": self._fastest_data(),
            "times": _pack.pack_times(before.times[shown]),
            "figure": self._figure_data(plan),
            "channels": {"names": names, "layers": [_pack.pack(a[shown], plan.exact) for a in arrays]},
            "confidence": None if confidence is None else _pack.pack_bytes(confidence[shown], top),
            "low": signals.low_confidence(before),
            "marks": _pack.pack_bytes(self.marks()[shown]),
            "strong": signals.strong_change(self.moved),
            "acceleration": self._acceleration_data(),
            "spectrum": {
                "unit": self.power_unit,
                "x": _pack.pack_line(self.spectrum.hz),
                "lines": [_pack.pack_line(p) for p in self.spectrum.power],
                "note": _spectrum_note(self.spectrum),
            },
        }

    def marks(self) -> Floats:
        """1 where a point was filled in or replaced, 2 where it was strongly changed, 3 where both."""
        filled, limit = self.after.filled, signals.strong_change(self.moved)
        marks = np.zeros(self.before.shape[:3])
        if filled is not None:
            marks += filled
        if limit is not None:
            marks += 2 * (self.moved > limit)
        return marks

    def _figure_data(self, plan: _pack.Plan) -> dict[str, Any] | None:
        if self.figure is None:
            return None
        dims = self.figure[0].shape[-1]
        scale = [1.0] * dims
        if isinstance(self.before, PoseSequence) and self.before.unit == "normalized" and self.size:
            scale = [self.size[0], self.size[1], self.size[0]][:dims]
        image = None
        if self.size and dims == 2:
            image = self.size
        return {
            "dims": dims,
            "scale": scale,
            "image": image,
            "frontal": self.before.space == "image",  # depth is a guess there: begin as the camera saw it
            "extent": extent(self.figure, scale),
            "up": up_axis(self.before, self.figure[0]),
            # of a PoseSequence the channels are the positions themselves
            "layers": [_pack.pack(a[plan.pick], plan.exact) for a in self.figure]
            if isinstance(self.before, BodyMotion)
            else None,
        }

    def channels(self) -> tuple[list[str], list[Floats]]:
        """What is plotted over time.

        Names of the channels, and for every layer an array (frames, persons, keypoints, channels).
        """
        if isinstance(self.before, PoseSequence):
            return list(AXES[: self.before.shape[3]]), self.layers
        first = signals.angle_from_first(self.layers)
        mean = [np.linalg.norm(v, axis=-1) for v in signals.from_mean(self.layers)]
        arrays = [np.stack(pair, axis=-1) for pair in zip(first, mean, strict=True)]
        return ["angle from the first frame", "angle from the mean"], arrays

    def _fastest_data(self) -> dict[str, Any] | None:
        """Where the fastest movement is: its curve is shown first, at its time."""
        found = self.changes
        if not found.keypoint:
            return None
        return {
            "person": self.before.persons.index(found.person),
            "keypoint": self.before.skeleton.keypoints.index(found.keypoint),
            "time": found.time,
        }

    def _acceleration_data(self) -> dict[str, Any]:
        times, lines = self.before.times, self.accelerations
        note = "Mean over persons and keypoints, on points that before and after both have."
        if len(times) > LINE:
            size = -(-len(times) // LINE)
            times, *lines = (bin_means(a, size) for a in (times, *lines))
            note += f" Averaged over {size} frames for this plot."
        return {
            "unit": f"{self.unit}/frame²",
            "x": _pack.pack_times(times),
            "lines": [_pack.pack_line(a) for a in lines],
            "note": note,
        }

    def first_keypoint(self) -> int:
        """The keypoint that was moved the furthest on average, among those mostly seen: shown first."""
        if not self.moved.size:
            return 0
        known = np.isfinite(self.moved)
        count = known.sum(axis=(0, 1))
        mean = np.where(known, self.moved, 0).sum(axis=(0, 1)) / np.maximum(count, 1)
        return int(np.argmax(np.where(count * 2 >= count.max(initial=0), mean, -1)))


def image_size(motion: Motion) -> tuple[float, float] | None:
    """Width and height of the image in pixels, where the document of the motion's file holds them."""
    document = motion.source.document if motion.source is not None else None
    document = getattr(document, "content", document)
    if not isinstance(document, Mapping):
        return None
    try:
        size = float(np.asarray(document["width"]).item()), float(np.asarray(document["height"]).item())
    except (KeyError, TypeError, ValueError):
        return None
    return size if all(np.isfinite(s) and s > 0 for s in size) else None


def up_axis(motion: Motion, positions: Floats) -> str:
    """The signed axis from the feet to the head, such as ``"-y"``; by the space where that is unknown."""
    names = [canonical_name(n) for n in motion.skeleton.keypoints]
    upper = [names.index(n) for n in UPPER if n in names]
    lower = [names.index(n) for n in LOWER if n in names]
    if upper and lower:
        body = positions[:, :, upper].astype(np.float64)
        both = np.isfinite(body).all(axis=(2, 3)) & np.isfinite(positions[:, :, lower]).all(axis=(2, 3))
        if both.any():
            up = np.median(body[both].mean(axis=1) - positions[:, :, lower][both].mean(axis=1), axis=0)
            axis = int(np.argmax(np.abs(up)))
            return f"{'-' if up[axis] < 0 else '+'}{AXES[axis]}"
    return "+z" if motion.space == "world" else "-y"


def extent(layers: list[Floats], scale: list[float]) -> list[list[float]]:
    """Least and greatest value per axis to draw, without the outermost 0.5 %; 0 to 1 where there is none."""
    ranges = []
    for d, s in enumerate(scale):
        values = np.concatenate([a[..., d][np.isfinite(a[..., d])] for a in layers]).astype(np.float64) * s
        low, high = np.percentile(values, [0.5, 99.5]).tolist() if values.size else (0.0, 1.0)
        ranges.append([low, high])
    return ranges


def bin_means(a: Floats, size: int) -> Floats:
    """Means of ``size`` consecutive values, of those that are known; a rest makes a shorter bin."""
    starts = np.arange(0, len(a), size)
    known = np.isfinite(a)
    total, count = (
        np.add.reduceat(np.where(known, a, 0.0), starts),
        np.add.reduceat(known.astype(int), starts),
    )
    return np.asarray(np.divide(total, count, out=np.full(len(starts), np.nan), where=count > 0))


def _side(name: str) -> int:
    canonical = canonical_name(name)
    return 1 if canonical.startswith("left_") else 2 if canonical.startswith("right_") else 0


def _number(x: float | None) -> float | None:
    return float(x) if x is not None and np.isfinite(x) else None


def _spectrum_note(s: signals.Spectrum) -> str:
    if not len(s.hz):
        return f"No run of {signals.SEGMENTS[-1]} frames without missing points: too short for a spectrum."
    return (
        f"Mean over persons, keypoints and axes (Welch, {s.segments:,} segments of {s.segment} frames, "
        "Hann window), on runs of frames that are complete in every layer."
    )
