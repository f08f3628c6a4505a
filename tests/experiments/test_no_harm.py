"""The parts of experiments/no_harm that decide what its tables say, on made-up motion."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parents[2] / "experiments" / "no_harm"
sys.path.insert(0, str(HERE))

import captured  # noqa: E402
import catalogue  # noqa: E402
import disturbances  # noqa: E402
import fingerprint  # noqa: E402
import grid  # noqa: E402
import losing  # noqa: E402
import measures  # noqa: E402
import methods  # noqa: E402
import motions  # noqa: E402
import operators  # noqa: E402
import oracle  # noqa: E402
import result_tables as tables  # noqa: E402
import scores  # noqa: E402
import summing  # noqa: E402

import steadypose as sp  # noqa: E402
from steadypose import metrics, rotations  # noqa: E402
from steadypose.data._splits import split_of, subject_of  # noqa: E402
from steadypose.refine import make_filter  # noqa: E402

FINE = np.arange(0, captured.SECONDS, 1 / 480)
POSE = np.random.default_rng(0).uniform(200, 1500, (17, 3))
POSE[:, :2] -= 800


def still(times):
    """A body that sways slowly."""
    return POSE + 20 * np.sin(0.8 * times[:, None, None] + np.arange(17)[:, None])


def chance(seed=0):
    return np.random.default_rng(seed)


def made_motions(split, root):
    """What a small grid is made of."""
    rng = chance(3)
    oscillation = motions.oscillation(still, "sine 4 Hz", 4.0, 50.0, False, rng)
    yield motions.Motion("walk: made", "clip", "walk", still, 16, peaks=((1.0, 1.5),))
    yield motions.strike(still, "strike", "left arm", rng)
    yield oscillation
    yield motions.filmed(oscillation, rng)

    def turned(times):
        v = 0.5 * np.sin(times[:, None, None] + np.arange(9)[:, None] + np.arange(3))
        return rotations.from_axis_angle(v).reshape(len(times), 9, 9)

    yield motions.flexion(turned, "flexion", 2, 3.0, 10.0, rng)


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A grid of made-up motions, one rate and three kinds of noise."""
    monkeypatch.setattr(grid, "RUNS", tmp_path)
    monkeypatch.setattr(catalogue, "motions_of", made_motions)
    some = ("none", "white 6", "bursts, confidence")
    monkeypatch.setattr(catalogue, "included", lambda m, i, n, r: catalogue.NOISES[n] in some and r == 1)
    return grid.Grid("validation", "nowhere")


@pytest.mark.parametrize("burst", [False, True])
def test_an_oscillation_has_its_frequency_and_amplitude(burst):
    m = motions.oscillation(still, "x", 5.0, 80.0, burst, chance(1))
    added = m.curve(FINE) - still(FINE)
    moved = np.flatnonzero(np.abs(added).max(axis=(0, 2)) > 0)
    assert len(moved) == 2 and m.key in moved and set(moved) < set(m.scored) and len(m.scored) == 6
    far = np.linalg.norm(added[:, m.key], axis=1)
    assert far.max() == pytest.approx(80, rel=0.1 if burst else 1e-3)
    assert np.abs(added[:, moved]).max(axis=(0, 2)).min() == pytest.approx(np.abs(added).max() / 2)
    np.testing.assert_allclose(added[:, m.key], m.wave(FINE), atol=1e-9)
    power = np.abs(np.fft.rfft(m.wave(FINE), axis=0)).sum(axis=1)
    assert np.fft.rfftfreq(len(FINE), 1 / 480)[power.argmax()] == pytest.approx(5, abs=0.3)
    assert ((far < 1e-9).mean() > 0.2) == burst


