"""Layouts against the tools' own lists, names in every spelling, and the algebra of skeletons."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from steadypose._layouts import PARENT_CANDIDATES, composite, layouts
from steadypose._names import canonical_name, canonical_names
from steadypose.errors import DataError
from steadypose.skeleton import Skeleton, skeleton

# As the tools' own documentation and headers list them, in their own spelling.
OWN_NAMES = {
    "coco17": (
        "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow "
        "left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
    ),
    "coco18": (
        "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee RAnkle LHip LKnee LAnkle REye "
        "LEye REar LEar"
    ),
    "body25": (
        "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip LKnee "
        "LAnkle REye LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel"
    ),
    "body25b": (
        "Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee "
        "LAnkle RAnkle UpperNeck HeadTop LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel"
    ),
    "halpe26": (
        "Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee Rknee "
        "LAnkle RAnkle Head Neck Hip LBigToe RBigToe LSmallToe RSmallToe LHeel RHeel"
    ),
    "mpi17": (
        "head_top neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist right_hip "
        "right_knee right_ankle left_hip left_knee left_ankle root spine head"
    ),
    "mpii16": (
        "right_ankle right_knee right_hip left_hip left_knee left_ankle pelvis thorax upper_neck head_top "
        "right_wrist right_elbow right_shoulder left_shoulder left_elbow left_wrist"
    ),
    "smpl24": (
        "pelvis left_hip right_hip spine1 left_knee right_knee spine2 left_ankle right_ankle spine3 "
        "left_foot right_foot neck left_collar right_collar head left_shoulder right_shoulder left_elbow "
        "right_elbow left_wrist right_wrist left_hand right_hand"
    ),
    "mediapipe33": (
        "NOSE LEFT_EYE_INNER LEFT_EYE LEFT_EYE_OUTER RIGHT_EYE_INNER RIGHT_EYE RIGHT_EYE_OUTER LEFT_EAR "
        "RIGHT_EAR MOUTH_LEFT MOUTH_RIGHT LEFT_SHOULDER RIGHT_SHOULDER LEFT_ELBOW RIGHT_ELBOW LEFT_WRIST "
        "RIGHT_WRIST LEFT_PINKY RIGHT_PINKY LEFT_INDEX RIGHT_INDEX LEFT_THUMB RIGHT_THUMB LEFT_HIP "
        "RIGHT_HIP LEFT_KNEE RIGHT_KNEE LEFT_ANKLE RIGHT_ANKLE LEFT_HEEL RIGHT_HEEL LEFT_FOOT_INDEX "
        "RIGHT_FOOT_INDEX"
    ),
    "kinect25": (
        "SpineBase SpineMid Neck Head ShoulderLeft ElbowLeft WristLeft HandLeft ShoulderRight ElbowRight "
        "WristRight HandRight HipLeft KneeLeft AnkleLeft FootLeft HipRight KneeRight AnkleRight FootRight "
        "SpineShoulder HandTipLeft ThumbLeft HandTipRight ThumbRight"
    ),
    "openpose_hand_left21": (
        "left_hand_root left_thumb1 left_thumb2 left_thumb3 left_thumb4 left_forefinger1 left_forefinger2 "
        "left_forefinger3 left_forefinger4 left_middle_finger1 left_middle_finger2 left_middle_finger3 "
        "left_middle_finger4 left_ring_finger1 left_ring_finger2 left_ring_finger3 left_ring_finger4 "
        "left_pinky_finger1 left_pinky_finger2 left_pinky_finger3 left_pinky_finger4"
    ),
}
SMPL_FINGERS = [f"{f}{k}" for f in ("index", "middle", "pinky", "ring", "thumb") for k in (1, 2, 3)]

CMU_BVH = """
    Hips LHipJoint LeftUpLeg LeftLeg LeftFoot LeftToeBase RHipJoint RightUpLeg RightLeg RightFoot
    RightToeBase LowerBack Spine Spine1 Neck Neck1 Head LeftShoulder LeftArm LeftForeArm LeftHand
    LeftFingerBase LeftHandIndex1 LThumb RightShoulder RightArm RightForeArm RightHand RightFingerBase
    RightHandIndex1 RThumb
