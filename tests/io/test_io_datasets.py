"""3DPW, AIST++, AMASS, GVHMR, VideoPose3D and SmoothNet: names, rates, units, and what is missing in them."""

import body_samples as samples
import numpy as np
import pytest

from steadypose import io
from steadypose._layouts import layouts
from steadypose.errors import FormatError, SteadyposeError
from steadypose.rotations import from_axis_angle
from steadypose.sequence import PoseSequence


def read(tmp_path, format, content, **options):
    return io.read_streams(samples.save(format, content, tmp_path), format=format, **options)


def test_threedpw(tmp_path):
    content = samples.threedpw()
    streams = read(tmp_path, "threedpw", content)
    assert {n: (m.fps, m.space) for n, m in streams.items()} == {
        "pose": (pytest.approx(30), "world"),
        "pose_60Hz": (pytest.approx(60), "world"),
        "joints3d": (pytest.approx(30), "world"),
        "joints2d": (pytest.approx(30), "image"),
    }
    joints = streams["joints2d"]
    assert joints.skeleton.name == "coco18"
    assert np.isnan(joints.positions[3, 0, 5]).all() and np.isnan(joints.positions[4, 1]).all()
    np.testing.assert_array_equal(joints.confidence[:, 0], content["poses2d"][0][:, 2].astype("f4"))
    np.testing.assert_array_equal(streams["pose"].body_shape[7, 1], content["betas"][1])


def test_a_filled_point_of_threedpw_is_written_and_its_confidence_left(tmp_path):
    path = samples.save("threedpw", samples.threedpw(), tmp_path)
    joints = io.read(path, format="threedpw", stream="joints2d")
    x = joints.positions.copy()
    x[3, 0, 5] = [11, 12]
    x[4, 0, 1] = np.nan
    out = samples.load(io.write(joints.with_positions(x, "filled"), tmp_path / "out.pkl"))
    assert out["poses2d"][0][3, :, 5].tolist() == [11, 12, 0]
    assert out["poses2d"][0][4, :2, 1].tolist() == [0, 0] and out["poses2d"][0][4, 2, 1] != 0


def test_aist(tmp_path):
    motion = read(tmp_path, "aist", samples.aist_motion())["pose"]
    assert motion.fps == pytest.approx(60) and motion.unit == "cm"
    assert list(read(tmp_path, "aist", samples.aist_3d())) == ["keypoints3d_optim", "keypoints3d"]
    views = read(tmp_path, "aist", samples.aist_2d())
    assert list(views) == ["c01", "c02", "c03"]
    assert views["c02"].fps == pytest.approx(59.94, rel=1e-3)  # its own time stamps
    assert np.isnan(views["c02"].positions[5]).all()
    content = samples.aist_2d() | {"timestamps": np.arange(samples.T)}
    assert read(tmp_path, "aist", content)["c01"].fps == pytest.approx(60)


@pytest.mark.parametrize(
    ("joints", "layout"), [(22, "smpl22"), (24, "smpl24"), (52, "smplh52"), (55, "smplx55")]
)
def test_amass_bodies(tmp_path, joints, layout):
    content = samples.amass() | {"poses": samples.pose(1, joints=joints, dtype="f8")}
    motion = read(tmp_path, "amass", content)["pose"]
    assert motion.skeleton.name == layout and motion.fps == pytest.approx(120)
    np.testing.assert_array_equal(motion.body_shape[3, 0], content["betas"])


def test_amass_keeps_the_parts_of_smplx_the_same(tmp_path):
    path = samples.save("amass", samples.amass_smplx(), tmp_path)
    motion = io.read(path, format="amass")
    turned = motion.with_rotations(motion.rotations @ from_axis_angle([0.1, 0, 0]), "turned")
    out = samples.load(io.write(turned, tmp_path / "out.npz", format="amass"))
    parts = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")
    np.testing.assert_array_equal(np.hstack([out[k] for k in parts]), out["poses"])


def test_amass_refuses_other_widths_and_a_rate_of_zero(tmp_path):
    with pytest.raises(FormatError, match="66, 72, 156 or 165"):
        read(tmp_path, "amass", samples.amass() | {"poses": np.zeros((5, 60))})
    with pytest.raises(FormatError, match="0 fps"):
        read(tmp_path, "amass", samples.amass() | {"mocap_framerate": np.array(0.0)})


def test_gvhmr(tmp_path):
    streams = read(tmp_path, "gvhmr", samples.gvhmr())
    assert list(streams) == ["world", "camera"]
    assert streams["world"].skeleton.name == "smpl22" and streams["camera"].space == "camera"
    del (content := samples.gvhmr())["smpl_params_global"]
    assert list(read(tmp_path, "gvhmr", content)) == ["camera"]
    with pytest.raises(FormatError, match="smpl_params_global"):
        read(tmp_path, "gvhmr", {"other": content["K_fullimg"]})


