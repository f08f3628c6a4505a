"""Changes to bytes of any kind, and to formats that are fields at known places: C3D, protocol buffers."""

from __future__ import annotations

import struct
from random import Random

TELLING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x50, 0x54, 0x55, 0x56)
WORDS = (0, 1, 2, -1, 127, 255, 256, 0x7FFF, -0x8000, 512, 2000)


def anywhere(data: bytes, rng: Random) -> bytes:
    """Bytes cut off, changed, put in, taken away, said twice or exchanged."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not out:
            return bytes(out)
        # Half of the changes go where the structure is: the start and the end.
        at = rng.choice(
            (
                rng.randrange(len(out)),
                rng.randrange(min(400, len(out))),
                -1 - rng.randrange(min(200, len(out))),
            )
        )
        at %= len(out)
        length = rng.choice((1, 1, 2, 4, 8, 64, 1000))
        match rng.randrange(8):
            case 0:
                del out[at:]
            case 1 | 2:
                out[at] = rng.choice(
                    (rng.randrange(256), rng.choice(TELLING), out[at] ^ 1 << rng.randrange(8))
                )
            case 3:
                out[at:at] = rng.randbytes(length)
            case 4:
                del out[at : at + length]
            case 5:
                out[at:at] = out[at : at + length]
            case 6:
                number = rng.choice((0, 1, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1, 10**9))
                size = rng.choice((2, 4, 8))
                out[at : at + size] = (number % 256**size).to_bytes(size, rng.choice(("little", "big")))
            case 7:
                other = rng.randrange(len(out))
                out[at : at + length] = out[other : other + length]
    return bytes(out)


def strangers(data: bytes, rng: Random) -> bytes:
    """Something else behind the first bytes of the format."""
    kept = data[: rng.choice((1, 2, 4, 8, 16, 64, 512))]
    return kept + rng.choice((rng.randbytes(rng.randrange(200)), bytes(rng.randrange(2000)), b"\xff" * 300))


def c3d_blocks(data: bytes, rng: Random) -> bytes:
    """Words of a C3D file's header and of its parameters, which are found by their names."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        if rng.random() < 0.5:  # a word of the header
            at = 2 * rng.randrange(12)
            struct.pack_into("<h", out, at, rng.choice((*WORDS, rng.randint(-0x8000, 0x7FFF))))
            continue
        names = (
            b"USED",
            b"SCALE",
            b"RATE",
            b"DATA_START",
            b"FRAMES",
            b"LABELS",
            b"UNITS",
            b"POINT",
            b"ANALOG",
            b"TRIAL",
        )
        at = out.find(rng.choice(names))
        if at < 2:
            continue
        field = at + rng.randrange(-2, 24)
        match rng.randrange(4):
            case 0:
                out[field % len(out)] = rng.choice((rng.randrange(256), *TELLING))
            case 1:
                struct.pack_into("<h", out, min(field, len(out) - 2), rng.choice(WORDS))
            case 2:
                numbers = (0.0, -1.0, 1e30, 1e-38, float("nan"), float("inf"), -0.001)
                struct.pack_into("<f", out, min(field, len(out) - 4), rng.choice(numbers))
            case 3:
                del out[field % len(out)]
    return bytes(out)


def _varint(n: int) -> bytes:
    out = bytearray()
    n %= 1 << 64
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes((*out, n))


def _fields(data: bytes) -> list[tuple[int, int, int | bytes]] | None:
    """Number, wire type and value of every field; None if these bytes are no message."""
    found: list[tuple[int, int, int | bytes]] = []
    at = 0

    def varint() -> int:
        nonlocal at
        n = shift = 0
        while True:
            n |= (data[at] & 127) << shift
            at += 1
            if not data[at - 1] & 128:
                return n
            shift += 7

    try:
        while at < len(data):
            tag = varint()
            kind = tag & 7
            if not tag >> 3:
                return None
            if kind == 0:
                found.append((tag >> 3, 0, varint()))
                continue
            size = {1: 8, 5: 4}.get(kind) or (varint() if kind == 2 else -1)
            if size < 0 or at + size > len(data):
                return None
            found.append((tag >> 3, kind, data[at : at + size]))
            at += size
    except IndexError:
        return None
    return found


def _message(fields: list[tuple[int, int, int | bytes]]) -> bytes:
    out = bytearray()
    for number, kind, value in fields:
        out += _varint(number << 3 | kind)
        if isinstance(value, int):
            out += _varint(value)
        else:
            out += (_varint(len(value)) if kind == 2 else b"") + value
    return bytes(out)


LIMITS = (0, 1, 2, 3, 7, 11, 2**31 - 1, 2**31, 2**62, 2**63, 2**64 - 1, 10**6)


def protobuf(data: bytes, rng: Random) -> bytes:
    """A field of a message, or of a message inside it: another value, gone, twice, renumbered, exchanged."""
    fields = _fields(data)
    if not fields:
        return anywhere(data, rng)
    k = rng.randrange(len(fields))
    number, kind, value = fields[k]
    inner = _fields(value) if kind == 2 and isinstance(value, bytes) and len(value) > 1 else None
    if inner and rng.random() < 0.85:
        assert isinstance(value, bytes)
        fields[k] = (number, kind, protobuf(value, rng))
        return _message(fields)
    match rng.randrange(6):
        case 0:
            del fields[k]
        case 1:
            fields.insert(rng.randrange(len(fields) + 1), fields[k])
        case 2:
            fields[k] = (rng.randint(1, 30), kind, value)
        case 3:
            other = rng.randrange(len(fields))
            fields[k], fields[other] = fields[other], fields[k]
        case _ if isinstance(value, int):
            fields[k] = (number, kind, rng.choice((*LIMITS, value + 1, rng.randrange(256))))
        case _:
            assert isinstance(value, bytes)
            fields[k] = (number, kind, _bytes(value, kind, rng))
    return _message(fields)


WORDS_OF_ONNX = (
    b"Loop", b"If", b"Scan", b"Expand", b"Tile", b"ConstantOfShape", b"Range", b"Add", b"Gemm", b"MatMul",
    b"Concat",
    b"Reshape", b"Pad", b"Resize", b"com.microsoft", b"ai.onnx", b"location", b"../secret", b"", b"keypoints",
    b"windows", b"Einsum", b"Split", b"NonZero", b"RandomNormal", b"\xff\xfe", b"x" * 300,
)  # fmt: skip


def _bytes(value: bytes, kind: int, rng: Random) -> bytes:
    if kind != 2:
        return rng.choice((bytes(len(value)), b"\xff" * len(value), rng.randbytes(len(value))))
    if rng.random() < 0.4:
        return rng.choice(WORDS_OF_ONNX)
    return anywhere(value, rng)
