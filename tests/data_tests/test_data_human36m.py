"""Human3.6M from files of VideoPose3D's layout, made here: the dataset itself may not be passed on."""

from __future__ import annotations

import numpy as np
import pytest

from steadypose.data.human36m import (
    ACTIONS,
    CAMERAS,
    MISALIGNED,
    SUBJECTS,
    TEST,
    TRAIN,
    cameras,
    load_recordings,
    sources,
)
from steadypose.errors import DataError, FormatError, SteadyposeError

USED = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]  # of the 32, as VideoPose3D selects
HOURGLASS = [3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 16, 15, 14, 11, 12, 13]  # in h36m17
H36M = {"num_joints": 17, "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]}
MPII = {"num_joints": 16, "keypoints_symmetry": [[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]]}


def trials(action: str) -> tuple[str, str]:
    """Two names a subject, as in the dataset: some are numbered from 1, and none from 0."""
    return (f"{action} 1", f"{action} 2") if action == "Sitting" else (action, f"{action} 1")


def save_3d(folder, subjects=("S1", "S9"), frames=6, names=None, joints=32, seed=0):
    """A person of random joints about the middle of the stage."""
    rng = np.random.default_rng(seed)
    stage = {
        s: {
            trial: rng.normal([0, 0, 1], 0.35, (frames, joints, 3)).astype(np.float32)
            for a in ACTIONS
            for trial in trials((names or {}).get(a, a))
        }
        for s in subjects
    }
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=stage)
    return stage


def save_2d(folder, name, stage, joints=17, metadata=H36M, extra=0, dims=2, seed=1):
    rng = np.random.default_rng(seed)
    content = {
        s: {
            a: [rng.uniform(0, 1000, (len(x) + extra, joints, dims)).astype(np.float32) for _ in range(4)]
            for a, x in actions.items()
        }
        for s, actions in stage.items()
    }
    np.savez_compressed(folder / f"data_2d_h36m_{name}.npz", positions_2d=content, metadata=metadata)
    return content


def papers_projection(world, orientation, position, focal, centre, radial, tangential):
    """A point seen by a camera, written out: quaternion (w x y z, camera to world), Brown's distortion."""
    w, *v = orientation
    v = -np.array(v)  # the inverse turn
    d = world - position
    x = d + 2 * np.cross(v, np.cross(v, d) + w * d)
    u = x[..., :2] / x[..., 2:]
    r2 = (u**2).sum(-1, keepdims=True)
    k1, k2, k3 = radial
    p1, p2 = tangential
    a, b = u[..., :1], u[..., 1:]
    bent = u * (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3)
    bent = bent + np.concatenate(
        [2 * p1 * a * b + p2 * (r2 + 2 * a**2), p1 * (r2 + 2 * b**2) + 2 * p2 * a * b], -1
    )
    return x, bent * focal + centre


def test_every_subject_has_four_cameras_that_look_at_the_stage():
    assert set(SUBJECTS) == {*TRAIN, *TEST}
    for subject in SUBJECTS:
        found = cameras(subject)
        assert tuple(c.name for c in found) == CAMERAS
        for c in found:
            assert np.allclose(c.rotation @ c.rotation.T, np.eye(3), atol=1e-6)
            assert np.linalg.det(c.rotation) == pytest.approx(1, abs=1e-6)
            assert 1.4 < c.position[2] < 1.7 and 3.9 < np.hypot(*c.position[:2]) < 5.7
            pixels = c.project(np.array([[0.0, 0.0, 1.0]]))
            assert np.all((pixels > 200) & (pixels < 800))
            up = c.project(np.array([[0.0, 0.0, 1.5]]))
            assert up[0, 1] < pixels[0, 1], "y points down in images"