def test_strikes_rest_between_their_peaks():
    m = motions.strike(still, "x", "right arm", chance(2))
    added = np.linalg.norm((m.curve(FINE) - still(FINE))[:, m.key], axis=1)
    inside = np.zeros(len(FINE), bool)
    tops = []
    for start, stop in m.peaks:
        some = (start <= FINE) & (stop >= FINE)
        inside |= some
        tops.append(np.diff(added[some]).max() * 480)
    assert len(m.peaks) >= 3 and added[~inside].max() < 1e-9
    np.testing.assert_allclose(tops, tops[0], rtol=0.02)
    # Out in at most 0.18 s over 0.3 m or more, with the least jerk: 15/8 of the mean speed.
    assert tops[0] > 15 / 8 * 300 / 0.18


def test_a_jump_falls_as_bodies_do_and_feet_stay_down_before_it():
    m = motions.jump(lambda t: np.repeat(POSE[None], len(t), axis=0), "x", chance(4))
    height = (m.curve(FINE) - POSE)[:, :, 2]
    flying = height[:, 0] > 1
    bend = np.diff(height[:, 0], 2) * 480**2
    inner = flying[:-2] & flying[1:-1] & flying[2:]
    np.testing.assert_allclose(bend[inner], -motions.GRAVITY, rtol=1e-3)
    low = height[:, 0].argmin()
    share = np.clip(POSE[:, 2] / POSE[0, 2], 0, 1)
    np.testing.assert_allclose(height[low], height[low, 0] * share, atol=1e-6)


def test_hands_clap_towards_each_other():
    m = motions.clap(still, "x", chance(5))
    added = m.curve(FINE) - still(FINE)
    np.testing.assert_allclose(added[:, 13], -added[:, 16], atol=1e-9)
    assert 100 <= np.linalg.norm(added[:, 13], axis=1).max() <= 250


def test_a_foot_rests_then_swings_past_the_body():
    m = motions.steps(still, "x", chance(6))
    added = (m.curve(FINE) - still(FINE))[:, 6]
    speed = np.linalg.norm(np.diff(added, axis=0), axis=1) * 480
    assert (speed < 1e-6).mean() > 0.4 and speed.max() > 1000
    body = (m.curve(FINE) - still(FINE))[:, 10]
    assert np.linalg.norm(added - body, axis=1)[:, None].max() < np.linalg.norm(body, axis=1).max()


def test_a_flexion_turns_one_joint_by_its_angle():
    def base(times):
        return np.tile(np.eye(3).ravel(), (len(times), 9, 1))

    m = motions.flexion(base, "x", 3, 2.0, 15.0, chance(7))
    angle = rotations.geodesic(m.curve(FINE).reshape(-1, 9, 3, 3), np.eye(3))
    assert np.rad2deg(angle[:, 3].max()) == pytest.approx(15, rel=1e-3)
    assert np.delete(angle, 3, axis=1).max() < 1e-9


@pytest.mark.parametrize("kind", list(disturbances.KINDS))
def test_noise_has_the_size_it_says(kind):
    noise = disturbances.KINDS[kind]
    error, told = disturbances.disturb(noise, (20_000, 30, 3), 60.0, chance(8))
    assert np.sqrt((error**2).mean()) == pytest.approx(noise.rms, rel=0.04)
    assert (told is None) == (not noise.confidence)
    if told is not None:
        size = np.linalg.norm(error, axis=-1)
        assert size[told < 0.6].mean() > 4 * size[told > 0.6].mean()


def test_sparse_noise_leaves_half_of_the_samples_exact_and_lasting_noise_remembers():
    error, _ = disturbances.disturb(disturbances.KINDS["sparse 25"], (2000, 9, 3), 60.0, chance(9))
    assert (error == 0).all(axis=-1).mean() == pytest.approx(0.5, abs=0.02)
    error, _ = disturbances.disturb(disturbances.KINDS["lasting .15 s"], (60_000, 9, 3), 60.0, chance(9))
    later = (error[9:] * error[:-9]).mean() / (error**2).mean()
    assert later == pytest.approx(np.exp(-1), abs=0.03)


