"""The header and the parameter section of a C3D file (the C3D File Format user guide, www.c3d.org).

Read without ezc3d: that library brings the interpreter down on damaged files, and writing through it changes
more than coordinates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from steadypose.io._bounded import Budget
from steadypose.io._probe import Probe

BLOCK = 512
_TEXT = 64  # bytes that a short text becomes, beside itself
Processor = Literal["intel", "dec", "mips"]
_PROCESSORS: dict[int, Processor] = {84: "intel", 85: "dec", 86: "mips"}


@dataclass(frozen=True)
class Header:
    """What is needed to find the points.

    Parameters
    ----------
    points, analogs
        Points, and analog samples, in every frame.
    frames
        Number of frames.
    scale
        Of whole-number coordinates; negative where coordinates are floats.
    start
        Byte at which the data start.
    """

    points: int
    analogs: int
    frames: int
    scale: float
    rate: float
    start: int
    processor: Processor
    parameters: dict[str, Any]

    def texts(self, name: str) -> list[str]:
        """A parameter of strings and its continuations (``LABELS``, ``LABELS2`` …)."""
        found: list[str] = []
        number = 1
        while (value := self.parameters.get(f"{name}{number if number > 1 else ''}")) is not None:
            found += value if isinstance(value, list) else []
            number += 1
        return found


def whole(data: bytes, processor: Processor) -> npt.NDArray[np.int16]:
    """16-bit numbers."""
    return np.frombuffer(data, ">i2" if processor == "mips" else "<i2")


def floats(data: bytes, processor: Processor) -> npt.NDArray[np.float32]:
    """32-bit floating-point numbers; DEC's have their halves exchanged and an exponent larger by two."""
    if processor != "dec":
        return np.frombuffer(data, ">f4" if processor == "mips" else "<f4").astype(np.float32)
    halves = np.frombuffer(data, "<u2").reshape(-1, 2)[:, ::-1]
    return np.asarray(np.ascontiguousarray(halves).view("<f4")[:, 0] / np.float32(4), dtype=np.float32)


def float_bytes(values: npt.NDArray[np.float32], processor: Processor) -> bytes:
    """The other way round."""
    if processor != "dec":
        return values.astype(">f4" if processor == "mips" else "<f4").tobytes()
    return np.ascontiguousarray(
        (values * np.float32(4)).astype("<f4").view("<u2").reshape(-1, 2)[:, ::-1]
    ).tobytes()


def parse(probe: Probe) -> Header:
    """Header and parameters; raises FormatError naming the byte of what cannot be."""
    data = probe.data
    if len(data) < 2 * BLOCK:
        raise probe.error("", f"a C3D file of {2 * BLOCK} bytes or more", f"{len(data)} bytes")
    if data[1] != 0x50:
        raise probe.error("byte 1", "a C3D file (0x50)", f"{data[1]:#x}")
    section = (data[0] - 1) * BLOCK
    if section < BLOCK or section + 4 > len(data):
        raise probe.error(
            "byte 0", "the block of the parameters", f"{data[0]} in a file of {len(data) // BLOCK}"
        )
    processor = _PROCESSORS.get(data[section + 3])
    if processor is None:
        raise probe.error(
            f"byte {section + 3}", "a processor of 84 (Intel), 85 (DEC) or 86", f"{data[section + 3]}"
        )
    parameters = _parameters(probe, section + 4, processor)
    words = whole(data[:BLOCK], processor).astype(np.uint16).astype(int)
    scale, rate = (float(floats(data[2 * i : 2 * i + 4], processor)[0]) for i in (6, 10))
    start = (_number(parameters, "POINT:DATA_START") or int(words[8])) - 1
    header = Header(
        points=int(words[1]),
        analogs=int(words[2]),
        frames=0,
        scale=scale,
        rate=float(parameters["POINT:RATE"][0]) if _numeric(parameters, "POINT:RATE") else rate,
        start=start * BLOCK,
        processor=processor,
        parameters=parameters,
    )
    if header.start < BLOCK or header.start > len(data):
        raise probe.error("POINT:DATA_START", f"a block of a file of {len(data) // BLOCK}", f"{start + 1}")
    return Header(**{**header.__dict__, "frames": _frames(probe, header, int(words[3]), int(words[4]))})


