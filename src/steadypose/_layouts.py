"""The keypoint layouts that tools write, and how their keypoints hang together.

A layout is its names in file order; parents, bones and root follow from the names by one table
(:data:`PARENT_CANDIDATES`), so that a layout and a list of the same names are the same skeleton.

A name stands for the point its tool means by it: ``head`` is the top of the head in Halpe and Human3.6M, its
middle in Kinect and the base of the skull in SMPL. Points that tools themselves tell apart have their own
names: ``neck`` (between the shoulders), ``upper_neck`` (MPII, BODY_25B), ``neck_base`` (Human3.6M),
``thorax``, ``head_top``. SMPL's 22 is ``left_hand``, SMPL-X's 22 is ``jaw``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from steadypose.errors import DataError
from steadypose.skeleton import Skeleton

# From the hips upwards; each hangs from the nearest one below it that a layout has.
_SPINE = (
    "pelvis", "lower_back", "spine", "spine_1", "spine_2", "spine_3", "spine_4", "chest", "thorax",
    "neck", "neck_1", "upper_neck", "neck_base", "head", "head_top",
)  # fmt: skip

# "*" is a side: the same on the left and on the right.
_BODY = {
    "nose": "head neck_base upper_neck neck_1 neck thorax",
    "jaw": "head neck",
    "*_eye_inner": "nose head",
    "*_eye": "*_eye_inner nose head",
    "*_eye_outer": "*_eye *_eye_inner nose head",
    "*_ear": "*_eye_outer *_eye nose head",
    "*_mouth": "nose head",
    "*_pupil": "*_eye_1",
    "*_collar": "thorax chest spine_4 spine_3 spine_2 spine_1 spine neck",
    "*_shoulder": "*_collar thorax chest neck upper_neck neck_base spine_4 spine_3 spine_2 spine_1 spine",
    "*_elbow": "*_shoulder",
    "*_wrist": "*_elbow",
    "*_hand": "*_wrist *_elbow",
    "*_hand_tip": "*_hand *_wrist",
    "*_thumb": "*_hand *_wrist",
    "*_index": "*_hand *_wrist",
    "*_pinky": "*_hand *_wrist",
    "*_hand_wrist": "*_wrist *_hand *_elbow",
    "*_hip_joint": "pelvis",
    "*_hip": "*_hip_joint pelvis",
    "*_knee": "*_hip",
    "*_ankle": "*_knee",
    "*_heel": "*_ankle",
    "*_foot": "*_ankle",
    "*_toe": "*_foot *_ankle",
    "*_foot_index": "*_ankle",
    "*_big_toe": "*_foot *_ankle",
    "*_small_toe": "*_big_toe *_foot *_ankle",
    # Rigid targets strapped to segments (Keraal's Vicon): not joints, so never the name of one.
    "chest_target": "hips_target",
    "head_target": "chest_target",
    "*_shoulder_target": "chest_target",
    "*_upper_arm_target": "*_shoulder_target",
    "*_forearm_target": "*_upper_arm_target",
    "*_hand_target": "*_forearm_target",
    "*_thigh_target": "hips_target",
    "*_tibia_target": "*_thigh_target",
    "*_foot_target": "*_tibia_target",
}

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def _hand(side: str) -> tuple[str, ...]:
    """OpenPose's 21: the wrist, then four joints a finger from the palm to the tip."""
    return (f"{side}_hand_wrist", *(f"{side}_hand_{f}_{k}" for f in _FINGERS for k in (1, 2, 3, 4)))


