"""Networks in ONNX files: those that fit, those that do not, and those that come along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lift_samples import weights, write_network

import steadypose as sp
from steadypose import _onnx
from steadypose.lift import LiftSpec, Network, _network, shipped

SPEC = LiftSpec()


def test_a_network_runs_in_chunks_as_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(write_network(tmp_path / "tiny.onnx", SPEC))
    assert (network.name, network.spec) == ("tiny", SPEC)
    x = np.random.default_rng(0).normal(size=(23, 5, 16, 3)).astype(np.float32)
    w, b = weights(SPEC)
    wanted = (x.reshape(23, -1) @ w + b).reshape(23, 5, 17, 3)
    monkeypatch.setattr(_network, "CHUNK", 10)
    np.testing.assert_allclose(network(x), wanted, atol=1e-2, rtol=1e-5)
    assert network(x[:0]).shape == (0, 5, 17, 3)


def test_without_a_name_it_is_called_like_its_file(tmp_path: Path) -> None:
    path = write_network(tmp_path / "mine.onnx", SPEC, card={"spec": SPEC.to_json()})
    assert Network(str(path)).name == "mine"


def test_networks_that_come_along_go_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_onnx, "files", lambda _: tmp_path)
    with pytest.raises(sp.SteadyposeError, match="no lifting network comes with steadypose yet"):
        Network()
    (tmp_path / "weights").mkdir()
    for name in ("fcn", "seq2seq"):
        write_network(
            tmp_path / "weights" / f"lift_{name}.onnx", SPEC, card={"name": name, "spec": SPEC.to_json()}
        )
    assert list(shipped()) == ["fcn", "seq2seq"]
    assert Network().name == "seq2seq" and Network("fcn").name == "fcn"
    with pytest.raises(
        sp.SteadyposeError, match=r"comes with steadypose \(fcn, seq2seq\).* found 'smoothnet'"
    ):
        Network("smoothnet")


def test_files_that_are_no_lifting_network(tmp_path: Path) -> None:
    def refused(path: Path, said: str) -> None:
        with pytest.raises(sp.FormatError, match=said) as e:
            Network(path)
        assert "\n" not in str(e.value) and str(path) in str(e.value)

    refused(tmp_path / "none.onnx", "expected a readable ONNX file")
    refused(tmp_path, "expected a readable ONNX file")
    (tmp_path / "text.onnx").write_text("not a network")
    refused(tmp_path / "text.onnx", "expected a network in ONNX")
    (tmp_path / "empty.onnx").write_bytes(b"")
    refused(tmp_path / "empty.onnx", "expected a network in ONNX")
    whole = write_network(tmp_path / "tiny.onnx", SPEC).read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "half.onnx", "expected a network in ONNX")
    path = tmp_path / "a.onnx"
    refused(
        write_network(path, SPEC, metadata=False), "metadata: expected a lifting network's card .* found none"
    )
    refused(
        write_network(path, SPEC, card={"name": "x"}), "spec: expected a lifting network's spec with joints"
    )
    longer = {"spec": LiftSpec(length=7).to_json()}
    refused(
        write_network(path, SPEC, card=longer), r"'keypoints' of shape \(batch, 7, 16, 3\), found keypoints"
    )
    refused(write_network(path, SPEC, names=("input", "output")), "found input .*output")


def test_what_training_exports_is_what_is_lifted_with(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from steadypose.models.export import export_onnx
    from steadypose.models.fcn import FCNConfig
    from steadypose.models.lifter import build

    torch.manual_seed(0)
    spec = LiftSpec(length=1)
    lifter = build(FCNConfig(width=32), spec).eval()
    rng = np.random.default_rng(0)
    lifter.set_statistics(
        input_mean=rng.normal(size=(16, 2)), input_std=np.ones((16, 2)),
        output_mean=rng.normal(0, 200, (16, 3)), output_std=np.full((16, 3), 100.0),
    )  # fmt: skip
    card = dict.fromkeys(("trained_on", "split", "licence", "seed", "epochs", "scores", "command"))
    export_onnx(lifter, tmp_path / "fcn.onnx", {"name": "small", **card})
    network = Network(tmp_path / "fcn.onnx")
    assert (network.name, network.spec) == ("small", spec)
    windows = rng.normal(size=(7, 1, 16, 3)).astype(np.float32)
    with torch.no_grad():
        wanted = lifter(torch.from_numpy(windows)).numpy()
    np.testing.assert_allclose(network(windows), wanted, atol=1e-2)
