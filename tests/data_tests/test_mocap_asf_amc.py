"""ASF and AMC: what cannot be read is named by file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from steadypose.data.mocap import read_clip
from steadypose.errors import FormatError

SAMPLES = Path(__file__).parent.parent / "data" / "mocap" / "amc_samples"


@pytest.fixture
def pair(tmp_path):
    for name in ("01.asf", "01_14.amc"):
        shutil.copy(SAMPLES / name, tmp_path / name)
    return tmp_path / "01.asf", tmp_path / "01_14.amc"


def edited(path, old, new, count=1):
    text = path.read_text(encoding="latin-1")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="latin-1")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("lradius ", "lradius x", "line .*lradius and 1 numbers.*found 'lradius x"),
        ("rtibia ", "third_leg ", "line .*each bone of the skeleton once, found 'third_leg'"),
        ("\n2\n", "\n1\n", "frame 1.*frame numbers that go up"),
        ("lowerback ", "lowerback nan ", "line .*lowerback and 3 numbers"),
    ],
)
def test_a_bad_frame_is_named(pair, old, new, expected):
    edited(pair[1], old, new)
    with pytest.raises(FormatError, match=f"01_14.amc: {expected}"):
        read_clip(pair[1])


def test_a_file_cut_off_is_said(pair):
    lines = pair[1].read_text(encoding="latin-1").splitlines()
    pair[1].write_text("\n".join(lines[:-3]), encoding="latin-1")
    with pytest.raises(FormatError, match="a frame that is cut off"):
        read_clip(pair[1])
    pair[1].write_text("")
    with pytest.raises(FormatError, match="a frame number"):
        read_clip(pair[1])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (":hierarchy", ":nothing", "sections :root, :bonedata and :hierarchy"),
        ("lowerback upperback", "lowerback root", ":hierarchy"),
        ("length 0.45", "length none", "line 7: expected a value of length"),
        ("length 0.45", "length 0", "line 7"),
        ("direction 0.34202", "direction x", "direction as 3 numbers"),
        ("axis 0 0 20  XYZ", "axis 0 0 20 XXZ", "axes such as XYZ, found 'XXZ'"),
    ],
)
def test_a_bad_skeleton_is_named(pair, old, new, expected):
    edited(pair[0], old, new)
    with pytest.raises(FormatError, match=f"01.asf.*{expected}"):
        read_clip(pair[1])


def test_the_skeleton_is_looked_for_beside_the_motion(pair):
    clip = read_clip(pair[1])
    assert "no frame rate in the file: 120 fps assumed" in clip.motion.history
    assert read_clip(pair[1], fps=60).fps == pytest.approx(60)
    pair[0].rename(pair[0].with_name("JustinFriday.ASF"))  # any other name will do while it is the only one
    assert read_clip(pair[1]).stature == pytest.approx(clip.stature)
    shutil.copy(pair[0].with_name("JustinFriday.ASF"), pair[0].with_name("other.asf"))
    with pytest.raises(FormatError, match=r"skeleton \(an .asf file\) beside it, found 2"):
        read_clip(pair[1])
