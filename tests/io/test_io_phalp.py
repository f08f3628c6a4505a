import body_samples as samples
import numpy as np
import pytest

from steadypose import io
from steadypose.errors import FormatError


def read(tmp_path, content):
    return io.read_streams(samples.save("phalp", content, tmp_path), format="phalp")


def test_frames_by_time_ghosts_missing(tmp_path):
    content = samples.phalp()
    streams = read(tmp_path, content)
    pose = streams["pose"]
    assert list(streams) == ["pose", "joints3d", "joints2d"]
    assert pose.persons == ("3", "8") and pose.shape == (12, 2, 24) and pose.space == "camera"
    assert (~pose.valid[:, 0, 0]).nonzero()[0].tolist() == [2, 5, 6, 7]
    assert (~pose.valid[:, 1, 0]).nonzero()[0].tolist() == [0, 1, 2, 3]
    assert "3 of 19 poses repeat the last detection" in pose.history[1]
    last = content["img/000011.jpg"]
    np.testing.assert_array_equal(pose.translation[11, 1], last["camera"][1])
    np.testing.assert_allclose(pose.rotations[11, 1, 1:], last["smpl"][1]["body_pose"], atol=1e-6)
    np.testing.assert_array_equal(streams["joints2d"].positions[11, 1], last["2d_joints"][1].reshape(45, 2))
    assert streams["joints2d"].unit == "normalized"


def test_filled_ghosts_are_written_and_others_left(tmp_path):
    path = samples.save("phalp", samples.phalp(), tmp_path)
    pose = io.read(path, format="phalp")
    R, moved = pose.rotations.copy(), pose.translation.copy()
    R[5, 0], moved[5, 0] = R[4, 0], [7, 8, 9]
    out = samples.load(io.write(pose.with_rotations(R, "filled", moved), tmp_path / "out.pkl"))
    before = samples.phalp()
    np.testing.assert_array_equal(out["img/000005.jpg"]["camera"][0], [7, 8, 9])
    assert out["img/000005.jpg"]["camera"][0].dtype == np.float32
    assert samples.same(out["img/000006.jpg"], before["img/000006.jpg"])
    assert samples.same(out["img/000005.jpg"]["tracked_time"], before["img/000005.jpg"]["tracked_time"])


def test_ghosts_without_tracked_time_are_told_by_tracked_ids(tmp_path):
    content = samples.phalp()
    for frame in content.values():
        del frame["tracked_time"]
    pose = read(tmp_path, content)["pose"]
    assert (~pose.valid[:, 0, 0]).nonzero()[0].tolist() == [2, 5, 6, 7]


def test_a_root_without_its_axis(tmp_path):
    content = samples.phalp()
    for frame in content.values():
        for smpl in frame["smpl"]:
            smpl["global_orient"] = smpl["global_orient"][0]
    path = samples.save("phalp", content, tmp_path)
    streams = io.read_streams(path, format="phalp")
    assert samples.same(samples.load(io.write(streams, tmp_path / "out.pkl")), content)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: f.update(tid=[3, 3]),
            "frame img/000011.jpg: expected each person once, found person 3 twice",
        ),
        (lambda f: f.update(camera=f["camera"][:1]), r"camera\[1\]: expected an item of every track"),
        (lambda f: f.update(time=10), "expected a time of its own"),
        (lambda f: f.update(tid=None), "a list of track ids"),
        (lambda f: f["smpl"][1].pop("betas"), "betas"),
        (lambda f: f["smpl"][1].update(body_pose=np.zeros((23, 3, 3))), "rotation matrices"),
        (lambda f: f["smpl"][1].update(body_pose=np.zeros((23, 3))), r"body_pose: expected numbers of shape"),
    ],
)
def test_bad_frames_are_named(tmp_path, spoil, message):
    content = samples.phalp()
    spoil(content["img/000011.jpg"])
    with pytest.raises(FormatError, match=message):
        read(tmp_path, content)


def test_nobody_in_any_frame(tmp_path):
    content = {k: v for k, v in samples.phalp().items() if not v["tid"]}
    with pytest.raises(FormatError, match="at least one person"):
        read(tmp_path, content)
