"""Bodies of the SMPL family: rotations as axis-angle or matrices, translation and shape.

Rotations are relative to the parent joint, and pose vectors are in the order of the layouts ``smpl24``,
``smplh52`` and ``smplx55``; joint 22 is the left hand in SMPL and the jaw in SMPL-X (Loper et al., SMPL,
SIGGRAPH Asia 2015; Pavlakos et al., Expressive Body Capture, CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose import rotations as rot
from steadypose._layouts import layouts
from steadypose.errors import DataError, SteadyposeError
from steadypose.io._check import fits, frame_numbers
from steadypose.io._check import one_person as check_one_person
from steadypose.io._fields import Array, Columns, Field, Rows, shell
from steadypose.io._probe import Probe
from steadypose.sequence import BodyMotion, Motion, PoseSequence, Space, Unit
from steadypose.skeleton import Skeleton

SMPL22 = layouts()["smpl24"].subset(range(22), "smpl22")
_BY_JOINTS = {22: SMPL22, 24: layouts()["smpl24"], 52: layouts()["smplh52"], 55: layouts()["smplx55"]}
_SAME = 1e-7  # radians, about: matrices of the same axis-angle numbers agree to the last bits
_SQUARE = 0.05  # how far from orthonormal an estimator's matrix may be


def skeleton_of(joints: int) -> Skeleton | None:
    """The body of that many joints: SMPL's first 22, SMPL, SMPL-H or SMPL-X."""
    return _BY_JOINTS.get(joints)


class AxisAngle:
    """Axis times angle in radians, shape (rows, joints, 3)."""

    def decode(self, original: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # absurd angles give matrices that are refused
            return rot.from_axis_angle(original.astype(np.float64))

    def encode(self, original: Array, new: Array) -> Array:
        v = original.astype(np.float64)
        same = _same(self.decode(original), new)
        return np.where(same[..., None], v, nearest_axis_angle(new, v))


class Matrices:
    """Rotation matrices, shape (rows, joints, 3, 3); an estimator's are orthonormal only nearly."""

    def decode(self, original: Array) -> Array:
        return rot.project(original)

    def encode(self, original: Array, new: Array) -> Array:
        same = _same(self.decode(original), new)
        return np.where(same[..., None, None], original, new)


def _same(old: Array, new: Array) -> npt.NDArray[np.bool_]:
    missing = np.isnan(old[..., 0, 0]) & np.isnan(new[..., 0, 0])
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(old - new).max(axis=(-1, -2)) <= _SAME) | missing)


