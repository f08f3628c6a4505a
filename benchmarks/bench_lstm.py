"""A training step (forward, backward) of the sequence-to-sequence network with every way to write its LSTM.

    python benchmarks/bench_lstm.py [--compile]

``--compile`` adds torch.compile where a compiler is; it takes minutes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import torch
from timing import row, save, side_by_side
from torch import Tensor

from steadypose.models import Seq2Seq, Seq2SeqConfig
from steadypose.models._dropout import Dropout

ROUNDS = 9


def networks(width: int) -> dict[str, torch.nn.Module]:
    """The same network in every way, with the same weights."""
    fused, plain, masks = (
        Seq2Seq(Seq2SeqConfig(width=width, cell=cell)) for cell in ("fused", "plain", "fused")
    )
    for module in list(masks.modules()):
        for name, child in module.named_children():
            if isinstance(child, Dropout):
                setattr(module, name, torch.nn.Dropout(1 - child.keep))
    for other in (plain, masks):
        other.load_state_dict(fused.state_dict())
    return {"steadypose": fused, "gate by gate": plain, "torch's dropout": masks}


def step(network: torch.nn.Module, x: Tensor, y: Tensor) -> Callable[[], None]:
    """Forward and backward in training, dropout included."""

    def work() -> None:
        network.zero_grad(set_to_none=True)
        (network(x) - y).square().mean().backward()

    return work


def main() -> None:
    """Time every way at every size and write results/lstm.{json,md}."""
    compiled = "--compile" in sys.argv
    rows: list[dict[str, object]] = []
    notes = [f"torch {torch.__version__}; sequences of 5 frames, dropout on, optimiser not counted."]
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for width in (256, 512, 1024):
            for batch in (32, 256):
                torch.manual_seed(0)
                x, y = torch.randn(batch, 5, 16, 2), torch.randn(batch, 5, 16, 3)
                rivals = {name: step(network, x, y) for name, network in networks(width).items()}
                if compiled and threads == 1 and width == 256:
                    torch.compiler.reset()
                    rivals["torch.compile"] = step(torch.compile(networks(width)["steadypose"]), x, y)
                    start = time.perf_counter()
                    rivals["torch.compile"]()
                    took = time.perf_counter() - start
                    notes.append(f"torch.compile needed {took:.0f} s before its first step at batch {batch}.")
                seconds = side_by_side(rivals, ROUNDS, warm_up=2)
                ours = seconds.pop("steadypose")
                rows.append(row(f"width {width}, batch {batch}, {threads} thread(s)", ours, seconds))
                print(rows[-1]["what"], flush=True)
    load = os.getloadavg()[1]
    notes.append(
        f"Load average {load:.1f} on {os.cpu_count()} cores: above one busy core, trust the least times."
    )
    save("lstm", "Layer-normalised LSTM", rows, notes, "python benchmarks/bench_lstm.py --compile")


if __name__ == "__main__":
    main()
