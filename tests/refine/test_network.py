"""The network as a method: files that fit and those that do not, any motion, any frame rate, what is said."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refine_samples import mlp, run_mlp, smoother, write_network

import steadypose as sp
from steadypose import rotations
from steadypose._onnx import Kind
from steadypose.errors import DataError, FormatError, SteadyposeError
from steadypose.refine import make_refiner, network, refine, window_network
from steadypose.refine._context import context_of
from steadypose.refine.network import Network, SmoothNet, load, shipped
from steadypose.refine.windows import WindowSpec, refine_curves
from steadypose.skeleton import Skeleton

sys.path.append(str(Path(__file__).parent.parent / "lift"))
import lift_samples

from steadypose.lift import LiftSpec

Array = np.ndarray[Any, Any]
SPEC = WindowSpec(length=32, step=8)


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("nets")
    flat = WindowSpec(32, 8, rate=None, normalisation="body", taper="flat")
    return {
        "same": write_network(folder / "same.onnx", SPEC),
        "smooth": write_network(folder / "smooth.onnx", SPEC, smoother(32)),
        "random": write_network(folder / "random.onnx", SPEC, mlp(32)),
        "odd": write_network(folder / "odd.onnx", SPEC, mlp(32, odd=True)),
        "context": write_network(folder / "context.onnx", WindowSpec(32, 8, context=8), mlp(32)),
        "body": write_network(folder / "body.onnx", flat, smoother(32)),
    }


def poses(frames: int = 90, fps: float = 30.0, persons: int = 2, dims: int = 2, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    x = 50 * rng.normal(size=(1, persons, 17, dims)) + np.cumsum(
        rng.normal(size=(frames, persons, 17, dims)), axis=0
    )
    return sp.PoseSequence.from_array(x, fps=fps, skeleton="coco17")


def like(seq: Any, x: Array, confidence: Array | None = None, times: Array | None = None) -> Any:
    times = seq.times if times is None else times
    return sp.PoseSequence.from_array(x, times=times, skeleton="coco17", confidence=confidence)


def plain(seq: Any, weights: Path, **more: Any) -> Any:
    return refine(seq, "network", weights=weights, **more)


# --- files


def test_a_network_from_a_file(nets: dict[str, Path], tmp_path: Path) -> None:
    opened = load(nets["random"])
    net = opened.runner
    assert (opened.name, net.spec) == ("tiny", SPEC)
    x = np.random.default_rng(0).normal(size=(700, 32)).astype(np.float32)
    np.testing.assert_allclose(net(x), run_mlp(x, None, mlp(32)), atol=1e-4)
    with_context = load(str(nets["context"])).runner
    about = np.random.default_rng(1).normal(size=(700, 8)).astype(np.float32)
    np.testing.assert_allclose(with_context(x, about), run_mlp(x, about, mlp(32)), atol=1e-4)
    unnamed = write_network(tmp_path / "mine.onnx", SPEC, card={"spec": SPEC.to_json()})
    assert load(unnamed).name == "mine"


def test_the_path_from_curves_to_curves(nets: dict[str, Path]) -> None:
    """At the network's rate nothing but windows is between input and output."""
    x = np.cumsum(np.random.default_rng(0).normal(size=(200, 6)), axis=0).astype(np.float32)
    times, size = np.arange(200) / 60, np.ones(6)
    for name, about in (("random", None), ("context", context_of(x))):
        net = load(nets[name]).runner
        wanted = refine_curves(x, lambda w, c: run_mlp(w, c, mlp(32)), net.spec, size=size, context=about)
        np.testing.assert_allclose(net.refine(x, times, size), wanted, atol=2e-3)


