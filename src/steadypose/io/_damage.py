"""Damaged is not foreign: a file that no format recognises, though it says that it is of a kind they have.

What a file says it is stands in its first bytes, or in its suffix where the kind has no such bytes. If its
container cannot be opened (a zip without its end, JSON that stops in the middle), it is damaged and an error,
in a folder of many files too. A file that is intact and of something else is foreign, and may be passed over.
"""

from __future__ import annotations

import zipfile

from steadypose.io import _h5, _npy, _pickle, _torch
from steadypose.io._probe import Probe

_SUFFIXES = {
    ".json": "json",
    ".npz": "npz",
    ".npy": "npy",
    ".zip": "zip",
    ".pkl": "pickle", ".pickle": "pickle", ".joblib": "pickle",
    ".pt": "torch", ".pth": "torch",
    ".h5": "hdf5", ".hdf5": "hdf5",
    ".c3d": "c3d", ".trc": "trc", ".bvh": "bvh",
}  # fmt: skip
_ONLY_POSES = ("c3d", "trc", "bvh")  # nothing else is called so


def claims(probe: Probe) -> str | None:
    """The kind of container that a file's name or its first bytes say it is; None if they say nothing."""
    if probe.is_dir:
        return None
    named = _SUFFIXES.get(probe.suffix)
    if named is not None or probe.suffix:
        return named
    head = probe.head
    if head.startswith(b"PK"):
        return "zip"
    if head.startswith(_h5.MAGIC):
        return "hdf5"
    if head.startswith(_npy.MAGIC):
        return "npy"
    return "json" if head.lstrip()[:1] in (b"{", b"[") else None


def check_intact(probe: Probe) -> None:
    """Raises FormatError if a file is not what it says it is: it is damaged."""
    kind = claims(probe)
    if kind == "json":
        probe.need_json()
    elif kind == "npz":
        _npy.load_npz(probe.path)
    elif kind == "npy":
        _npy.load_npy(probe.path)
    elif kind == "pickle":
        _pickle.load(probe.path)
    elif kind == "torch":
        _torch.load(probe.path)
    elif kind == "hdf5":
        with _h5.opened(probe) as file:
            file.names()
    elif kind == "zip" and not zipfile.is_zipfile(probe.path):
        raise probe.error("", "an intact zip archive", "one without its end (it is truncated)")
    elif kind in _ONLY_POSES:
        raise probe.error("", f"{kind.upper()} data", "content that is none")
