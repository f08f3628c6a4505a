"""Gaps and segments against the slow obvious walk along every curve."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.refine._segments import fill_gaps, find_segments


def slow_segments(valid, times, limit, cuts):
    found, gaps = [], []
    for c in range(valid.shape[1]):
        start = last = None
        for f in range(len(times)):
            if not valid[f, c]:
                continue
            if last is not None and (times[f] - times[last] > limit or cuts[last + 1 : f + 1, c].any()):
                found.append((c, start, last + 1))
                start = None
            elif last is not None and f > last + 1:
                gaps.append((c, last, f))
            start = f if start is None else start
            last = f
        if last is not None:
            found.append((c, start, last + 1))
    return sorted(found), sorted(gaps)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 50), missing=st.floats(0, 1), even=st.booleans())
def test_equals_a_walk_along_every_curve(seed, frames, missing, even):
    rng = np.random.default_rng(seed)
    valid = rng.random((frames, 4)) > missing
    cuts = rng.random((frames, 4)) < 0.05
    times = np.arange(frames) / 30 if even else np.cumsum(rng.uniform(0.01, 0.2, frames))
    limit = max(0.11, 1.5 * np.median(np.diff(times))) if frames > 1 else 0.11
    s = find_segments(valid, times, 0.11, cuts)
    got = sorted(zip(s.curve.tolist(), s.start.tolist(), s.stop.tolist(), strict=True))
    gaps = sorted(zip(s.gap_curve.tolist(), s.gap_before.tolist(), s.gap_after.tolist(), strict=True))
    assert (got, gaps) == slow_segments(valid, times, limit, cuts)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), missing=st.floats(0, 0.9))
def test_groups_hold_every_segment_once(seed, missing):
    valid = np.random.default_rng(seed).random((30, 5)) > missing
    s = find_segments(valid, np.arange(30) / 30, 0.1)
    seen = [(c, f.start, f.stop) for f, curves in s.groups() for c in curves]
    assert sorted(seen) == sorted(zip(s.curve, s.start, s.stop, strict=True))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), missing=st.floats(0.05, 0.7))
def test_bridges_stay_between_their_ends_and_touch_nothing_else(seed, missing):
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.normal(size=(60, 3, 2)), axis=0).astype(np.float32)
    valid = rng.random((60, 3)) > missing
    holes = np.where(valid[..., None], values, np.float32(np.nan))
    s = find_segments(valid, np.arange(60) / 30, 0.3)
    work = holes.copy()
    filled = fill_gaps(work, valid, np.arange(60) / 30, s)
    assert (np.isfinite(work).all(-1) == (valid | filled)).all()
    assert (work[valid] == values[valid]).all()
    for c, a, b in zip(s.gap_curve, s.gap_before, s.gap_after, strict=True):
        ends = np.sort(values[[a, b], c], axis=0)
        assert (work[a + 1 : b, c] >= ends[0] - 1e-3).all()
        assert (work[a + 1 : b, c] <= ends[1] + 1e-3).all()


def test_a_straight_line_is_bridged_by_itself():
    line = np.arange(30, dtype=np.float32)[:, None, None].repeat(2, axis=2)
    holes, valid = line.copy(), np.ones((30, 1), bool)
    valid[10:15] = False
    holes[10:15] = np.nan
    fill_gaps(holes, valid, np.arange(30) / 30, find_segments(valid, np.arange(30) / 30, 0.5))
    assert np.allclose(holes, line, atol=1e-4)


def test_slow_cameras_are_not_cut_into_single_frames():
    s = find_segments(np.ones((10, 1), bool), np.arange(10) / 2, 0.25)
    assert list(s.start) == [0]
    assert list(s.stop) == [10]
