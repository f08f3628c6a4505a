"""Lifting through ONNX Runtime against the same networks in torch: frames a second, and memory.

    python benchmarks/bench_lift.py

Networks as wide as those that come with steadypose, and of the papers' full size; their weights are random,
which costs the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from scipy.signal import lfilter
from timing import Rival, row, save, side_by_side

import steadypose as sp
from steadypose.lift import Lifter, Network
from steadypose.models import Seq2Seq, build, export_onnx
from steadypose.models.checkpoints import REQUIRED
from steadypose.train import load

CONFIGS = Path(__file__).parent.parent / "experiments" / "lift_weights"
FULL = 1024
ROUNDS, LONG_ROUNDS = 7, 3  # the latter of what takes many seconds
FPS = 50.0
LIVE, LONG, CLIPS, CLIP, BATCH = 100, 2_000, 8, 300, 256
FRAMES = 200_000  # for memory
THREADS = os.cpu_count() or 1

# A standing COCO-17 figure, pixels from its middle.
FIGURE = [
    (0, -170), (6, -176), (-6, -176), (14, -172), (-14, -172), (38, -120), (-38, -120), (50, -60), (-50, -60),
    (54, -5), (-54, -5), (22, 0), (-22, 0), (24, 90), (-24, 90), (25, 175), (-25, 175),
]  # fmt: skip

# In a process that never imports torch. The peak is this process's own: that of getrusage begins with that
# of whoever started it.
MEMORY = """
import re, sys
from pathlib import Path
import numpy as np
import steadypose as sp
from steadypose.lift import Network
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
path, frames = sys.argv[1], int(sys.argv[2])
x = np.random.default_rng(0).random((frames, 17, 2), dtype=np.float32)
c = np.full((frames, 17), 0.5, np.float32)
seq = sp.PoseSequence.from_array(x, fps=50, skeleton="coco17", unit="px", space="image", confidence=c)
del x, c
network = Network(path)
before = peak()
out = sp.lift(seq, weights=network)
given = seq.positions.nbytes + seq.confidence.nbytes
found = out.positions.nbytes + out.confidence.nbytes + out.filled.nbytes
print(before, peak(), given / 2**20, found / 2**20)
"""


class InTorch(Network):
    """The torch module where :func:`steadypose.lift` has ONNX Runtime; all else is the same."""

    def __init__(self, lifter: torch.nn.Module, like: Network) -> None:
        self.lifter, self.spec, self.card, self.name = lifter, like.spec, like.card, "torch"

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """As :meth:`Network.__call__`."""
        with torch.inference_mode():
            return self.lifter(torch.from_numpy(np.ascontiguousarray(windows))).numpy()


def recording(frames: int, seed: int = 0) -> sp.PoseSequence:
    """One person who moves, 50 fps; one keypoint in fifty is missing."""
    rng = np.random.default_rng(seed)
    x = lfilter([1], [1, -0.98], rng.standard_normal((frames, 17, 2), dtype=np.float32), axis=0)
    x = x.astype(np.float32) + np.float32(FIGURE) + 500
    c = rng.uniform(0.3, 1, (frames, 17)).astype(np.float32)
    c[rng.random((frames, 17)) < 0.02] = 0
    x[c == 0] = np.nan
    return sp.PoseSequence.from_array(x, fps=FPS, skeleton="coco17", unit="px", space="image", confidence=c)


def networks(folder: Path) -> dict[str, tuple[Network, torch.nn.Module]]:
    """Every network, as an ONNX file that ``export_onnx`` wrote and as the module it was written from."""
    made = {}
    for kind in ("fcn", "seq2seq"):
        config = load(CONFIGS / f"lift_{kind}.toml")
        for width in (config.network.width, FULL):
            torch.manual_seed(0)
            lifter = build(replace(config.network, width=width).build(), config.spec).eval()
            rng = np.random.default_rng(0)
            lifter.set_statistics(
                input_mean=rng.normal(0, 0.5, lifter.input_mean.shape),
                input_std=rng.uniform(0.2, 0.5, lifter.input_std.shape),
                output_mean=rng.normal(0, 200, lifter.output_mean.shape),
                output_std=rng.uniform(50, 200, lifter.output_std.shape),
            )
            path = folder / f"{kind}_{width}.onnx"
            export_onnx(lifter, path, {**dict.fromkeys(REQUIRED), "name": path.stem})
            made[f"{kind}, width {width}"] = Network(path), lifter
    return made


def live(network: Network, seq: sp.PoseSequence) -> Callable[[], object]:
    """Frames one by one, as they come."""
    lifter = Lifter("coco17", fps=FPS, weights=network)
    points, confidence = seq.positions[:, 0], seq.confidence[:, 0]

    def work() -> None:
        lifter.reset()
        for p, c in zip(points, confidence, strict=True):
            lifter.push(p, c)

    return work


def ready(
    windows: torch.Tensor, module: torch.nn.Module, at_once: int, threads: int = THREADS
) -> Callable[[], object]:
    """The bare module on windows that somebody else has prepared."""

    @torch.inference_mode()
    def work() -> None:
        torch.set_num_threads(threads)
        for some in windows.split(at_once):
            module(some)
        torch.set_num_threads(THREADS)

    return work


def jobs(network: Network, module: torch.nn.Module) -> dict[str, tuple[int, dict[str, Rival]]]:
    """What is timed: frames, and the rivals by name."""
    spec, torched = network.spec, InTorch(module, network)
    few, long = recording(LIVE), recording(LONG)
    clips = [recording(CLIP, seed) for seed in range(CLIPS)]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((LONG, spec.length, len(spec.joints), spec.channels), dtype=np.float32)
    x[..., 2] = rng.random(x.shape[:-1])
    windows = torch.from_numpy(x)
    bare = {"bare module": module}
    if isinstance(module.network, Seq2Seq):
        folded = build(module.network.config, module.spec).eval()
        folded.load_state_dict(module.state_dict())
        folded.network = folded.network.folded()
        bare["bare folded module"] = folded

    def against(ours: Any, theirs: Any, count: int, at_once: int) -> tuple[int, dict[str, Rival]]:
        rivals = {"bare module": ready(windows[:count], module, at_once)}
        if at_once == 1:  # so small that a second thread may cost more than it does
            rivals["bare module, 1 thread"] = ready(windows[:count], module, 1, threads=1)
        return count, {"steadypose": ours, "lift, torch inside": theirs, **rivals}

    def whole(weights: Network, some: list[sp.PoseSequence]) -> Callable[[], object]:
        return lambda: [sp.lift(seq, weights=weights) for seq in some]

    return {
        "network alone, 1 window": (
            LIVE,
            {
                "steadypose": lambda: [network(x[i : i + 1]) for i in range(LIVE)],
                **{name: ready(windows[:LIVE], m, 1) for name, m in bare.items()},
                "bare module, 1 thread": ready(windows[:LIVE], module, 1, threads=1),
            },
        ),
        f"network alone, {BATCH} windows": (
            BATCH,
            {
                "steadypose": lambda: network(x[:BATCH]),
                **{name: ready(windows[:BATCH], m, BATCH) for name, m in bare.items()},
            },
        ),
        "live, frame by frame": against(live(network, few), live(torched, few), LIVE, 1),
        f"a clip of {LONG:,} frames": against(whole(network, [long]), whole(torched, [long]), LONG, BATCH),
        f"{CLIPS} clips of {CLIP} frames": against(
            whole(network, clips), whole(torched, clips), CLIPS * CLIP, BATCH
        ),
    }


def memory(path: Path) -> str:
    """Peak memory of lifting a million frames, in a process of its own."""
    run = [sys.executable, "-c", MEMORY, str(path), str(FRAMES)]
    answer = subprocess.run(run, check=True, capture_output=True, text=True)
    before, peak, given, found = map(float, answer.stdout.split())
    return (
        f"Memory, {path.stem}, {FRAMES:,} frames of one person: peak {peak:,.0f} MiB, of which {before:,.0f} "
        f"were in use before lifting; the keypoints take {given:,.0f} MiB, the joints {found:,.0f}."
    )


def main() -> None:
    """Time everything and write results/lift.{json,md}."""
    torch.set_num_threads(THREADS)
    rows: list[dict[str, object]] = []
    notes = [
        f"torch {torch.__version__} (eager, inference mode, {THREADS} threads), ONNX Runtime "
        f"{onnxruntime.__version__}; windows of 5 frames for seq2seq, every frame in up to 5 of them.",
        '"lift, torch inside": steadypose\'s own lifting with the module in place of the ONNX file. "bare '
        f'module": only the network, on windows that are ready, as many at a time as lift takes ({BATCH}). '
        '"folded": with linear layers multiplied out, as the ONNX file has them.',
        f"Live: {LIVE} frames through Lifter.push. One person, COCO-17 keypoints, one in fifty missing.",
    ]
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as folder:
        for name, (network, module) in networks(Path(folder)).items():
            for job, (frames, rivals) in jobs(network, module).items():
                long = frames > 1000  # warm from what was timed before
                seconds = side_by_side(rivals, LONG_ROUNDS if long else ROUNDS, warm_up=int(not long))
                ours = seconds.pop("steadypose")
                rows.append(row(f"{name}: {job}", ours, seconds, frames=frames))
                print(rows[-1]["what"], flush=True)
        loads.append(os.getloadavg()[0])
        for path in sorted(Path(folder).glob("*.onnx")):
            if not path.stem.endswith(str(FULL)):
                notes.append(memory(path))
    notes.append(
        f"Load average {loads[0]:.1f} before the first and {loads[1]:.1f} after the last timing, on "
        f"{os.cpu_count()} cores; this program itself makes up to {os.cpu_count()} of it."
    )
    save("lift", "Lifting", rows, notes, "python benchmarks/bench_lift.py")


if __name__ == "__main__":
    main()
