"""Reading bytes from files that may lie about their size: plain, or compressed the way joblib compresses.

Every read is checked against what is left before anything is allocated, and what a compressed file unfolds
to is bounded by a multiple of its own size.
"""

from __future__ import annotations

import bz2
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from steadypose.errors import ForeignError, FormatError

# Real files stay far below this; a bomb (deflate reaches 1000 : 1, the others more) does not.
RATIO = 200
ALWAYS_ALLOWED = 1 << 26
_SPARSE = 100  # of a grid of persons over frames, one cell in so many must hold somebody …
_LARGEST_SPARSE = 1 << 30  # … and no grid that is mostly empty is larger than this
_CHUNK = 1 << 20
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_LZMA_MEMORY = 1 << 28  # an xz header may ask for gigabytes of dictionary; preset 9 needs 65 MiB

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x5d\x00\x00", "lzma"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "zlib": zlib.decompressobj,
    "gzip": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=_LZMA_MEMORY),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_LZMA_MEMORY),
}
_COMPRESSORS: dict[str, Callable[[], Any]] = {
    "zlib": lambda: zlib.compressobj(3),
    "gzip": lambda: zlib.compressobj(3, wbits=16 + zlib.MAX_WBITS),
    "bz2": lambda: bz2.BZ2Compressor(3),
    "xz": lambda: lzma.LZMACompressor(lzma.FORMAT_XZ, preset=3),
    "lzma": lambda: lzma.LZMACompressor(lzma.FORMAT_ALONE, preset=3),
}


def open_zip(target: str | Path | BinaryIO) -> zipfile.ZipFile:
    """A zip archive to read, whose members unfold in little memory.

    Raises
    ------
    zipfile.BadZipFile
        If it is none, or a member is compressed in another way: one in LZMA says itself how much memory it
        takes, up to 4 GB.
    """
    archive = zipfile.ZipFile(target)
    for member in archive.infolist():
        if member.compress_type not in _ZIP_METHODS:
            archive.close()
            found = f"{member.filename} compressed by method {member.compress_type}"
            raise zipfile.BadZipFile(f"expected members stored, deflated or in bzip2, found {found}")
    return archive


class Broken(Exception):
    """Content that cannot be what it says it is."""

    kind = FormatError

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.expected, self.found = expected, found

    def error(self, path: str | Path, place: str) -> FormatError:
        """The error to be raised about a file."""
        return self.kind(path, place, self.expected, self.found)


class Foreign(Broken):
    """Content that is intact, and of something else than poses: an object of another program."""

    kind = ForeignError


def allowed(size: int) -> int:
    """The most bytes of memory that the content of a file of ``size`` bytes may become."""
    return max(ALWAYS_ALLOWED, RATIO * size)


def spread(size: int) -> int:
    """The most bytes that rows of ``size`` bytes may become in a grid, such as of persons over frames."""
    return max(ALWAYS_ALLOWED, min(_SPARSE * size, _LARGEST_SPARSE), 2 * size)


class Budget:
    """What the content of one file may still become in memory, all its parts together."""

    def __init__(self, size: int) -> None:
        self.left = allowed(size)

    def allows(self, n: int) -> bool:
        """Whether ``n`` more bytes are within it."""
        return n <= self.left

    def check(self, n: int) -> None:
        """Raises Broken if ``n`` bytes are too many."""
        if not self.allows(n):
            raise Broken("content in proportion to the file", f"{n} bytes, {self.left} at most")

    def take(self, n: int) -> None:
        """Count ``n`` bytes; raises Broken if they are too many."""
        self.check(n)
        self.left -= n


def compression(head: bytes) -> str | None:
    """How a file that starts like this is compressed; None if it is not."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if len(head) > 1 and head[0] == 0x78 and int.from_bytes(head[:2], "big") % 31 == 0:
        return "zlib"
    return None


def unfolded(head: bytes) -> bytes:
    """The first few bytes of the content of a file that starts like this; empty if they cannot be had."""
    method = compression(head)
    if method is None:
        return head[:64]
    try:
        return bytes(_DECOMPRESSORS[method]().decompress(head, 64))
    except (KeyError, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError):
        return b""


class Reader:
    """What an unpickler reads from: never gives less than asked for, never allocates more than is there.

    Parameters
    ----------
    file
        Open for reading at the start of the (possibly compressed) content.
    size
        Bytes in ``file`` from there on.
    method
        Compression (:func:`compression`), or None.
    """

    def __init__(self, file: BinaryIO, size: int, method: str | None = None) -> None:
        if method is not None and method not in _DECOMPRESSORS:
            raise Broken(
                "a pickle, plain or compressed with zlib, gzip, bz2, lzma or xz", f"{method} compression"
            )
        self._file = file
        self._decompressor = None if method is None else _DECOMPRESSORS[method]()
        self._folded = b""
        self._buffer = b""
        self._at = 0
        self.left = size if method is None else allowed(size)
        self.position = 0
        # Of a small file that unfolds to a big one, the time is bounded too.
        self._reads_left = 2_000_000 + 16 * size

    def read(self, n: int) -> bytes:
        """Exactly ``n`` bytes."""
        if not 0 <= n <= self.left:
            raise Broken(
                f"{n} more bytes", f"{self.left} (a truncated file, or one that lies about its size)"
            )
        self._reads_left -= 1
        if self._reads_left < 0:
            raise Broken("a file of reasonable content", "one that unfolds to very many tiny items")
        end = self._at + n
        if end > len(self._buffer):
            self._fill(n)
            end = self._at + n
        piece = self._buffer[self._at : end]
        self._at = end
        self.left -= n
        self.position += n
        return piece

    def readline(self) -> bytes:
        """Up to and with the next line feed."""
        while (end := self._buffer.find(b"\n", self._at)) < 0:
            self._fill(1 + 2 * (len(self._buffer) - self._at))
        return self.read(end + 1 - self._at)

    def _fill(self, n: int) -> None:
        """Have ``n`` bytes in the buffer."""
        if n > self.left:
            n = self.left
        pieces = [self._buffer[self._at :]]
        have = before = len(pieces[0])
        while have < n or have == before:
            piece = self._next(max(_CHUNK, min(n - have, 1 << 26)))
            if not piece:
                raise Broken("more content", "the end of the file (it is truncated)")
            pieces.append(piece)
            have += len(piece)
        self._buffer, self._at = b"".join(pieces), 0

    def _next(self, n: int) -> bytes:
        if self._decompressor is None:
            return self._file.read(n)
        try:
            while not self._decompressor.eof:
                if not self._folded and getattr(self._decompressor, "needs_input", True):
                    self._folded = self._file.read(_CHUNK)
                    if not self._folded:
                        return b""
                piece: bytes = self._decompressor.decompress(self._folded, n)
                self._folded = getattr(self._decompressor, "unconsumed_tail", b"")
                if piece:
                    return piece
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as e:
            raise Broken("intact compressed data", str(e)) from None
        return b""


class Writer:
    """A file to write pickles to, compressed by the same method as the file they came from."""

    def __init__(self, path: Path, method: str | None) -> None:
        self._file = path.open("wb")
        self._compressor = None if method is None else _COMPRESSORS[method]()

    def write(self, data: bytes) -> int:
        """All of ``data``."""
        self._file.write(data if self._compressor is None else self._compressor.compress(data))
        return len(data)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and self._compressor is not None:
            self._file.write(self._compressor.flush())
        self._file.close()