""".split()  # noqa: SIM905

# The landmarks that flipping an image exchanges, counted from 0, as face alignment lists them for 300-W.
FACE_FLIP = {
    **{k: 16 - k for k in range(17)}, **{k: 43 - k for k in range(17, 27)}, **{k: k for k in range(27, 31)},
    **{k: 66 - k for k in range(31, 36)},
    36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46, 42: 39, 43: 38, 44: 37, 45: 36, 46: 41, 47: 40,
    **{k: 102 - k for k in range(48, 55)}, **{k: 114 - k for k in range(55, 60)},
    **{k: 124 - k for k in range(60, 65)}, **{k: 132 - k for k in range(65, 68)},
}  # fmt: skip


@pytest.mark.parametrize("layout", OWN_NAMES)
def test_a_layout_is_the_tools_own_list(layout: str) -> None:
    assert canonical_names(OWN_NAMES[layout].split()) == layouts()[layout].keypoints


def test_layouts_that_the_tools_give_by_number() -> None:
    h36m = layouts()["h36m17"].keypoints
    assert h36m[:7] == (
        "pelvis",
        "right_hip",
        "right_knee",
        "right_ankle",
        "left_hip",
        "left_knee",
        "left_ankle",
    )
    assert h36m[7:11] == ("spine", "thorax", "neck_base", "head")
    assert h36m[11:] == tuple(f"{s}_{j}" for s in ("left", "right") for j in ("shoulder", "elbow", "wrist"))
    halpe, whole = layouts()["halpe136"].keypoints, layouts()["wholebody133"].keypoints
    assert (len(halpe), len(whole)) == (136, 133)
    assert halpe[26:94] == whole[23:91] == layouts()["face68"].keypoints
    assert halpe[94] == whole[91] == "left_hand_wrist"
    assert halpe[115] == whole[112] == "right_hand_wrist"
    assert whole[17:23] == layouts()["body25"].keypoints[19:]
    smplx = layouts()["smplx55"].keypoints
    assert smplx[22:25] == ("jaw", "left_eye", "right_eye")
    assert layouts()["smpl24"].keypoints[22:] == ("left_hand", "right_hand")
    fingers = canonical_names([f"{side}_{f}" for side in ("left", "right") for f in SMPL_FINGERS])
    assert smplx[25:] == layouts()["smplh52"].keypoints[22:] == fingers
    spin = layouts()["spin49"].keypoints
    assert spin[19:25] == layouts()["body25"].keypoints[19:]
    assert spin[25:31] == layouts()["mpii16"].keypoints[:6]
    assert spin[37:44] == ("neck", "head_top", "pelvis", "thorax", "spine", "jaw", "head")
    assert spin[44:] == layouts()["coco17"].keypoints[:5]


def test_a_name_is_the_same_skeleton_as_its_list_of_keypoints() -> None:
    for name, layout in layouts().items():
        assert layout.canonical == layout.keypoints
        assert Skeleton.from_names(layout.keypoints, name) == layout


def test_every_layout_has_one_root_and_pairs_every_side() -> None:
    for name, layout in layouts().items():
        assert layout.root, name
        sided = {k for k, n in enumerate(layout.keypoints) if n.startswith(("left_", "right_"))}
        if not name.startswith("openpose_hand"):
            assert {int(k) for k in np.flatnonzero(layout.mirror != np.arange(len(layout)))} == sided, name


def test_bones_join_the_whole_of_every_body() -> None:
    for name in (
        "body25",
        "halpe26",
        "h36m17",
        "mpi17",
        "mpii16",
        "smpl24",
        "smplx55",
        "kinect25",
        "vicon17",
    ):
        s = layouts()[name]
        assert len(s.bones) == len(s) - 1, name
        assert sum(p < 0 for p in s.parents) == 1, name
    torso = {frozenset(s.keypoints[i] for i in bone) for s in [layouts()["coco17"]] for bone in s.edges}
    assert {frozenset(("left_shoulder", "left_hip")), frozenset(("left_hip", "right_hip"))} <= torso


def test_the_page_lists_every_layout_and_alias() -> None:
    page = (Path(__file__).parents[1] / "docs" / "skeletons.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    assert {name: int(count) for name, count, _, _ in rows} == {n: len(s) for n, s in layouts().items()}
    for name, _, also, root in rows:
        assert all(skeleton(alias) is layouts()[name] for alias in re.findall(r"`(\w+)`", also))
        said = ("left_hip", "right_hip") if root == "middle of the hips" else (root.strip("`"),)
        assert layouts()[name].root == said


def test_the_face_mirrors_as_the_68_point_scheme_does() -> None:
    for name, first in (("face68", 0), ("openpose_face70", 0), ("wholebody133", 23), ("halpe136", 26)):
        mirror = layouts()[name].mirror
        assert {k: int(mirror[first + k]) - first for k in range(68)} == FACE_FLIP, name
    assert layouts()["openpose_face70"].keypoints[68:] == ("right_pupil", "left_pupil")


def test_composites_hang_hands_from_wrists_and_the_face_from_the_nose() -> None:
    whole = skeleton("body25+hands+face")
    assert len(whole) == 25 + 21 + 21 + 70
    assert whole == composite("body25", "openpose_hand_left21", "openpose_hand_right21", "openpose_face70")
    parent = {n: whole.keypoints[p] for n, p in zip(whole.keypoints, whole.parents, strict=True) if p >= 0}
    assert parent["left_hand_wrist"] == "left_wrist"
    assert parent["right_hand_wrist"] == "right_wrist"
    assert parent["left_hand_ring_1"] == "left_hand_wrist"
    assert parent["nose_1"] == "nose"
    assert whole.root == ("pelvis",)


def test_layouts_answer_to_common_spellings() -> None:
    known = {
        "coco": "coco17", "BODY_25": "body25", "body_25b": "body25b", "H36M": "h36m17", "smpl": "smpl24",
        "SMPL-X": "smplx55", "mediapipe": "mediapipe33", "BlazePose": "mediapipe33",
        "COCO-WholeBody": "wholebody133",
    }  # fmt: skip
    for alias, name in known.items():
        assert skeleton(alias) is layouts()[name]
    assert skeleton(layouts()["coco17"]) is layouts()["coco17"]
    assert skeleton(["a", "b"]).keypoints == ("a", "b")


@pytest.mark.parametrize("bad", ["coco18x", "", "body25+tail", "body25+"])
def test_an_unknown_layout_is_refused_with_those_that_are_known(bad: str) -> None:
    with pytest.raises(DataError, match=r"expected a known skeleton \(coco17, coco18, .*, found"):
        skeleton(bad)


def test_two_layouts_with_a_keypoint_in_common_do_not_join() -> None:
    with pytest.raises(DataError, match="found 'nose' twice"):
        skeleton("body25+coco17")


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("LShoulder", "left_shoulder"), ("lShoulder", "left_shoulder"), ("L_Shoulder", "left_shoulder"),
        ("left_shoulder", "left_shoulder"), ("LeftShoulder", "left_shoulder"),
        ("leftShoulder", "left_shoulder"), ("shoulder_l", "left_shoulder"),
        ("Left Shoulder", "left_shoulder"), ("left-shoulder", "left_shoulder"),
        ("ShoulderLeft", "left_shoulder"), ("shoulder.L", "left_shoulder"), ("lshoulder", "left_shoulder"),
        ("leftshoulder", "left_shoulder"), ("LEFT_SHOULDER", "left_shoulder"), ("mShoulder", "neck"),
        ("MidHip", "pelvis"), ("midhip", "pelvis"), ("SpineBase", "pelvis"), ("Hips", "pelvis"),
        ("hip", "pelvis"), ("left_hip", "left_hip"), ("LHip", "left_hip"), ("SpineMid", "spine"),
        ("SpineShoulder", "thorax"), ("HandTipLeft", "left_hand_tip"), ("LeftUpLeg", "left_hip"),
        ("mixamorig:LeftUpLeg", "left_hip"), ("Bip01 L Foot", "left_foot"), ("LeftLeg", "left_leg"),
        ("LHipJoint", "left_hip_joint"), ("LEFT_MOUTH", "left_mouth"), ("mouth_left", "left_mouth"),
        ("Left_eye_inner", "left_eye_inner"), ("rEar", "right_ear"), ("rear", "rear"),
        ("Rknee", "right_knee"), ("LBigToe", "left_big_toe"), ("left_bigtoe", "left_big_toe"),
        ("LeftHandThumb2", "left_hand_thumb_2"), ("left_index1", "left_hand_index_1"),
        ("LEFT_INDEX", "left_index"), ("left_hand_pinky_tip", "left_hand_pinky_4"),
        ("left_thumb_cmc", "left_hand_thumb_1"), ("face-36", "right_eye_1"), ("face_99", "face_99"),
        ("snout", "snout"), ("tailbase", "tailbase"), ("front_left_paw", "left_front_paw"),
        ("leftear", "left_ear"), ("bodypart1", "bodypart_1"), ("épaule", "épaule"), ("0", "0"), ("", ""),
        ("!!", "!!"), ("left", "left"),
    ],
)  # fmt: skip
def test_spellings_of_real_tools(spelling: str, name: str) -> None:
    assert canonical_name(spelling) == name


def test_rigs_name_the_segment_that_a_joint_turns() -> None:
    of = dict(zip(CMU_BVH, canonical_names(CMU_BVH), strict=True))
    assert of["LeftUpLeg"] == "left_hip"
    assert of["LHipJoint"] == "left_hip_joint"
    assert of["LeftLeg"] == "left_knee"
    assert of["LeftFoot"] == "left_ankle"
    assert of["LeftToeBase"] == "left_toe"
    assert of["LeftShoulder"] == "left_collar"
    assert of["LeftArm"] == "left_shoulder"
    assert of["LeftForeArm"] == "left_elbow"
    assert of["LeftHand"] == "left_wrist"
    assert of["Hips"] == "pelvis"
    rig = Skeleton.from_names(CMU_BVH)
    parent = {n: rig.keypoints[p] for n, p in zip(CMU_BVH, rig.parents, strict=True) if p >= 0}
    assert parent["LeftLeg"] == "LeftUpLeg"
    assert parent["LeftArm"] == "LeftShoulder"
    assert parent["Spine1"] == "Spine"
    assert rig.root == ("Hips",)
    biped = [
        "Bip01 Pelvis",
        "Bip01 L Thigh",
        "Bip01 L Calf",
        "Bip01 L Foot",
        "Bip01 L Clavicle",
        "Bip01 L UpperArm",
    ]
    assert canonical_names(biped) == (
        "pelvis", "left_hip", "left_knee", "left_ankle", "left_collar", "left_shoulder",
    )  # fmt: skip
    daz = (
        "hip",
        "abdomen",
        "chest",
        "lCollar",
        "lShldr",
        "lForeArm",
        "lHand",
        "lMid1",
        "lButtock",
        "lThigh",
        "lShin",
    )
    assert canonical_names(daz) == (
        "pelvis", "spine", "chest", "left_collar", "left_shoulder", "left_elbow", "left_wrist",
        "left_hand_middle_1", "left_hip_joint", "left_hip", "left_knee",
    )  # fmt: skip
    # The targets of Keraal's Vicon are segments too, but no rig: nothing there is a joint.
    targets = (
        "Right Forearm",
        "Right Arm",
        "Right Thigh",
        "Right Shoulder",
        "Right Hand",
        "Right Foot",
        "Right Tibia",
    )
    assert canonical_names(targets) == tuple(t.lower().replace(" ", "_") for t in targets)


def test_names_are_read_by_their_neighbours() -> None:
    assert canonical_names(["LFHD", "RFHD", "T10"]) == ("left_fhd", "right_fhd", "t_10")
    assert canonical_names(["lear", "rear"]) == ("left_ear", "right_ear")
    assert canonical_names(["snout", "rear"]) == ("snout", "rear")
    assert canonical_names(["hip", "knee", "ankle"]) == ("hip", "knee", "ankle")  # one leg from the side
    assert canonical_names(["hip", "lhip", "rhip"]) == ("pelvis", "left_hip", "right_hip")
    assert canonical_names(["hip", "pelvis", "lhip"]) == ("hip", "pelvis", "left_hip")
    assert canonical_names(["Hip", "root", "lhip"]) == ("hip", "root", "left_hip")
    assert canonical_names(["LShoulder", "lShoulder"]) == ("LShoulder", "lShoulder")
    assert canonical_names(["LShoulder", "left_shoulder"]) == ("LShoulder", "left_shoulder")
    assert canonical_names(f"face_{k}" for k in range(68)) == layouts()["face68"].keypoints
    assert canonical_names(["face_0", "face_1"]) == ("face_0", "face_1")


words = st.sampled_from(
    ("l", "R", "left", "Right", "hip", "Hips", "Arm", "Leg", "UpLeg", "1", "_", "face", "é")
)
names = st.lists(words, min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from(["_", "", " "]).map(lambda gap: gap.join(parts))
)


@given(st.lists(names | st.text(max_size=8), min_size=1, max_size=12, unique=True))
def test_any_names_make_a_skeleton(some: list[str]) -> None:
    s = Skeleton.from_names(some)
    assert s.keypoints == tuple(some)
    assert len(set(s.canonical)) == len(some)
    assert (s.mirror[s.mirror] == np.arange(len(s))).all()
    assert [s.index(n) for n in some] == list(range(len(some)))
    assert s.common(s) == (list(range(len(some))),) * 2
    assert set(s.root) <= set(some)


@given(names | st.text(max_size=12))
def test_canonical_is_canonical(name: str) -> None:
    assert canonical_name(canonical_name(name)) == canonical_name(name)


@example({"right_eye_1", "right_eye_6"})
@given(st.sets(st.sampled_from(sorted(PARENT_CANDIDATES)), min_size=1))
def test_the_table_of_parents_makes_a_tree_of_any_keypoints(some: set[str]) -> None:
    s = Skeleton.from_names(sorted(some))  # a cycle would raise
    assert all((b, a) not in s.edges for a, b in s.edges)
    assert len(set(s.edges)) == len(s.edges)


def test_every_candidate_is_itself_in_the_table() -> None:
    for name, parents in PARENT_CANDIDATES.items():
        assert name not in parents
        plain = [p for p in parents if not p.endswith("_openpose")]
        assert set(plain) <= set(PARENT_CANDIDATES) | {"pelvis", "hips_target"}, name


@settings(max_examples=40)
@given(st.data(), st.sampled_from(["body25", "smpl24", "wholebody133", "h36m17"]))
def test_a_subset_keeps_ancestors(data: st.DataObject, layout: str) -> None:
    whole = layouts()[layout]
    keep = data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, unique=True))
    part = whole.subset(keep)
    assert part.keypoints == tuple(whole.keypoints[k] for k in keep)
    for name, parent in zip(part.keypoints, part.parents, strict=True):
        ancestors, at = [], whole.parents[whole.index(name)]
        while at >= 0:
            ancestors.append(whole.keypoints[at])
            at = whole.parents[at]
        left = [a for a in ancestors if a in part.keypoints]
        assert (part.keypoints[parent] if parent >= 0 else None) == (left[0] if left else None)


def test_common_matches_by_name_and_both_ways() -> None:
    a, b = layouts()["coco17"], layouts()["body25"]
    mine, theirs = a.common(b)
    assert len(mine) == 17
    assert [a.keypoints[k] for k in mine] == [b.keypoints[k] for k in theirs]
    assert b.common(a) == tuple(map(list, zip(*sorted(zip(theirs, mine, strict=True)), strict=True)))


def test_index_knows_other_spellings_and_names_what_there_is() -> None:
    assert layouts()["coco17"].index("LShoulder") == 5
    assert layouts()["openpose_face70"].index("face_36") == 36
    assert Skeleton.from_names(CMU_BVH).index("left_knee") == CMU_BVH.index("LeftLeg")
    with pytest.raises(DataError, match=r"skeleton 'x' has no keypoint 'b'; it has a$"):
        Skeleton("x", ("a",)).index("b")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keypoints": ()}, "at least one keypoint, found none"),
        ({"keypoints": ("a", "a")}, "unique keypoint names, found 'a' twice"),
        ({"keypoints": ("a", "b"), "parents": (-1,)}, "expected 2 parents, one a keypoint, found 1"),
        ({"keypoints": ("a", "b"), "parents": (-1, 2)}, "parents from -1 to 1, found 2"),
        ({"keypoints": ("a", "b"), "parents": (-2, 0)}, "parents from -1 to 1, found -2"),
        ({"keypoints": ("a", "b"), "parents": (1, 0)}, "expected a tree, found a cycle through 'a'"),
        ({"keypoints": ("a",), "parents": (0,)}, "found a cycle through 'a'"),
        ({"keypoints": ("a", "b", "c"), "parents": (-1, 2, 1)}, "found a cycle through 'b'"),
        ({"keypoints": ("a",), "root": ("b",)}, "expected the root among the keypoints, found 'b'"),
        ({"keypoints": ("a",), "edges": ((0, 1),)}, "expected edges between its keypoints"),
    ],
)
def test_what_is_not_a_skeleton_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Skeleton("s", **arguments)  # type: ignore[arg-type]
