"""Changes to the objects of an HDF5 file: datasets of other types, links elsewhere, odd attributes."""

from __future__ import annotations

import io
import time
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
from fuzz_archives import OUTSIDE
from fuzz_trees import ARRAYS

TEXTS = [b"text", "é", np.array([b"a", b"bc"]), np.bytes_(b"x" * 300), "x\0y", "(lp0\n.", ""]


@lru_cache(maxsize=8)
def _names(data: bytes) -> tuple[str, ...]:
    import h5py

    names: list[str] = []
    with h5py.File(io.BytesIO(data), "r") as f:
        f.visit(names.append)
    return tuple(sorted(names))


def objects(data: bytes, rng: Random) -> bytes:
    """One object, or an attribute of one, changed."""
    import h5py

    file, begun = io.BytesIO(data), int(time.time())
    with h5py.File(file, "r+") as f:
        for _ in range(rng.randint(1, 2)):
            name = rng.choice(_names(data))
            if name not in f:
                continue
            if rng.random() < 0.3:
                _attribute(f[name] if rng.random() < 0.8 else f, rng)
                continue
            old = f[name]
            values = old[()] if isinstance(old, h5py.Dataset) else None
            del f[name]
            _put(f, name, values, rng)
    return timeless(file.getvalue(), begun)


def timeless(data: bytes, begun: int) -> bytes:
    """Without the time of day that HDF5 writes beside what it makes: an input is its number alone."""
    for second in range(begun, int(time.time()) + 1):
        data = data.replace(second.to_bytes(4, "little"), bytes(4))
    return data


def _attribute(thing: Any, rng: Random) -> None:
    name = rng.choice([*thing.attrs, "new"])
    value = rng.choice([*ARRAYS, *TEXTS, 3, None])
    if value is None or getattr(value, "dtype", np.dtype(float)).kind in "UmMO":
        thing.attrs.pop(name, None)
    else:
        thing.attrs[name] = value


def _put(f: Any, name: str, values: Any, rng: Random) -> None:
    import h5py

    match rng.randrange(11):
        case 0:
            return
        case 1:
            f.create_group(name)
        case 2:
            f[name] = h5py.SoftLink(rng.choice(("/", f"/{name}", "/nothing")))
        case 3:
            f[name] = h5py.ExternalLink(f"{OUTSIDE}/secret.h5", "/tracks")
        case 4:
            f.create_dataset(name, (1000,), "f8", external=f"{OUTSIDE}/secret.raw")
        case 5:
            layout = h5py.VirtualLayout((4, 4), "f8")
            layout[:] = h5py.VirtualSource(f"{OUTSIDE}/secret.h5", "tracks", (4, 4))
            f.create_virtual_dataset(name, layout)
        case 6:  # said to be large, and not there
            shape = rng.choice(((10**9,), (10**6, 10**6), (2**40,), (3000, 3000), (0, 4), ()))
            f.create_dataset(name, shape, "f4", chunks=True if shape and min(shape) else None)
        case 7 if values is not None:
            f[name] = values[..., None] if isinstance(values, np.ndarray) else np.array([1.0])
        case 8 if isinstance(values, np.ndarray) and values.size:
            f[name] = values[:-1] if values.ndim else values
        case 9:
            f[name] = rng.choice(TEXTS)
        case _:
            value = rng.choice([a for a in ARRAYS if a.dtype.kind not in "UmMO"])
            f[name] = value
