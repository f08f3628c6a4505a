import collections
import io
import pickle
import pickletools
import zipfile
from pathlib import Path

import numpy as np
import pytest

from steadypose.errors import FormatError
from steadypose.io import _torch

DATA = Path(__file__).parents[1] / "data" / "torch"
NAN = float("nan")
BASE = np.arange(24.0, dtype="f4").reshape(2, 3, 4)
EXPECTED = {
    "f": BASE,
    "t": BASE.transpose(2, 1, 0),
    "row": BASE[1, 2],
    "half": np.array([1.5, NAN, -2], "f2"),
    "bf": np.array([1.5, -3.140625, np.inf], "f4"),
    "i": np.array([[1], [2]]),
    "b": np.array([True, False]),
    "s": np.array(7, "i4"),
    "expanded": np.ones((5, 2), "f4"),
    "empty": np.zeros((0, 3), "f4"),
    "param": np.array([1, 2], "f4"),
    "d": np.ones(2),
}


def check(content):
    for name, array in EXPECTED.items():
        found = content[name].array
        assert found.dtype == array.dtype and found.shape == array.shape, name
        np.testing.assert_array_equal(found, array, err_msg=name)
    assert content["param"].parameter is True and content["f"].parameter is None
    assert content["od"] == collections.OrderedDict(a=1, b=[2.5, None, "x"])
    assert content["size"].args == ((2, 3, 4),) and content["device"].args == ("cpu",)
    assert content["dtype"].name == "float32"


def test_a_file_of_torch_is_read_and_written_the_same(tmp_path):
    content = _torch.load(DATA / "sample.pt")
    check(content)
    assert content["row"].storage is content["f"].storage
    _torch.dump(content, tmp_path / "out.pt", "sample")
    again = _torch.load(tmp_path / "out.pt")
    check(again)
    assert list(again) == list(content)
    assert again["row"].storage is again["f"].storage
    with zipfile.ZipFile(DATA / "sample.pt") as a, zipfile.ZipFile(tmp_path / "out.pt") as b:
        # The pickle is the one torch wrote, but for its memo: the same opcodes in the same order.
        assert opcodes(a) == opcodes(b)
        assert {n for n in b.namelist() if "/data/" in n} == {n for n in a.namelist() if "/data/" in n}
        assert all(i.compress_type == zipfile.ZIP_STORED for i in b.infolist())


def opcodes(z):
    ops = pickletools.genops(z.read("sample/data.pkl"))
    return [(o.name, v) for o, v, _ in ops if "PUT" not in o.name and "GET" not in o.name]


def test_other_values_keep_dtype_shape_and_the_rest(tmp_path):
    content = _torch.load(DATA / "sample.pt")
    changed = dict(content)
    for name in ("t", "half", "bf", "expanded", "i", "s", "param"):
        changed[name] = content[name].with_values(content[name].array + 1)
    _torch.dump(changed, tmp_path / "out.pt")
    again = _torch.load(tmp_path / "out.pt")
    np.testing.assert_array_equal(again["t"].array, EXPECTED["t"] + 1)
    np.testing.assert_array_equal(again["f"].array, EXPECTED["f"])
    np.testing.assert_array_equal(again["half"].array, np.array([2.5, NAN, -1], "f2"))
    assert again["s"].shape == () and again["s"].array.dtype == np.int32
    assert again["param"].parameter
    np.testing.assert_array_equal(again["expanded"].array, np.full((5, 2), 2, "f4"))


def test_bfloat16_rounds_half_to_even():
    like = _torch.load(DATA / "sample.pt")["bf"]
    # 1 + 2^-8 lies half way between 1 and 1 + 2^-7; 1 + 3·2^-8 between 1 + 2^-7 and 1 + 2^-6.
    found = like.with_values(np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8, NAN])).array
    np.testing.assert_array_equal(found, np.array([1, 1 + 2.0**-6, NAN], "f4"))


def test_new_tensors(tmp_path):
    arrays = [
        np.eye(3),
        np.arange(4, dtype="i4"),
        np.array(True),
        np.zeros((0, 2), "f2"),
        np.arange(3, dtype=">f4"),
    ]
    _torch.dump([_torch.tensor(a) for a in arrays], tmp_path / "x.pt")
    for tensor, array in zip(_torch.load(tmp_path / "x.pt"), arrays, strict=True):
        np.testing.assert_array_equal(tensor.array, array)
        assert tensor.array.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")


def archive(data_pkl, **members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("x/data.pkl", data_pkl)
        for name, data in members.items():
            z.writestr(f"x/{name}".replace("__", "/"), data)
    return out.getvalue()


def tensor_pickle(offset=0, shape=(2,), strides=(1,), count=2, kind=b"torch\nFloatStorage"):
    number = lambda n: b"\x8a\x08" + n.to_bytes(8, "little", signed=True)  # noqa: E731
    numbers = lambda v: b"(" + b"".join(map(number, v)) + b"t"  # noqa: E731
    storage = (
        b"(X\x07\x00\x00\x00storagec"
        + kind
        + b"\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
        + number(count)
        + b"tQ"
    )
    args = storage + number(offset) + numbers(shape) + numbers(strides) + b"\x89N"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + args + b"tR."


EIGHT = {"data__0": bytes(8)}
BAD = {
    "evil global": archive(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R."),
    "torch hub": archive(b"\x80\x02ctorch.hub\nload\nX\x01\x00\x00\x00a\x85R."),
    "class": archive(pickle.dumps(collections.Counter(), 2)),
    "no storage": archive(tensor_pickle()),
    "short storage": archive(tensor_pickle(count=3), **EIGHT),
    "beyond the storage": archive(tensor_pickle(offset=1), **EIGHT),
    "before the storage": archive(tensor_pickle(offset=-1), **EIGHT),
    "negative stride": archive(tensor_pickle(strides=(-1,)), **EIGHT),
    "huge by stride 0": archive(tensor_pickle(shape=(1 << 40,), strides=(0,)), **EIGHT),
    "strides of another rank": archive(tensor_pickle(strides=(1, 1)), **EIGHT),
    "unknown storage": archive(tensor_pickle(kind=b"torch\nQInt8Storage"), **EIGHT),
    "storage of a dtype": archive(tensor_pickle(kind=b"torch\nfloat32"), **EIGHT),
    "big endian": archive(tensor_pickle(), byteorder=b"big", **EIGHT),
    "truncated pickle": archive(tensor_pickle()[:-9], **EIGHT),
    "truncated zip": archive(tensor_pickle(), **EIGHT)[:-20],
    "not torch": b"PK\x05\x06" + bytes(18),
    "empty": b"",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused(tmp_path, name):
    path = tmp_path / "bad.pt"
    path.write_bytes(BAD[name])
    with pytest.raises(FormatError, match=r"bad\.pt") as e:
        _torch.load(path)
    assert "\n" not in str(e.value)


def test_the_tensor_that_the_bad_ones_vary_is_good(tmp_path):
    path = tmp_path / "good.pt"
    path.write_bytes(archive(tensor_pickle(), **EIGHT))
    np.testing.assert_array_equal(_torch.load(path).array, np.zeros(2, "f4"))


def test_files_of_torch_before_1_6_say_so():
    with pytest.raises(FormatError, match=r"1\.6"):
        _torch.load(DATA / "old.pt")
