"""The pipeline: what is missing, who comes and goes, what is kept, and what is said about it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import steadypose as sp
from steadypose import rotations
from steadypose.errors import DataError
from steadypose.refine import DEFAULT_METHOD, METHODS, make_refiner, refine
from steadypose.skeleton import Skeleton

ALONE = [name for name in METHODS if name != "smoothnet"]  # which needs weights
POSITIONS = [name for name in ALONE if "positions" in METHODS[name].handles]
EVERY = [None, *POSITIONS]


def poses(seed=0, frames=120, persons=2, dims=2, fps=30.0, confidence=False, step=2.0):
    rng = np.random.default_rng(seed)
    body = rng.uniform(0, 400, (1, persons, 17, dims))
    drift = np.cumsum(rng.normal(0, step, (frames, persons, 1, dims)), axis=0)
    noise = rng.normal(0, step, (frames, persons, 17, dims))
    c = rng.uniform(0.3, 0.9, (frames, persons, 17)) if confidence else None
    return sp.PoseSequence.from_array(body + drift + noise, fps=fps, skeleton="coco17", confidence=c)


def motion(seed=0, frames=60, persons=1):
    rng = np.random.default_rng(seed)
    turns = rotations.from_axis_angle(np.cumsum(rng.normal(0, 0.1, (frames, persons, 5, 3)), axis=0))
    path = np.cumsum(rng.normal(0, 0.02, (frames, persons, 3)), axis=0)
    names = Skeleton("five", ("a", "b", "c", "d", "e"), (-1, 0, 1, 2, 3), ("a",))
    return sp.BodyMotion(turns, np.arange(frames) / 30, names, translation=path)


def holes(seq, *where):
    x = seq.positions.copy()
    for index in where:
        x[index] = np.nan
    return sp.PoseSequence.from_array(x, times=seq.times, skeleton="coco17", confidence=seq.confidence)


def jitter(a):
    return np.nanmean(np.linalg.norm(np.diff(a, 2, axis=0), axis=-1))


@pytest.mark.parametrize("method", EVERY)
def test_steadier_and_everything_else_stays(method):
    seq = poses(confidence=True)
    out = refine(seq, method)
    assert jitter(out.positions) < 0.8 * jitter(seq.positions)
    assert out.shape == seq.shape
    assert (out.times == seq.times).all()
    assert (out.persons, out.skeleton, out.unit, out.space) == (
        seq.persons,
        seq.skeleton,
        seq.unit,
        seq.space,
    )
    assert (out.confidence == seq.confidence).all()
    assert len(out.history) == 1
    assert (method or DEFAULT_METHOD) in out.history[0]


@pytest.mark.parametrize("method", EVERY)
def test_pure_and_deterministic(method):
    seq = holes(poses(), np.s_[10:13, 0, 4])
    before = seq.positions.copy()
    first, second = refine(seq, method), refine(seq, method)
    assert np.array_equal(first.positions, second.positions, equal_nan=True)
    assert np.array_equal(seq.positions, before, equal_nan=True)


@pytest.mark.parametrize("method", EVERY)
def test_short_gaps_are_filled_and_marked_and_long_ones_stay(method):
    seq = holes(poses(), np.s_[30:35, 0, 3], np.s_[60:90, 0, 3], np.s_[:6, 1, 2], np.s_[110:, 1, 2])
    out = refine(seq, method, max_gap=0.25)
    expected = np.zeros(seq.shape[:3], bool)
    expected[30:35, 0, 3] = True
    assert (out.filled[~out.valid] == 0).all()
    assert out.filled[expected].all()
    assert out.valid[30:35, 0, 3].all()
    assert not out.valid[60:90, 0, 3].any()
    assert not out.valid[:6, 1, 2].any()
    assert not out.valid[110:, 1, 2].any()


@pytest.mark.parametrize("method", EVERY)
def test_nothing_is_smeared_across_a_long_gap(method):
    """What happens after a long gap must not change what is before it."""
    seq = holes(poses(), np.s_[60:75])
    changed = seq.positions.copy()
    changed[75:] = changed[75:][::-1] + 500
    other = seq.with_positions(changed, "changed")
    a, b = refine(seq, method, outliers=False), refine(other, method, outliers=False)
    assert np.allclose(
        a.positions[:60], b.positions[:60], equal_nan=True, atol=1e-3
    )  # body sizes are rounded


@pytest.mark.parametrize("method", EVERY)
def test_every_person_by_itself(method):
    seq = holes(poses(1, persons=3), np.s_[20:60, 1], np.s_[40:, 2])
    together = refine(seq, method)
    for name in seq.persons:
        alone = refine(seq.select(persons=[name]), method)
        both = together.select(persons=[name])
        assert np.allclose(alone.positions, both.positions, equal_nan=True, atol=2e-3)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    frames=st.integers(1, 40),
    missing=st.floats(0, 1),
    method=st.sampled_from(EVERY),
    even=st.booleans(),
)
def test_any_pattern_of_missing_points(seed, frames, missing, method, even):
    rng = np.random.default_rng(seed)
    x = poses(seed, frames).positions.copy()
    x[rng.random(x.shape[:3]) < missing] = np.nan
    times = np.arange(frames) / 30 if even else np.cumsum(rng.uniform(0.01, 0.3, frames))
    seq = sp.PoseSequence.from_array(x, times=times, skeleton="coco17")
    slow = {"cutoff": 1.0} if method == "butterworth" else {}  # its own is above half of some of these rates
    out = refine(seq, method, outliers=False, **slow)
    assert (out.valid >= seq.valid).all()
    assert not (out.filled & seq.valid).any()
    assert (out.filled == (out.valid & ~seq.valid)).all()


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_clips_of_any_length(method, frames):
    out = refine(poses(frames=frames), method)
    assert out.valid.all()


@pytest.mark.parametrize("method", EVERY)
def test_one_keypoint_of_one_person(method):
    seq = sp.PoseSequence.from_array(np.random.default_rng(0).normal(size=(50, 1, 2)), fps=30)
    assert refine(seq, method).valid.all()


def test_nobody():
    seq = sp.PoseSequence.from_array(np.zeros((4, 0, 17, 2)), fps=30, skeleton="coco17")
    assert refine(seq).shape == (4, 0, 17, 2)


def test_all_missing():
    seq = sp.PoseSequence.from_array(np.full((9, 17, 2), np.nan), fps=30, skeleton="coco17")
    assert not refine(seq).valid.any()


def test_low_confidence_counts_less_and_its_scale_does_not_matter():
    seq = poses(persons=1, confidence=True)
    x, c = seq.positions.copy(), np.full(seq.shape[:3], 0.9, np.float32)
    x[60, 0, 5] += 60
    c[60, 0, 5] = 0.05
    arguments = {"fps": 30, "skeleton": "coco17"}
    unknown = refine(sp.PoseSequence.from_array(x, **arguments), "gaussian")
    known = refine(sp.PoseSequence.from_array(x, confidence=c, **arguments), "gaussian")
    scaled = refine(sp.PoseSequence.from_array(x, confidence=6 * c, **arguments), "gaussian")
    clean = refine(seq, "gaussian", confidence=False)
    off = [np.abs(s.positions - clean.positions)[55:66, 0, 5].max() for s in (unknown, known)]
    assert off[1] < 0.2 * off[0]
    assert np.allclose(scaled.positions, known.positions, atol=1e-3)
    ignored = refine(sp.PoseSequence.from_array(x, confidence=c, **arguments), "gaussian", confidence=False)
    assert np.array_equal(ignored.positions, unknown.positions)


@pytest.mark.parametrize("method", ["gaussian", "kalman", "one_euro", "butterworth"])
def test_place_scale_and_unit_do_not_matter(method):
    seq = poses(confidence=True)
    x = seq.positions.astype(float)
    moved = sp.PoseSequence.from_array(x * 0.01 + 7, fps=30, skeleton="coco17", confidence=seq.confidence)
    a, b = refine(seq, method).positions, refine(moved, method).positions
    assert np.abs((b - 7) * 100 - a).max() < 0.05


def test_uneven_clocks_are_taken_as_they_are():
    """A straight walk seen by a camera that drops frames: nothing bends where frames are missing."""
    times = np.delete(np.arange(120) / 30, [40, 41, 70, 90, 91, 92])
    x = (times[:, None, None] * [100.0, 30.0]).repeat(17, axis=1)
    out = refine(sp.PoseSequence.from_array(x, times=times, skeleton="coco17"), "gaussian")
    assert np.abs(out.positions[:, 0] - x).max() < 0.01


def test_a_slip_at_an_end_is_not_lost_and_hardly_counts():
    t = np.arange(60)[:, None, None] / 30
    x = (100 * t * [1.0, 2.0]).repeat(17, axis=1) + np.random.default_rng(0).normal(0, 1, (60, 17, 2))
    x += np.arange(17)[:, None] * 20
    bad = x.copy()
    bad[[0, 59], 3] += 150
    clean = refine(sp.PoseSequence.from_array(x, fps=30, skeleton="coco17"))
    out = refine(sp.PoseSequence.from_array(bad, fps=30, skeleton="coco17"))
    assert out.valid.all()
    assert np.abs(out.positions - clean.positions)[[0, 59], 0, 3].max() < 30
    assert np.abs(out.positions - clean.positions)[10:50].max() < 1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), missing=st.floats(0, 0.8))
def test_what_was_seen_is_never_lost(seed, missing):
    rng = np.random.default_rng(seed)
    x = poses(seed, 60).positions.copy()
    x[rng.random(x.shape[:3]) < 0.05] += 150
    x[rng.random(x.shape[:3]) < missing] = np.nan
    seq = sp.PoseSequence.from_array(x, fps=30, skeleton="coco17")
    assert (refine(seq, swaps=False).valid >= seq.valid).all()  # a swap moves a point to the other side


@pytest.mark.parametrize("method", [None, *ALONE])
def test_rotations_stay_rotations_and_gaps_are_turned_through(method):
    m = motion()
    r = m.rotations.copy()
    r[20:23, 0, 1] = np.nan
    r[40:55, 0, 2] = np.nan
    seq = sp.BodyMotion(r, m.times, m.skeleton, translation=m.translation)
    out = refine(seq, method)
    assert out.valid[20:23, 0, 1].all()
    assert out.filled[20:23, 0, 1].all()
    assert not out.valid[40:55, 0, 2].any()
    ok = out.rotations[out.valid]
    assert np.abs(ok @ np.swapaxes(ok, 1, 2) - np.eye(3)).max() < 1e-5
    assert jitter(out.translation[:, :, None]) < 0.8 * jitter(m.translation[:, :, None])
    assert jitter(out.rotations.reshape(60, 1, 5, 9)) < 0.9 * jitter(m.rotations.reshape(60, 1, 5, 9))


def test_a_body_that_is_never_there_stays_missing():
    m = motion(persons=2)
    r, t = m.rotations.copy(), m.translation.copy()
    r[:, 1], t[:, 1] = np.nan, np.nan
    out = refine(sp.BodyMotion(r, m.times, m.skeleton, translation=t))
    assert not out.valid[:, 1].any()
    assert np.isnan(out.translation[:, 1]).all()
    assert np.isfinite(out.translation[:, 0]).all()


def test_far_from_the_origin_a_path_loses_nothing():
    m = motion()
    far = sp.BodyMotion(m.rotations, m.times, m.skeleton, translation=m.translation + 5e4)
    assert np.abs(refine(far).translation - 5e4 - refine(m).translation).max() < 1e-4


def test_history_says_what_was_done_and_not_what_was_not():
    seq = holes(poses(step=0.1), np.s_[30:33, 0, 3])
    x = seq.positions.copy()
    x[60, 1, 9] += 300
    out = refine(sp.PoseSequence.from_array(x, fps=30, skeleton="coco17"))
    assert out.history[-1].startswith(f"refine: {DEFAULT_METHOD}(")
    assert "1 outliers removed; 4 keypoints filled" in out.history[-1]
    assert "swapped" not in out.history[-1]


def test_rotations_do_not_care_about_signs_and_wraps():
    """A full turn at constant speed crosses ±180°: the result is the same turn."""
    angle = np.linspace(0, 4 * np.pi, 200)
    turns = rotations.from_axis_angle(angle[:, None, None, None] * np.array([0, 0, 1.0]))
    seq = sp.BodyMotion(turns, np.arange(200) / 30, Skeleton("one", ("a",)))
    out = refine(seq, "gaussian")
    assert np.degrees(rotations.geodesic(out.rotations, turns)).max() < 0.5


@pytest.mark.parametrize("method", POSITIONS)
def test_latency_is_how_far_the_future_reaches(method):
    seq = poses(frames=200, persons=1)
    refiner = make_refiner(method, max_gap=0)
    latency = refiner.latency(30)
    if not np.isfinite(latency):
        return
    changed = seq.positions.copy()
    changed[150:] += 100
    a, b = refiner(seq).positions, refiner(seq.with_positions(changed, "")).positions
    untouched = 150 - int(latency)
    assert np.array_equal(a[:untouched], b[:untouched])


def test_slerp_is_for_rotations():
    with pytest.raises(DataError, match="slerp: expected rotations"):
        refine(poses(), "slerp")


@pytest.mark.parametrize("gap", [-0.1, float("nan"), float("inf")])
def test_wrong_max_gap(gap):
    with pytest.raises(DataError, match="expected max_gap of 0 seconds or more"):
        refine(poses(), max_gap=gap)