def test_videopose3d(tmp_path):
    content = samples.videopose3d_3d()
    streams = read(tmp_path, "videopose3d", content)
    assert list(streams) == ["S1/Walking", "S1/Walking 1", "S5/Eating"]
    walking = streams["S1/Walking"]
    assert walking.skeleton.name == "h36m32" and walking.fps == pytest.approx(50) and walking.unit == "m"
    assert streams["S5/Eating"].skeleton.name == "h36m17"
    # The 17 of the 32 that VideoPose3D keeps are the layout of 17, in its order.
    removed = {4, 5, 9, 10, 11, 16, 20, 21, 22, 23, 24, 28, 29, 30, 31}
    kept = [n for k, n in enumerate(walking.skeleton.keypoints) if k not in removed]
    assert tuple(kept) == layouts()["h36m17"].keypoints
    assert walking.skeleton.mirror[1] == 6 and walking.skeleton.mirror[31] == 23
    flat = read(tmp_path, "videopose3d", samples.videopose3d_2d())
    assert list(flat) == ["S1/Walking/0", "S1/Walking/1", "S1/Walking/2", "S1/Walking/3", "S9/Eating/0"]
    assert flat["S1/Walking/3"].shape == (samples.T - 3, 1, 17, 2)
    assert flat["S1/Walking/3"].skeleton.name == "coco17"


def test_videopose3d_layout_by_its_sides(tmp_path):
    content = samples.videopose3d_2d()
    content["metadata"][()].pop("layout_name")
    assert read(tmp_path, "videopose3d", content)["S1/Walking/0"].skeleton.name == "coco17"
    content["metadata"][()]["keypoints_symmetry"] = [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]
    assert read(tmp_path, "videopose3d", content)["S1/Walking/0"].skeleton.name == "h36m17"
    del content["metadata"]
    assert read(tmp_path, "videopose3d", content)["S1/Walking/0"].skeleton.name == "numbered17"
    assert read(tmp_path, "videopose3d", content, skeleton="coco17")["S1/Walking/0"].skeleton.name == "coco17"


def test_videopose3d_cameras_in_one_array_and_a_third_column(tmp_path):
    x = np.abs(500 * samples.walk(1, samples.T, 3, 17, 3)).swapaxes(0, 1).copy()
    path = samples.save("videopose3d", {"positions_2d": samples.boxed({"me": {"custom": x}})}, tmp_path)
    streams = io.read_streams(path, format="videopose3d")
    assert "30 fps assumed" in streams["me/custom/2"].history[0]
    np.testing.assert_array_equal(streams["me/custom/2"].confidence[:, 0], x[2, ..., 2])
    moved = {n: m.with_positions(m.positions + 1, "moved") for n, m in streams.items()}
    out = samples.load(io.write(moved, tmp_path / "out.npz"))["positions_2d"][()]["me"]["custom"]
    np.testing.assert_allclose(out, x + np.float32([1, 1, 0]), rtol=1e-6)
    assert out.dtype == np.float32


def test_smoothnet(tmp_path):
    streams = read(tmp_path, "smoothnet", samples.smoothnet_3d())
    first, second = streams["0/joints_3d"], streams["1/joints_3d"]
    assert first.skeleton.name == "lsp14" and first.skeleton.root == ("right_hip", "left_hip")[::-1]
    np.testing.assert_allclose(second.times, np.arange(7) / 30)  # every second image: still one step a frame
    assert not any("assumed" in note for note in first.history)
    assert read(tmp_path, "smoothnet", samples.smoothnet_stacked())["1/joints_3d"].fps == pytest.approx(60)
    body = read(tmp_path, "smoothnet", samples.smoothnet_smpl())
    assert list(body) == ["0/pose", "1/pose"] and body["1/pose"].translation is not None
    assert read(tmp_path, "smoothnet", samples.smoothnet_2d())["0/joints_2d"].unit == "px"


def test_smoothnet_names_without_numbers_or_out_of_order(tmp_path):
    content = samples.smoothnet_2d()
    for names in ([f"{'abcdefghijkl'[k]}.png" for k in range(12)], ["7.png"] * 12):
        content["imgname"][0] = np.array(names)
        assert len(read(tmp_path, "smoothnet", content)["0/joints_2d"].times) == 12
    content["imgname"][0] = np.array([f"{k + (k > 5) * 3}.png" for k in range(12)])
    times = read(tmp_path, "smoothnet", content)["0/joints_2d"].times
    assert times[6] - times[5] == pytest.approx(4 / 30)
    with pytest.raises(FormatError, match="one item a sequence"):
        read(
            tmp_path, "smoothnet", content | {"joints_2d": samples.items(np.zeros((2, 4)), np.zeros((2, 4)))}
        )


def test_new_files_of_positions(tmp_path):
    x = 0.5 * samples.walk(1, 10, 1, 17, 3)
    for format, name in (("aist", "a.pkl"), ("videopose3d", "a.npz"), ("smoothnet", "b.npz")):
        layout = "coco17" if format == "aist" else "h36m17"
        sequence = PoseSequence(x, np.arange(10) / 50, layouts()[layout], unit="m", space="world")
        again = io.read(io.write(sequence, tmp_path / name, format=format), format=format, unit="m")
        scale = {"m": 1, "cm": 100}[again.unit]
        np.testing.assert_allclose(again.positions, x * scale, rtol=1e-5)
        two = PoseSequence(np.repeat(x, 2, axis=1), np.arange(10), layouts()[layout], unit="m", space="world")
        with pytest.raises(SteadyposeError, match="one person"):
            io.write(two, tmp_path / f"two{name}", format=format)
