"""What all formats have in common: the content says which it is, and a sample comes back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from io_samples import content, sample, suffix

import steadypose as sp
from steadypose.io._probe import Probe
from steadypose.sequence import PoseSequence

FORMATS = sorted(sp.formats())


@pytest.mark.parametrize("format", FORMATS)
def test_the_content_says_the_format_whatever_the_suffix(format: str, tmp_path: Path) -> None:
    path = sample(format, tmp_path)
    assert sp.detect(path) == format
    for other in (".json", ".csv", ".npz", ".pkl", ".txt", ".mp4", ""):
        if path.is_file():
            lie = tmp_path / f"lie{other}"
            lie.write_bytes(path.read_bytes())
            assert sp.detect(lie) == format, other
            assert sp.read_streams(lie)


@pytest.mark.parametrize("format", FORMATS)
def test_a_sample_comes_back_unchanged(format: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix(format)}"
    path.write_bytes(content(format))
    streams = sp.read_streams(path)
    again = sp.read_streams(sp.write(streams, tmp_path / f"b{suffix(format)}"))
    assert list(again) == list(streams)
    for name, motion in streams.items():
        a, b = (m.positions if isinstance(m, PoseSequence) else m.rotations for m in (motion, again[name]))
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("format", FORMATS)
def test_sniffers_never_raise_and_only_one_says_yes(format: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    data = content(format)
    for piece in (data, data[: len(data) // 2], data[:100], data[:3], data[len(data) // 3 :]):
        path.write_bytes(piece)
        probe = Probe(path)
        said = {name: f.module.sniff(probe) for name, f in sp.formats().items()}
        assert {type(answer) for answer in said.values()} == {bool}
        if piece is data:
            assert next(name for name, answer in said.items() if answer) == format
