"""Lifting one person: windows in, the network, joints out; and the height of a body."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._given import is_finite
from steadypose.errors import DataError
from steadypose.lift._camera import Intrinsics, facing, turned
from steadypose.lift._inputs import (
    FEWEST_JOINTS,
    bridge,
    hold,
    network_input,
    runs,
    step,
    window_ends,
    window_frames,
)
from steadypose.lift._network import CHUNK, Network

Floats = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]
Values = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

# Leg, trunk and head as Human3.6M's joints have them, one after the other, in parts of the stature: from the
# ankles at 0.039 to a "head" somewhat below the crown (Drillis and Contini 1966 would have 0.92; bodies of
# motion capture have 0.90 to 0.94, in the median this).
UPRIGHT = 0.91
_LEG = ("hip", "knee", "ankle")
_RAYS = 4096  # frames at a time: undoing the distortion takes many times the memory of its result


@dataclass(frozen=True)
class Lifting:
    """A network and how it is used.

    Parameters
    ----------
    network
        The network.
    camera
        Of the image, if it is known.
    stature
        Height that bodies are scaled to, metres; None: as the network has them.
    max_gap
        Longest gap that is bridged or held, seconds.

    Raises
    ------
    DataError
        If they do not go together.
    """

    network: Network
    camera: Intrinsics | None = None
    stature: float | None = None
    max_gap: float = 0.25

    def __post_init__(self) -> None:
        if not (is_finite(self.max_gap) and self.max_gap >= 0):
            raise DataError(f"expected max_gap of 0 seconds or more, found {self.max_gap!r}")
        spec = self.network.spec
        if self.stature is not None:
            if not (is_finite(self.stature) and 0.3 <= self.stature <= 3):
                raise DataError(f"expected stature in metres, such as 1.75, found {self.stature!r}")
            lacking = [n for n in ("thorax", "head", *_sides(*_LEG)) if n not in spec.outputs]
            if lacking:
                raise DataError(f"expected a network with {lacking[0]} among its outputs for stature")
        if self.camera is not None and spec.normalisation != "person":
            raise DataError(
                f"expected no camera: the network {self.network.name!r} takes pixels of the cameras it was "
                "trained with"
            )

    def points(self, xy: Values, confidence: Values) -> tuple[Floats, Values]:
        """What windows are made of: pixels, or with a camera the ray of each."""
        if self.camera is None:
            return xy, confidence
        rays = np.empty((*xy.shape[:-1], 3), np.float32)
        for at in range(0, len(xy), _RAYS):
            rays[at : at + _RAYS] = self.camera.rays(xy[at : at + _RAYS])
        return rays, np.where(np.isnan(rays[..., 0]), np.float32(0), confidence)

    def there(self, confidence: Values) -> Bools:
        """In which frames enough joints are known to lift the person."""
        spec = self.network.spec
        every = len(spec.joints)
        found: Bools = (confidence > 0).sum(axis=-1) >= (
            min(FEWEST_JOINTS, every) if spec.confidence else every
        )
        return found

    def windows(self, points: Floats, confidence: Values) -> Values:
        """Joints (windows, length, outputs, 3) in millimetres from the pelvis, from windows of points."""
        spec = self.network.spec
        if self.camera is None:
            out = self.network(network_input(points, confidence, spec))
        else:
            turn = facing(points, confidence > 0)
            xy = turned(points, turn)
            known = np.where(np.isnan(xy[..., 0]), np.float32(0), confidence)
            out = self.network(network_input(xy, known, spec))
            out = np.einsum("bji,btkj->btki", turn, out).astype(np.float32)
        return out - out[:, :, :1]

    def longest_step(self, fps: float) -> float:
        """Seconds from one frame to the next above which windows begin anew."""
        return max(self.max_gap, 1.5 / fps if np.isfinite(fps) else 0.0)

    def person(self, xy: Values, confidence: Values, times: Floats, fps: float, online: bool) -> Values:
        """One person's joints; NaN in frames where too little of them is known.

        Parameters
        ----------
        xy : ndarray of float32, shape (frames, joints, 2)
            NaN where missing.
        confidence : ndarray of float32, shape (frames, joints)
            0 where missing.
        times : ndarray, shape (frames,)
            Seconds.
        fps
            Their rate.
        online
            Whether a frame may depend on earlier ones only.

        Returns
        -------
        ndarray of float32, shape (frames, outputs, 3)
        """
        spec, every = self.network.spec, step(fps, self.network.spec)
        points, c = self.points(*(hold if online else bridge)(xy, confidence, times, self.max_gap))
        out = np.zeros((len(xy), len(spec.outputs), 3), np.float32)
        count = np.zeros(len(xy), np.int32)
        for first, stop in runs(self.there(c), times, self.longest_step(fps)):
            ends = np.arange(first, stop) if online else window_ends(first, stop, spec.length, every)
            for at in range(0, len(ends), CHUNK):
                some = ends[at : at + CHUNK]
                frames = window_frames(some, first, spec.length, every)
                made = self.windows(points[frames], c[frames])
                # Of copies that stand in for frames before the run, only the frame itself counts.
                own = np.diff(frames, axis=1, append=-1) != 0
                if online:
                    own[:, :-1] = False
                np.add.at(out, frames[own], made[own])
                np.add.at(count, frames[own], 1)
        out[count == 0] = np.nan
        out /= np.maximum(count, 1)[:, None, None]
        if self.stature is not None:
            out *= self._scale(out, online)[:, None, None]
        return out

    def _scale(self, joints: Values, online: bool) -> Values:
        """What to multiply each frame with, so that the body has its stature.

        From the median over the recording; online from the mean of the frames so far.
        """
        assert self.stature is not None
        height = self.height(joints)
        seen = np.isfinite(height)
        if online:
            count = np.maximum(np.cumsum(seen), 1)
            mean = np.cumsum(np.where(seen, height, 0)) / count
        else:
            mean = np.full(len(height), np.median(height[seen]) if seen.any() else 0.0)
        return self.factor(mean)

    def factor(self, height: Doubles) -> Values:
        """Wanted over found height; 1 where nothing is known of it."""
        assert self.stature is not None
        return (1000 * self.stature / np.where(height > 0, height, 1000 * self.stature)).astype(np.float32)

    def height(self, joints: Values) -> Doubles:
        """Height (mm) of bodies if they stood upright: leg, trunk and head one after the other.

        Parameters
        ----------
        joints : ndarray, shape (..., outputs, 3)
        """
        outputs = self.network.spec.outputs
        at = {name: joints[..., k, :].astype(np.float64) for k, name in enumerate(outputs)}

        def along(*names: str) -> Doubles:
            there = [at[n] for n in names if n in at]
            lengths = [np.linalg.norm(b - a, axis=-1) for a, b in pairwise(there)]
            total: Doubles = np.sum(lengths, axis=0)
            return total

        leg = (along(*_sides(*_LEG)[:3]) + along(*_sides(*_LEG)[3:])) / 2
        return (leg + along("pelvis", "spine", "thorax", "head")) / UPRIGHT


def _sides(*parts: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for side in ("left", "right") for part in parts)