def test_files_that_are_no_refining_network(tmp_path: Path) -> None:
    def refused(path: Path, said: str) -> None:
        with pytest.raises(FormatError, match=said) as e:
            Network(weights=path)
        assert "\n" not in str(e.value) and str(path) in str(e.value)

    path = tmp_path / "a.onnx"
    refused(tmp_path / "none.onnx", "expected a readable ONNX file, found No such file")
    refused(tmp_path, "expected a readable ONNX file")
    path.write_bytes(np.random.default_rng(0).bytes(2000))
    refused(path, "expected a network in ONNX")
    path.write_bytes(write_network(tmp_path / "b.onnx", SPEC, smoother(32)).read_bytes()[:3000])
    refused(path, "expected a network in ONNX")
    refused(write_network(path, SPEC, metadata=False), "metadata: expected a refining network's card .*none")
    refused(write_network(path, SPEC, card={}), "spec: expected a refining network's spec with length, step")
    lifter = lift_samples.write_network(path, LiftSpec())
    refused(lifter, "spec: expected a refining network's spec with length, .* found joints, outputs")
    refused(
        write_network(path, SPEC, shape=(16, 16)), r"'windows' of shape \(batch, 32\), found windows .*16"
    )
    refused(write_network(path, SPEC, names=("x", "y")), r"'windows' of shape \(batch, 32\), found x ")
    card = {"spec": WindowSpec(32, 8, context=8).to_json()}
    refused(write_network(path, SPEC, card=card), r"'context' of shape \(batch, 8\)")
    card = {"spec": WindowSpec(32, 8, context=3).to_json()}
    refused(write_network(path, SPEC, card=card), "context of 0 or 8 numbers, found 3")
    refused(write_network(path, SPEC, card={"spec": {**SPEC.to_json(), "step": 0}}), "spec: expected step")
    for name in ("x.pt", "x.pth.tar", "x.safetensors"):
        (tmp_path / name).write_bytes(b"anything")
        refused(
            tmp_path / name, rf"found a checkpoint: export it first \(steadypose export {name} -o x.*onnx\)"
        )
    path.write_bytes(pickle.dumps({}))
    refused(path, "a checkpoint: export it first")


def test_networks_that_come_along(monkeypatch: pytest.MonkeyPatch, nets: dict[str, Path]) -> None:
    class Some(Kind):
        def shipped(self) -> dict[str, Path]:
            return some

    some: dict[str, Path] = {}
    monkeypatch.setattr(network, "FILES", Some("refining network", "refine_", "default"))
    assert shipped() == {}
    for weights in (None, "small"):
        with pytest.raises(SteadyposeError, match="no refining network comes with steadypose yet"):
            Network(weights=weights)
    some |= {"default": nets["smooth"], "small": nets["same"]}
    assert Network().network is Network(weights="default").network is Network(strength=2).network
    seq = poses()
    assert (refine(seq, "network", weights="small").positions == plain(seq, nets["same"]).positions).all()
    with pytest.raises(SteadyposeError, match=r"that comes with steadypose \(default, small\) .*found 'big'"):
        Network(weights="big")


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = write_network(tmp_path / "n.onnx", SPEC, card={"name": "first", "spec": SPEC.to_json()})
    filter_ = Network(weights=path)
    assert filter_.network.name == "first"
    write_network(path, SPEC, card={"name": "the second", "spec": SPEC.to_json()})
    assert filter_.network.name == "the second"
    assert pickle.loads(pickle.dumps(filter_)) == filter_


def test_settings_out_of_range(nets: dict[str, Path]) -> None:
    for wrong, said in [
        ({"strength": 0.2}, "network: expected strength from 0.3 to 3, found 0.2"),
        ({"strength": 0}, "strength from 0.3 to 3, found 0"),
        ({"strength": float("nan")}, "strength"),
        ({"strength": "high"}, "strength"),
        ({"step": 33}, "step as a whole number of frames from 1 to the window's 32, or 0 .* found 33"),
        ({"step": 1.5}, "step as a whole number"),
        ({"weights": 7}, "weights as a name or a path, found 7"),
        ({"wieghts": 7}, "network: expected parameters among strength, weights, step, found 'wieghts'"),
    ]:
        with pytest.raises(DataError, match=said):
            refine(poses(3), "network", **{"weights": nets["same"], **wrong})


# --- which network it is


def card(kind: str) -> dict[str, Any]:
    return {"name": "mine", "spec": SPEC.to_json(), "network": {"kind": kind}}


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("steadynet", "mine: SteadyNet (steadypose)"),
        ("smoothnet", "mine: SmoothNet (Zeng et al. 2022)"),
        ("motion_aware", "mine: motion-aware SmoothNet (Zeng et al. 2022)"),
        ("something new", "mine: something new"),
        ("", "mine"),
    ],
)
def test_the_history_says_which_network_it_was(tmp_path: Path, kind: str, title: str) -> None:
    path = write_network(tmp_path / "n.onnx", SPEC, card=card(kind))
    assert plain(poses(20), path).history[-1].startswith(f"refine: network({title}, strength=1)")


