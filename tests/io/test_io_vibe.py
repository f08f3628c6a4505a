import body_samples as samples
import numpy as np
import pytest

from steadypose import io
from steadypose.errors import FormatError


def read(tmp_path, content):
    return io.read_streams(samples.save("vibe", content, tmp_path), format="vibe")


def test_streams(tmp_path):
    streams = read(tmp_path, samples.vibe())
    assert list(streams) == ["pose", "orig_cam", "joints3d", "verts/1", "verts/2"]
    assert streams["pose"].representation == "axis-angle" and streams["pose"].translation is None
    assert streams["joints3d"].skeleton.name == "spin49"
    assert streams["orig_cam"].skeleton.keypoints == ("scale", "offset")


def test_shuffled_frames_are_sorted_for_processing(tmp_path):
    content = samples.vibe()
    streams = read(tmp_path, content)
    joints = streams["joints3d"]
    np.testing.assert_array_equal(joints.positions[[5, 3, 4, 8], 1], content[2]["joints3d"])
    assert np.isnan(joints.positions[6, 1]).all()
    np.testing.assert_array_equal(streams["verts/2"].positions[[2, 0, 1, 3], 0], content[2]["verts"])


def test_pare_has_matrices_and_projected_joints(tmp_path):
    content = samples.pare()
    streams = read(tmp_path, content)
    assert streams["pose"].representation == "matrix"
    np.testing.assert_allclose(streams["pose"].rotations[:, 0], content[1]["pose"], atol=1e-6)
    assert streams["smpl_joints2d"].confidence is None
    np.testing.assert_array_equal(streams["joints2d"].confidence[:, 0], content[1]["joints2d"][..., 2])
    assert streams["joints2d"].unit == "px"


def test_matrices_must_be_rotations(tmp_path):
    content = samples.pare()
    content[1]["pose"] = content[1]["pose"] * 2
    with pytest.raises(FormatError, match="rotation matrices"):
        read(tmp_path, content)
    content[1]["pose"] = samples.pare()[1]["pose"] * np.array([1, 1, -1], "f4")
    with pytest.raises(FormatError, match="rotation matrices"):
        read(tmp_path, content)


def test_one_person_with_a_pose_of_another_kind_is_refused(tmp_path):
    content = samples.pare()
    content[2]["pose"] = samples.vibe()[2]["pose"]
    with pytest.raises(FormatError, match="person 2, pose"):
        read(tmp_path, content)
