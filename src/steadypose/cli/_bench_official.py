"""A network measured on the cleaned data that SmoothNet's authors give out, by their protocol."""

from __future__ import annotations

import json as json_
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import steadypose
from steadypose._writing import made_folders, write_text
from steadypose.cli._words import print_json, say
from steadypose.errors import FormatError, SteadyposeError
from steadypose.metrics import Evaluation
from steadypose.refine.windows import WindowSpec, refine_curves
from steadypose.sequence import Motion, PoseSequence

Values = npt.NDArray[np.float32]

SET = re.compile(r".+_(2D|3D|smpl)$")
COLUMNS = {"accel": "Accel", "mpjpe": "MPJPE", "pa_mpjpe": "PA-MPJPE", "mpjpe_worst": "MPJPE-1 %",
           "accel_worst": "Accel-1 %"}  # fmt: skip
NO_BODY = "its rotations need SMPL's body model, whose licence does not let it be here: left out"


@dataclass(frozen=True)
class Network:
    """A refining network as a function of windows.

    Parameters
    ----------
    run
        Windows (windows, length) to refined ones.
    spec
        As the authors use it: every frame a window, equal weights, at whatever rate, not normalised.
    """

    run: Callable[[Values, Values | None], Values]
    spec: WindowSpec


def measure(
    folder: Path,
    weights: Path | None,
    image: tuple[float, float],
    output: Path | None,
    *,
    json: bool = False,
    quiet: bool = False,
) -> None:
    """Measure every set below a folder; prints a table, and writes ``results.json`` and ``results.md``.

    Parameters
    ----------
    folder
        ``data/poses`` of the authors, a folder above it, or one set's.
    weights
        The network; None: only what comes in.
    image
        Width and height of pictures, pixels: 2D goes from -1 to 1.
    output
        Where to write; None: nowhere.
    json
        Print JSON in place of the table.
    quiet
        Say nothing of what is left out.

    Raises
    ------
    SteadyposeError
        If there is no set, or a file does not fit the layout.
    """
    found: dict[str, Any] = {}
    with _network(weights) as network:
        for path in sets(folder):
            say(f"{path.name}: reading", quiet=quiet)
            if path.name.endswith("smpl"):
                say(f"{path.name}: {NO_BODY}", quiet=quiet)
                continue
            found[path.name] = _measured(path, network, image)
    if not found:
        raise SteadyposeError(f"{folder}: expected a set of 2D or 3D positions, found rotations only")
    whole = {
        "protocol": "official",
        "weights": None if weights is None else weights.name,
        "sets": found,
        "versions": {"steadypose": steadypose.__version__, "numpy": np.__version__},
    }
    page = _page(whole)
    if output is not None:
        with made_folders(output):
            write_text(output / "results.json", json_.dumps(whole, indent=1) + "\n", force=True)
            write_text(output / "results.md", page, force=True)
    if json:
        print_json(whole)
    else:
        print(page, end="")


def sets(folder: Path) -> list[Path]:
    """Folders of sets at or below a folder: called ``DATASET_ESTIMATOR_2D`` (3D, smpl), with detections.

    Raises
    ------
    SteadyposeError
        If there is none.
    """
    if not folder.is_dir():
        raise SteadyposeError(f"{folder}: expected the folder of SmoothNet's data, found none")
    below = sorted({p.parent for p in folder.rglob("detected") if p.is_dir()})
    if (folder / "detected").is_dir():
        below = [folder.resolve()]
    found = [p for p in below if SET.match(p.name)]
    if not found:
        raise SteadyposeError(
            f"{folder}: expected sets such as h36m_fcn_3D/detected and h36m_fcn_3D/groundtruth, found none"
        )
    return found


def _measured(path: Path, network: Network | None, image: tuple[float, float]) -> dict[str, Any]:
    """Scores of what comes in and of what comes out of a network."""
    noisy, truth = (_sequences(_file(path / part)) for part in ("detected", "groundtruth"))
    if noisy.keys() != truth.keys():
        raise FormatError(
            path / "groundtruth", "", f"the sequences of detected ({len(noisy)})", f"{len(truth)} sequences"
        )
    for name, x in noisy.items():
        if x.shape != truth[name].shape:
            raise FormatError(
                path / "groundtruth", name, f"shape {x.shape}, as in detected", f"{truth[name].shape}"
            )
    given, known = list(noisy.values()), list(truth.values())
    # What comes of one frame is matched to the same frame, whatever images are called.
    given = [replace(x, times=y.times) for x, y in zip(given, known, strict=True)]
    about = {"sequences": len(given), "frames": int(np.sum([len(x.times) for x in given]))}
    scores = {"in": _scores(given, known, given)}
    if network is not None:
        scores["out"] = _scores([refined(x, network, image) for x in given], known, given)
    return {**about, "unit": "px" if given[0].shape[3] == 2 else "mm", "scores": scores}


