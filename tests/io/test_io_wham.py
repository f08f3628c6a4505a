from dataclasses import replace

import body_samples as samples
import numpy as np
import pytest

from steadypose import io
from steadypose._layouts import layouts
from steadypose.errors import FormatError
from steadypose.rotations import from_axis_angle


def read(tmp_path, content):
    return io.read_streams(samples.save("wham", content, tmp_path), format="wham")


def test_persons_lie_on_one_timeline_and_are_missing_where_they_are_not(tmp_path):
    content = samples.wham()
    streams = read(tmp_path, content)
    assert list(streams) == ["world", "camera", "verts/0", "verts/7"]
    world = streams["world"]
    assert world.persons == ("0", "7") and world.skeleton == layouts()["smpl24"]
    assert (world.space, streams["camera"].space, world.unit) == ("world", "camera", "m")
    np.testing.assert_allclose(world.times, np.arange(12) / 30)
    assert "30 fps assumed" in world.history[0]
    ids = content[7]["frame_ids"] - 3
    assert world.valid[:, 1, 0].nonzero()[0].tolist() == ids.tolist()
    np.testing.assert_array_equal(world.translation[ids, 1], content[7]["trans_world"])
    np.testing.assert_array_equal(world.body_shape[ids, 1], content[7]["betas"])
    np.testing.assert_allclose(
        world.rotations[ids, 1], from_axis_angle(content[7]["pose_world"].reshape(-1, 24, 3)), atol=1e-6
    )
    verts = streams["verts/7"]
    np.testing.assert_allclose(verts.times, ids / 30)
    np.testing.assert_array_equal(verts.positions[:, 0], content[7]["verts"])


def test_frames_of_nobody_are_a_gap_in_time(tmp_path):
    content = samples.wham()
    del content[0]
    assert read(tmp_path, content)["world"].times == pytest.approx(np.array([0, 1, 2, 5, 6]) / 30)


def test_persons_who_have_no_pose_in_common_are_refused(tmp_path):
    content = samples.wham()
    del content[0]["trans"], content[0]["pose_world"], content[7]["trans_world"]
    with pytest.raises(FormatError, match="of every person, found neither"):
        read(tmp_path, content)


def test_the_same_frame_twice_is_named(tmp_path):
    content = samples.wham()
    content[7]["frame_ids"] = np.array([4, 5, 5, 9, 10])
    with pytest.raises(FormatError, match="frame 5: expected each person once, found person 7 twice"):
        read(tmp_path, content)


def test_lengths_must_agree(tmp_path):
    content = samples.wham()
    content[7]["trans"] = content[7]["trans"][:-1]
    with pytest.raises(FormatError, match=r"person 7, trans: expected numbers of shape \(5, 3\)"):
        read(tmp_path, content)
    content["7"] = content[7]
    with pytest.raises(FormatError, match="one entry a person"):
        read(tmp_path, content)


@pytest.mark.parametrize("ids", [[1.5, 2, 3, 4, 5], [np.nan] * 5, ["a"] * 5, [1e300] * 5])
def test_frame_ids_must_be_whole(tmp_path, ids):
    content = samples.wham()
    content[7]["frame_ids"] = np.array(ids)
    with pytest.raises(FormatError, match="person 7"):
        read(tmp_path, content)


def test_persons_who_are_all_different_do_not_fill_memory(tmp_path):
    one = {k: v[:1] for k, v in samples.wham()[0].items()}
    content = {p: {**one, "frame_ids": np.array([p])} for p in range(3000)}
    with pytest.raises(FormatError, match="3000 in 3000 frames"):
        read(tmp_path, content)


def test_new_files_leave_out_frames_of_the_absent(tmp_path):
    world = read(tmp_path, samples.wham())["world"]
    kept = replace(world, source=None)
    path = io.write(kept, tmp_path / "new.pkl", format="wham")
    content = samples.load(path)
    assert set(content["7"]) == {"pose_world", "trans_world", "betas", "frame_ids"}
    again = io.read(path, format="wham")
    np.testing.assert_allclose(again.rotations, kept.rotations, atol=1e-7)
    np.testing.assert_array_equal(again.translation, kept.translation)


def test_compression_is_kept(tmp_path):
    from steadypose.io import _pickle

    path = tmp_path / "in.pkl"
    _pickle.dump(samples.wham(), path, "zlib")
    out = io.write(io.read_streams(path, format="wham"), tmp_path / "out.pkl")
    assert _pickle.compression(out.read_bytes()[:9]) == "zlib"
    assert samples.same(_pickle.load(out), samples.wham())
