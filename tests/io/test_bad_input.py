"""Every row of docs/bad-input.md about what is read, as a test of the row's name."""

from __future__ import annotations

import json
import os
import pickle
import re
import resource
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from io_samples import body, content, openpose_folder, read_positions, sample, suffix, trc_file

import steadypose as sp
from steadypose.cli._files import expand
from steadypose.report import report

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"


def test_the_page_and_these_tests_have_the_same_rows() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    files = (Path(__file__), Path(__file__).with_name("test_bad_output.py"))
    tests = [
        name for file in files for name in re.findall(r"^def test_(\w+)\(", file.read_text(), re.MULTILINE)
    ]
    others = {"the_page_and_these_tests_have_the_same_rows", "a_shell_sees_one_line_and_an_exit_code"}
    assert {row.replace("-", "_") for row in rows} == set(tests) - others


def refused(path: Path, *expected: str, **options: Any) -> str:
    """The message with which a file is refused: one line that names the file."""
    with pytest.raises(sp.FormatError) as e:
        sp.read_streams(path, **options)
    message = str(e.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    for text in expected:
        assert text in message
    return message


def test_missing_path(tmp_path: Path) -> None:
    refused(tmp_path / "none.json", "expected a file or folder, found nothing there")


def test_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "expected a file or folder, found a pipe or a device")
    refused(Path("/dev/null"), "found a pipe or a device")
    refused(tmp_path / ("a" * 300), "name too long")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "loop")


def test_other_folder(tmp_path: Path) -> None:
    for name, files in (("empty", []), ("photos", ["a.jpg", "b.jpg"]), ("other", ["a.json"])):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_bytes(b'{"width": 3}')
        refused(tmp_path / name, "found a folder of something else", "openpose", "--format")


def test_empty_file(tmp_path: Path) -> None:
    for name in ("a.json", "a.csv", "a.npz", "a.pkl", "a"):
        (tmp_path / name).touch()
        refused(tmp_path / name, "found an empty file")


def test_unknown_content(tmp_path: Path) -> None:
    for name, data in (
        ("a.json", b'{"width": 3}'),
        ("a.csv", b"a,b\n1,2\n"),
        ("a.txt", b"hello"),
        ("a", b"\0" * 9),
    ):
        (tmp_path / name).write_bytes(data)
        refused(tmp_path / name, "found content that no format recognises", "mediapipe-json", "--format")


def test_unknown_format(tmp_path: Path) -> None:
    path = trc_file(tmp_path / "a.trc")
    with pytest.raises(sp.SteadyposeError, match=r"expected a format among openpose, .*, found 'fbx'"):
        sp.read(path, format="fbx")
    with pytest.raises(sp.SteadyposeError, match=r"expected a format among openpose, .*, found 'fbx'"):
        sp.write(sp.read(path), tmp_path / "b.fbx", format="fbx")


@pytest.mark.parametrize("format", sorted(sp.formats()))
def test_wrong_format(format: str, tmp_path: Path) -> None:
    # Formats that are the same content by another name are not wrong.
    also = {"plain": {"videopose3d", "mediapipe-npz"}, "long-csv": set()}
    for other in ("trc", "wham", "coco", "amass", "sleap", "openpose"):
        if format != other and other not in also.get(format, ()):
            refused(sample(other, tmp_path, f"{other}-as-{format}"), format=format)


@pytest.mark.parametrize("format", sorted(sp.formats()))
def test_misleading_suffix(format: str, tmp_path: Path) -> None:
    whole = sample(format, tmp_path)
    if whole.is_file():
        lie = tmp_path / ("lie.csv" if suffix(format) != ".csv" else "lie.json")
        lie.write_bytes(whole.read_bytes())
        assert sp.detect(lie) == format
        assert sp.read_streams(lie).keys() == sp.read_streams(whole).keys()


