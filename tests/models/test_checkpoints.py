"""Checkpoints: what is written comes back, and nothing else is loaded."""

from __future__ import annotations

import json
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from steadypose.errors import DataError, FormatError, SteadyposeError
from steadypose.lift._spec import METADATA, LiftSpec
from steadypose.models import (
    FCNConfig,
    Lifter,
    MotionAwareConfig,
    RefinerNet,
    Seq2SeqConfig,
    SmoothNetConfig,
    SpatioTemporalConfig,
    TCNConfig,
    TransformerConfig,
    build,
    build_refiner,
)
from steadypose.models.checkpoints import REQUIRED, load, save
from steadypose.refine.windows import WindowSpec

CARD = {
    **dict.fromkeys(REQUIRED),
    "name": "tiny",
    "seed": 3,
    "licence": "CMU",
    "scores": {"MPJPE": 41.5},
    "note": "é",
}
SPEC = LiftSpec(joints=("pelvis", "head"), outputs=("pelvis", "head"), length=3)


def tiny(config=None):
    torch.manual_seed(0)
    lifter = build(config or Seq2SeqConfig(width=6), SPEC)
    for value in lifter.state_dict().values():
        if value.is_floating_point():
            value.add_(torch.rand_like(value))
    return lifter


@pytest.fixture
def written(tmp_path):
    return save(tmp_path / "net.safetensors", tiny(), CARD)


@pytest.mark.parametrize(
    "config",
    [
        Seq2SeqConfig(width=6),
        Seq2SeqConfig(width=6, layer_norm=False, cell="plain"),
        FCNConfig(width=6, blocks=1),
    ],
    ids=["seq2seq", "plain", "fcn"],
)
def test_round_trip(tmp_path, config):
    lifter = tiny(config)
    path = save(tmp_path / "net.safetensors", lifter, CARD)
    again, card = load(path)
    assert {p.name for p in tmp_path.iterdir()} == {"net.safetensors", "net.json"}
    assert card == json.loads((tmp_path / "net.json").read_text(encoding="utf-8"))
    assert {name: card[name] for name in CARD} == CARD
    assert card["parameters"] == sum(p.numel() for p in lifter.parameters())
    assert not again.training
    assert again.spec == SPEC and again.network.config == lifter.network.config
    for name, value in lifter.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    x = torch.randn(2, 3, 2, 3)
    assert torch.equal(again(x), lifter.eval()(x))


WINDOWS = WindowSpec(length=10, step=5, rate=None, normalisation="body", taper="flat")
REFINERS = {
    "smoothnet": SmoothNetConfig(hidden=6, inner=3),
    "motion_aware": MotionAwareConfig(hidden=6, inner=3),
    "tcn": TCNConfig(9, 4),
    "transformer": TransformerConfig(4, 2, 6, 1),
    "spatiotemporal": SpatioTemporalConfig(3, width=4, heads=2, inner=6, blocks=1),
}


@pytest.mark.parametrize("kind", REFINERS)
def test_round_trip_of_refiners(tmp_path, kind):
    torch.manual_seed(0)
    refiner = build_refiner(REFINERS[kind], WINDOWS)
    for value in refiner.state_dict().values():
        value.add_(torch.rand_like(value))
    path = save(tmp_path / "net.safetensors", refiner, CARD)
    again, card = load(path, RefinerNet)
    assert card == json.loads((tmp_path / "net.json").read_text(encoding="utf-8"))
    assert {name: card[name] for name in CARD} == CARD
    assert card["network"]["kind"] == kind
    assert card["parameters"] == sum(p.numel() for p in refiner.parameters())
    assert WindowSpec.from_json(card["spec"]) == again.spec == WINDOWS
    assert again.network.config == refiner.network.config and not again.training
    x = torch.randn(2, 3, 10)
    assert torch.equal(again(x), refiner.eval()(x))
    assert isinstance(load(path)[0], RefinerNet)
    with pytest.raises(
        FormatError, match=f"card: expected a lifting network, found a refining network, {kind}"
    ):
        load(path, Lifter)


def test_a_lifter_is_no_refiner(written):
    assert isinstance(load(written, Lifter)[0], Lifter)
    with pytest.raises(FormatError, match="expected a refining network, found a lifting network, seq2seq"):
        load(written, RefinerNet)


def test_a_refiner_needs_windows_of_its_own(tmp_path, written):
    path = save(tmp_path / "refiner.safetensors", build_refiner(REFINERS["smoothnet"], WINDOWS), CARD)
    refused(changed(path, card=lambda c: c["spec"].update(length=11)), "decoder.bias", "(11,)")
    refused(changed(path, card=lambda c: c["spec"].update(context=2)), "without context")
    refused(changed(path, card=lambda c: c.update(spec=SPEC.to_json())), "refining network's spec")
    refused(changed(written, card=lambda c: c.update(spec=WINDOWS.to_json())), "lifting network's spec")