def test_our_own_network_does_not_go_under_the_papers_name() -> None:
    assert "Zeng" not in refine(poses(20)).history[-1]
    for weights, found in ((None, "none"), ("default", r"default: GateNet \(steadypose\)")):
        with pytest.raises(DataError, match=f"weights of a SmoothNet .* found {found}; .*--method network"):
            SmoothNet(weights=weights)


@pytest.mark.parametrize("kind", ["smoothnet", "motion_aware"])
def test_smoothnet_is_the_papers_network(tmp_path: Path, kind: str) -> None:
    path = write_network(tmp_path / "n.onnx", SPEC, smoother(32), card=card(kind))
    seq = poses(50)
    steady = refine(seq, "smoothnet", weights=path)
    assert "refine: smoothnet(mine: " in steady.history[-1] and "Zeng et al." in steady.history[-1]
    np.testing.assert_array_equal(steady.positions, plain(seq, path).positions)


def test_the_kind_decides_what_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Still:
        longest_step = 0

        def __init__(self, session: Any, card: dict[str, Any], path: Path) -> None:
            pass

        def ahead(self, fps: float, strength: float) -> float:
            return 7.0

        def smooth(self, values: Any, weights: Any, times: Any, size: Any, person: Any, **_: Any) -> Any:
            return values * 0 + person[:, None]

    monkeypatch.setitem(network.RUNNERS, "still", Still)
    path = write_network(tmp_path / "still.onnx", SPEC, card=card("still"))
    steady = plain(poses(20, persons=3), path)
    assert (steady.positions == np.arange(3)[:, None, None]).all()
    assert make_refiner("network", weights=path, max_gap=0).latency(30) == 7
    with pytest.raises(DataError, match="expected no step for a network without windows, found 4"):
        Network(weights=path, step=4)


# --- what goes in and comes out


def test_weights_alone_mean_the_whole_pipeline_with_them(nets: dict[str, Path]) -> None:
    seq = poses()
    x = seq.positions.copy()
    x[40, 0, 5] += 400
    steady = refine(like(seq, x), weights=nets["smooth"], strength=1.5)
    assert "refine: network(tiny, strength=1.5), max_gap" in steady.history[-1]
    assert "1 outliers removed" in steady.history[-1]
    assert "outliers" not in plain(like(seq, x), nets["smooth"], step=4).history[-1]
    assert "network(tiny, strength=1, step=4)" in plain(seq, nets["smooth"], step=4).history[-1]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["random", "context", "body"]),
    frames=st.integers(1, 70),
    fps=st.sampled_from([25.0, 60.0, 100.0]),
    unit=st.sampled_from([1e-3, 0.1, 1e3]),
    place=st.floats(-100, 100),
    flip=st.booleans(),
)
def test_place_unit_and_order_of_axes_do_not_matter(
    nets: dict[str, Path], name: str, frames: int, fps: float, unit: float, place: float, flip: bool
) -> None:
    seq = poses(frames, fps)
    wanted = plain(seq, nets[name]).positions
    x = (seq.positions.astype(np.float64) + place) * unit
    found = plain(like(seq, x[..., ::-1] if flip else x), nets[name]).positions
    found = (found[..., ::-1] if flip else found) / unit - place
    np.testing.assert_allclose(found, wanted, atol=0.02)


@pytest.mark.parametrize("frames", [1, 2, 3, 20, 61, 200])
@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0])
def test_mirrored_and_reversed(nets: dict[str, Path], frames: int, fps: float) -> None:
    seq = poses(frames, fps, persons=1)
    x = seq.positions
    flipped = plain(like(seq, x * [-1, 1]), nets["odd"]).positions
    np.testing.assert_allclose(flipped * [-1, 1], plain(seq, nets["odd"]).positions, atol=1e-3)
    backwards = plain(like(seq, x[::-1]), nets["smooth"]).positions[::-1]
    np.testing.assert_allclose(backwards, plain(seq, nets["smooth"]).positions, atol=5e-3)


