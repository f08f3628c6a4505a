"""From the keypoints that a 2D tool gives to the joints that a lifting network takes.

Tools agree on shoulders, elbows, wrists, hips, knees and ankles, and each has its own points along the spine
and on the head. The joints of Human3.6M that lie there are therefore derived, from what nearly every tool
gives, by one rule for training and use:

=========  ========================================================================================
pelvis     middle of the hips
thorax     middle of the shoulders
spine      middle of pelvis and thorax
neck_base  nose
head       the ears (or the one that is seen; else the eyes, else the nose), moved away from the thorax by
           two thirds of its distance to them: about the crown (Human3.6M's own lies one third beyond)
=========  ========================================================================================

A rule whose points are not all seen in a frame gives way to the tool's own point of that meaning: OpenPose's
and Halpe's pelvis and neck, Human3.6M's and MPII's thorax, head or head top. A network trained on joints as
they are named (``LiftSpec.derived`` false) has it the other way round: the tool's own first.

The rules are cruder than the points they stand for, on purpose: a network that has only ever seen a spine in
the middle has learnt nothing about one that is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose._layouts import layouts
from steadypose._timed import complete, numbers
from steadypose.errors import DataError
from steadypose.lift._inputs import BRIDGED_CONFIDENCE, FEWEST_JOINTS
from steadypose.lift._spec import LiftSpec
from steadypose.sequence import PoseSequence
from steadypose.skeleton import Skeleton

Floats = npt.NDArray[np.floating[Any]]
Values = npt.NDArray[np.float32]

# The top of the head is at 1 of a body's height, tragus at 0.925, shoulders at 0.815 (Drillis and Contini
# 1966; ANSUR 2012): (1 - 0.925) / (0.925 - 0.815).
ABOVE_EARS = 2 / 3

_HIPS, _SHOULDERS = ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")


@dataclass(frozen=True)
class _Rule:
    """A joint as the mean of points, moved away from another joint.

    Parameters
    ----------
    points
        Names, of the tool's keypoints or of joints derived before.
    some
        Whether the mean over those that are seen will do.
    beyond, by
        The joint to move away from, and how far, relative to the distance between them.
    """

    points: tuple[str, ...]
    some: bool = False
    beyond: str | None = None
    by: float = 0.0


def _own(*names: str) -> tuple[_Rule, ...]:
    return tuple(_Rule((name,)) for name in names)


# In an order in which each needs only those before it. The derived rules, then the tool's own points.
_RULES: dict[str, tuple[tuple[_Rule, ...], tuple[_Rule, ...]]] = {
    "pelvis": ((_Rule(_HIPS),), _own("pelvis")),
    "thorax": ((_Rule(_SHOULDERS),), _own("thorax", "neck")),
    "spine": ((_Rule(("pelvis", "thorax")),), _own("spine")),
    "neck_base": (_own("nose"), _own("neck_base")),
    "head": (
        tuple(
            _Rule(points, True, "thorax", ABOVE_EARS)
            for points in (("left_ear", "right_ear"), ("left_eye", "right_eye"), ("nose",))
        ),
        _own("head_top", "head"),
    ),
}
# What a head is called in Kinect and SMPL is its middle or its base: no stand-in for its top.
_MIDDLE_OF_HEAD = ("kinect25", "smpl24", "smplh52", "smplx55", "mpi17")


def derive(
    positions: Floats, confidence: Floats | None, skeleton: Skeleton, spec: LiftSpec
) -> tuple[Values, Values]:
    """Points of a network's input joints, and how far to believe them.

    Parameters
    ----------
    positions : ndarray, shape (..., keypoints, 2)
        NaN or infinite where missing.
    confidence : ndarray, shape (..., keypoints), optional
        As the estimator gave it. It is cut off at 1; a point with 0 or less is missing, one with NaN is
        believed, and so is every point where there is none at all. Nothing is scaled by what else is in the
        recording: a live frame must mean the same.
    skeleton
        Of the keypoints.
    spec
        Which joints, and by which rule first.

    Returns
    -------
    xy : ndarray of float32, shape (..., joints, 2)
        NaN where missing.
    confidence : ndarray of float32, shape (..., joints)
        From 0, which is missing, to 1; of a derived joint the least of its points.

    Raises
    ------
    DataError
        If the skeleton has too few of the joints to speak of a body.
    """
    x = numbers(positions, np.float32, "positions")
    c = complete(x).astype(np.float32)
    if confidence is not None:
        given = numbers(confidence, np.float32, "confidence")
        c = np.where(np.isnan(given), c, c * np.clip(given, 0, 1)).astype(np.float32)
    x = np.where(c[..., None] > 0, x, np.float32(np.nan))
    found = {name: (x[..., k, :], c[..., k]) for k, name in enumerate(skeleton.canonical)}
    if skeleton.name.partition("[")[0] in _MIDDLE_OF_HEAD:
        found.pop("head", None)
    joints: dict[str, tuple[Values, Values]] = {}
    for name, (derived, own) in _RULES.items():
        made = [
            made
            for rule in ((*derived, *own) if spec.derived else (*own, *derived))
            if (made := _apply(rule, found if rule in own else {**found, **joints})) is not None
        ]
        if made:
            joints[name] = _first_seen(made)
    named = {**found, **joints}
    there = [name for name in spec.joints if name in named]
    if len(there) < min(FEWEST_JOINTS, len(spec.joints)):
        raise DataError(
            f"expected a skeleton with {FEWEST_JOINTS} or more of {', '.join(spec.joints)}; "
            f"found {len(there)} in {skeleton.name!r} ({', '.join(skeleton.keypoints[:6])} …)"
        )
    xy = np.full((*x.shape[:-2], len(spec.joints), 2), np.nan, np.float32)
    out = np.zeros(xy.shape[:-1], np.float32)
    for name in there:
        j = spec.joints.index(name)
        xy[..., j, :], out[..., j] = named[name]
    xy[out == 0] = np.nan
    return xy, out


def _apply(rule: _Rule, found: dict[str, tuple[Values, Values]]) -> tuple[Values, Values] | None:
    """Point and confidence by one rule; None if no frame can have it."""
    parts = [found[name] for name in rule.points if name in found]
    if not parts or (len(parts) < len(rule.points) and not rule.some):
        return None
    x, c = parts[0] if len(parts) == 1 else _mean(parts, rule.some)
    if rule.beyond is not None:
        if rule.beyond not in found:
            return None
        base, base_c = found[rule.beyond]
        x, c = x + np.float32(rule.by) * (x - base), np.minimum(c, base_c)
    return x, c


def _mean(parts: list[tuple[Values, Values]], some: bool) -> tuple[Values, Values]:
    x, c = np.stack([p[0] for p in parts]), np.stack([p[1] for p in parts])
    if not some:
        return x.mean(axis=0), c.min(axis=0)
    seen = c > 0
    count = np.maximum(seen.sum(axis=0), 1)
    least = np.where(seen, c, np.inf).min(axis=0)
    return (
        np.where(seen[..., None], x, 0).sum(axis=0) / count[..., None].astype(np.float32),
        np.where(seen.any(axis=0), least, 0).astype(np.float32),
    )


def _first_seen(made: list[tuple[Values, Values]]) -> tuple[Values, Values]:
    """In every frame the first of these that is seen there."""
    x, c = made[0]
    for other_x, other_c in made[1:]:
        here = c > 0
        x, c = np.where(here[..., None], x, other_x), np.where(here, c, other_c)
    return x, c


def to_inputs(seq: PoseSequence, spec: LiftSpec) -> PoseSequence:
    """A sequence in the joints that a network takes, in the image, with the confidences it takes.

    A point that :func:`steadypose.refine` filled in counts as seen, with little confidence. Of three
    coordinates in the image (MediaPipe's relative depth) the third is left out.

    Raises
    ------
    DataError
        If the sequence is not of keypoints in the image, or its skeleton has nothing of a body.
    """
    if seq.space != "image":
        raise DataError(
            f"expected 2D keypoints in the image to lift, found {seq.shape[3]}D keypoints, {seq.space}"
        )
    confidence = seq.confidence
    if seq.filled is not None and seq.filled.any():
        given = np.ones(seq.shape[:3], np.float32) if confidence is None else confidence
        confidence = np.where(seq.filled, np.float32(BRIDGED_CONFIDENCE), given)
    xy, c = derive(seq.positions[..., :2], confidence, seq.skeleton, spec)
    h36m = layouts()["h36m17"]
    at = [h36m.index(name) for name in spec.joints]
    return replace(
        seq,
        positions=xy,
        confidence=c,
        filled=None,
        skeleton=h36m.subset(at, f"lift{len(at)}"),
        source=None,
        history=(*seq.history, f"inputs: {len(at)} joints of h36m17 from {seq.skeleton.name} by name"),
    )
