"""One spelling for every way tools write the names of joints.

A name alone says most: ``LShoulder``, ``shoulder_l`` and ``Left Shoulder`` are ``left_shoulder``. Some mean a
joint only beside others, and are read by their neighbours:

- Animation rigs (BVH, Biped, Unreal, VRM) name the segment that a joint turns: ``LeftUpLeg``, ``LeftLeg``,
  ``LeftFoot`` are hip, knee and ankle, and ``LeftShoulder`` above a ``LeftArm`` is the collar.
- ``LFHD`` is on the left if there is an ``RFHD``, and ``rear`` is the right ear if there is a ``lear``.
- ``hip`` or ``root`` is the pelvis in a skeleton that has sides and no other pelvis.
- ``face_0`` … are the landmarks of a face if all 68 are there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_PREFIX = re.compile(r"^(?:.*:|mixamorig\d*_?|bip\d+[\s_]+)", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=\d)")
_WORD = re.compile(r"[^\W_]+")
_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
_JOINED = re.compile(
    r"^(?:(left|right)(\w{2,})|(l|r)(eye|shoulder|elbow|wrist|hand|hip|knee|ankle|foot|heel|bigtoe|smalltoe|toe|"
    r"thumb|index|pinky|collar|thigh)|(l)(ear))$"
)
_FINGER = re.compile(
    r"^(?:hand_)?(thumb|index|forefinger|middle|mid|ring|pinky)(?:_finger)?_([1-4]|cmc|mcp|pip|dip|ip|tip)$"
)
_FACE = re.compile(r"^face_(\d+)$")
_SIDED_ALIASES = {
    "bigtoe": "big_toe", "smalltoe": "small_toe", "little_toe": "small_toe", "toe_base": "toe", "toes": "toe",
    "clavicle": "collar", "hand_root": "hand_wrist", "handtip": "hand_tip", "eye_smplhf": "eye",
    "up_leg": "hip", "upleg": "hip", "shldr": "shoulder", "buttock": "hip_joint",  # the last two: Daz
}  # fmt: skip
_MIDDLE_ALIASES = {
    "mid_hip": "pelvis", "midhip": "pelvis", "m_hip": "pelvis", "c_hip": "pelvis", "center_hip": "pelvis",
    "hip_center": "pelvis", "hip_centre": "pelvis", "hips": "pelvis", "spine_base": "pelvis",
    "mid_shoulder": "neck", "m_shoulder": "neck", "mshoulder": "neck", "shoulder_center": "neck",
    "spine_shoulder": "thorax", "spine_mid": "spine", "abdomen": "spine",
    "headtop": "head_top", "top_head": "head_top", "top_of_head": "head_top",
}  # fmt: skip
_LONE_PELVIS = ("hip", "root")
# Segment → the joint at its upper end, in a rig.
_RIG = {
    "arm": "shoulder", "upper_arm": "shoulder", "upperarm": "shoulder",
    "fore_arm": "elbow", "forearm": "elbow", "lower_arm": "elbow", "lowerarm": "elbow", "hand": "wrist",
    "upper_leg": "hip", "thigh": "hip", "leg": "knee", "lower_leg": "knee", "calf": "knee", "shin": "knee",
    "foot": "ankle", "ball": "toe", "toe_0": "toe",
}  # fmt: skip
_RIG_MARKS = (
    ("up_leg", "leg"), ("upleg", "leg"), ("thigh", "calf"), ("thigh", "shin"), ("upper_leg", "lower_leg"),
    ("arm", "fore_arm"), ("upper_arm", "lower_arm"),
)  # fmt: skip


def canonical_name(name: str) -> str:
    """One spelling of a joint's name by itself; what is not understood comes back in lower snake case."""
    side, part = _split(name)
    plain = _plain(side, part)
    if plain in _LONE_PELVIS:
        return "pelvis"
    return _face_name(plain) or plain


def canonical_names(names: Iterable[str]) -> tuple[str, ...]:
    """Canonical names of the keypoints of one skeleton, each read beside the others.

    They are unique where the names are: of two spellings of one joint neither is trusted, unless one of them
    is the canonical spelling itself.
    """
    kept = tuple(names)
    parts = _paired(kept, [_split(n) for n in kept])
    there = {p for side, p in parts if side}
    if any(a in there and b in there for a, b in _RIG_MARKS):
        arms = bool(there & {"arm", "upper_arm", "upperarm"})
        parts = [
            (s, "collar" if p == "shoulder" and arms else _RIG.get(p, p)) if s else (s, p) for s, p in parts
        ]
    found = [_plain(side, part) for side, part in parts]
    lone = [k for k, n in enumerate(found) if n in _LONE_PELVIS]
    if len(lone) == 1 and there and "pelvis" not in found:
        found[lone[0]] = "pelvis"
    if {f"face_{k}" for k in range(68)} <= set(found):
        found = [_face_name(n) or n for n in found]
    count = Counter(found)
    unique = tuple(c if count[c] == 1 or c == n else n for c, n in zip(found, kept, strict=True))
    return unique if len(set(unique)) == len(set(kept)) else kept


def _split(name: str) -> tuple[str, str]:
    """Side ("left", "right" or "") and the rest of a name in lower snake case."""
    words = _WORD.findall(_CAMEL.sub("_", _PREFIX.sub("", name) or name).lower())
    if not words:
        return "", name
    if words[0] not in _SIDES and (joined := _JOINED.match(words[0])):
        side, rest = (g for g in joined.groups() if g)
        words = [side, rest, *words[1:]]
    if len(words) > 1:
        at = next((i for i in (0, len(words) - 1) if words[i] in _SIDES), None)
        if at is None:  # front_left_paw
            at = next((i for i, w in enumerate(words) if w in ("left", "right")), None)
        if at is not None:
            return _SIDES[words.pop(at)], "_".join(words)
    return "", "_".join(words)


def _paired(names: tuple[str, ...], parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Sides of names that begin with L or R and have their counterpart in the list (LFHD, RFHD)."""
    swap = {"l": "r", "L": "R", "r": "l", "R": "L"}
    out = list(parts)
    for k, name in enumerate(names):
        other = swap.get(name[:1], "") + name[1:]
        if not parts[k][0] and len(name) > 2 and len(other) == len(name) and other in names:
            out[k] = (_SIDES[name[0].lower()], _split(name[1:])[1])
    return out


def _plain(side: str, part: str) -> str:
    if not side:
        return _MIDDLE_ALIASES.get(part, part)
    if finger := _FINGER.match(part):
        kind = {"forefinger": "index", "mid": "middle"}.get(finger[1], finger[1])
        order = ("cmc", "mcp", "ip", "tip") if kind == "thumb" else ("mcp", "pip", "dip", "tip")
        if finger[2].isdigit() or finger[2] in order:
            k = finger[2] if finger[2].isdigit() else order.index(finger[2]) + 1
            return f"{side}_hand_{kind}_{k}"
    return f"{side}_{_SIDED_ALIASES.get(part, part)}"


def _face_name(plain: str) -> str | None:
    """The landmark's name for its number in the 68 (or OpenPose's 70) points of a face."""
    from steadypose._layouts import FACE70

    number = _FACE.match(plain)
    return FACE70[int(number[1])] if number and len(number[1]) < 3 and int(number[1]) < len(FACE70) else None
