"""The files of an OpenPose folder or zip: read in one pass, written back under the same names."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from steadypose._writing import inside
from steadypose.errors import FormatError, SteadyposeError
from steadypose.io._bounded import allowed, open_zip
from steadypose.io._probe import HEAD, Probe

_TRIED = 5  # JSON files looked at before a folder is taken for something else


@dataclass(frozen=True, eq=False)
class Archive:
    """What was read.

    Parameters
    ----------
    content
        Files by name, in the archive's order; of a folder the JSON files only.
    kind
        ``"folder"``, ``"zip"`` or ``"file"``.
    root
        The folder, for the files in it that are none of ours.
    stray
        Names of those.
    """

    content: Mapping[str, bytes]
    kind: str
    root: Path | None = None
    stray: tuple[str, ...] = field(default=())

    def changed(self, new: Mapping[str, bytes]) -> Archive:
        """The same with other content for some of its files."""
        return replace(self, content={**self.content, **new})


def pattern(name: str) -> tuple[str, str]:
    """A file's name without its number: what the frames of one recording have in common."""
    parts = re.split(r"\d+(?=\D*$)", name, maxsplit=1)
    return parts[0], parts[-1]


def heads(probe: Probe) -> Iterator[bytes]:
    """The start of the first few JSON files; nothing for what cannot be opened."""
    try:
        if probe.is_dir:
            tried = 0
            with os.scandir(probe.path) as entries:
                for entry in entries:
                    if entry.name.lower().endswith(".json") and entry.is_file():
                        with open(entry.path, "rb") as f:  # noqa: PTH123
                            yield f.read(HEAD)
                        tried += 1
                        if tried == _TRIED:
                            return
        elif names := [n for n in probe.zip_names if n.lower().endswith(".json")]:
            with open_zip(probe.path) as z:
                for name in names[:_TRIED]:
                    with z.open(name) as f:
                        yield f.read(HEAD)
        else:
            yield probe.head
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, EOFError):
        return


def load(probe: Probe) -> Archive:
    """Every file; raises FormatError for an archive that cannot be read."""
    if probe.is_dir:
        return _load_folder(probe.path)
    if probe.head.startswith(b"PK"):
        return _load_zip(probe)
    return Archive({probe.path.name if probe.suffix == ".json" else "frame.json": probe.data}, "file")


def _load_folder(root: Path) -> Archive:
    # Plain calls instead of pathlib, which costs as much for each of thousands of files as parsing it.
    content: dict[str, bytes] = {}
    stray: list[str] = []
    with os.scandir(root) as entries:
        found = sorted((entry.name, entry.path, entry.is_file()) for entry in entries)
    for name, path, is_file in found:
        if is_file and name[-5:].lower() == ".json":
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                content[name] = os.read(handle, os.fstat(handle).st_size)
            finally:
                os.close(handle)
        else:
            stray.append(name)
    return Archive(content, "folder", root, tuple(stray))


def _load_zip(probe: Probe) -> Archive:
    content: dict[str, bytes] = {}
    most = allowed(probe.path.stat().st_size)
    name = ""
    try:
        with open_zip(probe.path) as z:
            for info in z.infolist():
                name = info.filename
                most -= info.file_size
                if most < 0:
                    raise probe.error(name, "an archive of sane size", f"a file of {info.file_size} bytes")
                if name in content:
                    raise probe.error(name, "each name once in the archive", "it twice")
                content[name] = z.read(info)
    except FormatError:
        raise
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, EOFError) as e:
        raise probe.error(name, "a readable zip archive", str(e) or type(e).__name__) from None
    return Archive(content, "zip")


def save(archive: Archive, target: Path) -> None:
    """As a zip if the target's suffix is that, and else as a folder (or as the single file that it was)."""
    suffix = target.suffix.lower()
    if suffix == ".zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as z:
            for name, raw in archive.content.items():
                # A fixed date: the same content gives the same archive.
                z.writestr(zipfile.ZipInfo(name), raw, compress_type=zipfile.ZIP_DEFLATED)
            for path, name in _strays(archive):
                z.write(path, name)
    elif archive.kind == "file" or (suffix == ".json" and len(archive.content) == 1):
        target.write_bytes(next(iter(archive.content.values())))
    elif suffix == ".json":
        raise SteadyposeError(
            f"openpose: expected a folder or .zip for {len(archive.content)} frames, found .json"
        )
    else:
        _save_folder(archive, target)


def own(root: Path, frame: re.Pattern[bytes]) -> list[str]:
    """Names of the frames in a folder: JSON files that begin like one, and those called like these."""
    with os.scandir(root) as entries:
        names = [e.name for e in entries if e.name[-5:].lower() == ".json" and e.is_file()]
    frames = set()
    for name in names:
        with open(root / name, "rb") as f:  # noqa: PTH123
            if frame.match(f.read(HEAD)):
                frames.add(name)
    patterns = {pattern(name) for name in frames}
    return [name for name in names if name in frames or pattern(name) in patterns]


def _save_folder(archive: Archive, target: Path) -> None:
    target.mkdir()
    folders = {target}
    for name, path in _places(archive, target).items():
        if path.parent not in folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            folders.add(path.parent)
        try:
            with path.open("xb") as f:
                f.write(archive.content[name])
        except FileExistsError:
            raise SteadyposeError(f"{name}: expected every file once, found another of its name") from None
    for source, stray in _strays(archive):
        path = inside(target, stray)
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, path, symlinks=True)
        else:
            shutil.copy2(source, path, follow_symlinks=False)


def _places(archive: Archive, target: Path) -> dict[str, Path]:
    """Where each file goes: in ``target``, with the folders of its name in the archive.

    An archive's one top folder becomes the target itself; a name that would lead out of it loses its folders.
    """
    if archive.kind == "folder":
        return {name: target / name for name in archive.content}
    paths = {n: PurePosixPath(n.replace("\\", "/")) for n in archive.content if n[-1:] != "/"}
    tops = {p.parts[0] if len(p.parts) > 1 and not p.is_absolute() else "" for p in paths.values()}
    top = tops.pop() if len(tops) == 1 else ""
    places = {}
    for name, path in paths.items():
        try:
            places[name] = inside(target, str(path.relative_to(top) if top else path))
        except SteadyposeError:
            places[name] = inside(target, path.name)
    return places


def _strays(archive: Archive) -> Iterator[tuple[Path, str]]:
    for name in archive.stray:
        if archive.root is not None and (archive.root / name).exists():
            yield archive.root / name, name