def nearest_axis_angle(R: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """Axis-angle vectors of rotations, each on the turn nearest to a reference vector.

    A rotation by ``a`` about ``n`` is also one by ``a + 2πk`` about ``n``; estimators put out any of them,
    and a change of turn between neighbouring frames looks like a jump.

    Parameters
    ----------
    R : array_like, shape (..., 3, 3)
    reference : array_like, shape (..., 3)
        Vectors to stay near; where NaN, the angle is from 0 to π.
    """
    near = np.asarray(reference, np.float64)
    v = rot.to_axis_angle(R)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        angle = np.linalg.norm(v, axis=-1, keepdims=True)
        length = np.linalg.norm(near, axis=-1, keepdims=True)
        # A rotation by nothing has no axis of its own: whole turns are about the reference's.
        axis = np.where(angle > 1e-8, v / angle, np.where(length > 0, near / length, 0.0))
        turns = np.rint(((axis * near).sum(axis=-1, keepdims=True) - angle) / (2 * np.pi))
        known = np.isfinite(axis).all(axis=-1, keepdims=True) & (np.abs(turns) < 1e6)
        return np.where(known, v + 2 * np.pi * turns * axis, v)


def check_rotations(matrices: Array, place: str, probe: Probe) -> None:
    """Raises FormatError unless matrices (..., 3, 3) are rotations, but for an estimator's inaccuracy."""
    m = matrices[np.isfinite(matrices).all(axis=(-1, -2))].astype(np.float64)
    off = np.abs(m @ np.swapaxes(m, -1, -2) - np.eye(3)).max(initial=0.0)
    if off > _SQUARE or (np.linalg.det(m) < 0).any():
        raise probe.error(place, "rotation matrices", "matrices that are not orthonormal")


@dataclass(frozen=True, eq=False)
class Body:
    """A stream of rotations as its document holds it.

    Parameters
    ----------
    pose
        Rotations, (rows, joints, 3) or (rows, joints, 3, 3).
    translation
        (rows, 1, 3), or None.
    shape
        Coefficients, (rows, coefficients), or None; kept, never written.
    """

    pose: Field
    translation: Field | None
    shape: Array | None
    representation: str = "axis-angle"

    def motion(
        self,
        skeleton: Skeleton,
        times: Array,
        persons: Sequence[str],
        space: Space,
        history: Sequence[str] = (),
        unit: Unit = "m",
    ) -> BodyMotion:
        """The stream, ready for processing."""
        moved = None if self.translation is None else self.translation.grid()[:, :, 0]
        return BodyMotion(
            self.pose.grid(),
            times,
            skeleton,
            translation=moved,
            body_shape=None if self.shape is None else self.pose.rows.scatter(self.shape, np.float64),
            persons=tuple(persons),
            unit=unit,
            space=space,
            representation=self.representation,
            history=tuple(history),
        )

    def put(self, document: Any, motion: Motion, name: str) -> None:
        """Write rotations and translation that have changed."""
        if not isinstance(motion, BodyMotion):
            raise DataError(f"{name}: expected rotations, found positions")
        rows = self.pose.rows
        fits(name, motion, (rows.frames, rows.persons, self.pose.original.shape[1]))
        self.pose.put(document, motion.rotations)
        if self.translation is not None and motion.translation is not None:
            self.translation.put(document, motion.translation[:, :, None])


@dataclass(frozen=True, eq=False)
class Points:
    """A stream of positions as its document holds it: (rows, keypoints, dims)."""

    points: Field

    def motion(
        self,
        skeleton: Skeleton,
        times: Array,
        persons: Sequence[str],
        unit: Unit,
        space: Space,
        history: Sequence[str] = (),
        confidence: Array | None = None,
    ) -> PoseSequence:
        """The stream, ready for processing; ``confidence`` (rows, keypoints) if in an array of its own."""
        codec, c = self.points.codec, confidence
        if isinstance(codec, Columns):
            c = codec.confidence(self.points.original)
        return PoseSequence(
            self.points.grid(np.float32),
            times,
            skeleton,
            None if c is None else self.points.rows.scatter(c, np.float32),
            tuple(persons),
            unit,
            space,
            tuple(history),
        )

    def put(self, document: Any, motion: Motion, name: str) -> None:
        """Write positions that have changed."""
        if not isinstance(motion, PoseSequence):
            raise DataError(f"{name}: expected positions, found rotations")
        rows, points = self.points.rows, self.points.codec.decode(self.points.original)
        fits(name, motion, (rows.frames, rows.persons, *points.shape[1:]))
        self.points.put(document, motion.positions)


Part = Body | Points
AXIS_ANGLE, MATRICES = AxisAngle(), Matrices()


@dataclass(frozen=True, eq=False)
class Kept:
    """What a writer needs of a file: its content, how that was wrapped, and where the streams lie in it."""

    content: Any
    parts: Mapping[str, Part]
    envelope: Any = None


def filled_in(streams: Mapping[str, Motion], document: Kept | None, format: str) -> Any:
    """The content of the file that the streams came from, with what has changed.

    Raises
    ------
    SteadyposeError
        If they came from no such file (it holds more than poses), or it has no stream of such a name.
    """
    if document is None:
        raise SteadyposeError(f"{format}: expected a sequence that was read from such a file, found another")
    content = shell(document.content)
    for name, motion in streams.items():
        if name not in document.parts:
            known = ", ".join(document.parts)
            raise SteadyposeError(f"{format}: expected streams among {known}, found {name!r}")
        document.parts[name].put(content, motion, name)
    return content


def one_person(frames: int, probe: Probe) -> Rows:
    """Rows of a file of one person who is there in every frame; raises FormatError if there is none."""
    if frames == 0:
        raise probe.error("", "at least one frame", "none")
    return Rows(np.arange(frames), np.zeros(frames, np.intp), frames, 1)


@dataclass(frozen=True, eq=False)
class New:
    """A body motion as a new file of the SMPL family wants it.

    Parameters
    ----------
    poses
        Axis-angle, (frames, persons, joints × 3); NaN where missing.
    trans
        Metres, (frames, persons, 3); zero if the motion has none.
    betas
        (frames, persons, coefficients); ten zeros if the motion has none.
    there
        Who is there in which frame, (frames, persons).
    numbers
        Of the frames.
    """

    poses: Array
    trans: Array
    betas: Array
    there: npt.NDArray[np.bool_]
    numbers: npt.NDArray[np.int64]


def new(motion: Motion, joints: tuple[int, ...], format: str) -> New:
    """What a new file needs.

    Raises
    ------
    DataError
        If the motion is not of bodies of the SMPL family with one of these numbers of joints.
    """
    if not isinstance(motion, BodyMotion):
        raise DataError(f"{format} holds rotations, found positions")
    body = skeleton_of(len(motion.skeleton))
    if body is None or len(body) not in joints or body.keypoints != motion.skeleton.keypoints:
        wanted = " or ".join(known.name for n, known in _BY_JOINTS.items() if n in joints)
        raise DataError(f"{format} holds rotations of {wanted}, found {motion.skeleton.name!r}")
    R = motion.rotations
    if motion.relative_to == "world":
        assert body.parents is not None
        R = rot.to_local(R, body.parents)
    turns = rot.to_axis_angle(R)
    for f in range(1, len(turns)):  # every frame on the turn of the one before
        turns[f] = nearest_axis_angle(R[f], turns[f - 1])
    frames, persons = R.shape[:2]
    trans = np.zeros((frames, persons, 3)) if motion.translation is None else motion.translation
    betas = np.zeros((frames, persons, 10)) if motion.body_shape is None else motion.body_shape
    return New(
        turns.reshape(frames, persons, -1),
        trans * {"mm": 1e-3, "cm": 1e-2}.get(motion.unit, 1.0),
        betas,
        np.asarray(np.isfinite(turns).all(axis=(-1, -2))),
        frame_numbers(motion),
    )


def new_of_one(motion: Motion, joints: tuple[int, ...], format: str) -> New:
    """The same for a format of one person; the arrays keep their axis of persons."""
    check_one_person(motion, format)
    return new(motion, joints, format)


def one_shape(betas: Array) -> Array:
    """One set of coefficients for a whole sequence: the mean of those (frames, coefficients) there."""
    there = np.isfinite(betas).all(axis=-1)
    return np.asarray(betas[there].mean(axis=0) if there.any() else np.zeros(betas.shape[1]))


def by_space(streams: Mapping[str, Motion], format: str) -> dict[Space, Motion]:
    """At most one motion a frame of reference, for a new file; raises SteadyposeError."""
    found: dict[Space, Motion] = {}
    for name, motion in streams.items():
        space: Space = "camera" if motion.space == "camera" else "world"
        if space in found:
            raise SteadyposeError(f"{format} holds one motion in the {space}'s frame, found {name!r} too")
        found[space] = motion
    return found
