"""A motion before and after in a few numbers: what was kept of it, how far it was moved, how steady it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steadypose import rotations
from steadypose._timed import check_motion
from steadypose.errors import DataError
from steadypose.metrics import _arrays
from steadypose.metrics._movement import fastest_movements
from steadypose.metrics._rotations import angular_accel
from steadypose.metrics._untruthed import accel_magnitude
from steadypose.sequence import BodyMotion, Floats, Motion, PoseSequence

MILLIMETRES = {"m": 1000.0, "cm": 10.0, "mm": 1.0}
CHORD = 180 / math.pi / math.sqrt(2)  # degrees, of a small turn, per distance of rotation matrices


@dataclass(frozen=True)
class Changes:
    """What refinement did to a motion; NaN where it cannot be measured.

    Parameters
    ----------
    unit
        Of distances: mm for 3D in metres, centimetres or millimetres, ° for rotations, else the motion's own.
    moved
        Root mean square of how far points were moved; only those that were seen, and were not replaced.
    fastest
        Speed of the fastest movement in the input, unit a second.
    peak_speed_ratio
        Peak speed of the fastest movements after over before.
    gain
        How far the fastest movements reach, after over before.
    keypoint, person, time
        Whose the fastest movement is, and when; empty and NaN if there is none.
    accel_before, accel_after
        :func:`acceleration`, unit per frame².
    """

    unit: str
    moved: float
    fastest: float
    peak_speed_ratio: float
    gain: float
    keypoint: str
    person: str
    time: float
    accel_before: float
    accel_after: float

    @property
    def kept(self) -> str:
        """What is left of the fastest movement, in words."""
        if math.isnan(self.peak_speed_ratio):
            return "no movement stands above the noise"
        reach = "" if math.isnan(self.gain) else f" and {percentage(self.gain)} of the reach"
        speed = percentage(self.peak_speed_ratio)
        return f"kept {speed} of the speed{reach} of the fastest movement ({self.how_fast})"

    @property
    def how_fast(self) -> str:
        """The speed of the fastest movement with its unit."""
        value, unit = (self.fastest / 1000, "m") if self.unit == "mm" else (self.fastest, self.unit)
        number = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
        return f"{number} {unit}/s".replace(" °", "°")

    def __str__(self) -> str:
        said = [self.kept]
        if not math.isnan(self.moved):
            said.append(f"moved {self.moved:.3g} {self.unit} (rms)".replace(" °", "°"))
        if not math.isnan(self.accel_before):
            accel = f"accel {self.accel_before:.3g} → {self.accel_after:.3g} {self.unit}/frame²"
            said.append(accel.replace(" °", "°"))
        return ", ".join(said)


def percentage(ratio: float) -> str:
    """A ratio in percent; never a rounded 100 for what is less."""
    shown = 100 * ratio
    return f"{shown:.1f} %" if 99.5 <= shown < 99.95 else f"{shown:.0f} %"


def compare(before: Motion, after: Motion) -> Changes:
    """Say what was done to a motion, without a truth: what was kept and what was taken away.

    Rotations are compared as they are stored, but for their acceleration, which is that in the world.

    Parameters
    ----------
    before, after
        The same frames, persons and keypoints.

    Raises
    ------
    DataError
        If they are of different kinds or shapes.
    """
    for motion in (before, after):
        check_motion(motion)
    if type(before) is not type(after) or before.shape != after.shape:
        found = " and ".join(f"{type(m).__name__} {m.shape}" for m in (before, after))
        raise DataError(f"expected before and after of one kind and shape, found {found}")
    frames, factor = before.shape[0], _factor(before)
    x, y = (_values(m).reshape(frames, -1, _values(m).shape[-1]) for m in (before, after))
    cuts = _arrays.find_cuts(before.times)
    movement = fastest_movements(x, y, before.fps, cuts)
    person, keypoint = divmod(movement.curve, before.shape[2])
    some = movement.curve >= 0
    return Changes(
        unit=_unit(before),
        moved=_moved(before, after) * factor,
        fastest=movement.speed * factor,
        peak_speed_ratio=movement.speed_kept,
        gain=movement.reach_kept,
        keypoint=before.skeleton.keypoints[keypoint] if some else "",
        person=before.persons[person] if some else "",
        time=float(before.times[movement.frame]) if some else float("nan"),
        accel_before=acceleration(before),
        accel_after=acceleration(after),
    )


def acceleration(motion: Motion) -> float:
    """Mean size of second differences, per frame², of all points of a motion; NaN where there are none.

    In millimetres for 3D with a metric unit, else in the motion's own. Of rotations the angular acceleration
    in the world, in degrees: what is seen, and the same whether a file stores rotations relative to the
    parents or to the world. It is what :func:`evaluate` gives without a truth.
    """
    if 0 in motion.shape:
        return float("nan")
    cuts = _arrays.find_cuts(motion.times)
    if isinstance(motion, BodyMotion):
        parents = motion.skeleton.parents if motion.relative_to == "parent" else None
        return float(angular_accel(motion.rotations, parents=parents, cuts=cuts))
    return float(accel_magnitude(motion.positions, cuts=cuts)) * _factor(motion)


def _moved(before: Motion, after: Motion) -> float:
    """Root mean square of the changes of points that were seen and not replaced, in the motion's unit."""
    total, count = 0.0, 0
    frames = before.shape[0]
    for b in _arrays.blocks(frames, int(np.prod(_values(before).shape[1:])) or 1):
        x, y = _values(before)[b].astype(np.float64), _values(after)[b].astype(np.float64)
        if isinstance(before, BodyMotion):
            shape = (*x.shape[:-1], 3, 3)
            apart = rotations.geodesic(x.reshape(shape), y.reshape(shape)) * math.sqrt(2)
        else:
            apart = _arrays.lengths(y - x)
        known = np.isfinite(apart)
        if after.filled is not None:
            known &= ~after.filled[b]
        total += float(np.square(apart[known]).sum())
        count += int(known.sum())
    return math.sqrt(total / count) if count else float("nan")


def _values(motion: Motion) -> Floats:
    """Positions, or rotation matrices as nine numbers."""
    if isinstance(motion, PoseSequence):
        return motion.positions
    return motion.rotations.reshape(*motion.shape, 9)


def _factor(motion: Motion) -> float:
    if isinstance(motion, BodyMotion):
        return CHORD
    return MILLIMETRES.get(motion.unit, 1.0) if motion.shape[3] == 3 else 1.0


def _unit(motion: Motion) -> str:
    if isinstance(motion, BodyMotion):
        return "°"
    if motion.shape[3] == 3 and motion.unit in MILLIMETRES:
        return "mm"
    return "of the image" if motion.unit == "normalized" else motion.unit
