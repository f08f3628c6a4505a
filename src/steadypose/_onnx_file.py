"""What an ONNX file may contain, told from its bytes before anything opens it.

A network from strangers is a program. These rules leave it no way to go on for ever (no loops, no graphs
inside nodes, no functions), to reach anything beside itself (no data in other files, no operators of others)
or to compute for hours in a single step (the weights of convolutions and recurrent layers are stored in the
file). How much memory and time the rest takes is bounded while it runs (:mod:`steadypose._onnx`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_NODES = 20_000  # a thousandfold of what networks of poses have

# Arithmetic, layers and the handling of shapes. What is not here is refused: control flow, sequences,
# randomness, pattern matching, decoders of images, and what a network of poses has no use for.
OPERATORS = frozenset((
    "Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh",
    "BatchNormalization", "Cast", "CastLike", "Ceil", "Celu", "Clip", "Concat", "Constant",
    "ConstantOfShape", "Conv", "ConvTranspose", "Cos", "Cosh", "CumSum", "DepthToSpace", "DequantizeLinear",
    "Div", "DynamicQuantizeLinear", "Elu", "Equal", "Erf", "Exp", "Expand", "EyeLike", "Flatten",
    "Floor", "Gather", "GatherElements", "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "GlobalMaxPool",
    "Greater", "GreaterOrEqual", "GroupNormalization", "GRU", "HardSigmoid", "HardSwish", "Hardmax",
    "Identity", "InstanceNormalization", "IsInf", "IsNaN", "LayerNormalization", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "LogSoftmax", "LSTM", "MatMul", "MatMulInteger", "Max", "Mean", "Min", "Mish",
    "Mod", "Mul", "Neg", "Not", "Or", "Pad", "Pow", "PRelu", "QLinearMatMul", "QuantizeLinear", "Range",
    "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "RMSNormalization", "RNN",
    "Round", "ScatterElements", "ScatterND", "Selu", "Shape", "Sigmoid", "Sign", "Sin", "Sinh", "Size",
    "Slice", "Softmax", "Softplus", "Softsign", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Sum",
    "Swish", "Tan", "Tanh", "ThresholdedRelu", "Tile", "TopK", "Transpose", "Trilu", "Unsqueeze", "Where",
    "Xor",
))  # fmt: skip
# Whose second and third input, the weights, may only be what is stored in the file.
WEIGHTED = frozenset(("Conv", "ConvTranspose", "LSTM", "GRU", "RNN"))
# What gives a stored weight back, at most as large as it was or with other numbers for its elements.
_UNCHANGED = frozenset(
    ("Cast", "DequantizeLinear", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
)
Bytes = bytes | memoryview

_DOMAINS = (b"", b"ai.onnx")


class Refused(Exception):
    """A file that may not be opened: its place, what was expected there and what was found."""

    def __init__(self, place: str, expected: str, found: str) -> None:
        super().__init__(f"{place}: expected {expected}, found {found}")
        self.place, self.expected, self.found = place, expected, found


@dataclass
class _Node:
    """What of a node matters here."""

    operator: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def check(data: bytes) -> None:
    """Refuse a network that might do anything but compute.

    Every occurrence of a field is looked at, for in protocol buffers a field may come twice. Fields that are
    not named below are refused, whatever they mean.

    Parameters
    ----------
    data
        Of the whole file.

    Raises
    ------
    Refused
        If it is no ONNX file, or one that is more than a plain network.
    """
    graphs = 0
    for number, value in _fields(memoryview(data)):
        if number == 7:
            graphs += 1
            _graph(_bytes(value))
        elif number == 8:
            _operator_set(_bytes(value))
        elif number not in (1, 2, 3, 4, 5, 6, 14):  # versions, who made it, words about it
            what = {20: "training steps", 25: "functions"}.get(number, f"field {number}")
            raise Refused("file", "a graph and words about it", what)
    if not graphs:
        raise Refused("", "a network in ONNX", "no graph")


def _graph(data: Bytes) -> None:
    nodes, stored = [], set()
    for number, value in _fields(data):
        if number == 1:
            nodes.append(_node(_bytes(value)))
        elif number == 5:
            stored.add(_tensor(_bytes(value)))
        elif number not in (2, 10, 11, 12, 13, 16):  # name, words, inputs, outputs, shapes in between
            what = {14: "quantisation notes", 15: "sparse weights"}.get(number, f"field {number}")
            raise Refused("graph", "nodes and weights", what)
    if len(nodes) > MOST_NODES:
        raise Refused("graph", f"at most {MOST_NODES} nodes", str(len(nodes)))
    for node in nodes:
        if node.operator == "Constant" or (node.operator in _UNCHANGED and stored.issuperset(node.inputs)):
            stored.update(node.outputs)
        elif node.operator in WEIGHTED and not stored.issuperset(filter(None, node.inputs[1:3])):
            raise Refused(node.operator, "weights that are stored in the file", "ones that are computed")


def _operator_set(data: Bytes) -> None:
    for number, value in _fields(data):
        if number == 1 and value not in _DOMAINS:
            raise Refused("operator set", "ONNX's own operators", f"those of {_said(value)}")


def _node(data: Bytes) -> _Node:
    node = _Node()
    for number, value in _fields(data):
        if number == 1:
            node.inputs.append(_text(value))
        elif number == 2:
            node.outputs.append(_text(value))
        elif number == 4:
            node.operator = _text(value)
            if node.operator not in OPERATORS:
                raise Refused("node", "an operator of a plain network", _said(value))
        elif number == 5:
            _attribute(_bytes(value))
        elif number == 7 and value not in _DOMAINS:
            raise Refused("node", "ONNX's own operators", f"one of {_said(value)}")
        elif number not in (3, 6, 7, 9):  # name, words, domain, more words
            raise Refused("node", "inputs, outputs and numbers", f"field {number}")
    return node


def _attribute(data: Bytes) -> None:
    for number, value in _fields(data):
        if number == 5:
            _tensor(_bytes(value))
        elif number not in (
            1,
            2,
            3,
            4,
            7,
            8,
            9,
            13,
            20,
        ):  # name, a number or text, several, words, which of them
            what = {6: "a graph", 10: "tensors", 11: "graphs", 22: "a sparse tensor"}.get(
                number, f"field {number}"
            )
            raise Refused("attribute", "numbers, texts or a tensor", what)


def _tensor(data: Bytes) -> str:
    """Name of a tensor."""
    name = ""
    for number, value in _fields(data):
        if number == 8:
            name = _text(value)
        elif number == 13 or (number == 14 and value != 0):
            raise Refused("weights", "all of them in the file", "some in another file")
        elif number not in (
            1,
            2,
            4,
            5,
            7,
            9,
            10,
            11,
            12,
            14,
            16,
        ):  # sizes, type, numbers of every kind, words
            raise Refused("weights", "numbers", f"field {number}")
    return name


def _fields(data: Bytes) -> Iterator[tuple[int, int | Bytes]]:
    """Number and value of every field of a message: a whole number, or bytes."""
    at, end = 0, len(data)

    def varint() -> int:
        nonlocal at
        result = 0
        for shift in range(0, 70, 7):
            if at >= end:
                break
            byte = data[at]
            at += 1
            result |= (byte & 127) << shift
            if byte < 128:
                return result
        raise Refused("", "a network in ONNX", "bytes that are none")

    while at < end:
        tag = varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            size = varint()
        if size is None or size > end - at or tag < 8:
            raise Refused("", "a network in ONNX", "bytes that are none")
        yield tag >> 3, data[at : at + size]
        at += size


def _bytes(value: int | Bytes) -> Bytes:
    if isinstance(value, int):
        raise Refused("", "a network in ONNX", "bytes that are none")
    return value


def _text(value: int | Bytes) -> str:
    try:
        return str(_bytes(value), "utf-8")
    except UnicodeDecodeError:
        raise Refused("name", "text in UTF-8", "other bytes") from None


def _said(value: int | Bytes) -> str:
    return ascii(value if isinstance(value, int) else bytes(value[:60]).decode(errors="replace"))
