"""Changes inside zip archives (npz, torch and OpenPose files are some), and to pickles."""

from __future__ import annotations

import bz2
import copy
import gzip
import io
import lzma
import pickle
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
from fuzz_bytes import anywhere
from fuzz_trees import ARRAYS, STRANGE, changed

Change = Callable[[bytes, Random], bytes]
OUTSIDE = (
    "/tmp/steadypose-fuzz-outside"  # where a hostile name would have files written; the judge looks there
)
HOSTILE = (
    f"{OUTSIDE}/a_000000000000_keypoints.json", f"/{OUTSIDE}/a_000000000000_keypoints.json",
    "../../a_000000000000_keypoints.json", "..\\..\\a_000000000000_keypoints.json", "", "/", ".", "..",
    "a/../../b.npy",
    "\\\\tmp\\x", "C:\\x.json", "x" * 300 + ".npy", "a\0b.npy", "é\udc80.npy", "__MACOSX/._a.json", "a/",
    "poses.npy",
    "aux.json", "data.pkl", "x/data.pkl", "a_18446744073709551616_keypoints.json",
    "a\nb_000000000001_keypoints.json",
)  # fmt: skip


@lru_cache(maxsize=64)
def _members(data: bytes) -> tuple[tuple[zipfile.ZipInfo, bytes], ...]:
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        return tuple((i, z.read(i)) for i in z.infolist())


