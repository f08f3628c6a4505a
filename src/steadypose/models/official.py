"""SmoothNet's released weights, and those that mmpose and mmhuman3d give out: files of ``torch.save``.

Such a file is a pickle, and only tensors and plain containers are taken from it: nothing in it is run.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from steadypose._writing import will_read
from steadypose.errors import DataError, FormatError
from steadypose.models.checkpoints import check_tensors
from steadypose.models.smoothnet import SmoothNet, SmoothNetConfig

__all__ = ["load_smoothnet"]

FIRST = "encoder.0.weight"  # the key that says where the others are
WRAPPERS = ("state_dict", "model_state_dict", "model")  # keys of a whole training under which weights lie


def load_smoothnet(path: str | Path) -> SmoothNet:
    """Read released SmoothNet weights: the authors' own, mmpose's or mmhuman3d's.

    Sizes are read off the tensors. What a file holds besides weights (epoch, scores, state of the optimiser)
    is passed over, and so is a prefix that all names share, such as ``module.``. Dropout is not in the files
    and is set to 0.

    Parameters
    ----------
    path
        A file of ``torch.save``: the weights by name, or a training with them under ``state_dict``.

    Returns
    -------
    SmoothNet
        In evaluation mode, on the processor, float32; takes (N, C, T).

    Raises
    ------
    FormatError
        If the file is not there, is damaged, holds other weights, or wants to run something.
    """
    path = Path(path)
    weights = _weights(path, _content(path))
    config = _config(path, weights)
    with torch.device("meta"):  # no memory yet, so that absurd sizes cost nothing
        network = SmoothNet(config)
    check_tensors(path, network.state_dict(), weights)
    network.load_state_dict(weights, assign=True)
    return network.eval()


class _Nothing:
    """In place of NumPy's scalars, which the authors' files hold as scores: they are not needed here."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


# ``numpy.core`` became ``numpy._core`` in NumPy 2.
SCALARS = (
    "numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
)  # fmt: skip


def _content(path: Path) -> Any:
    will_read(path)
    if not path.is_file():
        raise FormatError(path, "", "a file of torch.save", "a folder" if path.is_dir() else "no file")
    nothing: Any = [(_Nothing, name) for name in SCALARS]
    try:
        with torch.serialization.safe_globals(nothing), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as e:  # a damaged file can make the unpickler raise anything
        asked = re.search(r"GLOBAL (\S+)", str(e))
        if asked is not None:
            raise FormatError(
                path, "", "weights only", f"a call of {asked[1]}, which is never run for a file"
            ) from None
        found = "an empty file" if not path.stat().st_size else "a damaged file, or one of another kind"
        raise FormatError(path, "", "a file of torch.save", found) from None


def _weights(path: Path, content: Any) -> dict[str, Tensor]:
    """Tensors by the names that SmoothNet has for them."""
    inside = next((content[w] for w in WRAPPERS if isinstance(content, dict) and w in content), content)
    if not isinstance(inside, dict) or not inside:
        found = "none" if isinstance(inside, dict) else type(inside).__name__
        raise FormatError(path, "", "weights by name", found)
    first = [name for name in inside if isinstance(name, str) and f".{name}".endswith(f".{FIRST}")]
    if len(first) != 1:
        said = ", ".join(map(str, list(inside)[:3])) if not first else " and ".join(first)
        raise FormatError(path, "", f"one {FIRST} among SmoothNet's weights", said)
    prefix = first[0].removesuffix(FIRST)
    weights: dict[str, Tensor] = {}
    for name, value in inside.items():
        if not isinstance(name, str) or not name.startswith(prefix):
            raise FormatError(path, "", f"only names that begin with {prefix!r}", repr(name))
        weights[name.removeprefix(prefix)] = _tensor(path, name, value)
    return weights


def _tensor(path: Path, name: str, value: Any) -> Tensor:
    plain = isinstance(value, Tensor) and value.layout == torch.strided and value.device.type == "cpu"
    if not plain or not value.is_floating_point():
        found = str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
        raise FormatError(path, name, "a tensor of floating-point numbers", found)
    if not value.is_contiguous():  # one number can pose as billions of them
        raise FormatError(path, name, "a tensor with memory of its own", f"strides {value.stride()}")
    single: Tensor = value.detach().to(torch.float32)
    return single


def _config(path: Path, weights: dict[str, Tensor]) -> SmoothNetConfig:
    """Sizes, from the shapes of three tensors; the others are checked against them."""
    blocks = len({name.split(".")[1] for name in weights if name.startswith("res_blocks.")})

    def rows(name: str, axis: int = 0) -> int:
        if name not in weights:
            raise FormatError(path, name, "a tensor", "none")
        if weights[name].ndim != 2:
            raise FormatError(path, name, "two axes", f"shape {tuple(weights[name].shape)}")
        return int(weights[name].shape[axis])

    length, output = rows(FIRST, 1), rows("decoder.weight")
    inner = rows("res_blocks.0.linear1.weight") if blocks else 1
    try:
        return SmoothNetConfig(
            length=length,
            output=None if output == length else output,
            hidden=rows(FIRST),
            inner=inner,
            blocks=blocks,
            dropout=0.0,
        )
    except DataError as e:
        expected, _, found = str(e).removeprefix("expected ").partition(", found ")
        raise FormatError(path, "", expected, found) from None
