from pathlib import Path

import body_samples as samples
import numpy as np
import pytest

from steadypose import io
from steadypose.errors import FormatError
from steadypose.io import _npy

DATA = Path(__file__).parents[1] / "data" / "mediapipe-npz"
FILES = sorted(DATA.glob("*.npz"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_real_files_come_back_bit_for_bit(tmp_path, path):
    streams = io.read_streams(path, format="mediapipe-npz")
    assert list(streams) == ["image", "world"]
    content = samples.load(path)
    for name, unit, space in (("image", "normalized", "image"), ("world", "m", "root-relative")):
        motion = streams[name]
        assert (motion.unit, motion.space, motion.skeleton.name) == (unit, space, "mediapipe33")
        np.testing.assert_array_equal(motion.positions[:, 0], content[name])
        np.testing.assert_array_equal(motion.confidence[:, 0], content["visibility"])
        assert motion.fps == pytest.approx(float(content["fps"]))
    out = io.write(streams, tmp_path / "out.npz")
    assert samples.same(samples.load(out), content)
    assert _npy.is_compressed(out) == _npy.is_compressed(path)


def test_frames_of_nobody_are_missing_and_visibility_never_changes(tmp_path):
    path = DATA / "sports2d_demo_160-206.npz"
    image = io.read(path, format="mediapipe-npz")
    empty = (~image.valid.any(axis=(1, 2))).nonzero()[0]
    assert empty.tolist() == [9, 41]  # 169 and 201 of the recording
    filled = np.nan_to_num(image.positions, nan=0.5) + np.float32(0.01)
    out = samples.load(io.write(image.with_positions(filled, "filled"), tmp_path / "out.npz"))
    before = samples.load(path)
    np.testing.assert_array_equal(out["image"], filled[:, 0])
    assert samples.differences(before, out) == {"/image"}


def test_bad_shapes(tmp_path):
    content = samples.load(FILES[0])
    path = tmp_path / "x.npz"
    for key, value in (
        ("visibility", np.zeros((3, 33))),
        ("image", np.zeros((40, 32, 3))),
        ("fps", np.zeros(2)),
    ):
        np.savez(path, **content | {key: value})
        with pytest.raises(FormatError, match=key):
            io.read(path, format="mediapipe-npz")
    np.savez(path, **content | {"fps": np.array(0.0)})
    with pytest.raises(FormatError, match="0 fps"):
        io.read(path, format="mediapipe-npz")


def test_new_files(tmp_path):
    streams = io.read_streams(FILES[0], format="mediapipe-npz")
    loose = {name: m.select() for name, m in streams.items()}
    again = io.read_streams(
        io.write(loose, tmp_path / "x.npz", format="mediapipe-npz"), format="mediapipe-npz"
    )
    for name, motion in streams.items():
        np.testing.assert_array_equal(again[name].positions, motion.positions)
        np.testing.assert_array_equal(again[name].confidence, motion.confidence)
        np.testing.assert_allclose(again[name].times, motion.times, atol=1e-9)
