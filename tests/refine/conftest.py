"""Until a network comes with steadypose, one made here stands for it in tests of all methods."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from refine_samples import smoother, write_network

from steadypose._onnx import Kind
from steadypose.refine import network
from steadypose.refine.windows import WindowSpec


@pytest.fixture(scope="session", autouse=True)
def default_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if network.shipped():
        yield
        return
    spec = WindowSpec(length=32, step=8)
    file = write_network(tmp_path_factory.mktemp("weights") / "refine_default.onnx", spec, smoother(32))

    class StandIn(Kind):
        def shipped(self) -> dict[str, Path]:
            return {"default": file}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "KIND", StandIn("refining network", "refine_", "default"))
        yield
