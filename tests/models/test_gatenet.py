"""GateNet: its symmetries, what it begins as, and that it is saved and exported as it is."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steadypose.errors import DataError, FormatError
from steadypose.models import checkpoints
from steadypose.models.export import export_onnx
from steadypose.models.gatenet import GatedBank, GateNet, GateNetConfig
from steadypose.models.refiner import RefinerNet
from steadypose.refine.bank import BankSpec
from steadypose.refine.bank_network import INPUTS

SPEC = BankSpec(edges=(0.5, 1.0, 2.0, 4.0, 8.0))
BANDS = len(SPEC.edges)
CARD = {**dict.fromkeys(checkpoints.REQUIRED), "name": "tiny"}


def network(seed: int = 0, *, trained: bool = True, **config: int) -> GateNet:
    torch.manual_seed(seed)
    net = GateNet(GateNetConfig(**{"hidden": 8, "blocks": 2, **config}), SPEC)
    if trained:
        with torch.no_grad():
            for p in net.parameters():  # as training would: no weight stays what it was
                p.add_(0.2 * torch.randn_like(p))
    return net.eval()


def seen(gates: int = 30, points: int = 4, axes: int = 3, seed: int = 0) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    n = SPEC.numbers
    shapes = (gates, points), (points,), (gates, points, axes), (points, axes)
    return [2 * torch.randn(*s, k) for s, k in zip(shapes, n.values(), strict=True)]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.integers(1, 60), st.integers(0, 3), st.integers(0, 3))
def test_reversed_numbers_have_reversed_gates(seed, gates, blocks, kernel):
    net = network(seed, blocks=blocks, kernel=kernel)
    now, always, axis_now, axis_always = seen(gates, seed=seed)
    with torch.no_grad():
        forwards = net(now, always, axis_now, axis_always)
        backwards = net(now.flip(0), always, axis_now.flip(0), axis_always)
    assert forwards.shape == (gates, 4, 3, BANDS)
    assert torch.allclose(backwards.flip(0), forwards, atol=1e-5)


def test_layers_see_neighbouring_gates_as_far_as_they_say():
    net = network(blocks=2, kernel=2)  # two gates, then four
    given = seen(40)
    other = [t.clone() for t in given]
    other[0][20] += 1
    with torch.no_grad():
        changed = (net(*other) - net(*given)).abs().amax(dim=(1, 2, 3)) > 1e-6
    where = torch.nonzero(changed).flatten().tolist()
    assert (where[0], where[-1]) == (14, 26)


def test_keypoints_and_their_order_do_not_matter_to_each_other():
    net, given = network(), seen(points=5)
    other = [t.clone() for t in given]
    other[0][:, 2] += 1
    other[1][2] -= 1
    other[2][:, 2] += 1
    with torch.no_grad():
        whole, changed = net(*given), net(*other)
        now, always, axis_now, axis_always = given
        some = net(now[:, [4, 0]], always[[4, 0]], axis_now[:, [4, 0]], axis_always[[4, 0]])
    others = [0, 1, 3, 4]
    assert torch.allclose(changed[:, others], whole[:, others], atol=1e-6)
    assert not torch.allclose(changed[:, 2], whole[:, 2], atol=1e-2)
    assert torch.allclose(some, whole[:, [4, 0]], atol=1e-6)


def test_axes_have_gates_each_of_its_own():
    net, given = network(), seen()
    other = [t.clone() for t in given]
    other[2][:, :, 1] += 1
    with torch.no_grad():
        whole, changed = net(*given), net(*other)
    assert torch.allclose(changed[:, :, [0, 2]], whole[:, :, [0, 2]], atol=1e-6)
    assert not torch.allclose(changed[:, :, 1], whole[:, :, 1], atol=1e-2)


@pytest.mark.parametrize("band", range(BANDS))
def test_it_begins_as_a_wiener_gate_of_the_band_s_own_energy(band):
    net, given = network(trained=False), [0.3 * t for t in seen()]
    other = [t.clone() for t in given]
    # The logarithm of an amplitude, now and over a second: its energy beside the noise's is twice that.
    other[2][..., band] += 0.5
    other[2][..., BANDS + band] += 0.5
    with torch.no_grad():
        rise = net(*other) - net(*given)
    assert torch.allclose(rise[..., band], torch.ones(30, 4, 3), atol=1e-4)
    assert torch.allclose(rise[..., [b for b in range(BANDS) if b != band]], torch.zeros(1), atol=1e-5)


@pytest.mark.parametrize("factor", [1e3, 1e6])
def test_logits_are_bounded(factor):
    with torch.no_grad():
        logits = network()(*(factor * t for t in seen()))
    assert torch.isfinite(logits).all()
    assert logits.abs().max() == 16


def test_a_checkpoint_gives_back_the_network(tmp_path):
    bank, given = GatedBank(network(3)), seen()
    path = checkpoints.save(tmp_path / "bank.safetensors", bank, CARD)
    again, card = checkpoints.load(path, GatedBank)
    assert (again.spec, again.network.config) == (SPEC, bank.network.config)
    assert card["network"] == {"kind": "gatenet", "hidden": 8, "blocks": 2, "kernel": 2}
    assert BankSpec.from_json(card["spec"]) == SPEC
    with torch.no_grad():
        assert torch.equal(again(*given), bank(*given))
    with pytest.raises(FormatError, match="expected a refining network, found a bank with gates"):
        checkpoints.load(path, RefinerNet)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    bank = GatedBank(network(5))
    path = export_onnx(bank, tmp_path_factory.mktemp("gates") / "bank.onnx", CARD).path
    return bank, onnxruntime.InferenceSession(path)


@pytest.mark.parametrize(("gates", "points", "axes"), [(2, 1, 1), (3, 17, 2), (181, 5, 3), (40, 2, 1)])
def test_exported_it_computes_the_same_at_any_size(exported, gates, points, axes):
    bank, session = exported
    given = seen(gates, points, axes)
    with torch.no_grad():
        wanted = bank(*given).numpy()
    found = session.run(None, {n: t.numpy() for n, t in zip(INPUTS, given, strict=True)})[0]
    np.testing.assert_allclose(found, wanted, atol=5e-5)


def test_inputs_to_compare_on_are_refused(tmp_path):
    with pytest.raises(DataError, match="expected no inputs for a bank with gates"):
        export_onnx(GatedBank(network()), tmp_path / "bank.onnx", CARD, inputs=np.zeros((1, 2)))


@pytest.mark.parametrize(
    "change", [{"hidden": 0}, {"hidden": 8.0}, {"blocks": -1}, {"blocks": 17}, {"kernel": True}]
)
def test_a_shape_that_does_not_fit_is_refused(change):
    (name,) = change
    with pytest.raises(DataError, match=f"expected {name} as a whole number"):
        GateNetConfig(**change)
