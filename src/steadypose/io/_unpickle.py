"""The unpickler for files from strangers: plain containers, numbers, text and arrays, nothing else.

Nothing a file says is ever imported or called. The opcodes are those of the standard library's own unpickler
(its Python version, as in joblib: arrays lie between the opcodes in joblib's files), without those that
instantiate classes; a global is looked up in the short table of :mod:`steadypose.io._stand_ins`.

joblib's arrays in line: a ``NumpyArrayWrapper`` is pickled, and after its BUILD opcode come, since joblib
1.2, one byte with the length of a padding, the padding, and the array's bytes in C or Fortran order.
"""

from __future__ import annotations

import math
import pickle
import struct
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from steadypose.io._bounded import Broken, Foreign, Reader
from steadypose.io._stand_ins import (
    GLOBALS,
    MODULES,
    NOT_CALLED,
    DType,
    Wrapper,
    checked_shape,
    empty_array,
    fill_array,
    plain_dtype,
)

_MAX_DEPTH = 100
_DROPPED = (
    "INST", "OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER", "PERSID",
    "BINPERSID", "EMPTY_SET", "ADDITEMS", "FROZENSET",
)  # fmt: skip


class Machine(pickle._Unpickler):
    """The standard library's opcodes, less those that could do harm, with the table of globals above.

    Parameters
    ----------
    reader
        Bounded (:class:`~steadypose.io._bounded.Reader`).
    size, compressed
        Of the file: they bound how many containers it may hold.
    """

    def __init__(self, reader: Reader, size: int, compressed: bool) -> None:
        super().__init__(reader, encoding="latin1")
        self.reader = reader
        # An empty container takes one byte in the file and sixty in memory; real ones hold something.
        self.containers_left = 1_000_000 + (size if compressed else size // 4)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        found = GLOBALS.get((MODULES.get(module, module), name))
        if found is None:
            raise Foreign("plain data (containers, numbers, text, arrays)", f"the global {module}.{name}")
        return found

    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        """The REDUCE opcode."""
        if function is np.ndarray:  # as _Pickler writes arrays
            return empty_array(function, *args)
        if function in NOT_CALLED or not callable(function) or not isinstance(args, tuple):
            raise Broken("a call of a known constructor", type(function).__name__)
        return function(*args)

    def build(self, target: Any, state: Any) -> Any:
        """The BUILD opcode: what is to stand in the place of ``target``."""
        if isinstance(target, Wrapper):
            return self._read_array(state)
        if isinstance(target, DType):
            target.build(state)
        elif type(target) is np.ndarray:
            fill_array(target, state)
        else:
            raise Broken("an array to be filled", type(target).__name__)
        return target

    def _read_array(self, state: Any) -> Any:
        if not isinstance(state, dict) or not {"shape", "order", "dtype"} <= set(state):
            raise Broken("joblib's description of an array", type(state).__name__)
        dtype = plain_dtype(state["dtype"])
        if dtype.hasobject:
            inner = type(self)(self.reader, 0, False)
            inner.containers_left = self.containers_left
            array = inner.load()
            self.containers_left = inner.containers_left
            return array
        if state.get("numpy_array_alignment_bytes") is not None:
            self.reader.read(self.reader.read(1)[0])
        shape = state["shape"]
        nbytes = math.prod(shape) * dtype.itemsize if isinstance(shape, tuple) else -1
        checked_shape(shape, dtype.itemsize, nbytes)
        flat = np.frombuffer(self.reader.read(nbytes), dtype) if nbytes else np.empty(0, dtype)
        return flat.reshape(shape, order="F" if state["order"] == "F" else "C")


def _opcode(name: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    def put(action: Callable[[Any], None]) -> Callable[[Any], None]:
        Machine.dispatch[getattr(pickle, name)[0]] = action
        return action

    return put


def _counted(name: str) -> None:
    code = getattr(pickle, name)[0]
    inner: Callable[[Any], None] = Machine.dispatch[code]

    def action(m: Any) -> None:
        m.containers_left -= 1
        if m.containers_left < 0 or len(m.metastack) > 10 * _MAX_DEPTH:
            raise Broken("a file of reasonable content", "very many empty containers")
        inner(m)

    Machine.dispatch[code] = action


def _dropped(name: str) -> None:
    def action(m: Any) -> None:
        raise Foreign("plain data", f"the pickle opcode {name}")

    Machine.dispatch[getattr(pickle, name)[0]] = action


for _name in _DROPPED:
    _dropped(_name)
for _name in ("EMPTY_LIST", "EMPTY_DICT", "MARK", "TUPLE1", "MEMOIZE"):
    _counted(_name)


@_opcode("FRAME")
def _frame(m: Any) -> None:
    m.read(8)  # frames only save reads; joblib's arrays lie outside them


@_opcode("BYTEARRAY8")
def _bytearray(m: Any) -> None:
    m.append(bytearray(m.read(struct.unpack("<Q", m.read(8))[0])))


@_opcode("REDUCE")
def _reduce(m: Any) -> None:
    args = m.stack.pop()
    m.stack[-1] = m.call(m.stack[-1], args)


@_opcode("NEWOBJ")
def _newobj(m: Any) -> None:
    if m.stack.pop() != () or m.stack[-1] is not Wrapper:
        raise Foreign("plain data", "an object of a class")
    m.stack[-1] = Wrapper()


@_opcode("BUILD")
def _build(m: Any) -> None:
    state = m.stack.pop()
    m.stack[-1] = m.build(m.stack[-1], state)


@_opcode("APPEND")
def _append(m: Any) -> None:
    _extend(m, [m.stack.pop()])


@_opcode("APPENDS")
def _appends(m: Any) -> None:
    _extend(m, m.pop_mark())


def _extend(m: Any, items: list[Any]) -> None:
    if type(m.stack[-1]) is not list:
        raise Broken("a list", type(m.stack[-1]).__name__)
    m.stack[-1].extend(items)


@_opcode("SETITEM")
def _setitem(m: Any) -> None:
    value = m.stack.pop()
    _update(m, [m.stack.pop(), value])


@_opcode("SETITEMS")
def _setitems(m: Any) -> None:
    _update(m, m.pop_mark())


@_opcode("DICT")
def _dict(m: Any) -> None:
    items = m.pop_mark()
    m.append({})
    _update(m, items)


_KEYS = (str, bytes, int, float, bool, type(None), np.number, np.str_, np.bool_)


def _update(m: Any, items: list[Any]) -> None:
    target = m.stack[-1]
    if not isinstance(target, dict) or len(items) % 2:
        raise Broken("a dict", type(target).__name__)
    for key, value in zip(items[::2], items[1::2], strict=True):
        # Nothing deep or shared: hashing it would take forever, or overflow the stack.
        flat = key if type(key) is tuple and len(key) < 10 else (key,)
        if not all(isinstance(part, _KEYS) for part in flat):
            raise Broken("text or numbers as keys of a dict", type(key).__name__)
        target[key] = value


def unpickle(reader: Reader, machine: Machine) -> Any:
    """What the machine makes of the stream; whatever goes wrong is Broken."""
    try:
        content = machine.load()
    except Broken:
        raise
    except MemoryError:
        raise Broken("content that fits into memory", "more") from None
    except Exception as e:  # a mangled stream can make the opcodes trip in any way
        raise Broken("an intact pickle", f"{type(e).__name__}: {str(e)[:80]}") from None
    _check_depth(content)
    return content


def _check_depth(content: Any) -> None:
    """Raise Broken if containers are nested deeper than anything that walks or writes them can bear."""
    height: dict[int, int] = {}  # finished containers; 0 while under way
    path: list[tuple[Any, Any]] = []

    def enter(value: Any) -> bool:
        kids = (
            value.values()
            if isinstance(value, dict)
            else value.flat
            if isinstance(value, np.ndarray)
            else value
        )
        height[id(value)] = 0
        path.append((value, iter(kids)))
        return len(path) > _MAX_DEPTH

    def container(value: Any) -> bool:
        return isinstance(value, (list, tuple, dict)) or (
            isinstance(value, np.ndarray) and value.dtype.hasobject
        )

    too_deep = container(content) and enter(content)
    tall: list[int] = [0]
    while path and not too_deep:
        value, kids = path[-1]
        for kid in kids:
            if not container(kid):
                continue
            known = height.get(id(kid))
            if known is None:
                too_deep = enter(kid)
                tall.append(0)
                break
            if known == 0 or len(path) + known > _MAX_DEPTH:
                too_deep = True
                break
            tall[-1] = max(tall[-1], known)
        else:
            path.pop()
            height[id(value)] = 1 + tall.pop()
            if tall:
                tall[-1] = max(tall[-1], height[id(value)])
    if too_deep:
        raise Broken(f"content nested at most {_MAX_DEPTH} deep", "deeper, or content that contains itself")