def frame_words(header: Header) -> int:
    """Numbers in a frame: four a point, then the analog samples."""
    return 4 * header.points + header.analogs


def word_bytes(header: Header) -> int:
    """Bytes of a number."""
    return 4 if header.scale < 0 else 2


def _frames(probe: Probe, header: Header, first: int, last: int) -> int:
    """Frames in the file: the header's 16 bits are not enough for long recordings."""
    size = frame_words(header) * word_bytes(header)
    if not header.points or not size:
        raise probe.error("byte 2", "at least one point", "none")
    here = (len(probe.data) - header.start) // size
    counts = [last - first + 1]
    p = header.parameters
    if all(
        _numeric(p, f"TRIAL:ACTUAL_{e}_FIELD") and len(p[f"TRIAL:ACTUAL_{e}_FIELD"]) == 2
        for e in ("START", "END")
    ):
        ends = [int(p[f"TRIAL:ACTUAL_{e}_FIELD"] @ np.array([1, 65536])) for e in ("START", "END")]
        counts.append(ends[1] - ends[0] + 1)
    counts += [n for name in ("POINT:LONG_FRAMES", "POINT:FRAMES") if (n := _number(p, name)) is not None]
    long = [c for c in counts if 0 < c <= here]
    if not long:
        raise probe.error("header", f"{max(counts)} frames of {size} bytes", f"room for {here}")
    return max(long) if last >= 65535 else long[0]


def _numeric(parameters: dict[str, Any], name: str) -> bool:
    value = parameters.get(name)
    return isinstance(value, np.ndarray) and value.size > 0


def _number(parameters: dict[str, Any], name: str) -> int | None:
    if not _numeric(parameters, name) or not np.isfinite(parameters[name][0]):
        return None
    return int(parameters[name][0])


def _parameters(probe: Probe, at: int, processor: Processor) -> dict[str, Any]:
    """Parameters by ``GROUP:NAME``: lists of strings, or arrays of numbers."""
    data = probe.data
    groups: dict[int, str] = {}
    found: list[tuple[int, str, Any]] = []
    budget = Budget(len(data))  # parameters may overlap, and every one of them span the file
    while at + 2 <= len(data) and data[at] != 0:
        length = abs(int.from_bytes(data[at : at + 1], signed=True))
        group = int.from_bytes(data[at + 1 : at + 2], signed=True)
        step_at = at + 2 + length
        if step_at + 2 > len(data):
            raise probe.error(f"byte {at}", "a parameter", "the end of the file")
        name = data[at + 2 : step_at].decode("latin-1").strip().upper()
        step = int(whole(data[step_at : step_at + 2], processor).astype(np.uint16)[0])
        if group < 0:
            groups[-group] = name
        elif group > 0:
            found.append((group, name, _value(probe, step_at + 2, processor, budget)))
        if step == 0:
            break
        if step < 2:
            raise probe.error(f"byte {step_at}", "the distance to the next parameter", f"{step}")
        at = step_at + step
    return {f"{groups.get(g, g)}:{name}": value for g, name, value in found}


def _value(probe: Probe, at: int, processor: Processor, budget: Budget) -> Any:
    data = probe.data
    try:
        kind = int.from_bytes(data[at : at + 1], signed=True)
        dims = list(data[at + 2 : at + 2 + data[at + 1]])
    except IndexError:
        raise probe.error(f"byte {at}", "a parameter's type", "the end of the file") from None
    size = math.prod(dims)
    start = at + 2 + len(dims)
    raw = data[start : start + size * abs(kind)]
    if kind not in (-1, 1, 2, 4) or len(raw) < size * abs(kind):
        raise probe.error(
            f"byte {at}", "a parameter of type -1, 1, 2 or 4 that fits the file", f"type {kind}, {dims}"
        )
    width = dims[0] if dims else 1
    budget.take(8 * len(raw) + (_TEXT * (size // width) if kind == -1 and width else 0))
    if kind == -1:
        texts = [raw[i : i + width] for i in range(0, size, width)] if width else []
        return [t.split(b"\0")[0].decode("utf-8", errors="replace").strip() for t in texts]
    if kind == 4:
        return floats(raw, processor)
    return (
        whole(raw, processor).astype(np.uint16).astype(np.int64)
        if kind == 2
        else np.frombuffer(raw, np.uint8)
    )