def test_short_clips_run_to_and_fro_within_themselves():
    clock = captured.phase(1.3, 1.0)
    at = clock(FINE)
    assert at.min() >= -1e-6 and at.max() <= 1.3 + 1e-6
    assert np.ptp(at) > 1.1 and np.abs(np.diff(at)).max() * 480 <= 1 + 1e-3
    assert np.abs(np.diff(at, 2)).max() * 480**2 < 2 * 2 / captured.TURN * 1.1
    np.testing.assert_allclose(captured.phase(9.0, 0.5)(FINE), 0.5 * FINE)


def test_the_fastest_moment_is_no_spike():
    def body(times):
        x = still(times)
        x[:, 13, 0] += 400 * np.tanh((times[:, None] - 2.0) / 0.1)[:, 0]
        x[np.abs(times - 3.5) < 0.005, 16] += 300
        return x

    key, (start, stop) = captured.fastest(body)
    assert key == 13 and start < 2.0 < stop


@pytest.mark.parametrize(
    ("split", "allowed"), [("validation", {"validation"}), ("test", {"test", "noncommercial"})]
)
def test_performers_are_those_of_the_split_and_train_nothing(split, allowed):
    names = [n for _, n in (*captured.CLIPS[split], *captured.TURNING[split])]
    names += [n for n, _, _ in captured.CALM[split]]
    names += captured.SITTING[split]
    found = {n: split_of(subject_of(*n.rsplit("/", 1))) for n in names}
    assert {n for n, s in found.items() if s not in allowed} == set()


def test_a_filter_as_a_matrix_is_the_filter():
    x = chance(10).normal(0, 5, (150, 4, 3)).cumsum(axis=0).astype(np.float32)
    times = np.arange(150) / 60
    for method, parameters in (
        ("gaussian", {"sigma": 0.05}),
        ("butterworth", {"cutoff": 5.0}),
        ("savgol", {"window": 0.3}),
        ("kalman", {"cutoff": 4.0}),
    ):
        matrix = operators.operator(method, tuple(parameters.items()), 150, 60)
        expected = make_filter(method, **parameters).smooth(x, None, times, np.ones(4))
        np.testing.assert_allclose(operators.apply(matrix, x), expected, atol=2e-3, err_msg=method)


def test_the_spline_by_cross_validation_is_the_package_s():
    t = np.arange(200)
    truth = 100 * np.sin(t[:, None, None] / np.array([6, 15, 40]))
    x = (truth + chance(11).normal(0, 5, truth.shape)).astype(np.float32)
    expected = make_filter("gcv").smooth(x, None, t / 60, np.ones(1))
    assert np.sqrt(((operators.gcv_spline(x) - expected) ** 2).mean()) < 0.1
    turned = rotations.from_axis_angle(0.01 * x.astype(np.float64)).reshape(200, 1, 9).astype(np.float32)
    expected = make_filter("gcv").smooth(turned, None, t / 60, np.ones(1))
    assert np.sqrt(((operators.gcv_spline(turned) - expected) ** 2).mean()) < 1e-3


def test_nearest_rotations_are_those_of_singular_values():
    r = rotations.from_axis_angle(chance(12).normal(0, 1, (50, 4, 3)))
    blurred = (r[1:] + r[:-1] + 0.3 * r[:1]) / 2.3
    out = operators.nearest_rotations(blurred.reshape(49, 4, 9).astype(np.float32))
    some = np.linalg.det(blurred) > 0.05
    expected = rotations.project(blurred).reshape(49, 4, 9)
    np.testing.assert_allclose(out[some], expected[some], atol=1e-4)


def test_a_cell_has_the_same_noise_alone_and_among_others(small):
    whole = {c.index: (g, i) for g in small.groups() for i, c in enumerate(g.cells)}
    for part in small.groups(whole=False):
        for i, c in enumerate(part.cells):
            group, at = whole[c.index]
            mine = group.noisy[:, (group.person == at) & group.scored]
            np.testing.assert_array_equal(part.noisy[:, part.person == i], mine)
    assert len(whole) == len(small.cells) == 5 * 3


