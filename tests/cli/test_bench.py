"""`steadypose bench`: SmoothNet's official data in small, and tables made by the repository's experiment."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import steadypose as sp
from steadypose.cli import main
from steadypose.metrics import accel, mpjpe
from steadypose.models.smoothnet import SmoothNet, SmoothNetConfig

REPOSITORY = Path(__file__).parents[2]
LENGTHS = (40, 9)  # the second is shorter than the window


def items(*arrays):
    box = np.empty(len(arrays), dtype=object)
    for k, a in enumerate(arrays):
        box[k] = a
    return box


def write_set(root: Path, name: str, dims: int, joints: int, images: str, seed: int = 0) -> tuple:
    """A set in the authors' layout; what was detected and what was true."""
    rng = np.random.default_rng(seed)
    truth = [np.cumsum(rng.normal(0, 0.01, (n, joints * dims)), axis=0) + 0.3 for n in LENGTHS]
    if dims == 2:
        truth = [500 + 200 * x for x in truth]
    noisy = [x + rng.normal(0, 0.02 if dims == 3 else 3.0, x.shape) for x in truth]
    for part, sequences in (("detected", noisy), ("groundtruth", truth)):
        folder = root / name / part
        folder.mkdir(parents=True)
        names = [np.array([images.format(k, t) for t in range(len(x))]) for k, x in enumerate(sequences)]
        content = {"imgname": items(*names), f"joints_{dims}d": items(*sequences)}
        np.savez(folder / f"{name}_{part}_test.npz", **content)
        np.savez(folder / f"{name}_{part}_train.npz", **content)
    return noisy, truth


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> tuple[Path, SmoothNet]:
    torch.manual_seed(0)
    network = SmoothNet(SmoothNetConfig(length=16, hidden=32, inner=8, blocks=1, dropout=0.0)).eval()
    path = tmp_path_factory.mktemp("weights") / "checkpoint_16.pth.tar"
    torch.save({"epoch": 70, "state_dict": network.state_dict(), "performance": 1.0, "optimizer": {}}, path)
    return path, network


@pytest.fixture(scope="module")
def exported(checkpoint) -> Path:
    path = checkpoint[0].with_name("network.onnx")
    assert main(["export", str(checkpoint[0]), "-o", str(path), "--quiet"]) == 0
    return path


def averaged(network: SmoothNet, x: np.ndarray) -> np.ndarray:
    """Windows one frame apart, averaged, the plain way; (frames, channels)."""
    total, count = np.zeros_like(x), np.zeros((len(x), 1))
    for start in range(len(x) - 15):
        with torch.no_grad():
            y = network(torch.tensor(x[start : start + 16].T[None], dtype=torch.float32))[0].numpy().T
        total[start : start + 16] += y
        count[start : start + 16] += 1
    return total / count


def test_official_3d_is_what_a_plain_loop_gives(tmp_path, capsys, checkpoint, exported):
    path, network = checkpoint
    noisy, truth = write_set(tmp_path / "poses", "h36m_fcn_3D", 3, 17, "s_09_act_02_{}/{:06d}.jpg")
    out = tmp_path / "out"
    assert (
        main(["bench", "smoothnet", "--official", str(tmp_path), "--weights", str(path), "-o", str(out)]) == 0
    )
    page = capsys.readouterr().out
    assert page == (out / "results.md").read_text("utf-8") and "| h36m_fcn_3D, mm | 2 | 49 |" in page
    scores = json.loads((out / "results.json").read_text("utf-8"))["sets"]["h36m_fcn_3D"]["scores"]

    def points(x):
        x = 1000 * x.reshape(len(x), 17, 3)
        return x - x[:, :1]

    a, b = np.concatenate([points(x) for x in noisy]), np.concatenate([points(x) for x in truth])
    assert scores["in"]["mpjpe"] == pytest.approx(mpjpe(a, b), rel=1e-3)
    official = accel(a, b, cuts=[40], protocol="official")
    assert scores["in"]["accel"] == pytest.approx(official, rel=1e-3)
    # Of the longer sequence alone what comes out can be told without the short one's continuation.
    long = tmp_path / "long"
    for part, x in (("detected", noisy[0]), ("groundtruth", truth[0])):
        folder = long / "h36m_fcn_3D" / part
        folder.mkdir(parents=True)
        frames = np.array([f"s_09_act_02/{t:06d}.jpg" for t in range(len(x))])
        np.savez(folder / "a_test.npz", imgname=items(frames), joints_3d=items(x))
    command = ["bench", "smoothnet", "--official", str(long), "--weights", str(exported), "--json", "--quiet"]
    assert main(command) == 0
    scores = json.loads(capsys.readouterr().out)["sets"]["h36m_fcn_3D"]["scores"]
    plain = points(averaged(network, noisy[0]))
    assert scores["out"]["mpjpe"] == pytest.approx(mpjpe(plain, points(truth[0])), rel=1e-3)
    assert scores["out"]["accel"] == pytest.approx(
        accel(plain, points(truth[0]), protocol="official"), rel=1e-3
    )