def test_training_goes_on(written):
    lifter, _ = load(written)
    lifter.train()(torch.randn(2, 3, 2, 3)).sum().backward()
    assert all(p.requires_grad and p.grad is not None for p in lifter.parameters())


def test_the_card_beside_is_only_to_read(written):
    written.with_suffix(".json").unlink()
    assert load(written)[1]["name"] == "tiny"


def test_a_failed_write_leaves_what_was_there(written, monkeypatch):
    before = written.read_bytes()

    def fail(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("steadypose.models.checkpoints.save_file", fail)
    with pytest.raises(SteadyposeError, match="could not be written: No space left on device"):
        save(written, tiny(), CARD)
    assert written.read_bytes() == before
    assert {p.name for p in written.parent.iterdir()} == {"net.safetensors", "net.json"}


def test_no_folder(tmp_path):
    with pytest.raises(SteadyposeError, match=r"expected an existing folder, found none at .*nowhere"):
        save(tmp_path / "nowhere" / "net.safetensors", tiny(), CARD)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"name": "x"}, "found none of: trained_on, split"),
        ({**CARD, "seed": {1, 2}}, "JSON can hold"),
        ({**CARD, "scores": float("nan")}, "JSON can hold"),
    ],
)
def test_refused_cards(tmp_path, card, message):
    with pytest.raises(DataError, match=message):
        save(tmp_path / "net.safetensors", tiny(), card)
    assert not list(tmp_path.iterdir())


def test_another_suffix(tmp_path):
    with pytest.raises(DataError, match=r"ends in \.safetensors, found \.pt"):
        save(tmp_path / "net.pt", tiny(), CARD)


def refused(path, *words):
    with pytest.raises(FormatError) as caught:
        load(path)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(str(path)) and len(message) < 600, message
    for word in ("expected", "found", *words):
        assert word in message, message


def test_what_is_no_checkpoint(tmp_path, written):
    refused(tmp_path / "none.safetensors", "no file")
    refused(tmp_path, "a folder")
    other = tmp_path / "other.safetensors"
    for content, word in ((b"", "empty"), (b"{}", ""), (b"\x00" * 100, ""), (written.read_bytes()[:-5], "")):
        other.write_bytes(content)
        refused(other, word)


@pytest.mark.parametrize("old", [False, True])
def test_pickles_are_not_loaded(tmp_path, old):
    path = tmp_path / "net.safetensors"
    torch.save(tiny().state_dict(), path, _use_new_zipfile_serialization=not old)
    refused(path, "torch.save", "never loaded")


def changed(path, card=None, tensors=None, text=None):
    """The checkpoint with another card or other tensors."""
    whole = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    values = load_file(path)
    if card:
        card(whole)
    if tensors:
        tensors(values)
    save_file(values, path, metadata={METADATA: json.dumps(whole) if text is None else text})
    return path


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda c: c.pop("network"), "'network'"),
        (lambda c: c["network"].update(kind="gan"), "'gan'"),
        (lambda c: c["network"].pop("kind"), "seq2seq"),
        (lambda c: c["network"].update(speed=1), "speed"),
        (lambda c: c["network"].pop("width"), "width"),
        (lambda c: c["network"].update(width=10**12), "width"),
        (lambda c: c["network"].update(width="6"), "width"),
        (lambda c: c["network"].update(width=60000), "decoder"),
        (lambda c: c["network"].update(layer_norm=False), "decoder.gain"),
        (lambda c: c["network"].update(kind=["seq2seq"]), "kind"),
        (lambda c: c.pop("spec"), "spec"),
        (lambda c: c["spec"].update(length=0), "length"),
        (lambda c: c["spec"].update(joints=["pelvis", "tail"]), "tail"),
    ],
)
def test_a_card_that_is_wrong(written, change, word):
    refused(changed(written, card=change), word)


@pytest.mark.parametrize("text", ["", "[1]", "{", "null", '{"network": 3}', "[" * 100_000])
def test_a_card_that_is_none(written, text):
    refused(changed(written, text=text), "card")


def test_no_card(written):
    save_file(load_file(written), written)
    refused(written, "card")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("output_std"), ("output_std", "none")),
        (lambda t: t.update(more=torch.zeros(1)), ("more", "no such tensor")),
        (lambda t: t.update(output_std=torch.zeros(2, 3)), ("output_std", "(1, 3)", "(2, 3)")),
        (lambda t: t.update(output_std=torch.zeros(1, 3).half()), ("output_std", "float32", "float16")),
        (lambda t: t["decoder_out.bias" if "decoder_out.bias" in t else "network.decoder_out.bias"].fill_(
            float("nan")), ("decoder_out.bias", "NaN")),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit(written, change, words):
    refused(changed(written, tensors=change), *words)


def test_a_header_that_lies_about_its_size(tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(struct.pack("<Q", 2**40) + b"{}")
    refused(path)