@pytest.mark.parametrize("format", sorted(sp.formats()))
def test_truncated(format: str, tmp_path: Path) -> None:
    data = content(format)
    path = tmp_path / f"a{suffix(format)}"
    if suffix(format) in (".csv", ".trc", ".txt", ".bvh"):
        # Cut within a row: after a whole one, a table is a shorter table, and nobody can tell.
        rows = data.splitlines(keepends=True)
        middle = len(rows) * 2 // 3 if format != "trc" else 3  # in TRC a row may end early
        path.write_bytes(b"".join(rows[:middle]) + rows[middle][: len(rows[middle]) // 2])
    else:
        path.write_bytes(data[: len(data) * 2 // 3])
    refused(path, format=format)


DAMAGED = {
    "a.json": b'{"frames": [{"fra',
    "a.npz": content("amass")[:-100],
    "a.npy": b"\x93NUMPY\x01\x00v\x00",
    "a.zip": b"PK\x03\x04 and so on",
    "a.pkl": content("threedpw")[:200],
    "a.h5": b"\x89HDF\r\n\x1a\n and so on",
    "a.pt": b"PK\x03\x04 and so on",
    "a.c3d": b"\x02P",
    "a.bvh": b"HIERARC",
    "a": b"PK\x03\x04 and so on",
    "empty.json": b"",
}
FOREIGN = {
    "notes.txt": b"[TODO] buy milk",
    ".DS_Store": b"\0\0\0\1Bud1",
    "a.jpg": b"\xff\xd8\xff\xe0" + bytes(99),
    "other.json": b'{"width": 3}',
    "a.csv": b"a,b\n1,2\n",
    "words.docx": b"PK\x03\x04 and so on",
    "model.pkl": b"\x80\x04csklearn.svm\nSVC\n.",
    "empty.txt": b"",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged(name: str, tmp_path: Path) -> None:
    good = sample("trc", tmp_path, "good.trc")
    (tmp_path / name).write_bytes(DAMAGED[name])
    message = refused(tmp_path / name)
    assert "no format recognises" not in message
    found, passed_over = expand([str(tmp_path)])
    assert (found, passed_over) == (sorted([good, tmp_path / name]), [])


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign(name: str, tmp_path: Path) -> None:
    good = sample("trc", tmp_path, "good.trc")
    (tmp_path / name).write_bytes(FOREIGN[name])
    found, passed_over = expand([str(tmp_path)])
    assert found == [good]
    assert passed_over == ([] if name.startswith(".") else [tmp_path / name])


def test_not_text(tmp_path: Path) -> None:
    path = trc_file(tmp_path / "a.trc")
    data = path.read_bytes()
    path.write_bytes(data[:-5] + b"\xff" + data[-4:])
    refused(path, f"byte {len(data) - 5}", "expected UTF-8 text, found byte 0xff")


def test_nan(tmp_path: Path) -> None:
    rows = [f"{f + 1}\t{f / 60:.6f}\t" + "\t".join(["1.5", "2.5", "3.5"] * 2) for f in range(90)]
    rows[10] = rows[10].replace("1.5\t2.5\t3.5\t1.5", "\t\t\t1.5")
    rows[20] = rows[20].replace("3.5", "nan")
    for f in range(40, 80):
        rows[f] = f"{f + 1}\t{f / 60:.6f}\t\t\t\t1.5\t2.5\t3.5"
    seq = read_positions(trc_file(tmp_path / "a.trc", rows))
    assert np.flatnonzero(~seq.valid[:, 0, 0]).tolist() == [10, 20, *range(40, 80)]
    out = sp.refine(seq, "gaussian")
    assert np.flatnonzero(~out.valid[:, 0, 0]).tolist() == list(range(40, 80))
    assert out.filled is not None
    assert np.flatnonzero(out.filled[:, 0, 0]).tolist() == [10, 20]
    written = sp.write(out, tmp_path / "b.trc").read_text().splitlines()[5:]
    assert written[50].startswith("51\t0.833333\t\t\t\t")
    (tmp_path / "c.json").write_text('{"people": [NaN]}')
    refused(tmp_path / "c.json", "people[0]", "expected an object, found null", format="openpose")


def test_zeros(tmp_path: Path) -> None:
    rows = [f"{f + 1}\t{f / 60:.6f}\t" + "\t".join(["1.5", "2.5", "3.5"] * 2) for f in range(9)]
    rows[3] = rows[3].replace("1.5\t2.5\t3.5\t1.5", "0\t0.0\t0\t1.5")
    seq = read_positions(trc_file(tmp_path / "a.trc", rows))
    assert np.argwhere(~seq.valid).tolist() == [[3, 0, 0]]
    assert "1 keypoint exactly at the origin (0, 0, 0): missing" in seq.history
    assert sp.write(seq, tmp_path / "b.trc").read_bytes() == (tmp_path / "a.trc").read_bytes()


@pytest.mark.parametrize("number", ["inf", "-inf", "1e999"])
def test_infinity(number: str, tmp_path: Path) -> None:
    rows = [f"{f + 1}\t{f / 60:.6f}\t{number if f == 1 else 1.5}\t2\t3\t4\t5\t6" for f in range(3)]
    seq = read_positions(trc_file(tmp_path / "a.trc", rows))
    assert seq.valid[:, 0, 0].tolist() == [True, False, True]
    assert not np.isinf(seq.positions).any()
    assert sp.write(seq, tmp_path / "b.trc").read_bytes() == (tmp_path / "a.trc").read_bytes()


@pytest.mark.parametrize("number", [1e300, -3e38, 1e30, 2e12])
def test_too_large(number: float, tmp_path: Path) -> None:
    path = openpose_folder(tmp_path / "a", [[body(100.0)], [[number, *body(100.0)[1:]]]])
    assert read_positions(path).valid[:, 0, 0].tolist() == [True, False]
    rows = [f"{f + 1}\t{f / 60:.6f}\t{number if f == 1 else 1.5}\t2\t3\t4\t5\t6" for f in range(3)]
    seq = read_positions(trc_file(tmp_path / "a.trc", rows))
    assert seq.valid[:, 0, 0].tolist() == [True, False, True]
    assert sp.write(seq, tmp_path / "b.trc").read_bytes() == (tmp_path / "a.trc").read_bytes()
    for method in (None, "gaussian", "adaptive"):
        assert np.isfinite(sp.refine(seq, method).positions[:, :, 1]).all()
    sp.evaluate(seq)


def test_all_missing(tmp_path: Path) -> None:
    path = trc_file(tmp_path / "a.trc", [f"{f + 1}\t{f / 60:.6f}\t\t\t\t\t\t" for f in range(5)])
    out = sp.refine(sp.read(path))
    assert not out.valid.any()
    assert sp.write(out, tmp_path / "b.trc").read_bytes() == path.read_bytes()
    refused(openpose_folder(tmp_path / "b", [[], [], []]), "at least one person with keypoints")
    refused(openpose_folder(tmp_path / "c", [[[0.0] * 75]] * 2), "at least one person with keypoints")


def test_one_frame(tmp_path: Path) -> None:
    for path in (
        trc_file(tmp_path / "a.trc", ["1\t0\t1\t2\t3\t4\t5\t6"]),
        openpose_folder(tmp_path / "a", [[body(100.0)]]),
    ):
        seq = read_positions(path)
        assert seq.shape[0] == 1
        out = sp.refine(seq)
        np.testing.assert_array_equal(out.positions, seq.positions)
        again = read_positions(sp.write(out, tmp_path / f"b{path.suffix}"))
        np.testing.assert_array_equal(again.positions, seq.positions)


def test_one_keypoint(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{f + 1}\t{f / 60:.6f}\t" + "\t".join(f"{v:.3f}" for v in rng.normal(size=3)) for f in range(60)]
    seq = read_positions(trc_file(tmp_path / "a.trc", rows, names=("wand",)))
    assert seq.skeleton.root == ()
    out = sp.refine(seq)
    assert out.shape == (60, 1, 1, 3)
    assert sp.metrics.jitter(out.positions, fps=60) < sp.metrics.jitter(seq.positions, fps=60)


def test_empty_frames(tmp_path: Path) -> None:
    path = openpose_folder(tmp_path / "a", [[body(100.0)], [], [body(101.0)], [body(102.0)]])
    seq = read_positions(path)
    assert seq.valid[:, 0].all(axis=1).tolist() == [True, False, True, True]
    out = sp.write(seq, tmp_path / "b")
    assert [len(json.loads(p.read_text())["people"]) for p in sorted(out.iterdir())] == [1, 0, 1, 1]
    refined = sp.refine(seq)
    assert refined.filled is not None
    assert refined.filled[1].all()


def test_persons_change(tmp_path: Path) -> None:
    left, right = body(100.0), body(900.0)
    path = openpose_folder(
        tmp_path / "a", [[left], [right, left], [left, right], [left, right], [right], [right]]
    )
    seq = read_positions(path)
    assert len(seq.persons) == 2
    there = seq.valid.all(axis=2)
    assert sorted(there[:, p].tolist() for p in range(2)) == [
        [False, True, True, True, True, True],
        [True, True, True, True, False, False],
    ]
    assert "linked" in " ".join(seq.history)
    out = sp.refine(seq, "gaussian", max_gap=0)
    np.testing.assert_allclose(out.positions, seq.positions, atol=0.1)
    again = sp.write(seq, tmp_path / "b")
    for a, b in zip(sorted(path.iterdir()), sorted(again.iterdir()), strict=True):
        assert json.loads(a.read_text()) == json.loads(b.read_text())


def test_crowd(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    people = 1500
    places = 1000.0 + 400.0 * np.stack(np.divmod(np.arange(people), 25), 1)
    shape = np.array(body(0.0)).reshape(-1, 3)
    frames = []
    for _ in range(3):
        each = (
            shape[None]
            + np.concatenate((places + rng.normal(0, 1, (people, 2)), np.zeros((people, 1))), 1)[:, None]
        )
        frames.append([one.ravel().round(2).tolist() for one in each])
    path = openpose_folder(tmp_path / "a", frames)
    tracemalloc.start()
    seq = read_positions(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(seq.persons) == people
    assert seq.valid.all()
    assert peak < 25 * sum(f.stat().st_size for f in path.iterdir())


def test_too_many_persons(tmp_path: Path) -> None:
    frames = 1500
    entries = [
        {"image_id": f, "category_id": 1, "keypoints": [float(f + k) for k in range(51)], "idx": p}
        for f in range(frames)
        for p in (2 * f, 2 * f + 1)
    ]
    (tmp_path / "a.json").write_text(json.dumps(entries))
    tracemalloc.start()
    refused(tmp_path / "a.json", f"{2 * frames} different ones in {frames} frames")
    assert tracemalloc.get_traced_memory()[1] < 40 * (tmp_path / "a.json").stat().st_size
    tracemalloc.stop()
    rows = [f"{f},p{f},nose,1,2" for f in range(4000)]
    (tmp_path / "a.csv").write_text("\n".join(["frame,person,keypoint,x,y", *rows]))
    columns = {"frame": "frame", "person": "person", "keypoint": "keypoint", "x": "x", "y": "y"}
    refused(tmp_path / "a.csv", "expected a table of points", format="long-csv", columns=columns)


def test_duplicated_frames(tmp_path: Path) -> None:
    rows = ["1\t0\t1\t2\t3\t4\t5\t6", "2\t0.1\t1\t2\t3\t4\t5\t6", "2\t0.2\t1\t2\t3\t4\t5\t6"]
    refused(trc_file(tmp_path / "a.trc", rows), "line 8", "frame 2 twice")
    path = openpose_folder(tmp_path / "a", [[body(100.0)], [body(101.0)]])
    for file in sorted(path.iterdir())[1:]:
        file.rename(path / "b_000000000000_keypoints.json")
    refused(path, "frame 0 again")


def test_shuffled_frames(tmp_path: Path) -> None:
    rows = [f"{f + 1}\t{f / 60:.6f}\t{f}\t2\t3\t4\t5\t6" for f in (2, 0, 3, 1)]
    path = trc_file(tmp_path / "a.trc", rows)
    seq = read_positions(path)
    assert seq.positions[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    moved = seq.with_positions(seq.positions + np.float32(10), "moved")
    lines = sp.write(moved, tmp_path / "b.trc").read_text().splitlines()[5:]
    assert [line.split("\t")[0] for line in lines] == ["3", "1", "4", "2"]
    assert [float(line.split("\t")[2]) for line in lines] == [12, 10, 13, 11]


@pytest.mark.parametrize("fps", [0, -30, float("nan"), float("inf")])
def test_bad_fps(fps: float, tmp_path: Path) -> None:
    refused(trc_file(tmp_path / "a.trc"), f"expected a frame rate above 0 fps, found {fps}", fps=fps)
    rows = ["1\t\t1\t2\t3\t4\t5\t6", "2\t\t1\t2\t3\t4\t5\t6"]
    refused(trc_file(tmp_path / "b.trc", rows, rate=str(fps)), "expected a frame rate above 0 fps")
    with pytest.raises(sp.DataError, match="above 0 fps"):
        sp.PoseSequence.from_array(np.zeros((3, 1, 2)), fps=fps)


@pytest.mark.parametrize("fps", [1e308, 1e7, 1e-10, 1e-300])
def test_extreme_rate(fps: float, tmp_path: Path) -> None:
    expected = "expected a frame rate from 1e-09 to 1e+06 fps, found"
    path = openpose_folder(tmp_path / "a", [[body(100.0 + f)] for f in range(4)])
    refused(path, expected, fps=fps)
    with pytest.raises(sp.DataError, match="expected a frame rate from"):
        sp.PoseSequence.from_array(np.zeros((3, 1, 2)), fps=fps)
    with pytest.raises(sp.DataError, match=r"expected a frame rate from|strictly increasing"):
        sp.PoseSequence.from_array(np.zeros((3, 1, 2)), times=np.arange(3) / fps)
    for rate in (1e6, 1e-9):  # the fastest and the slowest that there are
        for method in (None, "gaussian", "adaptive", "network"):
            seq = sp.PoseSequence.from_array(np.random.default_rng(0).normal(size=(40, 2, 2)), fps=rate)
            assert np.isfinite(sp.refine(seq, method).positions).all()


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ((0, 0.2, 0.1), "0.2 then 0.1"),
        ((0, 0.1, 0.1), "0.1 then 0.1"),
        ((0, 0.1, 0.1 + 1e-12), "0.1 then 0.1"),
    ],
)
def test_bad_times(times: tuple[float, ...], found: str, tmp_path: Path) -> None:
    rows = [f"{f + 1}\t{t}\t1\t2\t3\t4\t5\t6" for f, t in enumerate(times)]
    refused(trc_file(tmp_path / "a.trc", rows), f"strictly increasing times, found {found} at frame 2")


def test_uneven_times(tmp_path: Path) -> None:
    times = np.cumsum([0.01, 0.03, 0.02, 0.5, 0.01, 0.04])
    rows = [f"{f + 1}\t{t:.6f}\t1\t2\t3\t4\t5\t6" for f, t in enumerate(times)]
    seq = read_positions(trc_file(tmp_path / "a.trc", rows))
    np.testing.assert_allclose(seq.times, times)
    assert sp.refine(seq).shape == seq.shape
    folder = openpose_folder(tmp_path / "a", [[body(100.0 + f)] for f in range(6)])
    sorted(folder.iterdir())[3].unlink()
    skipped = read_positions(folder, fps=10)
    np.testing.assert_allclose(skipped.times, [0, 0.1, 0.2, 0.4, 0.5])
    out = sp.write(sp.refine(skipped), tmp_path / "b")
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in folder.iterdir())


def test_unknown_skeleton(tmp_path: Path) -> None:
    refused(
        trc_file(tmp_path / "a.trc"),
        "expected a known skeleton (coco17, ",
        "found 'coco71'",
        skeleton="coco71",
    )


def test_wrong_skeleton(tmp_path: Path) -> None:
    message = refused(trc_file(tmp_path / "a.trc"), skeleton="coco17")
    assert "17" in message
    assert "2" in message
    message = refused(openpose_folder(tmp_path / "a", [[body(1.0)]]), skeleton="coco17")
    assert "17" in message
    assert "25" in message


def test_wrong_unit(tmp_path: Path) -> None:
    refused(trc_file(tmp_path / "a.trc"), "px, normalized, m, mm, cm", "found 'inch'", unit="inch")
    refused(trc_file(tmp_path / "b.trc", unit="furlong"), "line 3", "m, cm or mm", "'furlong'")


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_evil_pickle(tmp_path: Path) -> None:
    made = tmp_path / "made"
    for protocol in range(6):
        data = pickle.dumps({0: {"pose": Evil(made)}}, protocol=protocol)
        assert data, protocol
        (tmp_path / "a.pkl").write_bytes(data)
        for format in (None, "wham", "vibe", "phalp", "threedpw", "aist"):
            message = refused(tmp_path / "a.pkl", format=format)
            assert format is None or "mkdir" in message
    arrays = np.empty(1, object)
    arrays[0] = Evil(made)
    np.savez(tmp_path / "a.npz", positions_3d=arrays, poses=arrays, image=arrays)
    for format in (None, "plain", "videopose3d", "amass", "smoothnet", "mediapipe-npz"):
        refused(tmp_path / "a.npz", format=format)
    assert not made.exists()


def test_bomb(tmp_path: Path) -> None:
    # 100 MB of zeros in 100 kB: what a file unfolds to is bounded before it is made.
    packer = zlib.compressobj(1)
    pieces = [packer.compress(b"\x80\x04B" + (100 << 20).to_bytes(4, "little"))]
    pieces += [packer.compress(bytes(1 << 20)) for _ in range(100)]
    (tmp_path / "a.pkl").write_bytes(b"".join([*pieces, packer.compress(b"."), packer.flush()]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(tmp_path / "a.pkl", format="wham")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


ZIPS = {
    "a.zip": ("a/0.json", "no format recognises"),
    "a.npz": ("x.npy", "method 14"),
    "a.pt": ("a/data.pkl", "method 14"),
}


@pytest.mark.parametrize("name", ZIPS)
def test_hungry_member(tmp_path: Path, name: str) -> None:
    member, words = ZIPS[name]
    with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(member, b'{"people": []}')
    refused(tmp_path / name, words)


def test_lying_sizes(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")  # test_io_h5.py has every way to lie
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["node_names"] = np.array([b"nose"])
        file.create_dataset("tracks", (10**12, 2, 1, 3), "f8", chunks=(1000, 2, 1, 3), compression="gzip")
    refused(tmp_path / "a.h5", "tracks", "expected content in proportion to the file")


DEEP = b"[" * 300 + b"]" * 300
STRANGE = {
    "integer of 400 digits": b"9" * 400,
    "integer of 5000 digits": b"9" * 5000,
    "negative integer of 400 digits": b"-" + b"9" * 400,
    "half a character": b'"\\ud800"',
    "other half of a character": b'"a\\udcff"',
    "300 levels": DEEP,
    "3000 levels": DEEP * 10,
    "null": b"null",
}


@pytest.mark.parametrize("beside", [b"0", b"NaN"])  # with NaN Python's own parser has to read it
@pytest.mark.parametrize("strange", STRANGE)
def test_strange_content(strange: str, beside: bytes, tmp_path: Path) -> None:
    for format in ("coco", "mediapipe-json", "keraal-json", "mmpose", "alphapose"):
        data = content(format)
        for place in (r"-?\d+\.\d+", r'"[a-z_]+"(?=:)', r"\d+(?=[,}])", r"\[", r"^"):
            value = STRANGE[strange] if place != "^" else b"[" + STRANGE[strange] + b"," + beside + b"]"
            path = tmp_path / f"{format}{suffix(format)}"
            new = re.sub(place.encode(), lambda _, v=value: v, data, count=1)
            path.write_bytes(new.replace(b"}", b',"also":' + beside + b"}", 1))
            try:
                streams = sp.read_streams(path, format=format)
            except sp.FormatError as e:
                assert "\n" not in str(e)
                assert str(path) in str(e)
            else:
                sp.write(streams, tmp_path / f"b{suffix(format)}", force=True)
    for dtype in ("M8", "M8[s]", "m8", "c8", "S3", "V8", [("a", "f4"), ("b", "i4")]):
        arrays = np.zeros((6, 1, 17, 2), dtype)
        for format in ("plain", "amass", "smoothnet", "videopose3d", "mediapipe-npz"):
            np.savez(tmp_path / "a.npz", positions=arrays, poses=arrays, positions_2d=arrays, image=arrays)
            refused(tmp_path / "a.npz", format=format)
        np.save(tmp_path / "a.npy", arrays)
        refused(tmp_path / "a.npy", fps=30, skeleton="coco17")


SEQUENCE = sp.PoseSequence.from_array(np.zeros((5, 1, 17, 2)), fps=30, skeleton="coco17")
NO_SEQUENCES: list[Any] = [None, 5, "poses.json", b"a", [1], np.zeros((5, 1, 17, 2)), object(), 10**400]
NO_PATHS: list[Any] = [None, 5, [], np.zeros(2), object(), "a\0b", "\ud800"]
NO_NUMBERS: list[Any] = ["x", b"1", [], {}, np.zeros(2), object(), 10**400, float("nan"), 1j]
MISUSE: dict[str, tuple[list[Any], Callable[[Any, Path], object]]] = {
    "refine": (NO_SEQUENCES, lambda x, _: sp.refine(x)),
    "evaluate": (NO_SEQUENCES, lambda x, _: sp.evaluate(x)),
    "evaluate an action": (NO_SEQUENCES, lambda x, _: sp.evaluate({"a": x})),
    "lift": (NO_SEQUENCES, lambda x, _: sp.lift(x)),
    "tune": (NO_SEQUENCES, lambda x, _: sp.tune(x, x)),
    "compare": (NO_SEQUENCES, lambda x, _: sp.metrics.compare(x, x)),
    "write": (NO_SEQUENCES, lambda x, folder: sp.write(x, folder / "a.json")),
    "write a stream": (NO_SEQUENCES, lambda x, folder: sp.write({"main": x}, folder / "a.json")),
    "report": (NO_SEQUENCES, lambda x, folder: report(x, x, None, folder / "a.html")),
    "read a path": (NO_PATHS, lambda x, _: sp.read(x)),
    "write a path": (NO_PATHS, lambda x, _: sp.write(SEQUENCE, x)),
    "report a path": (NO_PATHS, lambda x, _: report(SEQUENCE, SEQUENCE, None, x)),
    "format": (NO_PATHS[1:], lambda x, folder: sp.write(SEQUENCE, folder / "a.json", format=x)),
    "method": (NO_PATHS[1:], lambda x, _: sp.refine(SEQUENCE, x)),
    "sigma": (NO_NUMBERS, lambda x, _: sp.refine(SEQUENCE, "gaussian", sigma=x)),
    "max_gap": (NO_NUMBERS, lambda x, _: sp.refine(SEQUENCE, max_gap=x)),
    "min_confidence": (NO_NUMBERS, lambda x, _: sp.refine(SEQUENCE, min_confidence=x)),
    "outliers": (NO_NUMBERS, lambda x, _: sp.refine(SEQUENCE, outliers=x)),
    "stature": (NO_NUMBERS, lambda x, _: sp.lift(SEQUENCE, stature=x)),
    "fps": (NO_NUMBERS, lambda x, _: sp.PoseSequence.from_array(np.zeros((5, 17, 2)), fps=x)),
    "skeleton": (NO_PATHS[1:], lambda x, _: SEQUENCE.remap(x)),
    "persons": (["x", 5, [5], np.zeros(2), object()], lambda x, _: SEQUENCE.select(persons=x)),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse(what: str, tmp_path: Path) -> None:
    values, call = MISUSE[what]
    for given in values:
        with pytest.raises(sp.SteadyposeError, match=r"expected [^\n]*, found [^\n]*$"):
            call(given, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sample("sleap", tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(sp.MissingExtraError, match=r'pip install "steadypose\[formats\]"$'):
        sp.read(path, format="sleap")


def test_a_shell_sees_one_line_and_an_exit_code(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    for arguments, code in (
        (["refine", "none.json"], 1),
        (["info", "bad.json"], 1),
        (["info", "--nonsense"], 2),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "steadypose", *arguments], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == code
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        assert done.stderr.strip().count("\n") == 0 or code == 2
