"""Every metric on arrays: against a slow obvious version, by what must not change it, and by hand."""

import math

import metrics_slow as slow
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose import metrics
from steadypose.errors import DataError
from steadypose.metrics import _arrays
from steadypose.rotations import from_axis_angle

few = settings(max_examples=40)


@st.composite
def pairs(draw, dims=(2, 3), keypoints=(1, 2, 3, 5), persons=(0, 1, 2)):
    """A prediction, its truth and the input it was made of, with holes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    people = draw(st.sampled_from(persons))
    shape = (
        draw(st.integers(1, 9)),
        *((people,) if people else ()),
        draw(st.sampled_from(keypoints)),
        draw(st.sampled_from(dims)),
    )
    out = [rng.normal(size=shape) * 10 for _ in range(3)]
    holes = draw(st.sampled_from([0.0, 0.1, 0.6]))
    for a in out:
        a[rng.random(shape[:-1]) < holes] = np.nan
    return out


def same(got, expected):
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@few
@given(pairs(), st.sampled_from([None, 0, (0,), (-1, 0)]))
def test_mpjpe(data, root):
    pred, truth, _ = data
    same(metrics.mpjpe(pred, truth, root=root), slow.mpjpe(pred, truth, root))
    by_joint = metrics.mpjpe(pred, truth, root=root, per_joint=True)
    for k in range(pred.shape[-2]):
        same(by_joint[k], slow.mpjpe(pred, truth, root, k))


@few
@given(pairs(dims=(3,), keypoints=(2, 3, 4, 6)))
def test_pa_mpjpe(data):
    pred, truth, _ = data
    same(metrics.pa_mpjpe(pred, truth), slow.pa_mpjpe(pred, truth))


@few
@given(pairs(), st.sampled_from([None, 0]))
def test_n_mpjpe(data, root):
    pred, truth, _ = data
    same(metrics.n_mpjpe(pred, truth, root=root), slow.n_mpjpe(pred, truth, root))


@few
@given(pairs(), st.sampled_from([None, 0]), st.booleans(), st.booleans())
def test_rates(data, root, cut, official):
    pred, truth, _ = data
    cuts = (len(pred) // 2,) if cut and len(pred) > 1 else ()
    same(metrics.mpjve(pred, truth, root=root, cuts=cuts), slow.rates(pred, truth, 1, cuts, root))
    protocol = "official" if official else "default"
    same(
        metrics.accel(pred, truth, root=root, cuts=cuts, protocol=protocol),
        slow.rates(pred, truth, 2, cuts, root, official),
    )
    same(metrics.accel_magnitude(pred, root=root, cuts=cuts), slow.rates(pred, None, 2, cuts, root))
    same(metrics.jerk(pred, cuts=cuts), slow.rates(pred, None, 3, cuts))
    same(metrics.jitter(pred, 30.0, cuts=cuts), slow.rates(pred, None, 3, cuts) * 30**3 / 10)


@few
@given(pairs(), st.sampled_from([0.01, 0.3, 1.0]))
def test_worst_frames(data, fraction):
    pred, truth, given_ = data
    rows = slow.worst(pred, truth, given_, fraction)
    people = slow.each(pred, truth)
    errors, accels = [], []
    for p, f in rows:
        a, b = people[p]
        errors += [math.dist(x, y) for x, y in zip(a[f], b[f], strict=True) if slow.there(x, y)]
        if 0 < f < len(a) - 1:
            for k in range(a.shape[1]):
                x, y = a[f - 1 : f + 2, k], b[f - 1 : f + 2, k]
                if slow.there(x, y):
                    accels.append(np.linalg.norm(np.diff(x - y, n=2, axis=0)))
    same(metrics.mpjpe_worst(pred, truth, given_, fraction=fraction), slow.average(errors))
    same(metrics.accel_worst(pred, truth, given_, fraction=fraction), slow.average(accels))


@few
@given(pairs(dims=(3,), keypoints=(3, 5)))
def test_bones(data):
    bones = [(0, 1), (1, 2)]
    same(metrics.bone_length_variation(data[0], bones), slow.bone_variation(data[0], bones))


@few
@given(pairs(), st.floats(0.1, 30))
def test_pck_and_auc(data, threshold):
    pred, truth, _ = data
    values = [
        math.dist(x, y)
        for a, b in slow.each(pred, truth)
        for x, y in zip(a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1]), strict=True)
        if slow.there(x, y)
    ]
    same(metrics.pck(pred, truth, threshold), slow.average([100.0 * (v < threshold) for v in values]))
    steps = (0, 5, 10, threshold)
    expected = slow.average([slow.average([100.0 * (v < t) for v in values]) for t in steps])
    same(metrics.auc(pred, truth, steps), expected if values else math.nan)


@given(st.integers(0, 2**32 - 1))
def test_what_must_not_change_them(seed):
    rng = np.random.default_rng(seed)
    pred, truth = rng.normal(size=(2, 12, 6, 3))
    R = from_axis_angle(rng.normal(size=3))
    moved = 2.5 * pred @ R.T + rng.normal(size=3)
    same(metrics.pa_mpjpe(moved, truth), metrics.pa_mpjpe(pred, truth))
    same(metrics.pa_mpjpe(moved, pred), 0.0)
    assert metrics.pa_mpjpe(pred * [1, 1, -1], pred) > 0.01, "a mirror image is not the same pose"
    same(metrics.n_mpjpe(3 * pred, truth, root=0), metrics.n_mpjpe(pred, truth, root=0))
    same(metrics.mpjpe(pred + 7, truth, root=0), metrics.mpjpe(pred, truth, root=0))
    same(metrics.mpjpe(pred + 7, truth, root="mean"), metrics.mpjpe(pred, truth, root="mean"))
    order = rng.permutation(12)
    same(metrics.mpjpe(pred[order], truth[order]), metrics.mpjpe(pred, truth))
    same(metrics.mpjpe(truth, pred), metrics.mpjpe(pred, truth))
    same(np.mean(metrics.mpjpe(pred, truth, per_joint=True)), metrics.mpjpe(pred, truth))
    same(np.mean(metrics.accel(pred, truth, per_joint=True)), metrics.accel(pred, truth))
    line = np.arange(12.0)[:, None, None] * rng.normal(size=(6, 3)) + rng.normal(size=(6, 3))
    same(metrics.accel_magnitude(line), 0.0)
    same(metrics.accel(pred + line, truth), metrics.accel(pred, truth))
    same(metrics.jerk(line * np.arange(12.0)[:, None, None]), 0.0)
    two = np.stack([pred, truth], axis=1)
    same(metrics.mpjpe(two, two[:, ::-1]), metrics.mpjpe(pred, truth))
    same(metrics.accel(two, two[:, ::-1]), metrics.accel(pred, truth))


def test_by_hand():
    truth = np.zeros((4, 2, 2))
    pred = truth.copy()
    pred[:, 1] = [3, 4]
    assert metrics.mpjpe(pred, truth) == 2.5
    assert metrics.mpjpe(pred, truth, per_joint=True).tolist() == [0, 5]
    pred[:, 0, 0] = [0, 0, 6, 0]
    # Second differences of 0 0 6 0: 6 and -12; the other keypoint stands still.
    assert metrics.accel(pred, truth) == (6 + 12) / 4
    assert metrics.accel(pred, truth, protocol="official") == pytest.approx((6 + 12) / 4 * (4 - 2) / 4)
    assert metrics.mpjve(pred, truth) == 2.0
    assert metrics.accel(pred, truth, cuts=[2]) != metrics.accel(pred, truth)
    assert math.isnan(metrics.accel(pred, truth, cuts=[2]))
    # 1 cm of third difference a frame³ at 100 fps is 10 km/s³.
    cube = np.arange(6.0)[:, None, None] ** 3 / 6 * [0.01, 0, 0]
    assert metrics.jitter(cube, 100) == pytest.approx(1000.0)
    assert metrics.jitter(cube, 100, protocol="official") == pytest.approx(100.0)


def test_rotations_by_hand_and_by_loop():
    rng = np.random.default_rng(0)
    a = from_axis_angle(rng.normal(size=(5, 3, 3)))
    turn = from_axis_angle(np.deg2rad([[10, 0, 0], [0, 20, 0], [0, 0, 30]]))
    assert metrics.mpjae(a @ turn, a) == pytest.approx(20)
    np.testing.assert_allclose(metrics.mpjae(a @ turn, a, per_joint=True), [10, 20, 30])
    # Only the root is off, by 10 degrees: globally so are all below it.
    off = a.copy()
    off[:, 0] = a[:, 0] @ turn[0]
    assert metrics.mpjae(off, a) == pytest.approx(10 / 3)
    assert metrics.mpjae(off, a, parents=[-1, 0, 1]) == pytest.approx(10)
    off[2, 1] = np.nan
    assert metrics.mpjae(off, a) == pytest.approx(50 / 14)
    people = np.stack([off, a], axis=1)
    assert metrics.mpjae(people, np.stack([a, a], axis=1)) == pytest.approx(50 / 29)
    spin = from_axis_angle(np.deg2rad([0, 0, 1]) * np.array([0, 1, 4, 9, 16])[:, None])[:, None]
    assert metrics.angular_accel(spin) == pytest.approx(2)
    still = np.broadcast_to(np.eye(3), spin.shape)
    assert metrics.angular_accel(spin, still) == pytest.approx(2)
    assert metrics.angular_accel(spin, spin) == pytest.approx(0)
    assert math.isnan(metrics.angular_accel(spin, cuts=[2, 4]))
    assert metrics.translation_error(np.zeros((4, 3)), np.full((4, 3), [3.0, 4, 0])) == 5


def test_vertices():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 50, 3))
    roots = rng.normal(size=(2, 3, 3))
    same(metrics.mpvpe(a, b), slow.mpjpe(a, b))
    expected = slow.mpjpe(a - roots[0][:, None], b - roots[1][:, None])
    same(metrics.mpvpe(a, b, roots=tuple(roots)), expected)
    same(metrics.mpvpe(a, b, roots=tuple(roots), protocol="official"), slow.mpjpe(a, b))


def test_cuts():
    assert metrics.find_cuts([0.0]) == ()
    assert metrics.find_cuts(np.arange(5) / 30) == ()
    assert metrics.find_cuts([0, 1, 2, 3.4, 5.0, 6]) == (4,)
    a = np.random.default_rng(0).normal(size=(10, 2, 3))
    whole = metrics.accel_magnitude(a, cuts=[4])
    parts = [metrics.accel_magnitude(a[:4]), metrics.accel_magnitude(a[4:])]
    assert whole == pytest.approx((2 * parts[0] + 4 * parts[1]) / 6)


@pytest.mark.parametrize("shift", [-7, -1, 0, 3, 9])
@pytest.mark.parametrize("persons", [False, True])
def test_lag_in_frames(shift, persons):
    rng = np.random.default_rng(5)
    t = np.arange(400.0)
    freq, phase = rng.uniform(0.05, 0.3, (6, 5, 3)), rng.uniform(0, 6, (6, 5, 3))
    move = lambda at: np.sin(at[:, None, None, None] * freq + phase).sum(axis=1) * 10  # noqa: E731
    truth, pred = move(t), move(t - shift)
    pred += rng.normal(size=pred.shape) * 0.3
    pred[30:60, 2] = np.nan
    truth[100:103] = np.nan
    if persons:
        pred, truth = np.stack([pred, pred], axis=1), np.stack([truth, truth], axis=1)
    assert metrics.lag(pred, truth) == pytest.approx(shift, abs=0.05)
    assert metrics.lag(pred, truth, cuts=[200]) == pytest.approx(shift, abs=0.05)


def test_lag_between_frames_and_without_motion():
    t = np.arange(300.0)[:, None, None]
    move = lambda at: np.sin(at * [0.1, 0.13, 0.17]) * 50  # noqa: E731
    assert metrics.lag(move(t - 0.4), move(t)) == pytest.approx(0.4, abs=0.02)
    assert math.isnan(metrics.lag(np.zeros((30, 2, 3)), np.zeros((30, 2, 3))))
    assert math.isnan(metrics.lag(move(t)[:2], move(t)[:2]))
    assert math.isnan(metrics.lag(move(t - 5), move(t), max_lag=3)), "the best lies outside the search"


def test_peak_speed():
    t = np.arange(500.0)[:, None, None]
    truth = np.concatenate([np.sin(0.2 * t) * [10, 0, 0], np.zeros_like(t) * [1, 1, 1]], axis=1)
    assert metrics.peak_speed_ratio(0.7 * truth, truth) == pytest.approx(0.7)
    each = metrics.peak_speed_ratio(0.7 * truth, truth, per_joint=True)
    assert each[0] == pytest.approx(0.7) and math.isnan(each[1])
    assert math.isnan(metrics.peak_speed_ratio(truth[:1], truth[:1]))


def test_high_frequency_power():
    t = np.arange(600)[:, None, None] / 60
    slow_, fast = np.sin(2 * np.pi * 1.0 * t) * [1, 1], np.sin(2 * np.pi * 12 * t) * [1, 1]
    power = metrics.high_frequency_power
    assert power(slow_, 60) < 0.1
    assert power(fast, 60) > 99.9
    assert power(slow_ + fast, 60) == pytest.approx(50, abs=0.5)
    assert power(slow_ + 0.5 * fast, 60) == pytest.approx(20, abs=0.5)
    assert power(5 + 3 * (slow_ + fast), 60) == pytest.approx(power(slow_ + fast, 60))
    holes = np.concatenate([slow_ + fast, slow_], axis=1)
    holes[300:, 0], holes[100:103, 1] = np.nan, np.nan
    np.testing.assert_allclose(power(holes, 60, per_joint=True), [50, 0], atol=0.5)
    jump = np.concatenate([slow_, slow_ + 1000])
    assert power(jump, 60, cuts=[600]) == pytest.approx(power(slow_, 60), abs=1e-6)
    assert power(jump, 60) > power(jump, 60, cuts=[600])
    assert power(slow_[:40] + fast[:40], 60) > 10, "a short clip gets a shorter window"
    assert math.isnan(power(slow_[:7], 60)) and math.isnan(power(np.ones((90, 1, 2)), 60))
    assert math.isnan(power(slow_, 60, cutoff=30))


def test_foot_sliding():
    t = np.arange(100.0)
    foot = np.zeros((100, 1, 3))
    foot[:, 0, 0] = 2 * t
    assert metrics.foot_sliding(foot, [0], (0, 1, 0), 25) == pytest.approx(2)
    lifted = foot + np.where(t < 50, 0.0, 30.0)[:, None, None] * [0, 1, 0]
    lifted[50:, 0, 0] *= 10
    assert metrics.foot_sliding(lifted, [0], (0, 1, 0), 25) == pytest.approx(2), "a foot in the air may move"
    up_and_down = np.zeros((100, 1, 3))
    up_and_down[:, 0, 2] = 5 * (t % 2)
    assert metrics.foot_sliding(up_and_down, [0], (0, 0, 1), 25) == 0, "only horizontal movement counts"
    assert math.isnan(metrics.foot_sliding(foot + np.array([0, 99, 0]), [0], (0, 1, 0), 25, floor=0))
    assert math.isnan(metrics.foot_sliding(foot * np.nan, [0], (0, 1, 0), 25))


@given(pairs())
@settings(max_examples=15)
def test_block_size_does_not_matter(data):
    pred, truth, given_ = data

    def everything():
        out = [
            metrics.mpjpe(pred, truth, root=0),
            metrics.pa_mpjpe(pred, truth),
            metrics.n_mpjpe(pred, truth),
        ]
        out += [
            metrics.accel(pred, truth, cuts=[len(pred) // 2] if len(pred) > 1 else []),
            metrics.jerk(pred),
        ]
        out += [metrics.lag(pred, truth), metrics.accel_worst(pred, truth, given_, fraction=0.5)]
        return out

    whole = everything()
    block, _arrays.BLOCK = _arrays.BLOCK, 1
    try:
        np.testing.assert_allclose(everything(), whole, rtol=1e-5, atol=1e-7)
    finally:
        _arrays.BLOCK = block


def test_infinities_are_missing():
    a = np.random.default_rng(0).normal(size=(9, 4, 3))
    b, c = a + 1, a + 1
    b[3, 1], c[3, 1] = np.inf, np.nan
    for name in ("mpjpe", "pa_mpjpe", "n_mpjpe", "mpjve", "accel", "peak_speed_ratio"):
        metric = getattr(metrics, name)
        same(metric(b, a), metric(c, a))
    same(metrics.mpjpe(b, a, root=1), metrics.mpjpe(c, a, root=1))
    same(metrics.jerk(b), metrics.jerk(c))


@pytest.mark.parametrize(
    "call",
    [
        lambda a: metrics.mpjpe(a, a[:-1]),
        lambda a: metrics.mpjpe(a[0], a[0]),
        lambda a: metrics.mpjpe(a, a, root=9),
        lambda a: metrics.mpjpe(a, a, root="pelvis"),
        lambda a: metrics.mpjpe(a, a, root=()),
        lambda a: metrics.accel(a, a, cuts=[99]),
        lambda a: metrics.accel(a, a, protocol="theirs"),
        lambda a: metrics.mpjpe_worst(a, a, a, fraction=0),
        lambda a: metrics.jitter(a, 0),
        lambda a: metrics.high_frequency_power(a, float("nan")),
        lambda a: metrics.bone_length_variation(a, [(0, 9)]),
        lambda a: metrics.foot_sliding(a, [0], (0, 0, 0), 25),
        lambda a: metrics.mpjae(a, a),
        lambda a: metrics.auc(a, a, ()),
        lambda a: metrics.mpvpe(a, a, roots=(a, a)),
    ],
)
def test_bad_input_says_what_was_expected(call):
    with pytest.raises(DataError, match="expected"):
        call(np.zeros((5, 4, 3)))