def refined(x: PoseSequence, network: Network, image: tuple[float, float]) -> PoseSequence:
    """A sequence behind a network; what is missing is taken to be where it was last seen."""
    given: Values = np.asarray(x.positions, np.float32).reshape(len(x.times), -1, x.shape[3])
    # What the network sees is given * scale + offset.
    scale, offset = np.full(3, _METRES.get(x.unit, 1.0), np.float32), np.float32(0)
    if x.shape[3] == 2:
        scale, offset = np.float32(2) / np.asarray(image, np.float32), np.float32(-1)
    curves = _filled((given * scale + offset).reshape(len(given), -1))
    size = np.ones(curves.shape[1])
    steady = refine_curves(curves, network.run, network.spec, size=size).reshape(given.shape)
    out = np.where(np.isfinite(x.positions), ((steady - offset) / scale).reshape(x.shape), np.nan)
    return x.with_positions(out.astype(np.float32), "refine: official")


_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}


def _filled(x: Values) -> Values:
    frames = np.arange(len(x))
    there = np.isfinite(x)
    if there.all():
        return x
    last = np.maximum.accumulate(np.where(there, frames[:, None], 0), axis=0)
    held = np.take_along_axis(x, last, axis=0)
    first = np.argmax(there, axis=0)
    start = np.where(there.any(axis=0), x[first, np.arange(x.shape[1])], 0)
    return np.where(np.isfinite(held), held, start).astype(np.float32)


def _scores(
    pred: Sequence[PoseSequence], truth: Sequence[PoseSequence], given: Sequence[PoseSequence]
) -> dict[str, float]:
    found: Evaluation = steadypose.evaluate(
        {"all": pred}, {"all": truth}, protocol="official", reference={"all": given}
    )
    return {name: round(float(found[name]), 4) for name in COLUMNS if name in found}


def _file(folder: Path) -> Path:
    found = sorted(folder.glob("*_test.npz"))
    if len(found) != 1:
        names = ", ".join(p.name for p in found) or "none"
        raise FormatError(folder, "", "one file that ends in _test.npz", names)
    return found[0]


def _sequences(path: Path) -> dict[str, PoseSequence]:
    """Positions by number of the sequence."""
    streams: Mapping[str, Motion] = steadypose.read_streams(path)
    # Its 17 keypoints have another order and root than Human3.6M's, and nothing in the file says so.
    if path.parents[1].name.startswith("mpiinf3dhp") and all(m.shape[2] == 17 for m in streams.values()):
        streams = steadypose.read_streams(path, skeleton="mpi17")
    found = {
        name.partition("/")[0]: motion
        for name, motion in streams.items()
        if isinstance(motion, PoseSequence) and "joints" in name
    }
    if not found:
        raise FormatError(path, "", "sequences of joints_3d or joints_2d", "none")
    return found


@contextmanager
def _network(weights: Path | None) -> Iterator[Network | None]:
    """The network of a file; of released weights by way of ONNX, so that torch only reads them."""
    if weights is None:
        yield None
    elif weights.suffix == ".onnx":
        yield _loaded(weights)
    else:
        from steadypose.cli.export import export

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            export(weights, output=path, quiet=True)
            yield _loaded(path)


def _loaded(path: Path) -> Network:
    from steadypose.refine.network import load
    from steadypose.refine.window_network import WindowNetwork

    network = load(path)
    if not isinstance(network.runner, WindowNetwork):
        raise FormatError(path, "", "a network that sees windows", network.title)
    length = network.runner.spec.length
    spec = WindowSpec(length, step=1, rate=None, normalisation="none", taper="flat")
    return Network(network.runner, spec)


def _page(whole: dict[str, Any]) -> str:
    lines = [
        "| set | sequences | frames | | " + " | ".join(COLUMNS.values()) + " |",
        "|---|--:|--:|---" + "|--:" * len(COLUMNS) + "|",
    ]
    for name, one in whole["sets"].items():
        for way, scores in one["scores"].items():
            words = "what comes in" if way == "in" else str(whole["weights"])
            cells = [f"{scores[c]:.2f}" if c in scores else "–" for c in COLUMNS]
            about = (f"{name}, {one['unit']}", f"{one['sequences']:,}", f"{one['frames']:,}", words)
            lines.append(f"| {' | '.join((*about, *cells))} |")
    return "\n".join(lines) + "\n"
