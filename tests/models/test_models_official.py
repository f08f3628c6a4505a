"""SmoothNet's released files: every published size, every wrapping, and nothing else."""

from __future__ import annotations

import copy
import io
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from steadypose.errors import FormatError
from steadypose.models import RefinerNet, export_onnx, load_smoothnet
from steadypose.models.checkpoints import REQUIRED
from steadypose.refine.windows import INPUT, WindowSpec

# hidden, inner, blocks: AIST++ and Human3.6M, 3DPW, mmpose, mmhuman3d.
FAMILIES = [(512, 128, 5), (512, 16, 1), (512, 256, 3), (512, 512, 5)]


def weights(length=8, output=None, hidden=6, inner=4, blocks=2, seed=0):
    """A state of the released layout, of random numbers."""
    generator = torch.Generator().manual_seed(seed)
    sizes = OrderedDict({"encoder.0": (hidden, length)})
    for i in range(blocks):
        sizes[f"res_blocks.{i}.linear1"] = (inner, hidden)
        sizes[f"res_blocks.{i}.linear2"] = (hidden, inner)
    sizes["decoder"] = (output or length, hidden)
    state = OrderedDict()
    for name, (rows, columns) in sizes.items():
        state[f"{name}.weight"] = torch.randn(rows, columns, generator=generator) / columns**0.5
        state[f"{name}.bias"] = torch.randn(rows, generator=generator) / 4
    return state


def forward(state, x):
    """The network, written out: (N, C, T) to (N, C, T_out)."""
    p = {name: value.to(x.dtype) for name, value in state.items()}
    y = F.leaky_relu(F.linear(x, p["encoder.0.weight"], p["encoder.0.bias"]), 0.1)
    for i in range(sum(name.endswith("linear1.bias") for name in p)):
        block = f"res_blocks.{i}"
        z = F.leaky_relu(F.linear(y, p[f"{block}.linear1.weight"], p[f"{block}.linear1.bias"]), 0.2)
        z = F.leaky_relu(F.linear(z, p[f"{block}.linear2.weight"], p[f"{block}.linear2.bias"]), 0.2)
        y = y + z
    return F.linear(y, p["decoder.weight"], p["decoder.bias"])


def whole(state):
    """What the authors' program leaves: an optimiser that has made a step, and scores of NumPy."""
    parameters = [torch.nn.Parameter(v.clone()) for v in state.values()]
    optimiser = torch.optim.Adam(parameters, lr=1e-3, amsgrad=True)
    sum(p.square().sum() for p in parameters).backward()
    optimiser.step()
    scores = [{"input_mpjpe": np.float64(54.55), "output_mpjpe": np.float32(52.72), "n": np.int64(3)}]
    return {"epoch": 69, "state_dict": state, "performance": scores, "optimizer": optimiser.state_dict()}


def saved(tmp_path, content, **options):
    torch.save(content, tmp_path / "net.pth.tar", **options)
    return tmp_path / "net.pth.tar"


def refused(path, *words):
    with pytest.raises(FormatError) as caught:
        load_smoothnet(path)
    text = str(caught.value)
    assert text.startswith(str(path)) and "\n" not in text and len(text) < 400
    for word in ("expected", "found", *words):
        assert word in text, text


@settings(max_examples=25)
@given(
    family=st.sampled_from([*FAMILIES, (7, 3, 2), (5, 9, 0)]),
    length=st.sampled_from([2, 8, 16, 32, 64]),
    shorter=st.integers(0, 1),
    seed=st.integers(0, 2**31),
)
def test_every_size_equals_the_network_written_out(tmp_path_factory, family, length, shorter, seed):
    hidden, inner, blocks = family
    state = weights(length, length - shorter, hidden, inner, blocks, seed)
    path = saved(tmp_path_factory.mktemp("net"), {"epoch": 1, "state_dict": state})
    network = load_smoothnet(path)
    c = network.config
    assert (c.length, c.output, c.hidden, c.blocks) == (
        length,
        length - 1 if shorter else None,
        hidden,
        blocks,
    )
    assert c.inner == (inner if blocks else 1)
    assert not network.training and c.dropout == 0
    x = torch.randn(3, 4, length, generator=torch.Generator().manual_seed(seed))
    wanted = forward(state, x.double())
    scale = wanted.abs().max().item()
    with torch.no_grad():
        torch.testing.assert_close(network(x).double(), wanted, rtol=0, atol=2e-6 * scale)


