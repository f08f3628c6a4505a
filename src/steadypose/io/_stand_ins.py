"""What a pickle may name, and what is called in its place: a stand-in that checks its arguments.

Nothing here imports or calls what a file says. NumPy's own constructors are not called with its arguments
either: they would let it change dtypes that everybody shares, or describe arrays larger than their bytes.
"""

from __future__ import annotations

import math
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from steadypose.io._bounded import Broken

MODULES = {
    "__builtin__": "builtins",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
    "numpy.core.memmap": "numpy",
    "numpy._core.memmap": "numpy",
}
_FACTORIES = {"dict": dict, "list": list, "int": int, "float": float}


@contextmanager
def unremarked() -> Iterator[None]:
    """Without remarks of Python and NumPy on how a file was written (``a5`` for ``S5``)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class DType:
    """A dtype under construction: NumPy's own would let a file change dtypes that everybody shares."""

    def __init__(self, text: Any, *_: Any) -> None:
        if isinstance(text, bytes):
            text = text.decode("ascii")
        if not isinstance(text, str) or len(text) > 16 or not text.strip("<>=|").isalnum():
            raise Broken(
                "a plain NumPy dtype", type(text).__name__ if not isinstance(text, str) else repr(text[:40])
            )
        with unremarked():
            self.dtype = np.dtype(text)

    def build(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 5 or any(s is not None for s in state[2:5]):
            raise Broken("a plain NumPy dtype", "one with fields")
        if state[1] in ("<", ">") and self.dtype.kind not in "SVO":
            self.dtype = self.dtype.newbyteorder(state[1])


class Wrapper:
    """joblib's stand-in for an array whose bytes follow."""

    state: dict[str, Any]


class _Old:
    """Stands for the wrappers of joblib before 0.10, whose arrays lie in files of their own."""

    def __init__(self, *_: Any) -> None:
        raise Broken(
            "a joblib file of version 0.10 or later", "an older one; joblib.load and joblib.dump renew it"
        )


def checked_shape(shape: Any, itemsize: int, nbytes: int) -> tuple[int, ...]:
    """``shape`` as a tuple if that many items fill ``nbytes`` exactly."""
    if not isinstance(shape, tuple) or len(shape) > 32 or not all(type(n) is int and n >= 0 for n in shape):
        raise Broken("the shape of an array", "something else")
    if math.prod(shape) * itemsize != nbytes or (itemsize == 0 and math.prod(shape)):
        raise Broken(f"{nbytes} bytes of array", f"shape {shape} of {itemsize}-byte items")
    return shape


def plain_dtype(dtype: Any) -> np.dtype[Any]:
    if not isinstance(dtype, DType):
        raise Broken("a NumPy dtype", type(dtype).__name__)
    return dtype.dtype


def empty_array(kind: Any, shape: Any, *_: Any) -> npt.NDArray[Any]:
    if kind is not np.ndarray or shape != (0,):
        raise Broken("an array to be filled", "another use of numpy's _reconstruct")
    return np.empty(0)


def fill_array(array: npt.NDArray[Any], state: Any) -> None:
    if not isinstance(state, tuple) or len(state) != 5:
        raise Broken("the state of an array", type(state).__name__)
    _, shape, dtype, fortran, raw = state
    plain = plain_dtype(dtype)
    if plain.hasobject:
        if not isinstance(raw, list):
            raise Broken("a list of objects", type(raw).__name__)
        if any(isinstance(v, np.ndarray) and v.dtype.hasobject and v.size for v in raw):
            raise Broken("arrays of plain content", "object arrays inside object arrays")
        checked_shape(shape, 1, len(raw))
    else:
        if isinstance(raw, str):  # Python 2
            raw = raw.encode("latin1")
        if not isinstance(raw, bytes):
            raise Broken("the bytes of an array", type(raw).__name__)
        checked_shape(shape, plain.itemsize, len(raw))
    array.__setstate__((1, shape, plain, bool(fortran), raw))  # type: ignore[arg-type]
    array.flags.writeable = False  # a document is never changed


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any) -> npt.NDArray[Any]:
    plain = plain_dtype(dtype)
    if plain.hasobject or not isinstance(raw, (bytes, bytearray)) or order not in ("C", "F"):
        raise Broken("the bytes of an array", type(raw).__name__)
    checked_shape(shape, plain.itemsize, len(raw))
    return np.frombuffer(bytes(raw), plain).reshape(shape, order=order) if raw else np.empty(shape, plain)


def _scalar(dtype: Any, raw: Any) -> Any:
    plain = plain_dtype(dtype)
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    if plain.hasobject or not isinstance(raw, bytes) or len(raw) != plain.itemsize or not raw:
        raise Broken("the bytes of a number", type(raw).__name__)
    return np.frombuffer(raw, plain)[0]


def _number(kind: type[np.generic]) -> Callable[[Any], Any]:
    def make(value: Any) -> Any:
        if type(value) not in (int, float, bool):
            raise Broken("a number", type(value).__name__)
        return kind(value)

    return make


def _latin1(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise Broken("bytes as latin1", "another use of codecs.encode")
    return text.encode("latin1")


def _default_dict(factory: Any = None) -> defaultdict[Any, Any]:
    if factory is not None and factory not in _FACTORIES.values():
        raise Broken("a defaultdict of plain containers", "one of something else")
    return defaultdict(factory)


def _complex(real: Any, imaginary: Any) -> complex:
    if type(real) is not float or type(imaginary) is not float:
        raise Broken("two numbers", type(real).__name__)
    return complex(real, imaginary)


def _no_bytes() -> bytes:
    return b""


def _ordered() -> OrderedDict[Any, Any]:
    return OrderedDict()


# What a file may name. Values that are not in CALLABLE may be mentioned, but not called.
GLOBALS: dict[tuple[str, str], Any] = {
    ("numpy._core.multiarray", "_reconstruct"): empty_array,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "memmap"): np.ndarray,
    ("numpy", "dtype"): DType,
    ("_codecs", "encode"): _latin1,
    ("builtins", "complex"): _complex,
    ("builtins", "bytes"): _no_bytes,
    ("collections", "OrderedDict"): _ordered,
    ("collections", "defaultdict"): _default_dict,
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): Wrapper,
    ("joblib.numpy_pickle", "NDArrayWrapper"): _Old,
    ("joblib.numpy_pickle", "ZNDArrayWrapper"): _Old,
    ("joblib.numpy_pickle_compat", "NDArrayWrapper"): _Old,
    ("joblib.numpy_pickle_compat", "ZNDArrayWrapper"): _Old,
}
GLOBALS |= {("builtins", name): factory for name, factory in _FACTORIES.items()}
NUMBERS: tuple[type[np.generic], ...] = (
    np.float16, np.float32, np.float64, np.int8, np.int16, np.int32, np.int64,
    np.uint8, np.uint16, np.uint32, np.uint64,
)  # fmt: skip
GLOBALS |= {("numpy", kind.__name__): _number(kind) for kind in NUMBERS}
NOT_CALLED = (np.ndarray, Wrapper, *_FACTORIES.values())