def test_official_roots_and_2d(tmp_path, capsys, checkpoint, exported):
    network = checkpoint[1]
    noisy, truth = write_set(tmp_path, "aist_vibe_3D", 3, 14, "gBR_sBM_c01_d04_{}/{:05d}.png")
    pixels, exact = write_set(tmp_path, "h36m_cpn_2D", 2, 17, "s_09_act_02_{}/{:06d}.jpg")
    mpi, mpi_truth = write_set(tmp_path, "mpiinf3dhp_spin_3D", 3, 17, "S1/Seq{}/{:06d}.jpg")
    (tmp_path / "pw3d_spin_smpl" / "detected").mkdir(parents=True)
    command = ["bench", "smoothnet", "--official", str(tmp_path), "--weights", str(exported), "--json"]
    assert main([*command, "--image", "1000x800"]) == 0
    said = capsys.readouterr()
    assert "pw3d_spin_smpl: its rotations need SMPL" in said.err
    found = json.loads(said.out)["sets"]
    assert sorted(found) == ["aist_vibe_3D", "h36m_cpn_2D", "mpiinf3dhp_spin_3D"]

    def rooted(x, joints, root):
        x = 1000 * np.concatenate([v.reshape(len(v), joints, 3) for v in x])
        return x - x[:, root].mean(axis=1, keepdims=True)

    for name, a, b, joints, root in (
        ("aist_vibe_3D", noisy, truth, 14, [2, 3]), ("mpiinf3dhp_spin_3D", mpi, mpi_truth, 17, [14])
    ):  # fmt: skip
        expected = mpjpe(rooted(a, joints, root), rooted(b, joints, root))
        assert found[name]["scores"]["in"]["mpjpe"] == pytest.approx(expected, rel=1e-3)
    flat = found["h36m_cpn_2D"]
    assert flat["unit"] == "px"
    given, known = (np.concatenate([v.reshape(len(v), 17, 2) for v in x]) for x in (pixels, exact))
    assert flat["scores"]["in"]["mpjpe"] == pytest.approx(mpjpe(given, known), rel=1e-3)
    half = np.tile([500.0, 400.0], 17)
    out = (averaged(network, pixels[0] / half - 1) + 1) * half
    error = mpjpe(out.reshape(-1, 17, 2), exact[0].reshape(-1, 17, 2))
    # The short sequence is 9 of 49 frames: it cannot move the mean further than this.
    assert flat["scores"]["out"]["mpjpe"] == pytest.approx(error, rel=0.3)


def test_without_weights_only_the_input_is_measured(tmp_path, capsys):
    write_set(tmp_path, "aist_vibe_3D", 3, 14, "gBR_sBM_c01_d04_{}/{:05d}.png")
    assert main(["bench", "smoothnet", "--official", str(tmp_path / "aist_vibe_3D"), "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["sets"]["aist_vibe_3D"]["scores"]) == ["in"]


def test_official_data_that_do_not_fit(tmp_path, capsys):
    def refused(*arguments) -> str:
        assert main(["bench", "smoothnet", "--official", str(tmp_path), *arguments]) == 1
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert "expected" in message and "found" in message
        return message

    assert "sets such as" in refused()
    write_set(tmp_path, "h36m_fcn_3D", 3, 17, "s_09_act_02_{}/{:06d}.jpg")
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"nothing")
    assert "network in ONNX" in refused("--weights", str(wrong))
    assert "no_such.pth" in refused("--weights", str(tmp_path / "no_such.pth"))
    truth = next((tmp_path / "h36m_fcn_3D" / "groundtruth").glob("*_test.npz"))
    with np.load(truth, allow_pickle=True) as f:
        short = {k: items(*[x[:-1] for x in f[k]]) for k in f}
    np.savez(truth, **short)
    assert "as in detected" in refused()
    truth.rename(truth.with_name("other.npz"))
    assert "_test.npz" in refused()


def test_missing_points_stay_missing(exported):
    from steadypose.cli._bench_official import _network, refined

    x = np.random.default_rng(0).normal(0, 0.1, (30, 17, 3)).astype(np.float32)
    x[:4, 0], x[20, 5] = np.nan, np.nan
    seq = sp.PoseSequence.from_array(x, fps=50, skeleton="h36m17", unit="m", space="camera")
    with _network(exported) as network:
        out = refined(seq, network, (1000, 1000)).positions[:, 0]
    np.testing.assert_array_equal(np.isnan(out), np.isnan(x))


def test_what_contradicts_itself_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("STEADYPOSE_DATA", raising=False)
    assert main(["bench", "smoothnet"]) == 2
    assert main(["bench", "smoothnet", "--table", "5", "--official", str(tmp_path)]) == 2
    assert main(["bench", "smoothnet", "--official", str(tmp_path), "--image", "wide"]) in (1, 2)
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "smoothnet", "--table", "5", "--experiments", str(tmp_path), "--data", "."]) == 1
    assert "no run.py" in capsys.readouterr().err
    monkeypatch.chdir(REPOSITORY)
    assert main(["bench", "smoothnet", "--table", "5"]) == 1
    assert "STEADYPOSE_DATA" in capsys.readouterr().err


def test_tables_are_made_by_the_repositorys_experiment(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(REPOSITORY / "docs")
    command = ["bench", "smoothnet", "--table", "99", "--data", str(tmp_path), "-o", str(tmp_path / "out")]
    assert main(command) == 1
    assert "expected a table among 1, 2" in capfd.readouterr().err
