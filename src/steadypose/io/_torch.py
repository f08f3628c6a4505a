"""Torch files (``torch.save`` since torch 1.6) without torch: a zip of one pickle and one member a storage.

In ``<name>/data.pkl`` a tensor is ``torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, …)`` and
a storage the persistent id ``("storage", kind, key, location, count)``, its bytes ``<name>/data/<key>``.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from steadypose.errors import FormatError
from steadypose.io._bounded import Broken, Reader, allowed, open_zip
from steadypose.io._pickle import portable_reduce
from steadypose.io._unpickle import Machine, unpickle

# Start of the files that torch before 1.6 wrote: its magic number, pickled.
OLD_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

_DTYPES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "BFloat16Storage": "<u2",
    "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1",
    "ByteStorage": "u1", "BoolStorage": "?", "ComplexFloatStorage": "<c8", "ComplexDoubleStorage": "<c16",
}  # fmt: skip


@dataclass(frozen=True)
class Name:
    """A global of torch that a file mentions: the kind of a storage, a dtype, a constructor."""

    module: str
    name: str


# One object a name: the pickler then mentions it once and refers back, as torch does.
_name = cache(Name)


@dataclass(frozen=True)
class Call:
    """A harmless constructor call kept as it is (``torch.Size``, ``torch.device``)."""

    function: Name
    args: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Storage:
    """The memory behind one or more tensors: its kind, where it lived, its items."""

    kind: Name
    location: str
    data: npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Tensor:
    """A strided view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool = False
    parameter: bool | None = None  # of a Parameter: whether it requires a gradient

    @property
    def array(self) -> npt.NDArray[Any]:
        """The values; bfloat16 as float32."""
        data = self.storage.data
        view = np.lib.stride_tricks.as_strided(
            data[self.offset :], self.shape, [s * data.itemsize for s in self.strides], writeable=False
        )
        if self.storage.kind.name == "BFloat16Storage":
            return (view.astype(np.uint32) << 16).view(np.float32)
        return view

    def with_values(self, values: npt.ArrayLike) -> Tensor:
        """A contiguous tensor of the same shape, dtype and place with other values."""
        kind = self.storage.kind
        new = np.ascontiguousarray(np.broadcast_to(values, self.shape))
        if kind.name == "BFloat16Storage":
            bits = new.astype(np.float32).view(np.uint32)
            even = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16  # round half to even
            new = np.where(np.isnan(new), 0x7FC0, even)
        flat = new.astype(_DTYPES[kind.name]).reshape(-1)
        strides = tuple(math.prod(self.shape[k + 1 :]) for k in range(len(self.shape)))
        storage = Storage(kind, self.storage.location, flat)
        return Tensor(storage, 0, self.shape, strides, self.requires_grad, self.parameter)


def tensor(values: npt.NDArray[Any]) -> Tensor:
    """A tensor of its own for an array, on the CPU.

    Raises
    ------
    KeyError
        If torch has no such dtype.
    """
    code = values.dtype.newbyteorder("<").str.replace("|b1", "?").lstrip("|")
    name = {dtype: kind for kind, dtype in _DTYPES.items() if kind != "BFloat16Storage"}[code]
    empty = Storage(_name("torch", name), "cpu", np.empty(0, code))
    return Tensor(empty, 0, values.shape, (0,) * values.ndim).with_values(values)


def root(names: Sequence[str]) -> str | None:
    """The folder inside a torch file, from the names in its archive; None if it is none."""
    found = [n.removesuffix("/data.pkl") for n in names if n.count("/") == 1 and n.endswith("/data.pkl")]
    return found[0] if len(found) == 1 else None


def load(path: str | Path) -> Any:
    """The content of a torch file: plain containers with :class:`Tensor`.

    Raises
    ------
    FormatError
        If the file is broken, is of torch before 1.6, or needs anything that is not plain data.
    """
    target = Path(path)
    try:
        with target.open("rb") as f:
            if f.read(len(OLD_MAGIC)) == OLD_MAGIC:
                raise FormatError(
                    path,
                    "",
                    "a torch file of version 1.6 or later (a zip)",
                    "an older one; torch.save renews it",
                )
        with open_zip(target) as z:
            return _load(target, z)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as e:
        if isinstance(e, FormatError):
            raise
        raise FormatError(path, "", "an intact torch file", f"{type(e).__name__}: {e}") from None


def _load(path: Path, z: zipfile.ZipFile) -> Any:
    folder = root(z.namelist())
    if folder is None:
        raise FormatError(path, "", "a torch file (a zip with one data.pkl)", "another zip archive")
    if sum(i.file_size for i in z.infolist()) > allowed(path.stat().st_size):
        raise FormatError(path, "", "an archive of reasonable content", "one that unfolds to far more")
    if f"{folder}/byteorder" in z.namelist() and z.read(f"{folder}/byteorder").strip() != b"little":
        raise FormatError(path, "byteorder", "little", "another byte order")
    raw = z.read(f"{folder}/data.pkl")
    reader = Reader(io.BytesIO(raw), len(raw))
    try:
        return unpickle(reader, _TorchMachine(reader, len(raw), z, folder))
    except Broken as e:
        raise e.error(path, f"data.pkl, byte {reader.position}") from None