@pytest.mark.parametrize("fps", [25.0, 30.0, 50.0, 60.0, 120.0, None])
def test_any_frame_rate_gives_the_same_function_of_time(nets: dict[str, Path], fps: float | None) -> None:
    rng = np.random.default_rng(0)
    times = np.arange(int(5 * fps)) / fps if fps else np.cumsum(rng.uniform(0.01, 0.04, 200))

    def curve(t: Array) -> Array:
        return np.asarray(np.sin(2 * np.pi * 0.5 * t[:, None, None] + np.arange(34).reshape(17, 2)))

    def smoothed(t: Array) -> Array:
        """A wide bell's local line, on a dense recording at the network's rate."""
        dense = np.arange(0, 5.5, 1 / 60)
        wanted = plain(sp.PoseSequence.from_array(curve(dense), fps=60, skeleton="coco17"), nets["smooth"])
        return np.array(
            [np.interp(t, dense, w) for w in wanted.positions.reshape(len(dense), -1).T], np.float32
        ).T.reshape(-1, 17, 2)

    seq = sp.PoseSequence.from_array(curve(times), times=times, skeleton="coco17")
    same = plain(seq, nets["same"])
    assert np.abs(same.positions[:, 0] - curve(times)).max() < 1e-3
    assert (same.times == times).all()
    inner = (times > 0.6) & (times < times[-1] - 0.6)
    found = plain(seq, nets["smooth"]).positions[:, 0]
    assert np.abs(found - smoothed(times))[inner].max() < 2e-3


def test_strength_smooths_more_or_less(nets: dict[str, Path]) -> None:
    seq = poses(fps=60.0)
    bends = [
        np.abs(np.diff(plain(seq, nets["smooth"], strength=s).positions, 2, axis=0)).mean()
        for s in (0.3, 0.6, 1.0, 1.7, 3.0)
    ]
    assert bends == sorted(bends, reverse=True) and bends[0] > 2 * bends[-1]


def test_smaller_steps_are_the_same_up_to_a_little(nets: dict[str, Path]) -> None:
    seq = poses(200, 60.0)
    found = [plain(seq, nets["random"], step=s).positions for s in (1, 4, 8)]
    assert not np.array_equal(found[0], found[2])
    assert np.abs(found[1] - found[0]).mean() < np.abs(found[2] - found[0]).mean()
    np.testing.assert_array_equal(found[2], plain(seq, nets["random"]).positions)


def test_gaps_and_cuts(nets: dict[str, Path]) -> None:
    seq = poses(200)
    x = seq.positions.copy()
    x[50:53, 0, 3] = np.nan
    x[90:130, 1] = np.nan
    x[:, 0, 9] = np.nan
    steady = plain(like(seq, x), nets["random"])
    assert steady.filled[50:53, 0, 3].all() and steady.valid[50:53, 0, 3].all()
    assert not steady.valid[90:130, 1].any() and not steady.valid[:, 0, 9].any()
    assert (steady.valid == (np.isfinite(x).all(axis=-1) | steady.filled)).all()
    other = x.copy()
    other[130:, 1] += 30
    again = plain(like(seq, other), nets["random"])
    np.testing.assert_allclose(again.positions[:90, 1], steady.positions[:90, 1], atol=1e-4)


def test_confidence(nets: dict[str, Path]) -> None:
    """What is not believed hardly matters; what is wholly believed enters as it is."""
    seq = poses(120, 60.0, persons=1)
    clean = plain(seq, nets["same"]).positions
    x, c = seq.positions.copy(), np.ones(seq.shape[:3], np.float32)
    x[60:62, 0, 5] += 80
    unknown = np.abs(plain(like(seq, x), nets["same"]).positions - clean)
    c[60:62, 0, 5] = 0.01
    known = np.abs(plain(like(seq, x, c), nets["same"]).positions - clean)
    assert known[:, 0, 5].max() < 0.15 * unknown[:, 0, 5].max()
    believed = np.ones(17, bool)
    believed[5] = False
    assert known[:, 0, believed].max() == 0
    np.testing.assert_array_equal(
        plain(like(seq, x, c), nets["same"], confidence=False).positions,
        plain(like(seq, x), nets["same"]).positions,
    )


