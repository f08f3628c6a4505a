"""The two things that travel through steadypose: positions over time and rotations over time.

Both are frozen, both are checked once, at construction, and both keep what their file held besides
coordinates, so that writing them back changes coordinates only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from steadypose._given import names_of
from steadypose._timed import (
    Bools,
    Floats,
    Source,
    Space,
    Timed,
    Unit,
    check_choice,
    check_names,
    check_times,
    complete,
    count,
    frozen,
    numbers,
    within_reach,
)
from steadypose.errors import DataError
from steadypose.skeleton import Skeleton
from steadypose.skeleton import skeleton as find_skeleton

__all__ = ["BodyMotion", "Bools", "Floats", "Motion", "PoseSequence", "Source", "Space", "Unit", "numbered"]


@dataclass(frozen=True, eq=False, repr=False)
class PoseSequence(Timed):
    """Keypoint positions of persons over time.

    Use :meth:`from_array` for arrays of your own and :func:`steadypose.read` for files.

    Parameters
    ----------
    positions : ndarray of float32, shape (frames, persons, keypoints, 2 or 3)
        In ``unit``. Missing is NaN, never 0; infinities and numbers beyond 1e12 are taken as missing.
    times : ndarray of float64, shape (frames,)
        Seconds, strictly increasing; steps may be uneven.
    skeleton
        Names of the keypoints and how they hang together.
    confidence : ndarray of float32, shape (frames, persons, keypoints), optional
        As the estimator gave it (not comparable between estimators), or None; never invented.
    persons
        Unique names; a person who is absent in a frame is NaN there.
    unit
        ``"px"``, ``"normalized"`` (fractions of the image), ``"m"``, ``"cm"`` or ``"mm"``.
    space
        ``"image"``, ``"camera"``, ``"world"`` or ``"root-relative"``.
    history
        What was done to the sequence, in order.
    filled : ndarray of bool, shape (frames, persons, keypoints), optional
        True where a position was not seen, or taken out as an outlier, and filled in by steadypose.
    source
        What the file held besides coordinates; None for sequences not from a file.

    Raises
    ------
    DataError
        If a shape, a unit, a name or a time does not fit; the message names what was expected and found.
    """

    positions: npt.NDArray[np.float32]
    times: Floats
    skeleton: Skeleton
    confidence: npt.NDArray[np.float32] | None = None
    persons: tuple[str, ...] = ()
    unit: Unit = "px"
    space: Space = "image"
    history: tuple[str, ...] = ()
    filled: Bools | None = None
    source: Source | None = None

    def __post_init__(self) -> None:
        x = numbers(self.positions, np.float32, "positions")
        if x.ndim != 4 or x.shape[3] not in (2, 3):
            raise DataError(
                f"expected positions of shape (frames, persons, keypoints, 2 or 3), found {x.shape}"
            )
        if x.shape[0] < 1:
            raise DataError("expected at least one frame, found none")
        if x.shape[2] != len(self.skeleton):
            raise DataError(
                f"expected {len(self.skeleton)} keypoints (skeleton {self.skeleton.name!r}), "
                f"found {x.shape[2]}"
            )
        check_choice(self.unit, Unit, "unit")
        check_choice(self.space, Space, "space")
        set_ = object.__setattr__
        set_(self, "positions", frozen(within_reach(x)))
        set_(self, "times", frozen(check_times(self.times, None, x.shape[0])))
        set_(self, "persons", check_names(self.persons or None, x.shape[1]))
        set_(self, "history", tuple(self.history))
        for name, dtype in (("confidence", np.float32), ("filled", np.bool_)):
            value = getattr(self, name)
            if value is not None:
                a = numbers(value, dtype, name)
                if a.shape != x.shape[:3]:
                    raise DataError(f"expected {name} of shape {x.shape[:3]}, found {a.shape}")
                set_(self, name, frozen(a))

    @classmethod
    def from_array(
        cls,
        positions: npt.ArrayLike,
        *,
        fps: float | None = None,
        times: npt.ArrayLike | None = None,
        skeleton: Skeleton | str | Iterable[str] | None = None,
        unit: Unit = "px",
        space: Space = "image",
        confidence: npt.ArrayLike | None = None,
        persons: Iterable[str] | None = None,
    ) -> PoseSequence:
        """A sequence from an array of your own (copied).

        Parameters
        ----------
        positions : array_like, shape (frames, keypoints, dims) or (frames, persons, keypoints, dims)
            dims is 2 or 3; NaN where missing.
        fps, times
            The frame rate, or the time of every frame in seconds; one of them.
        skeleton
            A :class:`Skeleton`, the name of a known layout, or a list of keypoint names. ``None``: keypoints
            are named by number and no root, bones or sides are known.
        unit, space, confidence, persons
            As in :class:`PoseSequence`; confidence may leave out the persons axis too.

        Raises
        ------
        DataError
            If anything does not fit.
        """
        if fps is not None and times is not None:
            raise DataError("expected fps or times, found both")
        x = numbers(positions, np.float32, "positions").copy()
        c = None if confidence is None else numbers(confidence, np.float32, "confidence").copy()
        if x.ndim == 3:
            x = x[:, None]
            c = c[:, None] if c is not None and c.ndim == 2 else c
        if x.ndim != 4:
            raise DataError(
                f"expected (frames, keypoints, dims) or (frames, persons, keypoints, dims), found {x.shape}"
            )
        layout = numbered(x.shape[2]) if skeleton is None else find_skeleton(skeleton)
        who = check_names(persons, x.shape[1])
        return cls(x, check_times(times, fps, x.shape[0]), layout, c, who, unit, space)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(frames, persons, keypoints, dims)."""
        f, p, k, d = self.positions.shape
        return f, p, k, d

    @property
    def valid(self) -> Bools:
        """True where every coordinate of a keypoint is there; shape (frames, persons, keypoints)."""
        return complete(self.positions)

    def with_positions(
        self, positions: npt.NDArray[np.float32], note: str, filled: Bools | None = None
    ) -> PoseSequence:
        """The same sequence with other coordinates and one more line of history; keeps its source.

        ``filled`` adds to what was marked as filled before. Raises DataError if the shape changes.
        """
        if np.shape(positions) != self.positions.shape:
            raise DataError(
                f"expected positions of shape {self.positions.shape}, found {np.shape(positions)}"
            )
        marks = filled if self.filled is None else self.filled if filled is None else self.filled | filled
        return replace(self, positions=positions, filled=marks, history=(*self.history, note))

    def select(
        self,
        frames: slice | Sequence[int] | None = None,
        persons: Sequence[str] | None = None,
        keypoints: Sequence[str] | None = None,
    ) -> PoseSequence:
        """Some frames (slice, indices or mask), persons or keypoints (by name); no longer tied to its file.

        Raises
        ------
        DataError
            If a name or a frame is unknown, no frame or keypoint is left, or the order of frames changes.
        """
        try:
            every = np.arange(len(self.times))
            f = (
                every
                if frames is None
                else every[frames if isinstance(frames, slice) else np.atleast_1d(frames)]
            )
        except (IndexError, TypeError, ValueError) as e:
            raise DataError(f"expected frames among {len(self.times)}: {e}") from None
        persons = None if persons is None else names_of(persons, "persons")
        unknown = [p for p in persons or () if p not in self.persons]
        if unknown:
            raise DataError(f"expected persons among {', '.join(self.persons)}, found {unknown[0]!r}")
        p = list(range(len(self.persons))) if persons is None else [self.persons.index(n) for n in persons]
        k = (
            list(range(len(self.skeleton)))
            if keypoints is None
            else [self.skeleton.index(n) for n in names_of(keypoints, "keypoints")]
        )

        def pick(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return a[f][:, p][:, :, k]

        return replace(
            self,
            positions=pick(self.positions),
            times=self.times[f],
            skeleton=self.skeleton if keypoints is None else self.skeleton.subset(k),
            confidence=None if self.confidence is None else pick(self.confidence),
            persons=tuple(self.persons[i] for i in p),
            filled=None if self.filled is None else pick(self.filled),
            source=None,
        )

    def remap(self, layout: Skeleton | str | Iterable[str]) -> PoseSequence:
        """The same motion in another skeleton, matched by name; keypoints without a counterpart are NaN.

        Points that one tool gives and another only implies are derived: a pelvis is the middle of the hips,
        a neck (OpenPose, Halpe) or thorax (Human3.6M, MPII, Kinect) the middle of the shoulders. Nothing
        else is: a head, a spine or a toe is never made up. A derived point is as confident as the less
        confident of the two, one without a counterpart has confidence 0. No longer tied to its file.

        Raises
        ------
        DataError
            If the layout is unknown.
        """
        target = find_skeleton(layout)
        f, p, _, d = self.shape
        x = np.full((f, p, len(target), d), np.nan, np.float32)
        c = None if self.confidence is None else np.zeros(x.shape[:3], np.float32)
        marks = None if self.filled is None else np.zeros(x.shape[:3], np.bool_)
        mine, theirs = self.skeleton.common(target)
        sources = dict(zip(theirs, ([k] for k in mine), strict=True))
        for name, parts in _MIDDLES.items():
            if name in target.canonical and set(parts) <= set(self.skeleton.canonical):
                sources.setdefault(target.index(name), [self.skeleton.index(n) for n in parts])
        for at, of in sources.items():
            x[:, :, at] = self.positions[:, :, of].mean(axis=2)
            if c is not None and self.confidence is not None:
                c[:, :, at] = self.confidence[:, :, of].min(axis=2)
            if marks is not None and self.filled is not None:
                marks[:, :, at] = self.filled[:, :, of].any(axis=2)
        note = f"remap: {self.skeleton.name} to {target.name} by name"
        return replace(
            self,
            positions=x,
            confidence=c,
            skeleton=target,
            filled=marks,
            source=None,
            history=(*self.history, note),
        )

    def _points(self) -> str:
        where = f"{self.unit}, {self.space}"
        return f"{count(self.shape[2], 'keypoint')} ({self.skeleton.name}), {self.shape[3]}D ({where})"


# Points that are defined as the middle of two others.
_MIDDLES = {
    "pelvis": ("left_hip", "right_hip"),
    "neck": ("left_shoulder", "right_shoulder"),
    "thorax": ("left_shoulder", "right_shoulder"),
}


@dataclass(frozen=True, eq=False, repr=False)
class BodyMotion(Timed):
    """Joint rotations (and translation) of persons over time.

    Parameters
    ----------
    rotations : ndarray of float64, shape (frames, persons, joints, 3, 3)
        Rotation matrices (column vectors: a joint turns a vector v to ``R @ v``); NaN where missing.
    times : ndarray of float64, shape (frames,)
        Seconds, strictly increasing.
    skeleton
        The joints.
    translation : ndarray of float64, shape (frames, persons, 3), optional
        Of the root, in ``unit``; NaN where missing.
    body_shape : ndarray of float64, shape (frames, persons, coefficients), optional
        Shape coefficients (SMPL betas), as the file gave them.
    offsets : ndarray of float64, shape (joints, 3) or (persons, joints, 3), optional
        Rest position of every joint relative to its parent, in ``unit``; with it positions follow
        (:func:`steadypose.rotations.forward_kinematics`).
    relative_to
        ``"parent"`` (each joint's rotation in its parent's frame) or ``"world"`` (global orientations).
    persons, unit, space, history, source
        As in :class:`PoseSequence`.
    representation
        How the file writes rotations: ``"matrix"``, ``"axis-angle"``, ``"quaternion xyzw"``,
        ``"6d columns"``, ``"euler ZYX"`` … always named, never guessed from a shape.

    Raises
    ------
    DataError
        If a shape, a unit, a name or a time does not fit.
    """

    rotations: npt.NDArray[np.float64]
    times: Floats
    skeleton: Skeleton
    translation: npt.NDArray[np.float64] | None = None
    body_shape: npt.NDArray[np.float64] | None = None
    offsets: npt.NDArray[np.float64] | None = None
    relative_to: Literal["parent", "world"] = "parent"
    persons: tuple[str, ...] = ()
    unit: Unit = "m"
    space: Space = "world"
    representation: str = "matrix"
    history: tuple[str, ...] = ()
    filled: Bools | None = None
    source: Source | None = None

    def __post_init__(self) -> None:
        r = numbers(self.rotations, np.float64, "rotations")
        if r.ndim != 5 or r.shape[3:] != (3, 3):
            raise DataError(f"expected rotations of shape (frames, persons, joints, 3, 3), found {r.shape}")
        if r.shape[0] < 1:
            raise DataError("expected at least one frame, found none")
        if r.shape[2] != len(self.skeleton):
            raise DataError(
                f"expected {len(self.skeleton)} joints (skeleton {self.skeleton.name!r}), found {r.shape[2]}"
            )
        check_choice(self.unit, Unit, "unit")
        check_choice(self.space, Space, "space")
        check_choice(self.relative_to, Literal["parent", "world"], "relative_to")
        r = np.where(np.isfinite(r).all(axis=(-1, -2), keepdims=True), r, np.nan)
        bad = _not_rotations(r)
        if bad.any():
            f, p, j = (int(i[0]) for i in np.nonzero(bad))
            raise DataError(
                f"expected rotation matrices, found one that is not orthonormal (frame {f}, person {p}, "
                f"joint {self.skeleton.keypoints[j]!r})"
            )
        set_ = object.__setattr__
        set_(self, "rotations", frozen(r))
        set_(self, "times", frozen(check_times(self.times, None, r.shape[0])))
        set_(self, "persons", check_names(self.persons or None, r.shape[1]))
        set_(self, "history", tuple(self.history))
        shapes = {"translation": [(*r.shape[:2], 3)], "offsets": [(r.shape[2], 3), (*r.shape[1:3], 3)]}
        for name, allowed in shapes.items():
            value = getattr(self, name)
            if value is not None:
                a = numbers(value, np.float64, name)
                if a.shape not in allowed:
                    raise DataError(f"expected {name} of shape {allowed[0]}, found {a.shape}")
                set_(self, name, frozen(within_reach(a)))
        if self.body_shape is not None:
            b = numbers(self.body_shape, np.float64, "body_shape")
            if b.ndim != 3 or b.shape[:2] != r.shape[:2]:
                raise DataError(
                    f"expected body_shape of shape {(*r.shape[:2], 'coefficients')}, found {b.shape}"
                )
            set_(self, "body_shape", frozen(b))
        if self.filled is not None:
            m = numbers(self.filled, np.bool_, "filled")
            if m.shape != r.shape[:3]:
                raise DataError(f"expected filled of shape {r.shape[:3]}, found {m.shape}")
            set_(self, "filled", frozen(m))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, persons, joints)."""
        f, p, j = self.rotations.shape[:3]
        return f, p, j

    @property
    def valid(self) -> Bools:
        """True where a joint's rotation is there; shape (frames, persons, joints)."""
        return np.isfinite(self.rotations[..., 0, 0])

    def _points(self) -> str:
        return f"{count(self.shape[2], 'joint')} ({self.skeleton.name}), {self.representation} ({self.space})"

    def with_rotations(
        self,
        rotations: npt.NDArray[np.float64],
        note: str,
        translation: npt.NDArray[np.float64] | None = None,
        filled: Bools | None = None,
    ) -> BodyMotion:
        """The same motion with other rotations (and translation), one more line of history and its source."""
        if rotations.shape != self.rotations.shape:
            raise DataError(f"expected rotations of shape {self.rotations.shape}, found {rotations.shape}")
        marks = filled if self.filled is None else self.filled if filled is None else self.filled | filled
        return replace(
            self,
            rotations=rotations,
            translation=self.translation if translation is None else translation,
            filled=marks,
            history=(*self.history, note),
        )


Motion = PoseSequence | BodyMotion


def _not_rotations(r: npt.NDArray[np.float64]) -> Bools:
    """True where rows are not orthonormal or the matrix mirrors; shape (...,). NaN is neither.

    Products are written out: matrix products and determinants of many small matrices are much slower.
    """
    (a, b, c), (d, e, f), (g, h, i) = np.moveaxis(r, (-2, -1), (0, 1))
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = (a * a + b * b + c * c, d * d + e * e + f * f, g * g + h * h + i * i)
        angles = (a * d + b * e + c * f, a * g + b * h + c * i, d * g + e * h + f * i)
        bad = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) < -0.5
        for x in lengths:
            bad |= np.abs(x - 1) > 1e-2
        for x in angles:
            bad |= np.abs(x) > 1e-2
    return bad  # type: ignore[no-any-return]


def numbered(count: int) -> Skeleton:
    """A skeleton of which nothing but the number of keypoints is known; they are named by number."""
    return Skeleton(f"numbered{count}", tuple(str(k) for k in range(count)))
