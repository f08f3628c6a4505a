"""Every row of docs/bad-input.md, as a test of the row's name."""

from __future__ import annotations

import json
import os
import pickle
import re
import resource
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from io_samples import content, sample, suffix, turn, walk

import steadypose as sp
from steadypose.sequence import Motion, PoseSequence

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"


def test_the_page_and_these_tests_have_the_same_rows() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    here = {name for name in globals() if name.startswith("test_")}
    here -= {
        "test_the_page_and_these_tests_have_the_same_rows",
        "test_a_shell_sees_one_line_and_an_exit_code",
    }
    assert {f"test_{row.replace('-', '_')}" for row in rows} == here


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


def trc(
    path: Path,
    rows: list[str] | None = None,
    names: tuple[str, ...] = ("LHip", "RHip"),
    unit: str = "mm",
    rate: str = "60",
) -> Path:
    """A TRC file of these rows (frame, time, coordinates), by default of three good ones."""
    if rows is None:
        rows = [f"{f + 1}\t{f / 60:.6f}\t" + "\t".join(["1.5"] * 3 * len(names)) for f in range(3)]
    head = ["PathFileType\t4\t(X/Y/Z)\ta.trc", "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits",
            f"{rate}\t{rate}\t{len(rows)}\t{len(names)}\t{unit}", "Frame#\tTime\t" + "\t\t\t".join(names),
            "\t\t" + "\t".join(f"{a}{k + 1}" for k in range(len(names)) for a in "XYZ")]  # fmt: skip
    path.write_text("\n".join([*head, *rows]) + "\n")
    return path


def openpose(folder: Path, frames: list[list[list[float]]]) -> Path:
    """A folder of one JSON a frame, each a list of people."""
    folder.mkdir()
    for n, people in enumerate(frames):
        entries = [{"person_id": [-1], "pose_keypoints_2d": p} for p in people]
        (folder / f"a_{n:012d}_keypoints.json").write_text(json.dumps({"version": 1.3, "people": entries}))
    return folder


def body(x: float, confidence: float = 0.9) -> list[float]:
    """BODY_25 standing at x."""
    return [v for k in range(25) for v in (x + 5 * (k % 5), 100.0 + 20 * k, confidence)]


def main(path: Path, **options: Any) -> PoseSequence:
    motion = sp.read(path, **options)
    assert isinstance(motion, PoseSequence)
    return motion


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
        ("a.pkl", b"hello"),
        ("a", b"\0" * 9),
    ):
        (tmp_path / name).write_bytes(data)
        refused(tmp_path / name, "found content that no format recognises", "mediapipe-json", "--format")


def test_unknown_format(tmp_path: Path) -> None:
    path = trc(tmp_path / "a.trc")
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


def test_not_text(tmp_path: Path) -> None:
    path = trc(tmp_path / "a.trc")
    data = path.read_bytes()
    path.write_bytes(data[:-5] + b"\xff" + data[-4:])
    refused(path, f"byte {len(data) - 5}", "expected UTF-8 text, found byte 0xff")


def test_nan(tmp_path: Path) -> None:
    rows = [f"{f + 1}\t{f / 60:.6f}\t" + "\t".join(["1.5", "2.5", "3.5"] * 2) for f in range(90)]
    rows[10] = rows[10].replace("1.5\t2.5\t3.5\t1.5", "\t\t\t1.5")
    rows[20] = rows[20].replace("3.5", "nan")
    for f in range(40, 80):
        rows[f] = f"{f + 1}\t{f / 60:.6f}\t\t\t\t1.5\t2.5\t3.5"
    seq = main(trc(tmp_path / "a.trc", rows))
    assert np.flatnonzero(~seq.valid[:, 0, 0]).tolist() == [10, 20, *range(40, 80)]
    out = sp.refine(seq, "gaussian")
    assert np.flatnonzero(~out.valid[:, 0, 0]).tolist() == list(range(40, 80))
    assert out.filled is not None
    assert np.flatnonzero(out.filled[:, 0, 0]).tolist() == [10, 20]
    written = sp.write(out, tmp_path / "b.trc").read_text().splitlines()[5:]
    assert written[50].startswith("51\t0.833333\t\t\t\t")
    (tmp_path / "c.json").write_text('{"people": [NaN]}')
    refused(tmp_path / "c.json", "line 1", format="openpose")


@pytest.mark.parametrize("number", ["inf", "-inf", "1e999"])
def test_infinity(number: str, tmp_path: Path) -> None:
    rows = [f"{f + 1}\t{f / 60:.6f}\t{number if f == 1 else 1.5}\t2\t3\t4\t5\t6" for f in range(3)]
    seq = main(trc(tmp_path / "a.trc", rows))
    assert seq.valid[:, 0, 0].tolist() == [True, False, True]
    assert not np.isinf(seq.positions).any()
    assert sp.write(seq, tmp_path / "b.trc").read_bytes() == (tmp_path / "a.trc").read_bytes()


