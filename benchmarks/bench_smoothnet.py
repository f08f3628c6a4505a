"""SmoothNet through steadypose against the straightforward loop in torch: frames a second, and memory.

    python benchmarks/bench_smoothnet.py

The paper's network (512 units, 128 inside of 5 blocks, 32 frames, a window at every frame) has random
weights, which cost the same. The default network is the one that comes with steadypose.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import lfilter
from timing import Rival, row, save, side_by_side

import steadypose as sp
from steadypose.models import export_onnx
from steadypose.models.checkpoints import REQUIRED
from steadypose.models.refiner import RefinerNet
from steadypose.models.smoothnet import SmoothNet, SmoothNetConfig
from steadypose.refine.network import load
from steadypose.refine.window_network import threads
from steadypose.refine.windows import INPUT, OUTPUT, WindowSpec, refine_curves

Values = npt.NDArray[np.float32]

FRAMES, KEYPOINTS, DIMS = 10_000, 17, 3
PAPER = SmoothNetConfig(length=32, hidden=512, inner=128, blocks=5)
AS_PAPER = WindowSpec(length=32, step=1, rate=None, normalisation="none", taper="flat")
ROUNDS = 3
BATCH = 256  # windows of all channels at a time, for who does not want all of them in memory
SIDE = 4096  # of the matrices that tell what the machine can do
EQUAL = 1e-5  # of the range of the values
MANY, MANY_STEP = 1_000_000, 16  # frames for memory, and the paper's network's step there
FILTERS = ("gaussian", "adaptive", "refinenet")  # beside the default network
RATE, RATES = 60.0, (30.0, 60.0, 240.0)  # frames a second of a recording, and for the default network
THREADS = threads()

# In a process that never imports torch. The peak is this process's own: that of getrusage begins with that of
# whoever started it.
MEMORY = """
import json, re, sys
from pathlib import Path
import numpy as np
import steadypose as sp
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
frames, fps, options = json.loads(sys.argv[1])
x = np.random.default_rng(0).standard_normal((frames, 17, 3), dtype=np.float32)
np.cumsum(x, axis=0, out=x)
seq = sp.PoseSequence.from_array(x, fps=fps, skeleton="coco17", unit="mm", space="world")
sp.refine(sp.PoseSequence.from_array(x[:1000], fps=fps, skeleton="coco17"), **options)
del x
before = peak()
sp.refine(seq, **options)
print(before, peak(), seq.positions.nbytes / 2**20)
"""


def recording() -> Values:
    """A body that moves and shakes about one place, in metres; shape (frames, keypoints, dims)."""
    rng = np.random.default_rng(0)
    x = lfilter([0.02], [1, -0.98], rng.standard_normal((FRAMES, KEYPOINTS, DIMS)), axis=0)
    return (x + rng.normal(0, 0.01, x.shape)).astype(np.float32)


def mean_of_lists(windows: torch.Tensor) -> torch.Tensor:
    """Windows (starts, length, channels), one at every frame, to frames: the mean of what each was given."""
    count, length = windows.shape[:2]
    frames: list[list[torch.Tensor]] = [[] for _ in range(count + length - 1)]
    for start in range(count):
        for at in range(length):
            frames[start + at].append(windows[start, at])
    return torch.stack([torch.stack(every).mean(0) for every in frames])


@torch.inference_mode()
def loop(x: Values, module: torch.nn.Module, at_once: int | None = None, device: str = "cpu") -> Values:
    """The straightforward way: all windows cut out, through the network, averaged with lists."""
    windows = torch.from_numpy(x.reshape(len(x), -1)).unfold(0, PAPER.length, 1)  # (starts, channels, length)
    out = [module(some.to(device)).cpu() for some in windows.split(at_once or len(windows))]
    return mean_of_lists(torch.cat(out).permute(0, 2, 1)).numpy().reshape(x.shape)


def plain_onnx(x: Values, session: onnxruntime.InferenceSession) -> Values:
    """ONNX Runtime as it comes, on all windows at once, averaged by adding them up."""
    windows = np.ascontiguousarray(sliding_window_view(x.reshape(len(x), -1), PAPER.length, axis=0))
    refined = session.run([OUTPUT], {INPUT: windows.reshape(-1, PAPER.length)})[0].reshape(windows.shape)
    sums, counts = np.zeros((len(x), windows.shape[1]), np.float32), np.zeros((len(x), 1), np.float32)
    for at in range(PAPER.length):
        sums[at : at + len(windows)] += refined[:, :, at]
        counts[at : at + len(windows)] += 1
    return (sums / counts).reshape(x.shape)


def steady(x: Values, method: str, fps: float, **options: Any) -> Values:
    """Arrays in, arrays out, through the whole of ``sp.refine``."""
    seq = sp.PoseSequence.from_array(x, fps=fps, skeleton="coco17")
    return sp.refine(seq, method, **options).positions[:, 0]


def paper(folder: Path) -> tuple[RefinerNet, str]:
    """The paper's network, and its file."""
    torch.manual_seed(0)
    module = RefinerNet(SmoothNet(PAPER), AS_PAPER).eval()
    path = folder / "paper.onnx"
    export_onnx(module, path, {**dict.fromkeys(REQUIRED), "name": "paper"})
    return module, str(path)


