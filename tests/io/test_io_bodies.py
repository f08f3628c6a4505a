"""What holds for all files of body estimators and datasets alike; see the modules' own tests for the rest."""

from pathlib import Path

import body_samples as samples
import numpy as np
import pytest

from steadypose import io
from steadypose.errors import FormatError, SteadyposeError
from steadypose.io._probe import Probe
from steadypose.io._registry import FORMATS
from steadypose.rotations import from_axis_angle, geodesic
from steadypose.sequence import BodyMotion, PoseSequence

IDS = [f"{format}-{make.__name__}" for format, make in samples.ALL]
each = pytest.mark.parametrize(("format", "make"), samples.ALL, ids=IDS)
# What may change: everything that is a pose, a translation, a point.
COORDINATES = (
    "pose", "trans", "verts", "orig_cam", "joint", "smpl", "camera", "keypoints", "global_orient",
    "positions_", "root_orient",
)  # fmt: skip
KEPT = (
    "betas", "bbox", "det_scores", "metadata", "dmpls", "gender", "imgname", "shape", "scaling", "K_fullimg",
    "net_outputs", "frame_ids", "pred_cam", "cam_poses", "tid", "tracked", "conf", "sequence", "timestamps",
)  # fmt: skip


def moved(motion):
    """Another motion of the same shape."""
    if isinstance(motion, PoseSequence):
        return motion.with_positions(motion.positions + np.float32(0.25), "moved")
    turn = from_axis_angle([0.0, 0.1, 0.0])
    translation = None if motion.translation is None else motion.translation + 0.5
    return motion.with_rotations(motion.rotations @ turn, "moved", translation)


@each
def test_untouched_files_come_back_key_for_key_and_bit_for_bit(tmp_path, format, make):
    path = samples.save(format, make(), tmp_path)
    out = io.write(io.read_streams(path, format=format), tmp_path / f"out{path.suffix}")
    assert samples.same(samples.load(out), samples.load(path))


@each
def test_a_changed_motion_changes_coordinates_only(tmp_path, format, make):
    path = samples.save(format, make(), tmp_path)
    before = samples.load(path)
    streams = {name: moved(m) for name, m in io.read_streams(path, format=format).items()}
    out = io.write(streams, tmp_path / f"out{path.suffix}")
    after = samples.load(out)
    changed = samples.differences(before, after)
    assert changed
    for place in changed:
        assert any(word in place for word in COORDINATES) and not any(word in place for word in KEPT), place
    again = io.read_streams(out, format=format)
    for name, motion in streams.items():
        other = again[name]
        if isinstance(motion, PoseSequence):
            np.testing.assert_allclose(other.positions, motion.positions, rtol=1e-5, atol=1e-5)
        else:
            seen = np.isfinite(motion.rotations[..., 0, 0])
            assert (
                geodesic(other.rotations[seen], motion.rotations[seen]).max() < 2e-3
            )  # float32 near a full turn
            if motion.translation is not None:
                np.testing.assert_allclose(other.translation, motion.translation, rtol=1e-5, atol=1e-5)
    assert samples.same(samples.load(path), before)  # and the document read from it is not touched either
    assert samples.same(samples.load(io.write(again, tmp_path / f"again{path.suffix}")), after)


@each
def test_one_stream_alone_changes_itself_only(tmp_path, format, make):
    path = samples.save(format, make(), tmp_path)
    streams = io.read_streams(path, format=format)
    name = list(streams)[-1]
    io.write(moved(streams[name]), tmp_path / f"out{path.suffix}", format=format)
    again = io.read_streams(tmp_path / f"out{path.suffix}", format=format)
    for other, motion in streams.items():
        array = "rotations" if isinstance(motion, BodyMotion) else "positions"
        unchanged = np.array_equal(getattr(again[other], array), getattr(motion, array), equal_nan=True)
        assert unchanged == (other != name)


@each
def test_content_tells_the_format(tmp_path, format, make):
    probe = Probe(samples.save(format, make(), tmp_path))
    names = [n for n in FORMATS if n in samples.SAMPLES or n in ("mediapipe-npz", "plain")]
    assert next(n for n in names if FORMATS[n].module.sniff(probe)) == format


@each
def test_the_rate_may_be_given(tmp_path, format, make):
    path = samples.save(format, make(), tmp_path)
    for motion in io.read_streams(path, format=format, fps=24).values():
        assert motion.fps == pytest.approx(24)
        assert not any("assumed" in note for note in motion.history)
    with pytest.raises(FormatError, match="0 fps"):
        io.read_streams(path, format=format, fps=0)