def test_too_large(tmp_path: Path) -> None:
    path = openpose(tmp_path / "a", [[body(100.0)], [[1e300, *body(100.0)[1:]]]])
    assert main(path).valid[:, 0, 0].tolist() == [True, False]


def test_all_missing(tmp_path: Path) -> None:
    path = trc(tmp_path / "a.trc", [f"{f + 1}\t{f / 60:.6f}\t\t\t\t\t\t" for f in range(5)])
    out = sp.refine(sp.read(path))
    assert not out.valid.any()
    assert sp.write(out, tmp_path / "b.trc").read_bytes() == path.read_bytes()
    refused(openpose(tmp_path / "b", [[], [], []]), "at least one person with keypoints")
    refused(openpose(tmp_path / "c", [[[0.0] * 75]] * 2), "at least one person with keypoints")


def test_one_frame(tmp_path: Path) -> None:
    for path in (
        trc(tmp_path / "a.trc", ["1\t0\t1\t2\t3\t4\t5\t6"]),
        openpose(tmp_path / "a", [[body(100.0)]]),
    ):
        seq = main(path)
        assert seq.shape[0] == 1
        out = sp.refine(seq)
        np.testing.assert_array_equal(out.positions, seq.positions)
        again = main(sp.write(out, tmp_path / f"b{path.suffix}"))
        np.testing.assert_array_equal(again.positions, seq.positions)


