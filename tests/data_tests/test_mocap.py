"""Clips: real files of every source come out in metres, upright, on the floor, in the right split."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import steadypose as sp
from steadypose.data._splits import split_of, subject_of
from steadypose.data.mocap import SPLITS, load_clips, read_clip, to_smpl
from steadypose.errors import DataError, FormatError

DATA = Path(__file__).parent.parent / "data"
MOCAP = DATA / "mocap"
FILES = ["cmu/02_03", "cmu_terrain/01_14", "deepmimic/walk"]


@pytest.fixture(scope="module")
def clips():
    return {c.name: c for c in load_clips(MOCAP, splits=("train", "validation", "test"))}


def test_a_folder_becomes_clips_with_what_its_index_says(clips):
    assert list(clips) == FILES  # amc_samples/ holds a copy and is left out
    run = clips["cmu/02_03"]
    assert (run.source, run.subject, run.split, run.label) == ("cmu", "cmu 02", "test", "run")
    assert run.licence.startswith("CMU")
    assert len(run.motion.times) == 29 and run.fps == pytest.approx(120, rel=1e-3)  # less the rest pose
    assert clips["deepmimic/walk"].split == "train"


@pytest.mark.parametrize("name", FILES)
def test_people_stand_upright_on_the_floor_in_metres(clips, name):
    clip = clips[name]
    s = clip.joints("h36m17")
    x, k = s.positions[:, 0], s.skeleton.index
    assert s.unit == "m" and s.space == "world" and np.isfinite(x).all()
    assert 1.5 < clip.stature < 1.9
    assert (x[:, k("head"), 2] > x[:, k("thorax"), 2]).all()
    assert (x[:, k("thorax"), 2] > x[:, k("pelvis"), 2]).all()
    assert -0.02 < x[..., 2].min() < 0.15  # the lowest keypoint is an ankle
    trunk = np.linalg.norm(x[:, k("thorax")] - x[:, k("pelvis")], axis=-1)
    assert (trunk / clip.stature < 0.29).all() and (trunk / clip.stature > 0.2).all()  # a climber bends it
    # Left is left: the way feet point is forward, and left of it are the left joints.
    smpl = clip.joints("smpl24")
    y, n = smpl.positions[:, 0], smpl.skeleton.index
    forward = sum(y[:, n(f"{side}_foot")] - y[:, n(f"{side}_ankle")] for side in ("left", "right")).mean(0)
    left = np.cross([0, 0, 1], forward)
    for part in ("hip", "shoulder"):
        assert ((x[:, k(f"left_{part}")] - x[:, k(f"right_{part}")]) @ left > 0).all()


@pytest.mark.parametrize("name", FILES)
def test_faces_look_where_feet_point(clips, name):
    s = clips[name].joints("coco17")
    x, k = s.positions[:, 0], s.skeleton.index
    smpl = clips[name].joints("smpl24")
    y, n = smpl.positions[:, 0], smpl.skeleton.index
    forward = sum(y[:, n(f"{side}_foot")] - y[:, n(f"{side}_ankle")] for side in ("left", "right")).mean(0)
    ears = (x[:, k("left_ear")] + x[:, k("right_ear")]) / 2
    eyes = (x[:, k("left_eye")] + x[:, k("right_eye")]) / 2
    assert ((x[:, k("nose")] - ears) @ forward > 0).all()
    assert ((eyes - ears) @ forward > 0).all()
    assert (np.linalg.norm(x[:, k("nose")] - ears, axis=-1) < 0.16).all()
    assert ((x[:, k("left_ear")] - x[:, k("right_ear")]) @ np.cross([0, 0, 1], forward) > 0).all()
    above = ears[:, 2] - (x[:, k("left_shoulder"), 2] + x[:, k("right_shoulder"), 2]) / 2
    assert (above > 0.08).all() and (above < 0.35).all()


def test_the_bones_that_conversions_dropped_are_put_back(clips):
    short = sp.read(MOCAP / "cmu" / "02_03.bvh")
    at = short.skeleton.keypoints.index
    assert not short.offsets[[at("Neck"), at("LeftShoulder"), at("LeftFingerBase")]].any()
    body = clips["cmu/02_03"].motion
    # 11.7 cm is what CMU's own skeleton of this person says (2.07 units), 9.5 cm the wrist.
    for name, length in {"Neck": 0.117, "RightShoulder": 0.117, "LeftFingerBase": 0.095}.items():
        assert np.linalg.norm(body.offsets[body.skeleton.index(name)]) == pytest.approx(length, abs=1e-3)
    assert "thorax put back" in body.history
    assert "thorax put back" not in clips["cmu_terrain/01_14"].motion.history


def test_amc_and_bvh_of_the_same_capture_agree(clips):
    amc = read_clip(MOCAP / "amc_samples" / "01_14.amc")
    bvh = clips["cmu_terrain/01_14"]
    assert amc.subject == bvh.subject and amc.split == bvh.split
    assert amc.motion.times == pytest.approx(bvh.motion.times, abs=1e-4)
    for layout in ("h36m17", "coco17", "smpl24"):
        gap = np.abs(amc.joints(layout).positions - bvh.joints(layout).positions).max()
        assert gap < 1e-5  # the BVH file has four decimals of centimetres and of degrees


def test_amass_files_get_a_neutral_body_whose_limbs_point_the_same_way(clips, tmp_path):
    clip = clips["cmu_terrain/01_14"]
    smpl = to_smpl(clip)
    folder = tmp_path / "ACCAD" / "s007"
    folder.mkdir(parents=True)
    sp.write(smpl, folder / "walk.npz", format="amass")
    again = read_clip(folder / "walk.npz", name="ACCAD/s007/walk")
    assert (again.subject, again.split) == ("s007", "train")
    assert again.stature == pytest.approx(1.72, abs=0.02)
    a, b = clip.joints("smpl24"), again.joints("smpl24")
    for side in ("left", "right"):
        for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
            first, last = (a.skeleton.index(f"{side}_{j}") for j in (start, end))
            u, v = (s.positions[:, 0, last] - s.positions[:, 0, first] for s in (a, b))
            cosine = (u * v).sum(-1) / np.linalg.norm(u, axis=-1) / np.linalg.norm(v, axis=-1)
            assert (cosine > 1 - 1e-6).all()


def test_c3d_points_named_as_joints_are_turned_up_and_put_on_the_floor(clips, tmp_path):
    coco = clips["deepmimic/walk"].joints("coco17")
    y_up = coco.positions[..., [0, 2, 1]] * [1, 1, -1] * 1000 + [0, 300, 0]
    sp.write(
        sp.PoseSequence.from_array(y_up, fps=30, skeleton="coco17", unit="mm", space="world"),
        tmp_path / "walk.c3d",
    )
    clip = read_clip(tmp_path / "walk.c3d", up="y")
    x = clip.joints("coco17").positions
    assert x[..., :2] == pytest.approx(coco.positions[..., :2], abs=1e-4)
    feet = [coco.skeleton.index(f"{s}_ankle") for s in ("left", "right")]
    assert np.percentile(x[:, 0, feet, 2].min(axis=1), 5) == pytest.approx(0, abs=1e-4)
    assert np.ptp(x[..., 2] - coco.positions[..., 2]) < 1e-4
    assert len(clip.at(60).motion.times) == 2 * len(clip.motion.times) - 1
    with pytest.raises(DataError, match="joint rotations"):
        to_smpl(clip)
    with pytest.raises(DataError, match="proportions"):
        clip.joints("coco17", stature=1.8)


def test_a_performer_is_in_one_split_whatever_the_file(tmp_path):
    assert subject_of("cmu", "02_01") == subject_of("CMU/02", "02_01_poses") == "cmu 02"
    assert subject_of("cmu_terrain", "03_02_a") == "cmu 03"
    assert subject_of("cmu_sports", "test_soccer_1") == "cmu_sports"
    assert subject_of("deepmimic/sie", "run_left00") == "sie"
    assert subject_of("mine", "2024_01_take") == "mine"
    assert subject_of("cmu_sports", "test_washwindow_1") == "cmu 14"
    assert subject_of("hdm05/bd", "kick_001") == "hdm05 bd"
    assert {s for s, split in SPLITS.items() if split == "test"} == {
        "cmu 02", "cmu 05", "cmu 14", "hdm05 dg", "hdm05 mm",
    }  # fmt: skip
    assert not any(split_of(subject_of(f"hdm05/{who}", "x")) == "train" for who in ("bd", "bk", "dg", "mm"))
    (tmp_path / "CMU" / "02").mkdir(parents=True)
    shutil.copy(MOCAP / "amc_samples" / "01_14.amc", tmp_path / "CMU" / "02" / "02_07.amc")
    shutil.copy(MOCAP / "amc_samples" / "01.asf", tmp_path / "CMU" / "02" / "02.asf")
    assert [c.split for c in load_clips(tmp_path, splits=("test",))] == ["test"]
    with pytest.raises(DataError, match="found none"):
        load_clips(tmp_path)


def test_a_licence_against_commercial_use_needs_to_be_asked_for(tmp_path):
    (tmp_path / "bandai1").mkdir()
    shutil.copy(MOCAP / "deepmimic" / "walk.bvh", tmp_path / "bandai1" / "walk.bvh")
    (tmp_path / "lab").mkdir()
    shutil.copy(MOCAP / "deepmimic" / "walk.bvh", tmp_path / "lab" / "walk.bvh")
    (tmp_path / "index.csv").write_text(
        "path,label,licence,unit_cm,rest_rows\nlab/walk.bvh,walk,CC BY-NC 4.0,1,0\n"
    )
    with pytest.raises(DataError, match="found none"):
        load_clips(tmp_path, splits=("train", "noncommercial"))
    found = load_clips(tmp_path, splits=("train", "noncommercial"), licence="any")
    assert [(c.source, c.split) for c in found] == [("bandai1", "noncommercial"), ("lab", "train")]


def test_where_the_folder_is_said(monkeypatch, tmp_path):
    monkeypatch.delenv("STEADYPOSE_DATA", raising=False)
    with pytest.raises(DataError, match="STEADYPOSE_DATA"):
        load_clips()
    monkeypatch.setenv("STEADYPOSE_DATA", str(DATA))
    seen = []
    found = load_clips(sources=["deepmimic"], fps=50, progress=lambda n, of: seen.append((n, of)))
    assert [c.fps for c in found] == [pytest.approx(50)] and seen == [(1, 1)]
    with pytest.raises(DataError, match="none at"):
        load_clips(tmp_path / "nowhere")
    with pytest.raises(DataError, match="found 'tests'"):
        load_clips(splits=("tests",))
    with pytest.raises(DataError, match=r"sources among .*deepmimic.*found 'kit'"):
        load_clips(sources=["kit"])


def test_what_is_wrong_with_a_file_is_said_in_one_line(tmp_path):
    with pytest.raises(FormatError, match=r"02_03.bvh: expected a body of 0.9 to 2.5 m, found 0.305 m"):
        read_clip(MOCAP / "cmu" / "02_03.bvh")
    with pytest.raises(FormatError, match="more than 39 frames, found 39"):
        read_clip(MOCAP / "deepmimic" / "walk.bvh", skip=39)
    with pytest.raises(FormatError, match="above 0 m"):
        read_clip(MOCAP / "deepmimic" / "walk.bvh", unit_m=-1)
    legs = (MOCAP / "deepmimic" / "walk.bvh").read_text().replace("LeftLeg", "Peg")
    (tmp_path / "pirate.bvh").write_text(legs)
    with pytest.raises(FormatError, match=r"pirate.bvh: expected a joint 'left_knee'"):
        read_clip(tmp_path / "pirate.bvh")
    (tmp_path / "index.csv").write_text("path,label\nwalk.bvh,walk\n")
    with pytest.raises(FormatError, match=r"index.csv: line 2: expected path, label"):
        load_clips(tmp_path)


def test_one_frame_is_a_clip(tmp_path):
    text = (MOCAP / "deepmimic" / "walk.bvh").read_text()
    head, _, rows = text.partition("MOTION")
    row = rows.strip().splitlines()[2]
    (tmp_path / "one.bvh").write_text(f"{head}MOTION\nFrames: 1\nFrame Time: 0.0333333\n{row}\n")
    clip = read_clip(tmp_path / "one.bvh")
    assert clip.at(50).joints().shape == (1, 1, 17, 3)


def test_a_rate_of_nothing_is_refused(clips):
    with pytest.raises(DataError, match="above 0 fps"):
        clips["deepmimic/walk"].at(0)