_CALLS = {("torch", "Size"), ("torch", "device")}
_PLAIN_DTYPES = (
    "float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool",
    "complex64", "complex128",
)  # fmt: skip


class _TorchMachine(Machine):
    """The restricted unpickler, with torch's tensors and storages."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = Machine.dispatch | {
        pickle.BINPERSID[0]: pickle._Unpickler.dispatch[pickle.BINPERSID[0]]
    }

    def __init__(self, reader: Reader, size: int, z: zipfile.ZipFile, folder: str) -> None:
        super().__init__(reader, size, False)
        self.z, self.folder = z, folder
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if (module, name) in _CALLS:
            return lambda *args: Call(_name(module, name), args)
        if module == "torch" and (name in _DTYPES or name in _PLAIN_DTYPES):
            return _name(module, name)
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Storage:
        if not isinstance(pid, tuple) or len(pid) != 5 or pid[0] != "storage" or not isinstance(pid[1], Name):
            raise Broken("the description of a storage", type(pid).__name__)
        _, kind, key, location, count = pid
        if not isinstance(key, str) or not isinstance(location, str) or kind.name not in _DTYPES:
            raise Broken("the description of a storage", type(key).__name__)
        if key not in self.storages:
            member = f"{self.folder}/data/{key}"
            if member not in self.z.namelist():
                raise Broken(f"the member {member[:60]}", "none")
            dtype = np.dtype(_DTYPES[kind.name])
            raw = self.z.read(member)
            if type(count) is not int or len(raw) != count * dtype.itemsize:
                raise Broken(f"{count} items of {dtype} in storage {key}", f"{len(raw)} bytes")
            self.storages[key] = Storage(kind, location, np.frombuffer(raw, dtype))
        return self.storages[key]


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any, *_: Any) -> Tensor:
    numbers = (
        (offset, *shape, *strides) if isinstance(shape, tuple) and isinstance(strides, tuple) else (None,)
    )
    if not isinstance(storage, Storage) or not all(type(n) is int and n >= 0 for n in numbers):
        raise Broken("a tensor", "something else")
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if math.prod(shape) and last >= len(storage.data):
        raise Broken(f"a tensor within its {len(storage.data)} items", f"one that reaches to {last}")
    if math.prod(shape) > max(1 << 24, 16 * len(storage.data)) or len(shape) > 32:
        raise Broken("a tensor of the size of its storage", f"shape {shape}")
    return Tensor(storage, offset, shape, strides, bool(requires_grad))


def _parameter(data: Any, requires_grad: Any, *_: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise Broken("a tensor", type(data).__name__)
    return Tensor(
        data.storage, data.offset, data.shape, data.strides, data.requires_grad, bool(requires_grad)
    )


def dump(content: Any, path: Path, folder: str = "archive") -> None:
    """Write plain containers with tensors as a torch file that ``torch.load(weights_only=True)`` reads.

    Tensors that shared a storage still do; only new ones have storages of their own.
    """
    out = io.BytesIO()
    pickler = _TorchPickler(out)
    pickler.dump(content)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as z:

        def member(name: str, data: Any) -> None:
            z.writestr(zipfile.ZipInfo(f"{folder}/{name}"), data)  # a fixed date: same data, same file

        member("data.pkl", out.getvalue())
        member("byteorder", b"little")
        for key, storage in enumerate(pickler.storages):
            member(f"data/{key}", storage.data.tobytes())
        member("version", b"3\n")


_Base: Any = pickle._Pickler


class _TorchPickler(_Base):  # type: ignore[misc]
    """The standard library's own pickler (its Python version: it can name torch's globals without torch)."""

    dispatch: ClassVar[dict[type, Any]] = dict(_Base.dispatch)

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=2)
        self.keys: dict[int, str] = {}
        self.storages: list[Storage] = []

    def reducer_override(self, obj: Any) -> Any:
        return portable_reduce(obj)

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, Storage):
            return None
        if id(obj) not in self.keys:
            self.keys[id(obj)] = str(len(self.storages))
            self.storages.append(obj)
        return ("storage", obj.kind, self.keys[id(obj)], obj.location, len(obj.data))

    def save_name(self, obj: Name) -> None:
        self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        self.memoize(obj)

    def save_call(self, obj: Call) -> None:
        self.save(obj.function)
        self.save(obj.args)
        self.write(pickle.REDUCE)
        self.memoize(obj)

    def save_tensor(self, obj: Tensor) -> None:
        plain = Call(
            _name("torch._utils", "_rebuild_tensor_v2"),
            (obj.storage, obj.offset, obj.shape, obj.strides, obj.requires_grad, OrderedDict()),
        )
        if obj.parameter is not None:
            plain = Call(_name("torch._utils", "_rebuild_parameter"), (plain, obj.parameter, OrderedDict()))
        self.save(plain)

    dispatch[Name] = save_name
    dispatch[Call] = save_call
    dispatch[Tensor] = save_tensor
