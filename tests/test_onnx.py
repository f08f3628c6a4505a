"""Networks from strangers: refused before they are opened, or run in bounded memory and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import steadypose as sp
from steadypose import _onnx
from steadypose._onnx_file import OPERATORS, Refused, check
from steadypose.refine.windows import INPUT, METADATA, OUTPUT, WindowSpec
from steadypose.skeleton import Skeleton

LENGTH = 8
PLAIN = helper.make_node("Identity", [INPUT], [OUTPUT])
SMALL = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "inner", [], [])


def numbers(name: str, values: Any, dtype: type = np.int64) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, dtype), name)


def network(
    path: Path, *nodes: onnx.NodeProto, stored: tuple[onnx.TensorProto, ...] = (), **more: Any
) -> Path:
    """A refining network of these nodes."""
    sizes = ("batch", LENGTH)
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, sizes)],
        list(stored),
    )
    sets = [helper.make_opsetid("", 17), *more.pop("sets", ())]
    model = helper.make_model(graph, opset_imports=sets, ir_version=9, **more)
    card = {"name": "net", "spec": WindowSpec(LENGTH, LENGTH // 2).to_json()}
    helper.set_model_props(model, {METADATA: json.dumps(card)})
    path.write_bytes(model.SerializeToString())
    return path


def refined(path: Path) -> sp.PoseSequence:
    x = np.random.default_rng(0).normal(size=(20, 1, 2, 2)).astype(np.float32)
    skeleton = Skeleton("two", ("a", "b"))
    return sp.refine(sp.PoseSequence(x, np.arange(20) / 30, skeleton), method="network", weights=path)


def refused(path: Path, said: str) -> None:
    with pytest.raises(sp.FormatError, match=said) as e:
        refined(path)
    assert str(e.value).startswith(str(path)) and "\n" not in str(e.value)


def test_a_plain_network_is_run(tmp_path: Path) -> None:
    refined(network(tmp_path / "a.onnx", PLAIN))
    (tmp_path / "link.onnx").symlink_to(tmp_path / "a.onnx")
    refined(tmp_path / "link.onnx")


def loop() -> onnx.NodeProto:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("n", TensorProto.INT64, ()),
            helper.make_tensor_value_info("go", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ("batch", LENGTH)),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ("batch", LENGTH)),
        ],
    )
    return helper.make_node("Loop", ["", "yes", INPUT], [OUTPUT], body=body)


@pytest.mark.parametrize(
    "operator", ["Loop", "If", "Scan", "RandomNormal", "SequenceConstruct", "RegexFullMatch"]
)
def test_a_program_is_no_network(tmp_path: Path, operator: str) -> None:
    node = loop() if operator == "Loop" else helper.make_node(operator, [INPUT], [OUTPUT])
    yes = numbers("yes", True, np.bool_)
    refused(
        network(tmp_path / "a.onnx", node, stored=(yes,)),
        f"an operator of a plain network, found '{operator}'",
    )


def test_graphs_and_functions_inside_a_network_are_refused(tmp_path: Path) -> None:
    hiding = helper.make_node("Identity", [INPUT], [OUTPUT], body=SMALL)
    refused(network(tmp_path / "a.onnx", hiding), "numbers, texts or a tensor, found a graph")
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    function = helper.make_function("mine", "Own", ["x"], ["y"], nodes, [helper.make_opsetid("", 17)])
    refused(network(tmp_path / "b.onnx", PLAIN, functions=[function]), "found functions")


def test_operators_of_others_are_refused(tmp_path: Path) -> None:
    others = helper.make_node("Gelu", [INPUT], [OUTPUT], domain="com.microsoft")
    refused(network(tmp_path / "a.onnx", others), "ONNX's own operators, found one of 'com.microsoft'")
    sets = (helper.make_opsetid("com.microsoft", 1),)
    refused(network(tmp_path / "b.onnx", PLAIN, sets=sets), "ONNX's own operators")


@pytest.mark.parametrize("where", ["secret", "/etc/hostname", "../secret"])
def test_what_lies_in_other_files_is_not_opened(tmp_path: Path, where: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(4 * LENGTH))
    weight = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[LENGTH])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=where)
    node = helper.make_node("Add", [INPUT, "w"], [OUTPUT])
    refused(network(tmp_path / "a.onnx", node, stored=(weight,)), "found some in another file")
    constant = helper.make_node("Constant", [], ["w"], value=weight)
    refused(network(tmp_path / "b.onnx", constant, node), "found some in another file")


def test_weights_of_a_convolution_are_stored(tmp_path: Path) -> None:
    flat = helper.make_node("Unsqueeze", [INPUT, "one"], ["rows"])
    computed = helper.make_node("Expand", ["w", "size"], ["kernel"])
    fold = helper.make_node("Conv", ["rows", "kernel"], ["folded"], pads=[1, 1])
    back = helper.make_node("Squeeze", ["folded", "one"], [OUTPUT])
    stored = (numbers("one", [1]), numbers("w", np.ones((1, 1, 1)), np.float32), numbers("size", [1, 1, 3]))
    path = network(tmp_path / "a.onnx", flat, computed, fold, back, stored=stored)
    refused(path, "Conv: expected weights that are stored in the file, found ones that are computed")
    half = numbers("w", np.ones((1, 1, 3)), np.float16)
    cast = helper.make_node("Cast", ["w"], ["kernel"], to=TensorProto.FLOAT)
    refined(network(tmp_path / "b.onnx", flat, cast, fold, back, stored=(stored[0], half)))


def growing(elements: int) -> tuple[tuple[onnx.NodeProto, ...], tuple[onnx.TensorProto, ...]]:
    """Nodes that make so many numbers of one, and add their mean to what comes in."""
    nodes = (
        helper.make_node("Expand", ["w", "size"], ["many"]),
        helper.make_node("ReduceMean", ["many"], ["mean"], keepdims=0),
        helper.make_node("Add", [INPUT, "mean"], [OUTPUT]),
    )
    return nodes, (numbers("w", np.zeros(1), np.float32), numbers("size", [elements]))


def test_a_small_file_does_not_take_all_memory(tmp_path: Path) -> None:
    nodes, stored = growing(4 << 30)  # 16 GiB
    path = network(tmp_path / "a.onnx", *nodes, stored=stored)
    assert path.stat().st_size < 1000
    refused(path, r"a network that runs in 2 GiB and 60 s, found .*Expand")
    nodes, stored = growing(1 << 10)
    refined(network(tmp_path / "b.onnx", *nodes, stored=stored))


def test_opening_a_file_takes_memory_in_proportion_to_it(tmp_path: Path) -> None:
    nodes, stored = growing(
        1 << 27
    )  # half a GiB, below ONNX Runtime's own limit of what it computes beforehand
    path = network(tmp_path / "a.onnx", *nodes, stored=stored)
    code = (
        "import resource, sys; from pathlib import Path; from steadypose import _onnx; _onnx.load_runtime();"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; before = peak();"
        "_onnx.Session(Path(sys.argv[1]), 1); print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 64 << 10  # KiB


def test_what_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 512
    monkeypatch.setattr(_onnx, "SECONDS", 1e-3)
    monkeypatch.setattr(_onnx, "_watcher", None)
    names = ["many", *(f"m{k}" for k in range(1000))]
    products = [helper.make_node("MatMul", [a, a], [b]) for a, b in pairwise(names)]
    # Of the input, so that nothing is computed before it comes.
    begin = [
        helper.make_node("ReduceMean", [INPUT], ["first"], keepdims=0),
        helper.make_node("Expand", ["first", "size"], ["many"]),
    ]
    end = [
        helper.make_node("ReduceMean", [names[-1]], ["mean"], keepdims=0),
        helper.make_node("Add", [INPUT, "mean"], [OUTPUT]),
    ]
    stored = (numbers("size", [size, size]),)
    refused(network(tmp_path / "a.onnx", *begin, *products, *end, stored=stored), "a network that runs in")


def test_what_fails_as_it_runs_is_one_line(tmp_path: Path) -> None:
    wrong = helper.make_node("Reshape", [INPUT, "elevens"], ["rows"])
    back = helper.make_node("Reshape", ["rows", "eights"], [OUTPUT])
    sizes = (numbers("elevens", [-1, 11]), numbers("eights", [-1, 8]))
    refused(network(tmp_path / "a.onnx", wrong, back, stored=sizes), "found .*Reshape")


def test_another_shape_than_the_file_says_is_refused(tmp_path: Path) -> None:
    first = helper.make_node("Slice", [INPUT, "from", "to"], [OUTPUT])
    ends = (numbers("from", [0]), numbers("to", [1]))
    refused(network(tmp_path / "a.onnx", first, stored=ends), rf"'{OUTPUT}' of shape .*found shape \(1, 8\)")


def test_what_is_not_finite_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("Div", [INPUT, "zero"], [OUTPUT])
    refused(network(tmp_path / "a.onnx", node, stored=(numbers("zero", 0, np.float32),)), "finite numbers")


def test_only_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "zero.onnx").symlink_to("/dev/zero")
    for name in ("pipe.onnx", "zero.onnx"):
        refused(tmp_path / name, "found a folder, a pipe or a device")
    (tmp_path / "lost.onnx").symlink_to(tmp_path / "nothing")
    refused(tmp_path / "lost.onnx", "a readable ONNX file")
    with (tmp_path / "large.onnx").open("wb") as file:
        file.truncate(5 << 30)
    refused(tmp_path / "large.onnx", "below 2 GiB")


@given(data=st.binary(max_size=100))
def test_any_bytes_are_checked_or_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        check(data)
        raise Refused("", "", "a file that says nothing wrong")


def test_names_of_operators_are_those_of_onnx() -> None:
    known = {s.name for s in onnx.defs.get_all_schemas() if s.domain == ""}
    assert known >= OPERATORS


def test_nothing_is_kept_in_the_users_home(tmp_path: Path) -> None:
    code = "from steadypose.refine.network import load; load()"
    left_out = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    kept = {k: v for k, v in os.environ.items() if k not in left_out}
    subprocess.run([sys.executable, "-c", code], env={**kept, "HOME": str(tmp_path)}, check=True)
    assert not list(tmp_path.iterdir())