def test_a_camera_is_the_published_one(tmp_path):
    stage = save_3d(tmp_path, ("S11",))
    world = stage["S11"]["Eating"][:, USED].astype(np.float64)
    body, pixels = papers_projection(
        world,
        (0.6189449429512024, -0.7600917220115662, -0.15300633013248444, 0.1255258321762085),
        np.array([2083.182373046875, -4912.1728515625, 1561.07861328125]) / 1000,
        (1149.6756591796875, 1147.5916748046875),
        (508.8486328125, 508.0649108886719),
        (-0.1942136287689209, 0.2404085397720337, 0.006819975562393665),
        (-0.0027408944442868233, -0.0016190266469493508),
    )
    (found,) = (
        r
        for r in load_recordings(tmp_path, subjects="S11", actions="Eating")
        if (r.trial, r.camera) == ("", "55011271")
    )
    np.testing.assert_allclose(found.keypoints, pixels, atol=1e-3)
    np.testing.assert_allclose(found.truth, (body - body[:, :1]) * 1000, atol=1e-2)
    assert found.name == "S11/Eating/55011271"


def test_all_sequences_come_in_the_order_of_the_tables(tmp_path):
    save_3d(tmp_path)
    found = load_recordings(tmp_path, subjects=("S1", "S9"))
    assert len(found) == 2 * 15 * 2 * 4
    order = [(("S1", "S9").index(r.subject), ACTIONS.index(r.action), r.trial) for r in found]
    assert order == sorted(order)
    assert {r.camera for r in found} == set(CAMERAS)
    for r in found:
        assert r.keypoints.shape == (6, 17, 2) and r.truth.shape == (6, 17, 3) and r.confidence is None
        assert r.keypoints.dtype == r.truth.dtype == np.float32
        assert np.all(r.truth[:, 0] == 0)


def test_the_releases_names_mean_the_same(tmp_path):
    raw = {"Photo": "TakingPhoto", "WalkDog": "WalkingDog", "WalkTogether": "WalkingTogether"}
    stage = save_3d(tmp_path, ("S5",), names=raw)
    renamed = {
        "S5": {
            k.replace("TakingPhoto", "Photo").replace("WalkingDog", "WalkDog").replace(" ", "_"): v
            for k, v in stage["S5"].items()
        }
    }
    save_2d(tmp_path, "cpn_ft_h36m_dbb", renamed)
    found = load_recordings(tmp_path, keypoints="cpn_ft_h36m_dbb", subjects="S5")
    assert list(dict.fromkeys(r.action for r in found)) == list(ACTIONS)
    assert {r.trial for r in found if r.action == "Sitting"} == {"1", "2"}


def test_detections_are_cut_to_the_motion_capture(tmp_path):
    stage = save_3d(tmp_path)
    seen = save_2d(tmp_path, "detectron_ft_h36m", stage, extra=3)
    found = load_recordings(tmp_path, keypoints="detectron_ft_h36m", subjects="S9", actions="Walking")
    for n, r in enumerate(found[:4]):
        np.testing.assert_array_equal(r.keypoints, seen["S9"]["Walking"][n][:6])


def test_hourglass_joints_are_put_where_they_belong(tmp_path):
    stage = save_3d(tmp_path, ("S9",))
    seen = save_2d(tmp_path, "sh_ft_h36m", stage, joints=16, metadata=MPII)
    r = load_recordings(tmp_path, keypoints="sh_ft_h36m", subjects="S9", actions="Posing")[0]
    np.testing.assert_array_equal(r.keypoints[:, HOURGLASS], seen["S9"]["Posing"][0])
    assert np.isnan(r.keypoints[:, 9]).all(), "nothing between thorax and head"


def test_scores_of_a_detector_are_its_confidence(tmp_path):
    stage = save_3d(tmp_path, ("S9",))
    seen = save_2d(tmp_path, "mine", stage, dims=3)
    for actions in seen.values():
        for views in actions.values():
            for view in views:
                view[..., 2] /= 1000
    np.savez(tmp_path / "data_2d_h36m_mine.npz", positions_2d=seen, metadata=H36M)
    r = load_recordings(tmp_path, keypoints="mine", subjects="S9", actions="Posing")[0]
    np.testing.assert_array_equal(r.confidence, seen["S9"]["Posing"][0][..., 2])
    assert sources(tmp_path) == ("projected", "mine")