def arrays(content, path=()):
    """Paths to all arrays of numbers, tensors and lists of a document."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from arrays(value, (*path, key))
    elif isinstance(content, np.ndarray) and content.dtype.hasobject:
        for index in np.ndindex(content.shape):
            yield from arrays(content[index], (*path, index if content.shape == () else index[0]))
    elif isinstance(content, list) and any(isinstance(v, (dict, np.ndarray, list)) for v in content):
        yield path
        for k, value in enumerate(content):
            yield from arrays(value, (*path, k))
    elif isinstance(content, (np.ndarray, list)) or hasattr(content, "array"):
        yield path


def at(content, path):
    for key in path:
        content = content[key]
    return content


def spoilt():
    """Values that do not belong where an array of numbers is."""
    return (
        "text",
        np.array(["text"]),
        {},
        np.array([None, "x"], dtype=object),
        np.zeros((3, 2, 1)),
        np.float64(3),
    )


@each
def test_anything_else_in_the_place_of_an_array_is_refused_in_one_line(tmp_path, format, make):
    content = make()
    places = list(arrays(content))
    for path in places if len(places) < 8 else places[:: len(places) // 8]:
        for bad in spoilt():
            fresh = make()
            *parents, last = path
            try:
                at(fresh, parents)[last] = bad
            except (ValueError, TypeError):
                continue  # an array of numbers cannot hold it
            if format == "gvhmr" and not isinstance(bad, (str, dict)):
                continue
            file = samples.save(format, fresh, tmp_path)
            try:
                streams = io.read_streams(file, format=format)
                io.write(streams, tmp_path / f"out{file.suffix}", force=True)
            except SteadyposeError as e:
                assert "\n" not in str(e) and len(str(e)) < 500


REQUIRED = {
    samples.wham: "frame_ids", samples.phalp: "camera", samples.vibe: "frame_ids", samples.pare: "pose",
    samples.aist_motion: "smpl_trans", samples.amass: "trans", samples.gvhmr: "transl",
    samples.smoothnet_smpl: "imgname",
}  # fmt: skip


@pytest.mark.parametrize("make", REQUIRED, ids=lambda make: make.__name__)
def test_a_missing_key_is_named(tmp_path, make):
    def without(value):
        if isinstance(value, dict):
            return {k: without(v) for k, v in value.items() if k != REQUIRED[make]}
        return [without(v) for v in value] if isinstance(value, list) else value

    format = next(f for f, m in samples.ALL if m is make)
    path = samples.save(format, without(make()), tmp_path)
    with pytest.raises(FormatError, match=REQUIRED[make]):
        io.read_streams(path, format=format)


@each
def test_truncated_files_are_refused(tmp_path, format, make):
    data = samples.save(format, make(), tmp_path).read_bytes()
    path = tmp_path / f"cut{Path(samples.save(format, make(), tmp_path)).suffix}"
    for n in (0, 1, 10, len(data) // 3, len(data) // 2, len(data) - 3):
        path.write_bytes(data[:n])
        with pytest.raises(FormatError, match="cut"):
            io.read_streams(path, format=format)


@pytest.mark.parametrize(
    "make", [samples.wham, samples.vibe, samples.pare, samples.amass, samples.aist_motion]
)
def test_one_frame(tmp_path, make):
    format = next(f for f, m in samples.ALL if m is make)
    content = make()
    for person in [content] if format in ("amass", "aist") else content.values():
        length = len(person["frame_ids"]) if "frame_ids" in person else samples.T
        for name, value in person.items():
            if isinstance(value, np.ndarray) and value.ndim and len(value) == length:
                person[name] = value[:1]
    path = samples.save(format, content, tmp_path)
    streams = io.read_streams(path, format=format)
    assert all(len(m.times) <= 2 for m in streams.values())
    out = io.write(streams, tmp_path / f"out{path.suffix}")
    assert samples.same(samples.load(out), samples.load(path))


OTHER = [
    None, 3, "x", [], {}, [1], {1: 2}, {"a": {}}, {"a": {"pose": 1}}, {"poses": [1], "trans": [{}]},
    np.zeros(3), {"smpl_poses": None}, {"a": {"tid": [1], "smpl": [3]}}, {"a": {"frame_ids": np.arange(3)}},
]  # fmt: skip


@pytest.mark.parametrize("format", [*samples.SAMPLES, "mediapipe-npz", "plain"])
@pytest.mark.parametrize("content", OTHER, ids=range(len(OTHER)))
def test_other_content_under_a_format_s_name_is_refused(tmp_path, format, content):
    kind = "wham" if format in ("wham", "vibe", "phalp", "threedpw", "aist") else "amass"
    if format == "gvhmr":
        kind = format
    if kind == "amass":
        content = {"a": samples.boxed(content), "visibility": np.zeros(2), "imgname": samples.items(content)}
    path = samples.save(kind, content, tmp_path)
    with pytest.raises(FormatError):
        io.read_streams(path, format=format)


def test_a_signalling_nan_is_missing_and_no_warning(tmp_path):
    content = samples.wham()
    content[0]["trans_world"][3, 0] = np.array(0x7F800001, "u4").view("f4")
    path = samples.save("wham", content, tmp_path)
    assert np.isnan(io.read(path).translation[3 + 0, 0]).any()