def _zip(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as z:
        for name, content in members:
            z.writestr(_named(name), content, method)
    return file.getvalue()


def _named(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo()
    info.filename = info.orig_filename = name  # the constructor would mend it
    return info


def member(change: Change) -> Change:
    """That change to one file of an archive."""

    def of_archive(data: bytes, rng: Random) -> bytes:
        members = [(i.filename, content) for i, content in _members(data)]
        k = rng.randrange(len(members))
        members[k] = (members[k][0], change(members[k][1], rng))
        return _zip(members, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))

    return of_archive


def directory(data: bytes, rng: Random) -> bytes:
    """Names, order and number of an archive's files, and what its directory says of them."""
    members = [(i.filename, content) for i, content in _members(data)]
    k = rng.randrange(len(members))
    match rng.randrange(8):
        case 0 | 1:
            members[k] = (rng.choice(HOSTILE), members[k][1])
        case 2:
            members.append((rng.choice(HOSTILE), rng.choice(members)[1]))
        case 3:
            del members[k]
        case 4:
            members.append((members[k][0], rng.choice(members)[1]))
        case 5:
            rng.shuffle(members)
        case 6:
            other = rng.randrange(len(members))
            members[k] = (members[k][0], members[other][1])
        case 7:
            zeros = bytes(rng.choice((10**5, 10**7)))  # a thousand times larger than its archive
            members[k] = (members[k][0], members[k][1] + zeros)
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    try:
        out = bytearray(_zip(members, method))
    except (UnicodeEncodeError, struct.error):
        return data
    if rng.random() < 0.5:
        _field(out, rng)
    return bytes(out)


def _field(out: bytearray, rng: Random) -> None:
    """A field of an entry's header or of the end record."""
    mark, fields = rng.choice((
        (b"PK\x01\x02", ((6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42,
        4))),
        (b"PK\x03\x04", ((6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))),
        (b"PK\x05\x06", ((4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2))),
    ))  # fmt: skip
    places = (
        [at for at in range(len(out) - 46) if out[at : at + 4] == mark] if mark[2] != 5 else [len(out) - 22]
    )
    if not places:
        return
    offset, size = rng.choice(fields)
    at = rng.choice(places) + offset
    number = rng.choice((0, 1, 8, 9, 12, 99, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 10**9, rng.randrange(2**16)))
    out[at : at + size] = (number % 256**size).to_bytes(size, "little")


def npy_header(data: bytes, rng: Random) -> bytes:
    """The dictionary at the start of an array's file: dtype, order, shape."""
    if data[:6] != b"\x93NUMPY":
        return anywhere(data, rng)
    length = int.from_bytes(data[8:10], "little")
    header = data[10 : 10 + length]
    new = rng.choice((
        b"(-1,)", b"(10000000000,)", b"()", b"(0,)", b"(3, 0, 2)", b"(1,)*9", b"(2, 3",
        b"(99999999999999999999,)", b"(1.5,)",
        b"[6]", b"None", b"(True,)", b"(" + b"1, " * 40 + b")", b"(4611686018427387904, 4)",
        b"__import__('os')", b"{}",
    ))  # fmt: skip
    start, end = header.find(b"("), header.find(b")") + 1
    dtype = rng.choice((
        b"'<f8'", b"'|O'", b"'<U9'", b"'|V8'", b"'<M8[s]'", b"'<m8'", b"[('a', '<f4'), ('b', '<i8')]",
        b"'<f2'", b"'>f4'",
        b"'|S0'", b"'<U0'", b"'|b1'", b"'<c16'", b"'<f16'", b"''", b"'x'", b"3", b"None", b"'<U400000000'",
        b"('<f4', (3,))",
        b"[('a', [('b', '|O')])]", b"'f4,f4'", b"'<M8'",
    ))  # fmt: skip
    match rng.randrange(4):
        case 0:
            header = header[:start] + new + header[end:]
        case 1:
            at = header.find(b"'descr': ") + 9
            header = header[:at] + dtype + header[header.find(b",", at) :]
        case 2:
            header = header.replace(b"False", rng.choice((b"True", b"1", b"'x'", b"")))
        case 3:
            header = anywhere(header, rng)
    if rng.random() < 0.1:
        return data[:8] + rng.choice((b"\xff\xff", b"\0\0")) + header + data[10 + length :]
    return (
        data[:6]
        + rng.choice((data[6:8], data[6:8], b"\x02\0", b"\x09\0"))
        + struct.pack("<H", len(header))
        + header
        + data[10 + length :]
    )


@lru_cache(maxsize=64)
def _arrays(data: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(data), allow_pickle=True) as z:  # a seed: written by these tests
        return {k: z[k].item() if z[k].dtype == object and z[k].ndim == 0 else z[k] for k in z.files}


def arrays(data: bytes, rng: Random) -> bytes:
    """The arrays of an npz file."""
    tree: Any = _arrays(data)
    for _ in range(rng.randint(1, 3)):
        tree = changed(tree, rng, [*STRANGE, *ARRAYS, *ARRAYS])
    members = []
    for name, value in (tree if isinstance(tree, dict) else {"a": tree}).items():
        file = io.BytesIO()
        np.lib.format.write_array(file, _array(value), allow_pickle=True)
        members.append((f"{name}.npy".encode("utf-8", "replace").decode(), file.getvalue()))
    return _zip(members)


def _array(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    out = np.empty((), object)
    out[()] = value
    return out


def _unfolded(data: bytes) -> bytes:
    return zlib.decompress(data) if data[:1] == b"x" else data


def _folded(data: bytes, rng: Random) -> bytes:
    """As joblib may compress it."""
    if rng.random() < 0.9:
        return data
    return rng.choice((zlib.compress, gzip.compress, bz2.compress, lzma.compress))(data)


@lru_cache(maxsize=64)
def _content(data: bytes) -> Any:
    return pickle.loads(_unfolded(data))  # a seed: written by these tests


def objects(data: bytes, rng: Random) -> bytes:
    """What a pickle holds."""
    tree = _content(data)
    for _ in range(rng.randint(1, 3)):
        tree = changed(tree, rng, [*STRANGE, *ARRAYS, *ARRAYS])
    return _folded(pickle.dumps(copy.copy(tree), protocol=rng.choice((2, 4, 5))), rng)


CODES = [ord(o.code) for o in pickletools.opcodes]
INSERTS = (
    b"cos\nsystem\n", b"cbuiltins\neval\n", b"\x8c\x02os\x8c\x06system\x93", b"(S'true'\ntR", b"0", b"2",
    b"R", b"b", b"\x81",
    b"}", b"]", b")", b"\x94", b"h\0", b"j\xff\xff\xff\x7f", b"r\xff\xff\xff\x7f",
    b"\x8a\xff" + b"\x7f" * 255, b"\x8e" + b"\xff" * 8,
    b"X\xff\xff\xff\x7f", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"c__builtin__\ngetattr\n",
    b"I" + b"9" * 5000 + b"\n", b"(" * 200,
    b"cnumpy.core.multiarray\n_reconstruct\n", b"F1e999\n", b"L7L\n", b"P1\n", b"Q", b"\x95" + b"\xff" * 8,
    b"]" * 300,
)  # fmt: skip


@lru_cache(maxsize=64)
def _opcodes(data: bytes) -> tuple[int, ...]:
    return tuple(at for _, _, at in pickletools.genops(data) if at is not None)


def opcodes(data: bytes, rng: Random) -> bytes:
    """The program that a pickle is."""
    whole = _unfolded(data)
    try:
        at = _opcodes(whole)
    except Exception:  # joblib's arrays lie between the opcodes
        at = tuple(range(min(len(whole), 2000)))
    out = bytearray(whole)
    for place in sorted((rng.choice(at) for _ in range(rng.randint(1, 4))), reverse=True):
        match rng.randrange(4):
            case 0 | 1:
                out[place] = rng.choice(CODES)
            case 2:
                out[place:place] = rng.choice(INSERTS)
            case 3:
                del out[place : place + rng.choice((1, 2, 10))]
    return _folded(bytes(out), rng)