def _numbered(name: str, numbers: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{name}_{k}" for k in numbers)


# The 68-point face (iBUG 300-W) as its outlines, with SMPL-X's names; closed ones come back to their start.
# It starts at the image's left, which is the person's right.
_OUTLINES: tuple[tuple[tuple[str, ...], bool], ...] = (
    ((*_numbered("right_contour", range(1, 9)), "contour_middle",
      *_numbered("left_contour", range(8, 0, -1))), False),
    (_numbered("right_eye_brow", range(1, 6)), False),
    (_numbered("left_eye_brow", range(5, 0, -1)), False),
    (_numbered("nose", range(1, 5)), False),
    (("right_nose_2", "right_nose_1", "nose_middle", "left_nose_1", "left_nose_2"), False),
    (_numbered("right_eye", range(1, 7)), True),
    (_numbered("left_eye", (4, 3, 2, 1, 6, 5)), True),
    ((*_numbered("right_mouth", (1, 2, 3)), "mouth_top", *_numbered("left_mouth", (3, 2, 1, 5, 4)),
      "mouth_bottom", *_numbered("right_mouth", (4, 5))), True),
    ((*_numbered("right_lip", (1, 2)), "lip_top", *_numbered("left_lip", (2, 1, 3)),
      "lip_bottom", "right_lip_3"), True),
)  # fmt: skip
FACE68 = tuple(name for outline, _ in _OUTLINES for name in outline)
FACE70 = (*FACE68, "right_pupil", "left_pupil")


def _parent_candidates() -> dict[str, tuple[str, ...]]:
    found = {name: _SPINE[:k][::-1] for k, name in enumerate(_SPINE)}
    for side in ("left", "right"):
        found |= {n.replace("*", side): tuple(p.replace("*", side).split()) for n, p in _BODY.items()}
        wrists = tuple(f"{side}_{n}" for n in ("hand_wrist", "wrist", "hand"))
        for finger in _FINGERS:
            joints = _numbered(f"{side}_hand_{finger}", range(1, 5))
            found |= {name: (*joints[:k][::-1], *wrists) for k, name in enumerate(joints)}
    for outline, _ in _OUTLINES:
        found |= {name: (*outline[:k][::-1], "nose_1", "nose") for k, name in enumerate(outline)}
    found["nose_1"] = ("nose", "head", "neck")
    # Where a layout has two of a joint (SPIN's 49), those of OpenPose hang together.
    for name in _BODY25:
        twins = tuple(f"{p}_openpose" for p in found[name])
        found[f"{name}_openpose"] = (*twins, *found[name])
    return found


def hang(names: Sequence[str]) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...], tuple[int, ...]]:
    """Parents, bones and root (as indices) of keypoints of these canonical names.

    Where there is no pelvis or neck to hang from, hips and shoulders are joined to each other instead.
    """
    at = {name: k for k, name in enumerate(names)}
    parents = tuple(next((at[p] for p in PARENT_CANDIDATES.get(name, ()) if p in at), -1) for name in names)
    loose = {outline[0] for outline, _ in _OUTLINES} - {"nose_1"}
    bones = [(p, k) for k, p in enumerate(parents) if p >= 0 and names[k] not in loose]

    def join(a: str, b: str, when: bool = True) -> None:
        if when and a in at and b in at and not {(at[a], at[b]), (at[b], at[a])} & set(bones):
            bones.append((at[a], at[b]))

    def free(name: str) -> bool:
        return name in at and parents[at[name]] < 0

    join("left_shoulder", "right_shoulder", free("left_shoulder"))
    join("left_hip", "right_hip", free("left_hip"))
    join("left_mouth", "right_mouth")
    for side in ("left", "right"):
        join(f"{side}_shoulder", f"{side}_hip", free(f"{side}_hip"))
        join(f"{side}_heel", f"{side}_foot_index")
    for outline, closed in _OUTLINES:
        join(outline[-1], outline[0], closed)
    # A hand or a face hangs from its own first point only where there is no body.
    roots = [r for r in (("pelvis",), ("left_hip", "right_hip"), ("hips_target",)) if set(r) <= set(at)]
    alone = [name for name in names if free(name)]
    if not roots and len(alone) == 1 and alone[0] in ("left_hand_wrist", "right_hand_wrist", "nose_1"):
        roots = [(alone[0],)]
    return parents, tuple(bones), tuple(at[name] for name in roots[0]) if roots else ()