def test_rotations_and_translation(nets: dict[str, Path]) -> None:
    rng = np.random.default_rng(0)
    vector = np.cumsum(rng.normal(0, 0.05, (90, 2, 3, 3)), axis=0)
    path = np.cumsum(rng.normal(0, 0.02, (90, 2, 3)), axis=0) + 1e4
    names = Skeleton("three", ("a", "b", "c"), (-1, 0, 1), ("a",))
    body = sp.BodyMotion(
        rotations.from_axis_angle(vector), np.arange(90) / 30, names, translation=path, unit="m"
    )
    for name in ("smooth", "context", "body"):
        steady = plain(body, nets[name])
        ok = steady.rotations
        assert np.abs(ok @ np.swapaxes(ok, -1, -2) - np.eye(3)).max() < 1e-5
        assert "network(tiny" in steady.history[-1]
    steady = plain(body, nets["smooth"])
    before, after = (np.abs(np.diff(b.rotations, 2, axis=0)).mean() for b in (body, steady))
    assert after < 0.6 * before
    before, after = (np.abs(np.diff(b.translation, 2, axis=0)).mean() for b in (body, steady))
    assert after < 0.6 * before
    assert np.abs(steady.translation - path).max() < 0.1
    # The camera may be turned any way: the smoother is linear, and so is the turn.
    turn = rotations.from_axis_angle(np.array([0.3, -1.0, 2.0]))
    turned = plain(sp.BodyMotion(turn @ body.rotations, body.times, names), nets["body"])
    wanted = turn @ plain(sp.BodyMotion(body.rotations, body.times, names), nets["body"]).rotations
    assert np.abs(turned.rotations - wanted).max() < 1e-4


def test_far_away_nothing_is_lost(nets: dict[str, Path]) -> None:
    seq = poses(100, dims=3)
    far = (seq.positions * 0.01 + 1e4).astype(np.float32)
    near = (far.astype(np.float64) - 1e4).astype(np.float32)
    a, b = plain(like(seq, far), nets["random"]), plain(like(seq, near), nets["random"])
    assert np.abs(a.positions.astype(np.float64) - 1e4 - b.positions).max() < 6e-4


@pytest.mark.parametrize("fps", [25.0, 60.0, 120.0])
@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_latency_is_how_far_the_future_reaches(nets: dict[str, Path], fps: float, strength: float) -> None:
    seq = poses(400, fps, persons=1)
    refiner = make_refiner("network", weights=nets["random"], strength=strength, max_gap=0)
    latency = refiner.latency(fps)
    assert 32 * strength * fps / 60 <= latency <= 32 * strength * fps / 60 + 9 * (1 + strength * fps / 60)
    x = seq.positions.copy()
    x[250:] += np.random.default_rng(1).normal(size=x[250:].shape).astype(np.float32)
    a, b = refiner(seq).positions, refiner(like(seq, x)).positions
    np.testing.assert_array_equal(a[: 250 - int(latency)], b[: 250 - int(latency)])
    assert (a[249] != b[249]).any()
    assert make_refiner("network", weights=nets["context"]).latency(30) == np.inf


def test_threads_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, most in (("1", 1), ("2", 2), ("", window_network.THREADS), ("many", window_network.THREADS)):
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert 1 <= window_network.threads() <= most


def test_tuning_its_strength(nets: dict[str, Path]) -> None:
    truth = plain(poses(150), nets["smooth"], strength=2.0)
    x = truth.positions + np.random.default_rng(5).normal(0, 2, truth.shape).astype(np.float32)
    found = sp.tune(like(truth, x), truth, method="network", weights=nets["smooth"])
    assert set(found.params) == {"strength", "weights"} and found.params["weights"] == nets["smooth"]
    assert found.after["mpjpe"] < found.before["mpjpe"]
    assert f"weights={nets['smooth']}" in str(found)
    np.testing.assert_array_equal(
        refine(like(truth, x), "network", **found.params).positions,
        found.motion.positions,  # type: ignore[union-attr]
    )
    json.dumps({k: str(v) for k, v in found.params.items()})