def test_measures_are_those_of_the_package(small):
    for group in small.groups():
        values = measures.measure(group, group.noisy)
        for i in range(len(group.cells)):
            mine = (group.person == i) & group.scored
            x, y = (a[:, mine].astype(np.float64) for a in (group.noisy, group.truth))
            if group.space == "rotations":
                x, y = (a.reshape(*a.shape[:2], 3, 3) for a in (x, y))
                expected = metrics.mpjae(x, y) * motions.DEGREE
                assert values["error"][i] == pytest.approx(expected, rel=1e-3, abs=0.01)
            else:
                assert values["error"][i] * group.scale[i] == pytest.approx(metrics.mpjpe(x, y), abs=1e-4)
                assert values["accel"][i] * group.scale[i] == pytest.approx(metrics.accel(x, y), abs=1e-4)
        np.testing.assert_allclose(values["change"], 0, atol=1e-6)


def test_lag_gain_and_peak_say_what_was_done_to_a_motion(small):
    for group in small.groups(spaces=("3d",), noises=("none",)):
        late = np.concatenate([group.truth[:1], group.truth[:-1]])
        np.testing.assert_allclose(measures.measure(group, late)["lag"], 1000 / group.rate, rtol=0.2)
        values = measures.measure(group, group.truth)
        np.testing.assert_allclose(values["lag"], 0, atol=1e-6)
        for i, m in enumerate(group.motions):
            if m["family"] == "oscillation":
                out = group.truth.copy()
                out[:, np.flatnonzero(group.person == i)[m["key"]]] -= 0.25 * group.waves[:, i]
                assert measures.measure(group, out)["gain"][i] == pytest.approx(0.75, abs=1e-3)
            elif m["kind"] == "punch, made":
                key = np.flatnonzero(group.person == i)[m["key"]]
                out = group.truth.copy()
                out[:, key] = out[:1, key] + 0.8 * (out[:, key] - out[:1, key])
                assert measures.measure(group, out)["peak"][i] == pytest.approx(0.8, abs=1e-3)
                assert values["peak"][i] == pytest.approx(1)


def test_gain_of_rotations(small):
    (group,) = small.groups(spaces=("rotations",), noises=("none",))
    out = group.truth.copy().reshape(len(group.truth), -1, 3, 3)
    back = rotations.from_axis_angle(-0.4 * group.waves[:, 0].astype(np.float64))
    out[:, group.motions[0]["key"]] = out[:, group.motions[0]["key"]] @ back
    assert measures.measure(group, out.reshape(group.truth.shape))["gain"][0] == pytest.approx(0.6, abs=1e-3)


def test_ratios_add_two_tenths_of_a_millimetre():
    np.testing.assert_allclose(measures.ratio([0.0, 1.0], [0.0, 0.4]), [1.0, 2.0])


def test_the_oracle_is_the_lowest_of_all_settings_one_by_one(small, monkeypatch):
    some = (*oracle.SETTINGS[2:-1:12], ("gcv", {}))
    monkeypatch.setattr(oracle, "SETTINGS", some)
    found = oracle.oracle(small, progress=False)
    for group in small.groups():
        for i, (cell, recording) in enumerate(zip(group.cells, group.recordings(), strict=True)):
            scored = (group.person == i) & group.scored
            errors = []
            for method, parameters in some:
                if method == "butterworth" and parameters["cutoff"] >= group.rate / 2:
                    out = recording
                else:
                    out = sp.refine(recording, method, **parameters)
                x = out.rotations if group.space == "rotations" else out.positions
                x = x.reshape(group.noisy[:, group.person == i].shape)[:, group.scored[group.person == i]]
                y = group.truth[:, scored]
                if group.space == "rotations":
                    x, y = (a.reshape(*a.shape[:2], 3, 3) for a in (x, y))
                    errors.append(metrics.mpjae(x, y) * motions.DEGREE)
                else:
                    errors.append(metrics.mpjpe(x, y) / group.scale[i])
            mine = found["errors"][cell.index]
            np.testing.assert_allclose(mine[:-1], errors[:-1], rtol=2e-3, atol=0.01)
            # The spline's search is another one, and confidence counts relative to the best keypoint there.
            assert mine[-1] == pytest.approx(errors[-1], rel=0.02, abs=0.01)
    lowest = found["errors"].min(axis=1)
    np.testing.assert_array_equal(found["best.error"], lowest)
    np.testing.assert_array_equal(found["errors"].argmin(axis=1), found["best.setting"])


