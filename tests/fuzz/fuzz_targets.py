"""What is fuzzed: every file format, and the other files that strangers write: configurations and networks.

A target makes its input number n from a seed (a small valid file) and a change; the same number gives the
same input on any machine.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import fuzz_archives as archives
import fuzz_bytes as octets
import fuzz_hdf5 as hdf5
import fuzz_text as text
import fuzz_uses as uses
from fuzz_archives import Change, member

import steadypose as sp

TESTS = Path(__file__).parent.parent
sys.path += [str(TESTS / "io"), str(TESTS / "refine"), str(TESTS / "lift")]

STARTED = int(time.time())  # before any seed is written
DATA = TESTS / "data"
ANY: tuple[Change, ...] = (octets.anywhere, octets.strangers)

# What is changed in a file of that suffix, and how often; the suffix of a format says how it is made.
CHANGES: dict[str, tuple[Change, ...]] = {
    "": (archives.directory, archives.directory, *[member(text.json_fields)] * 3, member(text.json_text)),
    ".json": (*[text.json_fields] * 5, text.json_text),
    ".pkl": (*[archives.objects] * 4, archives.opcodes, archives.opcodes),
    ".pt": (archives.directory, *[member(archives.opcodes)] * 4, member(octets.anywhere)),
    ".npz": (
        archives.directory,
        *[archives.arrays] * 3,
        member(archives.npy_header),
        member(octets.anywhere),
    ),
    ".h5": (*[hdf5.objects] * 4, octets.anywhere),
    ".csv": (*[text.lines] * 5,),
    ".trc": (*[text.lines] * 5,),
    ".txt": (*[text.lines] * 5,),
    ".bvh": (*[text.lines] * 5,),
    ".toml": (*[text.lines] * 5,),
    ".c3d": (*[octets.c3d_blocks] * 5,),
    ".onnx": (*[octets.protobuf] * 8,),
}
# Real files, where there are small ones; the rest is written by steadypose or by tests/io/body_samples.py.
REAL = {
    "openpose": ("openpose/cam01_json.zip",),
    "keraal-text": ("keraal/G3-Kinect-CTK-P1T1-Unknown-C-0.txt",),
    "bvh": ("bvh/02_03.bvh",),
    "trc": ("pose2sim_trc/S00_P01_T01_0-3.trc",),
    "wham": tuple(f"joblib/sample_{m}.pkl" for m in ("zlib", "plain", "protocol2", "xz")),
    "gvhmr": ("torch/sample.pt", "torch/old.pt"),
    "plain": ("single-keypoint/f9_single_px.npy", "no-harm/19-npz-fast-hand-flattened.npz"),
}


@dataclass(frozen=True)
class Target:
    """Something that reads files of strangers.

    Parameters
    ----------
    name
        Of the format, or of the kind of file.
    suffix
        Of its files.
    seeds
        Valid files to begin with.
    changes
        What is done to them.
    use
        What a user would do with a file; raises SteadyposeError or nothing.
    """

    name: str
    suffix: str
    seeds: Callable[[], list[bytes]]
    use: uses.Use

    def make(self, seed: int, n: int) -> bytes:
        """Input number ``n``."""
        rng = Random(f"{seed}/{self.name}/{n}")
        data = rng.choice(self.seeds())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                data = rng.choice((*CHANGES[self.suffix], *ANY))(data, rng)
        except Exception:  # such a file cannot be made
            data = octets.anywhere(data, rng)
        # Only a seed is ever unpickled here: what is changed already is changed by the byte.
        return octets.anywhere(data, rng) if rng.random() < 0.2 else data


def _of_format(name: str) -> Target:
    suffix = sp.formats()[name].suffix

    @cache
    def seeds() -> list[bytes]:
        import body_samples
        from io_samples import content

        found = [content(name)]
        found += [(DATA / path).read_bytes() for path in REAL.get(name, ())]
        for make in body_samples.SAMPLES.get(name, ()):
            with uses.folder() as place:
                found.append(body_samples.save(name, make(), place).read_bytes())
        return [hdf5.timeless(f, STARTED) for f in found] if suffix == ".h5" else found

    return Target(name, suffix, seeds, uses.of_format(name, suffix or ".zip"))


@cache
def _networks() -> list[bytes]:
    from refine_samples import smoother, write_network

    from steadypose.refine.windows import WindowSpec

    with uses.folder() as place:
        spec = WindowSpec(8, 4)
        card = {"name": "net", "spec": spec.to_json(), "network": {"kind": "smoothnet"}}
        net = write_network(place / "net.onnx", spec, smoother(8), card=card).read_bytes()
    shipped = Path(sp.__file__).parent / "weights" / "refine_default.onnx"
    return [net, net, net, shipped.read_bytes()]


@cache
def _lifters() -> list[bytes]:
    from lift_samples import write_network

    from steadypose.lift import LiftSpec

    with uses.folder() as place:
        return [write_network(place / "lift.onnx", LiftSpec()).read_bytes()]


CAMERA = b"""[cam_01]
name = "left"
size = [ 1088.0, 1920.0,]
matrix = [ [ 1681.2, 0.0, 540.0,], [ 0.0, 1681.2, 969.0,], [ 0.0, 0.0, 1.0,],]
distortions = [ -0.05, 0.05, 0.0, 0.0,]
rotation = [ 1.0, 0.5, 0.2,]
fisheye = false
"""
COLUMNS = b'frame = "sync_index"\nkeypoint = "point_id"\nx = "x_coord"\ny = "y_coord"\nz = "z_coord"\n'


@cache
def _configurations() -> list[bytes]:
    found = [p.read_bytes() for p in sorted((TESTS.parent / "experiments").rglob("*.toml"))]
    return [f for f in found if b"extends" not in f]


OTHERS = (
    Target("refining network", ".onnx", _networks, uses.refine_with),
    Target("lifting network", ".onnx", _lifters, uses.lift_with),
    Target("camera", ".toml", lambda: [CAMERA], uses.camera),
    Target("columns", ".toml", lambda: [COLUMNS], uses.columns),
    Target("training configuration", ".toml", _configurations, uses.configuration),
)
TARGETS = {t.name: t for t in (*(_of_format(name) for name in sp.formats()), *OTHERS)}