def ways(x: Values, module: torch.nn.Module, path: str) -> dict[str, Rival]:
    """The paper's network on the recording in every way; all give the same."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    plain = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    network, flat, sizes = load(path).runner, x.reshape(len(x), -1), np.ones(KEYPOINTS * DIMS)
    found = {
        "steadypose": lambda: steady(x, "smoothnet", 30, weights=path),
        "its refine_curves alone": lambda: refine_curves(
            flat, network, AS_PAPER, size=sizes, workers=THREADS
        ).reshape(x.shape),
        "torch loop": lambda: loop(x, module),
        f"torch loop, {BATCH} windows at a time": lambda: loop(x, module, BATCH),
        "plain ONNX Runtime": lambda: plain_onnx(x, plain),
    }
    if torch.cuda.is_available():
        there = RefinerNet(SmoothNet(PAPER), AS_PAPER).eval()
        there.load_state_dict(module.state_dict())
        there.cuda()
        found["torch loop, GPU"] = lambda: loop(x, there, BATCH, "cuda")
    return found


def check_equal(found: dict[str, Rival]) -> float:
    """Largest difference between any way and the loop, of the range of the values."""
    wanted = found["torch loop"]()
    assert isinstance(wanted, np.ndarray)
    results = [way() for way in found.values()]
    assert all(r.shape == wanted.shape for r in results)
    worst = max(float(np.abs(r - wanted).max() / np.ptp(wanted)) for r in results)
    assert worst < EQUAL, f"expected all ways to give the same to {EQUAL:g}, found {worst:.2g}"
    return worst


def products() -> dict[str, Rival]:
    """Products of large matrices, single precision: what the machine can do."""
    a, b = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    c, d = a.numpy(), b.numpy()
    return {"torch.mm": lambda: torch.mm(a, b), "numpy's matmul": lambda: c @ d}


def operations() -> float:
    """Multiplications and additions of the paper's network on all windows of the recording."""
    once = PAPER.length * PAPER.hidden * 2 + PAPER.blocks * 2 * PAPER.hidden * PAPER.inner
    return 2.0 * once * (FRAMES - PAPER.length + 1) * KEYPOINTS * DIMS


def rates(large: dict[str, list[float]], network: dict[str, list[float]]) -> str:
    """Billions of operations a second: of products of large matrices, and of the paper's network."""
    peak = {name: 2.0 * SIDE**3 / statistics.median(taken) / 1e9 for name, taken in large.items()}
    best = max(peak.values())
    said = [f"{name} {rate:.0f}" for name, rate in peak.items()]
    for name, taken in network.items():
        rate = operations() / statistics.median(taken) / 1e9
        said.append(f"{name} {rate:.0f} ({rate / best:.0%} of the best product)")
    return f"GFLOP/s with {THREADS} threads, products of {SIDE} × {SIDE} matrices first: {'; '.join(said)}."


def memory(what: str, fps: float, **options: Any) -> str:
    """Peak memory of refining a million frames, in a process of its own."""
    run = [sys.executable, "-c", MEMORY, json.dumps([MANY, fps, options])]
    answer = subprocess.run(run, check=True, capture_output=True, text=True)
    before, peak, size = map(float, answer.stdout.split())
    return (
        f"Memory, {what}, {MANY:,} × {KEYPOINTS} × {DIMS}: peak {peak:,.0f} MiB, {peak / size:.1f} times the "
        f"array's {size:,.0f}; {before:,.0f} were in use before refining."
    )


def gpu() -> str:
    """Which GPU the loop ran on."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none here, so no row for it"


def main() -> None:
    """Time everything and write results/smoothnet.{json,md}."""
    torch.set_num_threads(THREADS)
    x = recording()
    size = f"{FRAMES:,} × {KEYPOINTS} × {DIMS}"
    ours: dict[str, Rival] = {m: (lambda m=m: steady(x, m, RATE)) for m in FILTERS}
    ours |= {f"default, {fps:g} fps": (lambda fps=fps: steady(x, "network", fps)) for fps in RATES}
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        module, path = paper(Path(folder))
        every = ways(x, module, path)
        worst = check_equal(every)
        large = products()
        seconds = side_by_side({**every, **large, **ours}, ROUNDS)
        used = [
            memory(
                f"the paper's network, step {MANY_STEP}", 30, method="smoothnet", weights=path, step=MANY_STEP
            )
        ]
    network = {name: seconds[name] for name in every}
    notes = [
        rates({name: seconds[name] for name in large}, network),
        f"torch {torch.__version__} (eager, inference mode), ONNX Runtime {onnxruntime.__version__}, "
        f"{THREADS} threads each. GPU: {gpu()}.",
        "steadypose: the whole of sp.refine(), arrays in, arrays out, with its checks, gaps and segments.",
        "torch loop: all windows cut out, through the network at once, and averaged with lists as the "
        f"release does; or {BATCH} windows at a time. Plain ONNX Runtime: one call for all windows.",
        f"All ways through the paper's network give the same, to {worst:.1e} of the range of the values.",
        f"Load average {busy:.1f} before and {os.getloadavg()[0]:.1f} after the timings, on {os.cpu_count()} "
        f"cores; this program itself makes up to {THREADS} of it.",
    ]
    rows = [row(f"the paper's network, {size}", network.pop("steadypose"), network, frames=FRAMES)]
    against = {"torch loop, the paper's network": seconds["torch loop"]}
    for name in ours:
        rows.append(row(f"{name}, {size}", seconds[name], against, frames=FRAMES))
        fps = float(name.split()[1]) if name not in FILTERS else RATE
        used.append(memory(name, fps, method=name if name in FILTERS else "network"))
    save("smoothnet", "SmoothNet", rows, [*notes, *used], "python benchmarks/bench_smoothnet.py")


if __name__ == "__main__":
    main()