def test_what_is_kept_goes_on_where_it_stopped(small, monkeypatch):
    monkeypatch.setattr(oracle, "SETTINGS", oracle.SETTINGS[::10])
    whole = oracle.oracle(small, progress=False)
    path = next(small.folder.glob("oracle-*.npz"))
    torn = {k: v.copy() for k, v in whole.items()}
    lost = [c.index for c in next(iter(small.groups(whole=False))).cells]
    for values in torn.values():
        values[lost] = np.nan
    np.savez(path, **torn)
    again = oracle.oracle(small, progress=False)
    for name, values in whole.items():
        np.testing.assert_array_equal(again[name], values)


def test_tables_of_a_method_and_the_truth(small, monkeypatch, tmp_path):
    monkeypatch.setattr(oracle, "SETTINGS", oracle.SETTINGS[::10])
    for label, made in (
        ("perfect", lambda g: g.truth),
        ("adaptive", lambda g: methods.refined(g, "adaptive")),
        ("input", lambda g: methods.refined(g, "input")),
    ):
        tally = scores.Tally(small)
        for group in small.groups():
            tally.add(group, made(group))
        scores.save(tally, label)
    perfect = scores.load(small, "perfect")
    assert perfect.short()["over_1"] == 0 and perfect.short()["within"] == 100
    assert perfect.short()["mean"] < 0.2
    given = scores.load(small, "input").ratios()[1]
    np.testing.assert_allclose(given, 1)
    rivals = {"adaptive": scores.load(small, "adaptive")}
    found = {n: summing.numbers(scores.load(small, n), rivals) for n in ("input", "perfect")}
    assert found["perfect"]["against"]["adaptive"]["share"] == 0
    assert found["perfect"]["gain"]["share"] == 100
    assert found["input"]["clean"]["3d, clip"][1] == 0
    assert list(losing.losing(perfect, rivals)) == []
    rows = list(losing.losing(scores.load(small, "input"), rivals))
    assert rows and all("over oracle" in r[4] or "adaptive" in r[4] for r in rows)
    assert losing.write(tmp_path / "x.csv", scores.load(small, "input"), rivals) == len(rows)
    text = tables.markdown({"test": {"labels": found}}, "# About")
    assert "| perfect |" in text.replace("| input | perfect |", "| perfect |") and "sine 4 Hz" in text


def test_batches_and_single_bodies_are_the_same_to_a_filter_of_curves(small):
    for group in small.groups(noises=("white 6",)):
        one = methods.refined(group, "median")
        np.testing.assert_allclose(one, methods.refined(group, "median", together=True), atol=1e-3)


def test_a_fingerprint_is_of_code_not_of_words(tmp_path):
    def of(text):
        path = tmp_path / "x.py"
        path.write_text(text)
        return fingerprint.fingerprint(path)

    assert of('"""A."""\nx = 1  # why\n') == of('"""B, longer."""\n\nx = 1\n')
    assert of("x = 1\n") != of("x = 2\n")


def test_cells_thin_out_evenly():
    like = [{"family": "oscillation", "space": "3d"}] * (len(motions.FREQUENCIES) * catalogue.COMBINATIONS)
    rates, noises = range(len(catalogue.RATES)), range(1, len(catalogue.NOISES))
    cells = [[[catalogue.included(m, i, n, r) for n in noises] for r in rates] for i, m in enumerate(like)]
    count = np.array(cells)
    each = count.reshape(len(motions.FREQUENCIES), catalogue.COMBINATIONS, *count.shape[1:]).sum(axis=1)
    assert (each == len(catalogue.SOME)).all()
    assert (count.sum(axis=(1, 2)) > 5).all()
    assert not catalogue.included({"family": "clip", "space": "rotations"}, 0, len(catalogue.NOISES) - 1, 0)
