"""Walks as rotations: bodies of one-camera methods, and legs of hinges from MediaPipe's landmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from real_fit import HIPS, LIMBS, trunk_axes

from steadypose.rotations import from_euler, to_local
from steadypose.sequence import BodyMotion
from steadypose.skeleton import Skeleton

PARENT = {
    "femur": "pelvis",
    "tibia": "femur",
    "talus": "tibia",
    "calcn": "talus",
    "toes": "calcn",
    "torso": "pelvis",
    "humerus": "torso",
    "ulna": "humerus",
    "radius": "ulna",
    "hand": "radius",
}
SIDES = {"l": "left", "r": "right"}
LEGS = ("pelvis", "left_femur", "left_tibia", "right_femur", "right_tibia")
STRAIGHT = 0.1  # sine of the knee's angle below which its hinge is not seen


def opensim(path: Path) -> BodyMotion:
    """A file of opencap_mocap as rotations, every body relative to the one that carries it."""
    with np.load(path) as f:
        names = [str(n) for n in f["bodies"]]
        keep = [k for k, n in enumerate(names) if not n.startswith("patella")]
        turns = from_euler(f["rotation"][:, keep], "XYZ", degrees=False)
        place, times = f["translation"][:, :1], f["time"]
    names = [names[k] for k in keep]
    parents = tuple(names.index(_parent(n)) if n != "pelvis" else -1 for n in names)
    bodies = Skeleton(f"opensim{len(names)}", tuple(map(_sided, names)), parents, ("pelvis",))
    local = to_local(turns, parents)[:, None]
    return BodyMotion(local, times, bodies, translation=place, representation="euler XYZ")


def hinged_legs(times: np.ndarray, x: np.ndarray) -> BodyMotion:
    """Pelvis, thighs and shanks from limb joints (frames, 12, 3), metres; knees bend about one axis only.

    The analytic solution from landmarks: the axes of a thigh are its length and the hinge of its knee, which
    is the normal of the plane of hip, knee and ankle, or of a straight leg the pelvis' own. Every frame is
    solved by itself, so that the landmarks' noise becomes that of rotations.
    """
    pelvis = trunk_axes(x)
    turns = [pelvis]
    for side in ("left", "right"):
        hip, knee, ankle = (x[:, LIMBS.index(f"{side}_{part}")] for part in ("hip", "knee", "ankle"))
        thigh, shank = _unit(hip - knee), _unit(knee - ankle)
        hinge = np.cross(shank, thigh)  # to the left of a knee that bends as knees do
        bent = np.linalg.norm(hinge, axis=-1, keepdims=True)
        hinge = np.where(bent > STRAIGHT, hinge, pelvis[..., 0])
        hinge = _unit(hinge - np.einsum("td,td->t", hinge, thigh)[:, None] * thigh)
        for length in (thigh, shank):
            across = _unit(hinge - np.einsum("td,td->t", hinge, length)[:, None] * length)
            turns.append(np.stack([across, length, np.cross(across, length)], axis=-1))
    parents = (-1, 0, 1, 0, 3)
    local = to_local(np.stack(turns, axis=1), parents)[:, None]
    place = x[:, HIPS].mean(axis=1)[:, None]
    return BodyMotion(local, times, Skeleton("legs", LEGS, parents, ("pelvis",)), translation=place)


def flexion_of_rotations(motion: BodyMotion) -> np.ndarray:
    """Flexion of both knees: the angle between the long axes of thigh and shank; (frames, 2), degrees."""
    names = motion.skeleton.keypoints
    shanks = [motion.rotations[:, 0, names.index(f"{side}_tibia")] for side in SIDES.values()]
    return np.stack([np.degrees(np.arccos(np.clip(r[:, 1, 1], -1, 1))) for r in shanks], axis=1)


def _parent(name: str) -> str:
    part, _, side = name.partition("_")
    parent = PARENT[part]
    return parent if parent in ("pelvis", "torso") else f"{parent}_{side}"


def _sided(name: str) -> str:
    part, _, side = name.partition("_")
    return f"{SIDES[side]}_{part}" if side else part


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)
