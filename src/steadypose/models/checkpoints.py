"""Checkpoints: weights as safetensors with a card inside, and the same card beside them to read.

The file is complete in itself; loading does not look at the JSON beside it. Nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar, overload

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from steadypose._version import __version__
from steadypose._writing import will_read, write_text, writing
from steadypose.errors import DataError, FormatError
from steadypose.lift._spec import METADATA, LiftSpec
from steadypose.models.fcn import FCNConfig
from steadypose.models.gatenet import GatedBank, GateNet, GateNetConfig
from steadypose.models.lifter import Lifter, build
from steadypose.models.refiner import NETWORKS, RefinerNet, build_refiner
from steadypose.models.seq2seq import Seq2SeqConfig
from steadypose.refine.bank import BankSpec
from steadypose.refine.windows import WindowSpec

__all__ = ["REQUIRED", "Model", "load", "save"]

# What whoever saves must say (None where it is not known yet).
REQUIRED = ("name", "trained_on", "split", "licence", "seed", "epochs", "scores", "command")
LIFTERS: dict[str, type[FCNConfig] | type[Seq2SeqConfig]] = {"fcn": FCNConfig, "seq2seq": Seq2SeqConfig}
GATED = {"gatenet": GateNetConfig}

Model = Lifter | RefinerNet | GatedBank
M = TypeVar("M", Lifter, RefinerNet, GatedBank)


def complete_card(model: Model, card: Mapping[str, Any]) -> dict[str, Any]:
    """The card with what the network itself knows: its configuration, spec, size, and this version.

    Raises
    ------
    DataError
        If something required is missing, or JSON cannot hold it.
    """
    missing = [name for name in REQUIRED if name not in card]
    if missing:
        raise DataError(f"expected a card with {', '.join(REQUIRED)}, found none of: {', '.join(missing)}")
    config: Any = model.network.config
    kind = next(kind for kind, known in _configs().items() if isinstance(config, known))
    whole = {
        **card,
        "network": {"kind": kind, **asdict(config)},
        "spec": model.spec.to_json(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "version": __version__,
    }
    try:
        return dict(json.loads(json.dumps(whole, allow_nan=False)))
    except (TypeError, ValueError) as e:
        raise DataError(f"expected a card of what JSON can hold, found something else: {e}") from None


def save(path: str | Path, model: Model, card: Mapping[str, Any]) -> Path:
    """Write ``path`` (``.safetensors``) and the card beside it (``.json``), replacing older ones.

    Parameters
    ----------
    path
        The checkpoint; its folder exists.
    model
        A lifter (the network and its z-scoring) or a refiner.
    card
        At least the names in ``REQUIRED``; the rest is kept as it is.

    Returns
    -------
    Path
        Of the checkpoint.

    Raises
    ------
    DataError
        If the suffix is another, or the card is not complete.
    SteadyposeError
        If it cannot be written; whatever was there is then still there.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise DataError(
            f"{path}: expected a name that ends in .safetensors, found {path.suffix or 'no suffix'}"
        )
    whole = complete_card(model, card)
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    text = json.dumps(whole, indent=1)
    with writing(path, force=True) as made:
        save_file(tensors, made, metadata={METADATA: text})
    write_text(path.with_suffix(".json"), text + "\n", force=True)
    return path


@overload
def load(path: str | Path) -> tuple[Model, dict[str, Any]]: ...
@overload
def load(path: str | Path, kind: type[M]) -> tuple[M, dict[str, Any]]: ...
def load(path: str | Path, kind: type[Any] | None = None) -> tuple[Any, dict[str, Any]]:
    """Read what :func:`save` wrote: the model, in evaluation mode on the processor, and its card.

    Parameters
    ----------
    path
        The checkpoint.
    kind
        :class:`Lifter`, :class:`RefinerNet` or :class:`GatedBank`, to refuse the others; None takes all.

    Raises
    ------
    FormatError
        If the file is not there, is none of steadypose's, is damaged, or is of another kind.
    """
    path = Path(path)
    will_read(path)
    if not path.is_file():
        raise FormatError(path, "", "a checkpoint (.safetensors)", "a folder" if path.is_dir() else "no file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 – no mapping
    except (SafetensorError, OSError, ValueError) as e:
        raise FormatError(path, "", "a checkpoint (.safetensors)", _what_else(path, str(e))) from None
    if METADATA not in metadata:
        raise FormatError(path, "metadata", "the card of a steadypose checkpoint", "none")
    model, card = _from_card(path, metadata[METADATA])
    if kind is not None and not isinstance(model, kind):
        words = {
            Lifter: "a lifting network",
            RefinerNet: "a refining network",
            GatedBank: "a bank with gates",
        }
        raise FormatError(path, "card", words[kind], f"{words[type(model)]}, {card['network']['kind']}")
    check_tensors(path, model.state_dict(), tensors)
    model.load_state_dict(tensors, assign=True)
    return model.eval(), card


def check_tensors(path: Path, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Refuse tensors with other names, shapes or types than expected, or that are not finite."""
    for name in sorted(set(expected) | set(found)):
        if name not in found or name not in expected:
            what = ("a tensor", "none") if name not in found else ("no such tensor", "one")
            raise FormatError(path, name, *what)
        a, b = expected[name], found[name]
        if a.shape != b.shape or a.dtype != b.dtype:
            raise FormatError(path, name, f"{tuple(a.shape)} {a.dtype}", f"{tuple(b.shape)} {b.dtype}")
        if not torch.isfinite(b).all():
            raise FormatError(path, name, "finite numbers", "NaN or infinity")


def _configs() -> dict[str, type[Any]]:
    return {**LIFTERS, **GATED, **{kind: config for kind, (config, _) in NETWORKS.items()}}


def _from_card(path: Path, text: str) -> tuple[Model, dict[str, Any]]:
    """A model without memory behind its weights yet, so that an absurd card costs nothing."""
    try:
        card = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise FormatError(path, "card", "JSON", f"something else ({e})") from None
    if not isinstance(card, dict) or not isinstance(card.get("network"), dict):
        raise FormatError(path, "card", "a network's configuration under 'network'", "none")
    config = dict(card["network"])
    kind = config.pop("kind", None)
    configs = _configs()
    if not isinstance(kind, str) or kind not in configs:
        raise FormatError(path, "card, network.kind", " or ".join(configs), repr(kind))
    known = {f.name for f in fields(configs[kind])}
    if set(config) != known:
        differing = ", ".join(sorted(map(str, set(config) ^ known)))
        raise FormatError(path, "card, network", f"the fields of {kind}", f"a difference in {differing}")
    try:
        with torch.device("meta"):
            made, spec = configs[kind](**config), card.get("spec")
            model: Model
            if kind in LIFTERS:
                model = build(made, LiftSpec.from_json(spec))
            elif kind in GATED:
                model = GatedBank(GateNet(made, BankSpec.from_json(spec)))
            else:
                model = build_refiner(made, WindowSpec.from_json(spec))
    except DataError as e:
        raise FormatError(path, "card", "a network that can be built", str(e)) from None
    return model, card


def _what_else(path: Path, reason: str) -> str:
    with path.open("rb") as file:
        start = file.read(2)
    if start in (b"PK", b"\x80\x02"):
        return "a file of torch.save, which is never loaded: it can run programs"
    return "an empty file" if not start else f"something else ({reason})"
