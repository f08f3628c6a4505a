"""Pairs to learn lifting from: windows of what a 2D detector would see, and where the joints really were.

A :class:`Track` is a clip seen by a camera; :class:`Pairs` cuts tracks into windows by index, so that nothing
is copied before a batch is made, and a batch is a few array operations however many windows it has.
:class:`LiftPairs` makes tracks of motion capture, cameras and noise, anew for every epoch if asked to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from steadypose._layouts import layouts
from steadypose._timed import complete
from steadypose.data._variation import hidden, mirrored, sample_body
from steadypose.data.cameras import Camera, film_set, place, sample_film_set, sample_phone
from steadypose.data.human36m import FPS, Recording, cameras
from steadypose.data.mocap import Clip
from steadypose.data.noise import DetectorNoise, GaussianNoise
from steadypose.errors import DataError
from steadypose.lift._camera import facing, turned
from steadypose.lift._inputs import (
    FEWEST_JOINTS,
    bridge,
    hold,
    network_input,
    window_ends,
    window_frames,
)
from steadypose.lift._skeleton import derive
from steadypose.lift._spec import LiftSpec
from steadypose.skeleton import Skeleton

__all__ = ["Cameras", "Layout", "LiftPairs", "Noise", "Pairs", "Track", "recorded"]

Values = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]
Cameras = Literal["film_set", "film", "phone", "mixed"]
Layout = Literal["h36m17", "coco17", "mixed"]

_H36M17 = layouts()["h36m17"]
# Gaps up to this many seconds are bridged or held before lifting (the default of steadypose.lift).
_MAX_GAP = 0.25
_STATISTICS = 65_536  # windows from which mean and deviation are taken


Noise = GaussianNoise | DetectorNoise


@dataclass(frozen=True, eq=False)
class Track:
    """One person, seen by one camera over time.

    Parameters
    ----------
    name, label
        Of the clip and camera; of the action, by which scores are averaged.
    fps
        Frames a second.
    keypoints : ndarray of float32, shape (frames, joints, 2)
        Pixels, in the order of the spec's joints; NaN where missing.
    confidence : ndarray of float32, shape (frames, joints)
        From 0, missing, to 1.
    truth : ndarray of float32, shape (frames, outputs, 3)
        Millimetres in the camera's axes, relative to the pelvis.
    camera
        Needed for normalisation ``"person"``, whose targets are in a camera turned towards the person.
    camera_known
        Whether the keypoints too are seen through that turned camera, as ``lift`` does where it is told the
        camera; else they enter as the real one saw them.
    """

    name: str
    label: str
    fps: float
    keypoints: Values
    confidence: Values
    truth: Values
    camera: Camera | None = None
    camera_known: bool = False


class Pairs:
    """Windows of tracks, sliding by one frame, and their targets.

    Windows with a frame in which hardly anything of the person is seen are left out, as in use; for a network
    without a channel for confidence those in which anything is not seen.

    Parameters
    ----------
    tracks
        At least one.
    spec
        The network's interface: joints, window length, normalisation.

    Attributes
    ----------
    frames : ndarray of int, shape (windows, length)
        Which of all tracks' frames, laid end to end, each window has. A track shorter than a window gives
        windows that repeat its first frame.
    track : ndarray of int, shape (windows,)
        Which track a window is of.
    turns : ndarray of float32, shape (windows, 3, 3), or None
        For ``"person"``: from the camera's axes to those of the targets.

    Raises
    ------
    DataError
        If there is no track, or a shape does not fit the spec.
    """

    def __init__(self, tracks: Sequence[Track], spec: LiftSpec) -> None:
        if not tracks:
            raise DataError("expected tracks to cut windows from, found none")
        self.tracks, self.spec = tuple(tracks), spec
        for t in self.tracks:
            _check(t, spec)
        self.keypoints = np.concatenate([t.keypoints for t in self.tracks])
        self.confidence = np.concatenate([t.confidence for t in self.tracks])
        self.truth = np.concatenate([t.truth for t in self.tracks])
        counts = np.array([len(t.truth) for t in self.tracks])
        self.first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        windows = [
            at + window_frames(window_ends(0, n, spec.length, 1), 0, spec.length, 1)
            for at, n in zip(self.first, counts, strict=True)
        ]
        frames = np.concatenate(windows)
        track = np.repeat(np.arange(len(windows)), [len(w) for w in windows])
        rays: Values | None = None
        if spec.normalisation == "person":
            rays = np.concatenate([_rays(t) for t in self.tracks]).astype(np.float32)
            self.confidence[~complete(rays)] = 0  # so far outside of the image that the lens has no ray there
        fewest = min(FEWEST_JOINTS, len(spec.joints)) if spec.confidence else len(spec.joints)
        there = (self.confidence > 0).sum(axis=1) >= fewest
        kept = there[frames].all(axis=1)
        self.frames, self.track = frames[kept].astype(np.int32), track[kept].astype(np.int32)
        self.turns: Values | None = None
        self._rays: Values | None = None
        if rays is not None:
            self._turn(rays)

    def __len__(self) -> int:
        return len(self.frames)

    def _turn(self, rays: Values) -> None:
        """Find the camera that looks at the person of every window."""
        known = self.confidence > 0
        self.turns = np.empty((len(self), 3, 3), np.float32)
        for at in range(0, len(self), 16_384):
            f = self.frames[at : at + 16_384]
            self.turns[at : at + len(f)] = facing(rays[f], known[f])
        self._known_camera = np.array([t.camera_known for t in self.tracks])[self.track]
        if self._known_camera.any():
            self._rays = rays

    def batch(self, which: Indices) -> tuple[Values, Values]:
        """Inputs (windows, length, joints, channels) and targets in mm (windows, length, outputs, 3)."""
        f = self.frames[which]
        xy, truth = self.keypoints[f], self.truth[f]
        if self.turns is not None:
            turn = self.turns[which]
            truth = truth @ turn.swapaxes(-1, -2)[:, None]
            if self._rays is not None:
                on = np.flatnonzero(self._known_camera[which])
                xy[on] = turned(self._rays[f[on]], turn[on])
        return network_input(xy, self.confidence[f], self.spec), truth

    @cached_property
    def statistics(self) -> dict[str, npt.NDArray[np.float64]]:
        """Mean and deviation of inputs (of what is visible) and of targets, as ``Lifter`` takes them."""
        count = len(self)
        if not count:
            raise DataError("expected windows with a person in them, found none")
        which = np.linspace(0, count - 1, min(count, _STATISTICS)).astype(np.intp)
        xy, targets = self.batch(which)
        known = self.confidence[self.frames[which]] > 0
        x = np.where(known[..., None], xy[..., :2].astype(np.float64), 0.0)
        seen = np.maximum(known.sum(axis=(0, 1)), 1)[:, None]
        mean = x.sum(axis=(0, 1)) / seen
        square = np.where(known[..., None], (x - mean) ** 2, 0.0).sum(axis=(0, 1)) / seen
        y = targets[:, :, 1:].astype(np.float64)
        return {
            "input_mean": mean,
            "input_std": np.sqrt(square),
            "output_mean": y.mean(axis=(0, 1)),
            "output_std": y.std(axis=(0, 1)),
        }


class LiftPairs:
    """Pairs made of motion capture.

    Parameters
    ----------
    clips
        Motion with 3D joints.
    spec
        The network's interface.
    cameras
        ``"film_set"``: the four of :func:`~steadypose.data.cameras.film_set`; ``"film"``, ``"phone"``,
        ``"mixed"``: ``views`` of them, drawn for each clip.
    noise
        None: exact points.
    fps
        A frame rate, or the lowest and highest; then each clip has one between them.
    layout
        Keypoints the detector finds: ``"h36m17"``, ``"coco17"``, or ``"mixed"``: one of them for each view.
    missing
        Share of frames in which a joint, a limb or the lower body is hidden.
    camera_known
        For ``"person"``: share of views whose camera the network's user knows.
    augment
        Mirrored bodies, other statures and proportions.
    seed
        The same seed and epoch give the same pairs.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        spec: LiftSpec,
        *,
        cameras: Cameras = "film_set",
        views: int = 4,
        noise: Noise | None = None,
        fps: float | tuple[float, float] = 50.0,
        layout: Layout = "h36m17",
        missing: float = 0.0,
        camera_known: float = 0.5,
        augment: bool = False,
        seed: int = 0,
    ) -> None:
        if not clips:
            raise DataError("expected clips to make pairs of, found none")
        self.spec, self.cameras, self.views, self.noise, self.layout = spec, cameras, views, noise, layout
        self.missing, self.camera_known, self.augment, self.seed = missing, camera_known, augment, seed
        low, high = fps if isinstance(fps, tuple) else (fps, fps)
        rates = np.random.default_rng([seed, 0]).uniform(low, high, len(clips))
        self.clips = [c.at(float(r)) for c, r in zip(clips, rates, strict=True)]

    def epoch(self, number: int = 0) -> Pairs:
        """The pairs of an epoch; other cameras, noise and bodies for every number."""
        tracks = []
        for at, clip in enumerate(self.clips):
            rng = np.random.default_rng([self.seed, 1, number, at])
            bodies = self._bodies(clip, rng)
            for view, camera in enumerate(self._cameras(bodies["h36m17"], rng)):
                tracks.append(self._track(clip, view, camera, bodies, rng))
        return Pairs(tracks, self.spec)

    def _bodies(self, clip: Clip, rng: np.random.Generator) -> dict[str, Floats]:
        """Joints in each layout, world, metres."""
        body = sample_body(rng) if self.augment else {}
        wanted = ("h36m17",) if self.layout == "h36m17" else ("h36m17", "coco17")
        joints: dict[str, Floats] = {}
        for name in wanted:
            joints[name] = clip.joints(name, **body).positions[:, 0].astype(np.float64)
        if self.augment and rng.random() < 0.5:
            joints = {n: mirrored(x, layouts()[n]) for n, x in joints.items()}
        # All layouts of a body are placed as one.
        placed = place(np.concatenate(list(joints.values()), axis=1), rng)
        ends = np.cumsum([x.shape[1] for x in joints.values()])[:-1]
        return dict(zip(joints, np.split(placed, ends, axis=1), strict=True))

    def _cameras(self, body: Floats, rng: np.random.Generator) -> list[Camera]:
        if self.cameras == "film_set":
            return list(film_set())
        phones = {
            "film": np.zeros(self.views, bool),
            "phone": np.ones(self.views, bool),
            "mixed": rng.permutation(self.views) % 2 == 0,
        }[self.cameras]
        return [sample_phone(rng, body) if phone else sample_film_set(rng) for phone in phones]

    def _track(
        self, clip: Clip, view: int, camera: Camera, bodies: dict[str, Floats], rng: np.random.Generator
    ) -> Track:
        layout = self.layout
        if layout == "mixed":
            layout = "coco17" if rng.random() < 0.5 else "h36m17"
        skeleton = layouts()[layout]
        points = camera.to_camera(bodies[layout])
        exact = camera.to_pixels(points)
        seen = camera.inside(exact)
        pixels, confidence = self._detected(exact, points, camera, skeleton, clip.fps, rng)
        if self.missing:
            seen &= ~hidden(len(pixels), skeleton, clip.fps, self.missing, rng)
        confidence = np.where(seen, confidence, 0)
        xy, c = derive(pixels, confidence, skeleton, self.spec)
        xy, c = self._gaps(xy, c, clip.fps, rng)
        if not self.spec.confidence:
            c[~camera.inside(exact).all(axis=1)] = 0  # partly outside of the image: left out
        body = camera.to_camera(bodies["h36m17"])
        outputs = [_H36M17.index(name) for name in self.spec.outputs]
        truth = ((body - body[:, :1]) * 1000.0)[:, outputs].astype(np.float32)
        known = self.spec.normalisation == "person" and rng.random() < self.camera_known
        name = f"{clip.name}/{camera.name or view}"
        return Track(name, clip.label, clip.fps, xy, c, truth, camera, known)

    def _detected(
        self,
        pixels: Floats,
        camera: Floats,
        by: Camera,
        skeleton: Skeleton,
        fps: float,
        rng: np.random.Generator,
    ) -> tuple[Floats, Floats]:
        """Points and confidence as the detector has them."""
        if self.noise is None:
            return pixels, complete(pixels).astype(np.float32)
        if isinstance(self.noise, GaussianNoise):
            return self.noise(pixels, rng)
        return self.noise(pixels, camera, skeleton, fps, rng, by.size)

    def _gaps(
        self, xy: Values, confidence: Values, fps: float, rng: np.random.Generator
    ) -> tuple[Values, Values]:
        """Gaps as they come to the network: bridged offline, held online, or too long for either.

        Without a channel for confidence it cannot know of gaps: all are bridged, whatever their length.
        """
        times = np.arange(len(xy)) / fps
        if not self.spec.confidence:
            return bridge(xy, confidence, times, np.inf)
        way = rng.integers(3)
        if way == 2:
            return xy, confidence
        return (bridge, hold)[way](xy, confidence, times, _MAX_GAP)