def test_one_keypoint(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{f + 1}\t{f / 60:.6f}\t" + "\t".join(f"{v:.3f}" for v in rng.normal(size=3)) for f in range(60)]
    seq = main(trc(tmp_path / "a.trc", rows, names=("wand",)))
    assert seq.skeleton.root == ()
    out = sp.refine(seq)
    assert out.shape == (60, 1, 1, 3)
    assert sp.metrics.jitter(out.positions, fps=60) < sp.metrics.jitter(seq.positions, fps=60)


def test_empty_frames(tmp_path: Path) -> None:
    path = openpose(tmp_path / "a", [[body(100.0)], [], [body(101.0)], [body(102.0)]])
    seq = main(path)
    assert seq.valid[:, 0].all(axis=1).tolist() == [True, False, True, True]
    out = sp.write(seq, tmp_path / "b")
    assert [len(json.loads(p.read_text())["people"]) for p in sorted(out.iterdir())] == [1, 0, 1, 1]
    refined = sp.refine(seq)
    assert refined.filled is not None
    assert refined.filled[1].all()


def test_persons_change(tmp_path: Path) -> None:
    left, right = body(100.0), body(900.0)
    path = openpose(tmp_path / "a", [[left], [right, left], [left, right], [left, right], [right], [right]])
    seq = main(path)
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


def test_duplicated_frames(tmp_path: Path) -> None:
    rows = ["1\t0\t1\t2\t3\t4\t5\t6", "2\t0.1\t1\t2\t3\t4\t5\t6", "2\t0.2\t1\t2\t3\t4\t5\t6"]
    refused(trc(tmp_path / "a.trc", rows), "line 8", "frame 2 twice")
    path = openpose(tmp_path / "a", [[body(100.0)], [body(101.0)]])
    for file in sorted(path.iterdir())[1:]:
        file.rename(path / "b_000000000000_keypoints.json")
    refused(path, "frame 0 again")


def test_shuffled_frames(tmp_path: Path) -> None:
    rows = [f"{f + 1}\t{f / 60:.6f}\t{f}\t2\t3\t4\t5\t6" for f in (2, 0, 3, 1)]
    path = trc(tmp_path / "a.trc", rows)
    seq = main(path)
    assert seq.positions[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    moved = seq.with_positions(seq.positions + np.float32(10), "moved")
    lines = sp.write(moved, tmp_path / "b.trc").read_text().splitlines()[5:]
    assert [line.split("\t")[0] for line in lines] == ["3", "1", "4", "2"]
    assert [float(line.split("\t")[2]) for line in lines] == [12, 10, 13, 11]


@pytest.mark.parametrize("fps", [0, -30, float("nan"), float("inf")])
def test_bad_fps(fps: float, tmp_path: Path) -> None:
    refused(trc(tmp_path / "a.trc"), f"expected a frame rate above 0 fps, found {fps}", fps=fps)
    rows = ["1\t\t1\t2\t3\t4\t5\t6", "2\t\t1\t2\t3\t4\t5\t6"]
    refused(trc(tmp_path / "b.trc", rows, rate=str(fps)), "expected a frame rate above 0 fps")
    with pytest.raises(sp.DataError, match="above 0 fps"):
        sp.PoseSequence.from_array(np.zeros((3, 1, 2)), fps=fps)


@pytest.mark.parametrize(
    ("times", "found"), [((0, 0.2, 0.1), "0.2 then 0.1"), ((0, 0.1, 0.1), "0.1 then 0.1")]
)
def test_bad_times(times: tuple[float, ...], found: str, tmp_path: Path) -> None:
    rows = [f"{f + 1}\t{t}\t1\t2\t3\t4\t5\t6" for f, t in enumerate(times)]
    refused(trc(tmp_path / "a.trc", rows), f"strictly increasing times, found {found} at frame 2")


def test_uneven_times(tmp_path: Path) -> None:
    times = np.cumsum([0.01, 0.03, 0.02, 0.5, 0.01, 0.04])
    rows = [f"{f + 1}\t{t:.6f}\t1\t2\t3\t4\t5\t6" for f, t in enumerate(times)]
    seq = main(trc(tmp_path / "a.trc", rows))
    np.testing.assert_allclose(seq.times, times)
    assert sp.refine(seq).shape == seq.shape
    folder = openpose(tmp_path / "a", [[body(100.0 + f)] for f in range(6)])
    sorted(folder.iterdir())[3].unlink()
    skipped = main(folder, fps=10)
    np.testing.assert_allclose(skipped.times, [0, 0.1, 0.2, 0.4, 0.5])
    out = sp.write(sp.refine(skipped), tmp_path / "b")
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in folder.iterdir())


def test_unknown_skeleton(tmp_path: Path) -> None:
    refused(
        trc(tmp_path / "a.trc"), "expected a known skeleton (coco17, ", "found 'coco71'", skeleton="coco71"
    )


def test_wrong_skeleton(tmp_path: Path) -> None:
    message = refused(trc(tmp_path / "a.trc"), skeleton="coco17")
    assert "17" in message
    assert "2" in message
    message = refused(openpose(tmp_path / "a", [[body(1.0)]]), skeleton="coco17")
    assert "17" in message
    assert "25" in message


def test_wrong_unit(tmp_path: Path) -> None:
    refused(trc(tmp_path / "a.trc"), "px, normalized, m, mm, cm", "found 'inch'", unit="inch")
    refused(trc(tmp_path / "b.trc", unit="furlong"), "line 3", "m, cm or mm", "'furlong'")


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


def test_missing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sample("sleap", tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(sp.MissingExtraError, match=r'pip install "steadypose\[formats\]"$'):
        sp.read(path, format="sleap")


def test_output_exists(tmp_path: Path) -> None:
    seq = sp.read(trc(tmp_path / "a.trc"))
    target = tmp_path / "b.trc"
    target.write_text("mine")
    with pytest.raises(sp.SteadyposeError, match=r"b\.trc: exists already \(--force replaces it\)"):
        sp.write(seq, target)
    assert target.read_text() == "mine"
    assert sp.write(seq, target, force=True).read_bytes() == (tmp_path / "a.trc").read_bytes()
    folder = openpose(tmp_path / "c", [[body(1.0)]])
    old = openpose(tmp_path / "d", [[body(5.0)]] * 3)
    with pytest.raises(sp.SteadyposeError, match="exists already"):
        sp.write(sp.read(folder), old)
    sp.write(sp.read(folder), old, force=True)
    assert [p.name for p in old.iterdir()] == [p.name for p in folder.iterdir()]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.trc", "b.trc", "c", "d"]


def test_output_is_folder(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").touch()
    for path in (trc(tmp_path / "a.trc"), openpose(tmp_path / "c", [[body(1.0)]])):
        with pytest.raises(sp.SteadyposeError, match="found a folder of something else"):
            sp.write(sp.read(path), photos, force=True)
    with pytest.raises(sp.SteadyposeError, match="found a folder of something else"):
        sp.write(sp.read(tmp_path / "a.trc"), tmp_path / "c", force=True)
    assert (photos / "a.jpg").exists()
    photos.joinpath("a.jpg").unlink()
    sp.write(sp.read(tmp_path / "c"), photos, force=True)
    assert sp.detect(photos) == "openpose"


def test_output_is_input(tmp_path: Path) -> None:
    path = trc(tmp_path / "a.trc")
    before = path.read_bytes()
    (tmp_path / "link.trc").symlink_to(path)
    os.link(path, tmp_path / "hard.trc")
    (tmp_path / "sub").mkdir()
    seq = main(path)
    moved = seq.with_positions(seq.positions + 1, "moved")
    for target in (path, tmp_path / "link.trc", tmp_path / "hard.trc", tmp_path / "sub" / ".." / "a.trc"):
        with pytest.raises(sp.SteadyposeError, match="steadypose never touches its input"):
            sp.write(moved, target, force=True)
    folder = openpose(tmp_path / "c", [[body(1.0)]])
    with pytest.raises(sp.SteadyposeError, match="steadypose never touches its input"):
        sp.write(sp.read(folder), folder, force=True)
    with pytest.raises(sp.SteadyposeError, match="lies in the folder that was read"):
        sp.write(sp.read(folder), folder / "steady", force=True)
    with pytest.raises(sp.SteadyposeError, match="holds the file that was read"):
        sp.write(sp.read(folder), tmp_path, force=True)
    assert path.read_bytes() == before


def test_output_folder_missing(tmp_path: Path) -> None:
    seq = sp.read(trc(tmp_path / "a.trc"))
    with pytest.raises(sp.SteadyposeError, match=r"expected an existing folder, found none at .*none"):
        sp.write(seq, tmp_path / "none" / "b.trc")
    with pytest.raises(sp.SteadyposeError, match=r"found none at .*a\.trc"):
        sp.write(seq, tmp_path / "a.trc" / "b.trc")
    with pytest.raises(sp.SteadyposeError, match="could not be written: File name too long"):
        sp.write(seq, tmp_path / ("a" * 300))
    assert [p.name for p in tmp_path.iterdir()] == ["a.trc"]


LIMITED = """
import resource, sys, steadypose as sp
streams = sp.read_streams(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
try:
    sp.write(streams, sys.argv[2], force=True)
except sp.SteadyposeError as e:
    print(e)
"""


@pytest.mark.parametrize("format", ["trc", "openpose", "coco", "wham", "plain", "gvhmr", "sleap", "c3d"])
def test_disk_full(format: str, tmp_path: Path) -> None:
    path = sample(format, tmp_path, "a")
    target = path.with_stem("b")
    if path.is_dir():
        (sample(format, tmp_path, "b") / "mine").touch()
    else:
        target.write_text("mine")
    # A limit on the size of files is what a full disk is: the system refuses to write on.
    arguments = [sys.executable, "-W", "ignore", "-c", LIMITED, str(path), str(target)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "could not be written" in done.stdout
    assert done.stdout.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted((path.name, target.name))
    assert (target / "mine").exists() if path.is_dir() else target.read_text() == "mine"


@pytest.mark.parametrize("format", ["trc", "openpose", "coco", "wham", "plain", "sleap"])
def test_interrupted(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sample(format, tmp_path, "a")
    streams = sp.read_streams(path)
    module = sp.formats()[format].module
    whole = module.write

    def stopped(streams: dict[str, Motion], document: Any, target: Path) -> None:
        whole(streams, document, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write", stopped)
    target = path.with_stem("b")
    with pytest.raises(KeyboardInterrupt):
        sp.write(streams, target)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    target.write_text("mine")
    with pytest.raises(KeyboardInterrupt):
        sp.write(streams, target, force=True)
    assert target.read_text() == "mine"


@pytest.mark.parametrize("format", sorted(sp.formats()))
def test_cannot_hold(format: str, tmp_path: Path) -> None:
    holds = sp.formats()[format].holds
    given = {
        "2d": walk("coco17", 2, "px", "image"),
        "3d": walk("h36m17", 3, "m", "world"),
        "rotations": turn(),
    }
    for kind, motion in given.items():
        if kind not in holds:
            target = tmp_path / f"{kind}{suffix(format)}"
            with pytest.raises(sp.SteadyposeError, match=r"expected|holds") as e:
                sp.write(motion, target, format=format)
            assert "\n" not in str(e.value)
    with pytest.raises(sp.SteadyposeError, match="expected a format for 2d data"):
        sp.write(given["2d"], tmp_path / "a.fbx")
    with pytest.raises(sp.DataError, match="expected at least one sequence to write, found none"):
        sp.write({}, tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_changed_shape(tmp_path: Path) -> None:
    path = trc(tmp_path / "a.trc", [f"{f + 1}\t{f / 60:.6f}\t{f}\t2\t3\t4\t5\t6" for f in range(4)])
    part = main(path).select(frames=slice(1, 3), keypoints=["RHip"])
    again = main(sp.write(part, tmp_path / "b.trc"))
    assert again.shape == (2, 1, 1, 3)
    assert again.skeleton.keypoints == ("RHip",)
    np.testing.assert_array_equal(again.positions, part.positions)


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
