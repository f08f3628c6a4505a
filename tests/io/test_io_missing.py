"""Numbers that stand for keypoints that were not seen, in every format alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from io_samples import DATA, candidates, sample, suffix

import steadypose as sp
from steadypose.io._missing import find_placeholders
from steadypose.sequence import PoseSequence

FORMATS = sp.formats()
CASES = DATA / "behaviour"
WRIST = 9


def walker(frames: int = 60, dims: int = 3, size: float = 1.0, away: float = 0.0) -> np.ndarray:
    """A body of 6 keypoints that goes along, (frames, 1, 6, dims), some of its sizes from the origin."""
    t = np.arange(frames)[:, None, None] / 30
    rest = np.random.default_rng(3).uniform(0.2, 0.8, (6, dims)) + away
    x = rest + 0.1 * np.sin(4 * t + np.arange(6)[None, :, None]) + 0.02 * t
    return (size * x[:, None]).astype(np.float32)


@pytest.mark.parametrize("name", ["f3_zeros.dlc.csv", "f3_zeros.mmpose.json", "f3_minus1.coco.json"])
def test_zeros_and_minus_ones_of_low_confidence_are_missing(name, tmp_path):
    sequence = sp.read(CASES / name)
    lost = np.zeros(sequence.shape[:3], bool)
    lost[40:65, 0, WRIST] = True
    np.testing.assert_array_equal(sequence.valid, ~lost)
    assert sum(note.startswith("25 keypoints exactly at") for note in sequence.history) == 1
    truth = np.load(CASES / "f3_truth_wrist.npy")
    steady = sp.refine(sequence)
    seen = ~lost[:, 0, WRIST]
    error = np.linalg.norm(steady.positions[:, 0, WRIST] - truth, axis=1)
    assert error[seen].max() < 1.5, "frames beside the gap are not dragged to the corner"
    untouched = sp.write(sequence, tmp_path / f"same{Path(name).suffix}")
    assert untouched.read_bytes() == (CASES / name).read_bytes()
    again = sp.read(sp.write(steady, tmp_path / f"out{Path(name).suffix}"), keep_zeros=True)
    value = -1 if "minus" in name else 0
    assert (again.positions[40:65, 0, WRIST] == value).all(), "what is missing still is as it was"


def test_a_short_gap_of_zeros_is_filled_and_written(tmp_path):
    x = walker(dims=2, size=400)
    x[20:24, 0, 2] = 0
    np.savez(tmp_path / "x.npz", positions=x, fps=30, unit="px")
    sequence = sp.read(tmp_path / "x.npz")
    assert "4 keypoints exactly at the origin (0, 0): missing" in sequence.history
    steady = sp.refine(sequence)
    assert steady.filled[20:24, 0, 2].all()
    written = np.load(sp.write(steady, tmp_path / "y.npz"))["positions"]
    assert np.linalg.norm(written[20:24, 0, 2] - walker(dims=2, size=400)[20:24, 0, 2], axis=1).max() < 10


@pytest.mark.parametrize("format", FORMATS)
def test_zeros_are_missing_in_every_format_and_stay_in_the_file(format, tmp_path):
    path = sample(format, tmp_path)
    streams = sp.read_streams(path)
    points = {n: m for n, m in streams.items() if isinstance(m, PoseSequence) and m.shape[0] > 4}
    if not points or format == "plain":
        pytest.skip("rotations alone, or steadypose's own file, which says what is missing")
    zeroed = dict(streams)
    lost = {}
    for name, motion in points.items():
        x = np.array(motion.positions)
        k = next(k for k in range(x.shape[2]) if motion.valid[:, 0, k].all())
        x[3, 0, k] = 0
        zeroed[name], lost[name] = motion.with_positions(x, "zeros"), k
    given_path = sp.write(zeroed, tmp_path / f"zeros{suffix(format)}")
    read = sp.read_streams(given_path, format=format)
    for name, k in lost.items():
        assert not read[name].valid[3, 0, k] and read[name].valid[2, 0, k]
        np.testing.assert_array_equal(read[name].valid.sum(), points[name].valid.sum() - 1)
    out = sp.write(read, tmp_path / f"out{suffix(format)}")
    assert contents(out) == contents(given_path)


def contents(path: Path) -> dict[str, bytes]:
    files = sorted(path.rglob("*.*")) if path.is_dir() else [path]
    return {f.name if path.is_dir() else "": f.read_bytes() for f in files}


def test_the_origin_of_the_body_is_a_place():
    x = walker()
    x -= x[:, :, 4:5]
    zeros, minus = find_placeholders(x)
    assert not zeros.any() and not minus.any()
    x[30:40] = 0  # nobody there
    x[10:15, 0, 1] = 0  # one keypoint missing
    zeros, _ = find_placeholders(x)
    assert zeros[30:40].all() and zeros[10:15, 0, 1].all() and zeros.sum() == 65


def test_a_keypoint_that_is_never_seen_is_missing_where_the_body_is_elsewhere():
    x = walker(dims=2, size=400, away=1.0)
    x[:, 0, 3] = 0
    assert find_placeholders(x)[0][:, 0, 3].all()
    assert not find_placeholders(x, root=[3])[0].any(), "unless the skeleton says that it is the root"


def test_a_path_through_the_origin_and_one_cut_off_at_the_corner_stay():
    t = np.arange(90)[:, None, None, None] / 30
    swing = np.sin(2 * np.pi * t * np.array([1.0, 2.0])).astype(np.float32)  # starts at the origin
    assert not find_placeholders(swing)[0].any()
    x = walker(dims=2, size=400)
    x[:, 0, 2] = np.maximum(np.linspace(60, -60, 60)[:, None], 0)
    assert not find_placeholders(x)[0].any()


def test_nothing_is_known_of_what_is_nowhere_else():
    assert not find_placeholders(np.zeros((9, 1, 5, 2), np.float32))[0].any()
    constant = np.zeros((9, 2, 1, 2), np.float32)
    constant[:, 1] = 5
    assert not find_placeholders(constant)[0].any()


def test_minus_one_is_a_place_among_negative_coordinates():
    x = walker(size=3.0)
    x -= 2
    x[20, 0, 1] = -1
    assert not find_placeholders(x)[1].any()
    positive = walker(dims=2, size=400)
    positive[20, 0, 1] = -1
    assert find_placeholders(positive)[1].sum() == 1
    confidence = np.full(x.shape[:3], 0.8, np.float32)
    confidence[20, 0, 1] = 0
    assert find_placeholders(x, confidence)[1].sum() == 1, "its estimator does not believe it"


def test_zeros_that_an_unsure_estimator_gave_like_all_others_are_judged_by_place():
    x = walker(dims=2, size=400)
    confidence = np.random.default_rng(0).uniform(0.2, 0.5, x.shape[:3]).astype(np.float32)
    assert not find_placeholders(x, confidence)[0].any()
    x[20:30, 0, 1] = 0
    assert find_placeholders(x, confidence)[0].sum() == 10


@settings(deadline=None, max_examples=25)
@given(
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    start=st.integers(0, 50),
    length=st.integers(1, 9),
    flip=st.booleans(),
)
def test_the_unit_and_the_direction_of_time_do_not_matter(scale, start, length, flip):
    x = walker()
    x[start : start + length, 0, 5] = 0
    expected = find_placeholders(x)[0]
    assert expected.sum() == min(length, 60 - start)
    turned = x[::-1] if flip else x
    found = find_placeholders((turned * np.float32(scale)).astype(np.float32))[0]
    np.testing.assert_array_equal(found[::-1] if flip else found, expected)


def test_keep_zeros(tmp_path):
    sequence = sp.read(CASES / "f3_zeros.dlc.csv", keep_zeros=True)
    assert sequence.valid.all() and not any("origin" in note for note in sequence.history)


def test_a_file_of_steadypose_itself_has_no_placeholders(tmp_path):
    x = walker(dims=2, size=400)
    x[20, 0, 1] = 0
    path = sp.write(PoseSequence.from_array(x, fps=30), tmp_path / "x.npz")
    again = sp.read(path)
    assert again.valid.all() and again.history == ()


def test_zeros_of_an_array_are_missing_in_a_file_that_says_what_is_missing(tmp_path):
    x = walker(away=1)
    x[20:30, 0, 2] = 0
    np.save(tmp_path / "a.npy", x)
    read = sp.read(tmp_path / "a.npy")
    assert not read.valid[20:30, 0, 2].any()
    again = sp.read(sp.write(read, tmp_path / "b.npz"))
    np.testing.assert_array_equal(again.positions, read.positions)
    assert sum("exactly at the origin" in note for note in again.history) == 1
    assert (np.load(sp.write(read, tmp_path / "c.npy"))[20:30, 0, 2] == 0).all()


def test_candidates_have_no_placeholders():
    for motion in candidates():
        if isinstance(motion, PoseSequence):
            assert not any(mask.any() for mask in find_placeholders(motion.positions, motion.confidence))