def recorded(recordings: Sequence[Recording], spec: LiftSpec, *, fps: float = FPS) -> Pairs:
    """Pairs of Human3.6M's recordings.

    Keypoints that are missing, or that the 2D source does not have, count as unseen.
    """
    joints, outputs = ([_H36M17.index(n) for n in names] for names in (spec.joints, spec.outputs))
    tracks = []
    for r in recordings:
        camera = next((c for c in cameras(r.subject) if c.name == r.camera), None)
        given = np.ones(r.keypoints.shape[:2], np.float32) if r.confidence is None else r.confidence
        confidence = np.where(complete(r.keypoints), np.clip(given, 0, 1), 0)[:, joints]
        tracks.append(
            Track(
                r.name,
                r.action,
                fps,
                r.keypoints[:, joints],
                confidence.astype(np.float32),
                r.truth[:, outputs],
                camera,
                camera_known=camera is not None and spec.normalisation == "person",
            )
        )
    return Pairs(tracks, spec)


def _rays(track: Track) -> Floats:
    if track.camera is None:
        raise DataError(f"{track.name}: expected its camera, for normalisation 'person'; found none")
    rays: Floats = track.camera.rays(track.keypoints)
    return rays


def _check(track: Track, spec: LiftSpec) -> None:
    frames = len(track.truth)
    for name, shape in {
        "keypoints": (frames, len(spec.joints), 2),
        "confidence": (frames, len(spec.joints)),
        "truth": (frames, len(spec.outputs), 3),
    }.items():
        found = getattr(track, name).shape
        if found != shape or not frames:
            raise DataError(f"{track.name}: expected {name} of shape {shape}, found {found}")
    if not np.isfinite(track.truth).all():
        raise DataError(f"{track.name}: expected finite positions, found NaN or infinity")
    if (np.isnan(track.keypoints).any(axis=-1) & (track.confidence > 0)).any():
        raise DataError(f"{track.name}: expected confidence 0 where a keypoint is missing, found more")