@pytest.mark.parametrize("length", [8, 32])
@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_so_does_the_file_of_every_size_in_onnx(tmp_path, family, length):
    state = weights(length, None, *family)
    network = load_smoothnet(saved(tmp_path, whole(state)))
    refiner = RefinerNet(network, WindowSpec(length=length, step=1, rate=None, normalisation="body"))
    exported = export_onnx(refiner, tmp_path / "net.onnx", dict.fromkeys(REQUIRED))
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    for windows in (1, 5):
        x = torch.randn(windows, length)
        wanted = forward(state, x.double()).numpy()
        found = session.run(None, {INPUT: x.numpy()})[0]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


def renamed(state, prefix):
    return OrderedDict((prefix + name, value) for name, value in state.items())


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before torch 1.6"])
@pytest.mark.parametrize(
    "wrap",
    {
        "the authors'": whole,
        "mmpose": lambda s: {"meta": {"epoch": 70, "hook_msgs": {}}, "state_dict": s},
        "several devices": lambda s: {"state_dict": renamed(s, "module.")},
        "inside of a model": lambda s: {"state_dict": renamed(s, "refiner.smoothnet.")},
        "model": lambda s: {"model": s},
        "bare": dict,
        "parameters": lambda s: {n: torch.nn.Parameter(v) for n, v in s.items()},
        "half": lambda s: {n: v.half() for n, v in s.items()},
        "double": lambda s: {n: v.double() for n, v in s.items()},
    }.items(),
    ids=lambda item: item[0],
)
def test_every_wrapping(tmp_path, wrap, old):
    state = weights()
    network = load_smoothnet(saved(tmp_path, wrap[1](state), _use_new_zipfile_serialization=not old))
    for name, value in network.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, state[name], rtol=1e-3, atol=1e-3)  # as exact as half is


def test_scores_of_an_older_numpy(tmp_path):
    path, other = saved(tmp_path, whole(weights())), tmp_path / "old.pth"
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(other, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            assert not name.endswith("data.pkl") or b"numpy._core.multiarray" in content
            after.writestr(name, content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert load_smoothnet(other).config.length == 8


def test_training_goes_on(tmp_path):
    network = load_smoothnet(saved(tmp_path, whole(weights()))).train()
    network(torch.randn(2, 3, 8)).sum().backward()
    assert all(p.requires_grad and p.grad is not None for p in network.parameters())


class Harm:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("old", [False, True])
def test_nothing_is_run(tmp_path, old):
    harm = tmp_path / "harm"
    content = {"state_dict": weights(), "performance": Harm(harm)}
    path = saved(tmp_path, content, _use_new_zipfile_serialization=not old)
    refused(path, "weights only", "open", "never run")
    path.write_bytes(pickle.dumps(content))
    refused(path)
    assert not harm.exists()


def test_a_whole_module_is_refused(tmp_path):
    refused(saved(tmp_path, torch.nn.Linear(2, 2)), "torch.nn.modules.linear.Linear")


def test_files_that_are_none(tmp_path):
    refused(tmp_path / "nowhere.pth", "no file")
    refused(tmp_path, "a folder")
    path = tmp_path / "net.pth"
    for content in (b"", b"{}", b"PK\x03\x04", b"\x80\x02", bytes(100), b"\x80\x02cos\nsystem\n."):
        path.write_bytes(content)
        refused(path, "empty" if not content else "")
    np.savez(tmp_path / "net.npz", a=np.zeros(3))
    refused(tmp_path / "net.npz")


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9, 0.999])
def test_truncated_files(tmp_path, kept, old):
    path = saved(tmp_path, whole(weights()), _use_new_zipfile_serialization=not old)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    refused(path, "damaged")