def _pairs(*joints: str) -> tuple[str, ...]:
    return tuple(f"{side}_{j}" for j in joints for side in ("left", "right"))


def _limbs(side: str, *joints: str) -> tuple[str, ...]:
    return tuple(f"{side}_{j}" for j in joints)


_ARM, _LEG = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")
_LEFT_ARM, _RIGHT_ARM = _limbs("left", *_ARM), _limbs("right", *_ARM)
_LEFT_LEG, _RIGHT_LEG = _limbs("left", *_LEG), _limbs("right", *_LEG)
_FEET = (*_limbs("left", "big_toe", "small_toe", "heel"), *_limbs("right", "big_toe", "small_toe", "heel"))
_COCO17 = ("nose", *_pairs("eye", "ear", *_ARM, *_LEG))
_BODY25 = (
    "nose", "neck", *_RIGHT_ARM, *_LEFT_ARM, "pelvis", *_RIGHT_LEG, *_LEFT_LEG,
    "right_eye", "left_eye", "right_ear", "left_ear", *_FEET,
)  # fmt: skip
_HALPE26 = (*_COCO17, "head", "neck", "pelvis", *_pairs("big_toe", "small_toe", "heel"))
_SMPL22 = (
    "pelvis", "left_hip", "right_hip", "spine_1", "left_knee", "right_knee", "spine_2", "left_ankle",
    "right_ankle", "spine_3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
_SMPL_HANDS = tuple(
    f"{side}_hand_{finger}_{k}"
    for side in ("left", "right")
    for finger in ("index", "middle", "pinky", "ring", "thumb")
    for k in (1, 2, 3)
)
_SPIN24 = (
    *_RIGHT_LEG[::-1], *_LEFT_LEG, *_RIGHT_ARM[::-1], *_LEFT_ARM, "neck", "head_top", "pelvis", "thorax",
    "spine", "jaw", "head", "nose", "left_eye", "right_eye", "left_ear", "right_ear",
)  # fmt: skip
_NAMES: dict[str, tuple[str, ...]] = {
    "coco17": _COCO17,
    "coco18": (
        "nose", "neck", *_RIGHT_ARM, *_LEFT_ARM, *_RIGHT_LEG, *_LEFT_LEG,
        "right_eye", "left_eye", "right_ear", "left_ear",
    ),
    "body25": _BODY25,
    "body25b": (*_COCO17, "upper_neck", "head_top", *_FEET),
    "halpe26": _HALPE26,
    "halpe136": (*_HALPE26, *FACE68, *_hand("left"), *_hand("right")),
    "wholebody133": (*_COCO17, *_FEET, *FACE68, *_hand("left"), *_hand("right")),
    "h36m17": (
        "pelvis", *_RIGHT_LEG, *_LEFT_LEG, "spine", "thorax", "neck_base", "head", *_LEFT_ARM, *_RIGHT_ARM,
    ),
    "mpi17": (
        "head_top", "neck", *_RIGHT_ARM, *_LEFT_ARM, *_RIGHT_LEG, *_LEFT_LEG, "pelvis", "spine", "head",
    ),
    "mpii16": (
        *_RIGHT_LEG[::-1], *_LEFT_LEG, "pelvis", "thorax", "upper_neck", "head_top",
        *_RIGHT_ARM[::-1], *_LEFT_ARM,
    ),
    "smpl24": (*_SMPL22, "left_hand", "right_hand"),
    "smplh52": (*_SMPL22, *_SMPL_HANDS),
    "smplx55": (*_SMPL22, "jaw", "left_eye", "right_eye", *_SMPL_HANDS),
    # SPIN's 24 keep the plain names: they are what the papers evaluate.
    "spin49": (*(f"{n}_openpose" if n in _SPIN24 else n for n in _BODY25), *_SPIN24),
    "mediapipe33": (
        "nose", *_limbs("left", "eye_inner", "eye", "eye_outer"),
        *_limbs("right", "eye_inner", "eye", "eye_outer"),
        *_pairs("ear", "mouth", *_ARM, "pinky", "index", "thumb", *_LEG, "heel", "foot_index"),
    ),
    "kinect25": (
        "pelvis", "spine", "neck", "head", *_LEFT_ARM, "left_hand", *_RIGHT_ARM, "right_hand",
        *_LEFT_LEG, "left_foot", *_RIGHT_LEG, "right_foot", "thorax",
        "left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb",
    ),
    "vicon17": (
        "right_forearm_target", "left_forearm_target", "right_upper_arm_target", "left_upper_arm_target",
        "chest_target", "right_thigh_target", "left_thigh_target", "right_shoulder_target",
        "left_shoulder_target", "right_hand_target", "left_hand_target", "right_foot_target",
        "left_foot_target", "hips_target", "head_target", "right_tibia_target", "left_tibia_target",
    ),
    "openpose_hand_left21": _hand("left"),
    "openpose_hand_right21": _hand("right"),
    "openpose_face70": FACE70,
    "face68": FACE68,
}  # fmt: skip

# Other names, without case and separators; a part such as "hands" may be several layouts.
_ALIASES = {
    "coco": "coco17", "openpose18": "coco18", "openpose25": "body25", "openpose25b": "body25b",
    "halpe": "halpe26", "cocowholebody": "wholebody133", "wholebody": "wholebody133",
    "h36m": "h36m17", "human36m": "h36m17", "mpiinf3dhp": "mpi17", "3dhp": "mpi17", "mpii": "mpii16",
    "smpl": "smpl24", "smplh": "smplh52", "smplx": "smplx55", "spin": "spin49",
    "mediapipe": "mediapipe33", "blazepose": "mediapipe33",
    "kinect": "kinect25", "kinectv2": "kinect25", "vicon": "vicon17",
    "face": "openpose_face70", "face70": "openpose_face70",
    "handleft": "openpose_hand_left21", "handright": "openpose_hand_right21",
    "hands": "openpose_hand_left21+openpose_hand_right21",
}  # fmt: skip

PARENT_CANDIDATES: dict[str, tuple[str, ...]] = _parent_candidates()


@cache
def layouts() -> dict[str, Skeleton]:
    """Every known layout by its main name."""
    return {name: _built(name, names) for name, names in _NAMES.items()}


@cache
def find(name: str) -> Skeleton:
    """The layout of that name, of an alias (``"coco"``), or of several joined (``"body25+hands+face"``).

    Raises
    ------
    DataError
        If a part of the name is not known; the message lists the layouts that are.
    """
    return layouts()[name] if name in _NAMES else composite(*name.split("+"))


def composite(*parts: str) -> Skeleton:
    """Several layouts one after the other as one skeleton: hands hang from the wrists, a face from the nose.

    Raises
    ------
    DataError
        If a layout is unknown, or two have a keypoint in common.
    """
    mains = "+".join(_main_name(part, "+".join(parts)) for part in parts).split("+")
    if len(mains) == 1:
        return layouts()[mains[0]]
    return _built("+".join(mains), tuple(name for main in mains for name in _NAMES[main]))


def _main_name(part: str, asked: str) -> str:
    key = re.sub(r"[\s_-]", "", part.lower())
    plain = {n.replace("_", ""): n for n in _NAMES}
    if key in plain or key in _ALIASES:
        return plain.get(key) or _ALIASES[key]
    raise DataError(f"expected a known skeleton ({', '.join(_NAMES)}) or a list of names, found {asked!r}")


def _built(name: str, names: tuple[str, ...]) -> Skeleton:
    parents, bones, root = hang(names)
    return Skeleton(name, names, parents, tuple(names[k] for k in root), bones)