def test_faulty_sequences(tmp_path):
    save_3d(tmp_path, ("S9", "S11"))
    found = load_recordings(tmp_path, subjects=TEST)
    assert not any((r.subject, r.action, r.trial) == ("S11", "Directions", "") for r in found)
    kept = {
        (r.subject, r.action, r.trial) for r in load_recordings(tmp_path, subjects=TEST, misaligned=False)
    }
    assert {(r.subject, r.action, r.trial) for r in found} - kept == set(MISALIGNED)


def test_a_file_with_the_17_joints_only(tmp_path):
    stage = save_3d(tmp_path, ("S1",), joints=17)
    r = load_recordings(tmp_path, subjects="S1", actions="Smoking")[0]
    world = cameras("S1")[0].to_world(r.truth / 1000.0) - cameras("S1")[0].to_world(np.zeros(3))
    x = stage["S1"]["Smoking"]
    np.testing.assert_allclose(world, x - x[:, :1], atol=1e-5)


def refusals():
    def edit(change):
        def make(folder):
            stage = save_3d(folder)
            seen = {s: {a: [np.zeros((6, 17, 2), np.float32)] * 4 for a in v} for s, v in stage.items()}
            metadata = change(stage, seen) or H36M
            np.savez(folder / "data_3d_h36m.npz", positions_3d=stage)
            np.savez(folder / "data_2d_h36m_x.npz", positions_2d=seen, metadata=metadata)

        return make

    def gone(stage, seen):
        del seen["S9"]["Posing"]

    def short(stage, seen):
        seen["S9"]["Posing"][2] = np.zeros((5, 17, 2), np.float32)

    def three_cameras(stage, seen):
        seen["S9"]["Posing"] = seen["S9"]["Posing"][:3]

    def hole(stage, seen):
        stage["S9"]["Posing"][4, 2] = np.nan

    def unknown(stage, seen):
        stage["S9"]["Juggling 1"] = stage["S9"]["Posing"]

    def twice(stage, seen):
        stage["S9"]["TakingPhoto"] = stage["S9"]["Photo"]

    def no_subject(stage, seen):
        del stage["S9"]

    def joints(stage, seen):
        stage["S9"]["Posing"] = stage["S9"]["Posing"][:, :20]

    def coco(stage, seen):
        sides = [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]]
        return {"layout_name": "coco", "num_joints": 17, "keypoints_symmetry": sides}

    return {
        "S9/Posing/0.*4 cameras.*none": edit(gone),
        "S9/Posing/2.*at least 6 frames.*5": edit(short),
        "S9/Posing/3.*4 cameras.*none": edit(three_cameras),
        "S9/Posing, frame 4.*finite": edit(hole),
        "Juggling 1.*an action of Human3.6M": edit(unknown),
        "TakingPhoto.*two names": edit(twice),
        "positions_3d.*subject S9.*none": edit(no_subject),
        "S9/Posing.*32 joints.*20 in 3D": edit(joints),
        r"17 joints.*17 keypoints \(coco17\)": edit(coco),
    }


@pytest.mark.parametrize(
    ("message", "make"), refusals().items(), ids=lambda v: v if isinstance(v, str) else ""
)
def test_bad_files_are_refused_in_one_line(tmp_path, message, make):
    make(tmp_path)
    with pytest.raises(FormatError, match=message) as e:
        load_recordings(tmp_path, keypoints="x", subjects="S9")
    assert "\n" not in str(e.value)


def test_what_is_not_there_or_not_human36m_is_refused(tmp_path):
    with pytest.raises(SteadyposeError, match=r"data_3d_h36m\.npz"):
        load_recordings(tmp_path)
    save_3d(tmp_path)
    with pytest.raises(SteadyposeError, match=r"data_2d_h36m_sh_ft_h36m\.npz"):
        load_recordings(tmp_path, keypoints="sh_ft_h36m", subjects="S1")
    with pytest.raises(DataError, match="S2"):
        load_recordings(tmp_path, subjects=("S1", "S2"))
    with pytest.raises(DataError, match="Juggling"):
        load_recordings(tmp_path, subjects="S1", actions="Juggling")
    with pytest.raises(DataError, match="at least one"):
        load_recordings(tmp_path, subjects=())