@settings(max_examples=60)
@given(data=st.data())
def test_damaged_files_are_refused_or_read(tmp_path_factory, data):
    buffer = io.BytesIO()
    torch.save({"state_dict": weights(4, None, 3, 2, 1)}, buffer)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "net.pth"
    path.write_bytes(content)
    try:
        load_smoothnet(path)
    except FormatError as e:
        assert str(e).startswith(str(path))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("decoder.bias"), ("decoder.bias", "none")),
        (lambda s: s.pop("decoder.weight"), ("decoder.weight", "none")),
        (lambda s: s.pop("encoder.0.weight"), ("one encoder.0.weight", "encoder.0.bias")),
        (lambda s: s.pop("res_blocks.0.linear1.weight"), ("res_blocks.0.linear1.weight", "none")),
        (lambda s: s.pop("res_blocks.1.linear2.bias"), ("res_blocks.1.linear2.bias", "none")),
        (lambda s: s.update(more=torch.zeros(2)), ("more", "no such tensor")),
        (lambda s: s.update({"x.encoder.0.weight": torch.zeros(6, 8)}), ("encoder.0.weight and x.encoder",)),
        (lambda s: s.update({3: torch.zeros(2)}), ("3",)),
        (lambda s: s.update({"encoder.0.weight": torch.zeros(6)}), ("encoder.0.weight", "two axes", "(6,)")),
        (lambda s: s.update({"encoder.0.weight": torch.zeros(6, 0)}), ("length",)),
        (lambda s: s.update({"decoder.weight": torch.zeros(9, 6)}), ("output", "at most", "9")),
        (lambda s: s.update({"decoder.weight": torch.zeros(8, 5)}), ("decoder.weight", "(8, 6)", "(8, 5)")),
        (lambda s: s.update({"res_blocks.1.linear1.bias": torch.zeros(5)}), ("linear1.bias", "(4,)", "(5,)")),
        (lambda s: s.update({"decoder.bias": torch.zeros(8).long()}), ("decoder.bias", "floating", "int64")),
        (lambda s: s.update({"decoder.bias": [0.0] * 8}), ("decoder.bias", "floating", "list")),
        (lambda s: s.update({"decoder.bias": torch.zeros(8).to_sparse()}), ("decoder.bias",)),
        (lambda s: s.update({"decoder.bias": torch.zeros(1).expand(8)}), ("decoder.bias", "its own")),
        (lambda s: s["decoder.bias"].fill_(float("nan")), ("decoder.bias", "finite", "NaN")),
        (lambda s: s.update({"decoder.bias": torch.full((8,), 1e300, dtype=torch.float64)}), ("finite",)),
        (lambda s: s.update({"encoder.0.weight": torch.zeros(1, 1).expand(60_000, 60_000)}), ("its own",)),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit(tmp_path, change, words):
    state = copy.deepcopy(weights())
    change(state)
    refused(saved(tmp_path, {"state_dict": state}), *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1, 2], ("weights by name", "list")),
        (torch.zeros(3), ("weights by name", "Tensor")),
        ({}, ("weights by name", "none")),
        ({"state_dict": {}}, ("weights by name", "none")),
        ({"state_dict": 3}, ("weights by name", "int")),
        ({"conv.weight": torch.zeros(3, 3)}, ("encoder.0.weight", "conv.weight")),
        ({1: 2}, ("encoder.0.weight", "1")),
    ],
    ids=str,
)
def test_other_contents(tmp_path, content, words):
    refused(saved(tmp_path, content), *words)


def test_other_weights_beside(tmp_path):
    state = {**renamed(weights(), "refiner."), "backbone.weight": torch.zeros(2)}
    refused(saved(tmp_path, state), "'refiner.'", "'backbone.weight'")
