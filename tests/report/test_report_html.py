import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from report_samples import turn, walk

import steadypose as sp
from steadypose.errors import DataError, SteadyposeError
from steadypose.report import _pack, html, report, report_streams
from steadypose.report._stream import Stream, extent, image_size, up_axis

DATA = Path(__file__).parents[1] / "data"
NODE = shutil.which("node")
VOID = {"meta", "input", "link", "br", "img", "hr"}


class Page(HTMLParser):
    """A parsed page: elements with their attributes, text by element, and whether all tags close."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open = [], {}, []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag, **wanted):
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in wanted.items())]

    @property
    def data(self):
        return [json.loads(t) for t in self.texts["script"] if t.startswith("{")]


@pytest.fixture
def written(tmp_path):
    def write(*motions, **options):
        path = report(*motions, path=tmp_path / "page.html", force=True, **options)
        return Page(path.read_text("utf-8"))

    return write


def test_the_page_needs_nothing_from_outside(written, tmp_path):
    page = written(*walk())
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not {"src", "href", "srcset", "action", "onclick", "onload", "style"} & attributes.keys(), (
            tag,
            attributes,
        )
    text = (tmp_path / "page.html").read_text("utf-8")
    assert not re.search(r"https?:|//[a-z]+\.|url\(|@import", text)
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert "default-src 'none'" in policy
    for kind, content in (("style-src", page.texts["style"][0]), ("script-src", page.texts["script"][-1])):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy


def test_same_input_same_page(tmp_path):
    pair = walk()
    texts = {report(*pair, path=tmp_path / f"{i}.html").read_bytes() for i in range(2)}
    assert len(texts) == 1


@pytest.mark.parametrize("dims", [2, 3])
def test_embedded_values_are_the_input(written, dims):
    before, after = walk(dims=dims)
    data = written(before, after).data[0]
    for packed, motion in zip(data["channels"]["layers"], (before, after), strict=True):
        np.testing.assert_array_equal(_pack.unpack(packed), motion.positions)
    np.testing.assert_allclose(_pack.unpack(data["confidence"]), before.confidence, atol=1 / 255)
    np.testing.assert_array_equal(_pack.unpack(data["times"]), before.times)
    np.testing.assert_array_equal(_pack.unpack(data["marks"]).astype(int) & 1, after.filled)
    assert data["keypoints"] == list(before.skeleton.keypoints)


def test_metres_are_shown_in_millimetres_like_the_scores(written):
    before, after = walk(dims=3, unit="m")
    page = written(before, after)
    np.testing.assert_allclose(
        _pack.unpack(page.data[0]["channels"]["layers"][0]), before.positions * 1000, rtol=1e-6
    )
    assert page.data[0]["unit"] == "mm"
    assert "m, world space, shown in mm" in page.texts["dd"]


def test_a_long_recording_is_thinned_and_says_so():
    pair = walk(frames=600)
    stream = Stream("main", *pair)
    page = Page(html.page([stream], [[]], "t", budget=40_000))
    data = page.data[0]
    shown = _pack.unpack(data["channels"]["layers"][0])
    assert data["step"] == 3
    embedded = pair[0].positions[::3][: len(shown)]
    reach = np.nanmax(embedded, axis=(0, 1)) - np.nanmin(embedded, axis=(0, 1))
    assert (np.nan_to_num(np.abs(shown - embedded)) <= reach / 65534 / 2 * 1.001).all()
    assert len(shown) < 200  # thinned as far as it may be, and cut
    note = "".join(page.texts["p"])
    assert "every 3rd frame (10 of 30 fps)" in note and "of 600 frames" in note and "rounded" in note
    assert data["note"] in note
    # what is measured still comes from every frame
    assert _pack.unpack(data["acceleration"]["x"]).shape == (600,)
    assert "To keep this page small" not in html.page([stream], [[]], "t")


EVIL = '</script><script>alert(1)</script><img src=x onerror="a">&amp;\u2028"\'{{data}}'


def test_strangers_strings_stay_strings(written):
    names = [EVIL, "two"]
    before, after = walk(names=names, skeleton=[f"{EVIL}{i}" for i in range(4)])
    after = replace(after, history=(EVIL,))
    harmless = written(*walk(skeleton=[f"k{i}" for i in range(4)]), title="t")
    page = written(before, after, title=EVIL, command=EVIL)
    kinds = {t for t, _ in page.elements}
    assert "img" not in kinds and len(page.all("script")) == len(harmless.all("script"))
    assert page.data[0]["persons"] == names
    assert page.texts["h1"] == [EVIL]
    assert any(EVIL in t for t in page.texts["footer"])
    assert any(EVIL in t for t in page.texts["dd"])


def test_names_that_are_no_text_do_not_stop_the_page(tmp_path):
    before, after = walk()
    path = report(before, replace(after, history=("bad \udcff name",)), path=tmp_path / "p.html")
    assert "bad ? name" in path.read_text("utf-8")


def test_nothing_is_overwritten_by_accident(tmp_path):
    pair = walk(frames=10)
    path = tmp_path / "p.html"
    path.write_text("mine")
    with pytest.raises(SteadyposeError, match="exists already"):
        report(*pair, path=path)
    assert path.read_text() == "mine"
    report(*pair, path=path, force=True)
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(SteadyposeError, match="folder"):
        report(*pair, path=tmp_path / "no" / "p.html")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SteadyposeError, match="found a folder"):
        report(*pair, path=tmp_path / "folder", force=True)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["folder", "p.html"]


def test_a_file_that_was_read_is_never_replaced(tmp_path):
    source = tmp_path / "poses.trc"
    shutil.copy(DATA / "pose2sim_trc" / "S00_P01_T01_0-3.trc", source)
    seq = sp.read(source, format="trc")
    with pytest.raises(SteadyposeError, match="never touches its input"):
        report(seq, seq, path=source, force=True)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(
    "case", ["one frame", "two frames", "all missing", "a person missing", "nobody", "still"]
)
def test_extreme_recordings(written, case, dims):
    before, after = walk(frames={"one frame": 1, "two frames": 2}.get(case, 30), dims=dims)
    if case == "nobody":
        before, after = before.select(persons=[]), after.select(persons=[])
    x, y = before.positions.copy(), after.positions.copy()
    if case == "all missing":
        x[:] = y[:] = np.nan
    if case == "a person missing":
        x[:, 1] = y[:, 1] = np.nan
    if case == "still":
        x[:] = y[:] = 1
    page = written(replace(before, positions=x), replace(after, positions=y))
    data = page.data[0]
    assert len(_pack.unpack(data["times"])) == len(x)
    kept, _, moved, _, steadier = page.texts["p"][:5]
    if case in ("one frame", "two frames", "all missing", "nobody"):
        assert kept == steadier == "–"
    elif case == "still":
        assert (kept, moved, steadier) == ("–", "0 px" if dims == 2 else "0 mm", "0 %")
    else:
        assert all(re.fullmatch(r"(over )?\d+(\.\d)? %", merit) for merit in (kept, steadier))


def test_the_headline_is_measured(written):
    before, after = walk(persons=1, confidence=False)
    page = written(before, after)
    kept, kept_text, moved, moved_text, steadier, steadier_text = page.texts["p"][:6]
    changes = sp.metrics.compare(before, after)
    assert (
        kept == f"{100 * changes.peak_speed_ratio:.0f} %"
        and "of the fastest movement's speed is kept" in kept_text
    )
    assert changes.keypoint in kept_text and f"at {changes.time:.2f} s" in kept_text
    assert moved == f"{changes.moved:.3g} px" and "root mean square" in moved_text
    a, b = (sp.evaluate(m)["accel_magnitude"] for m in (before, after))
    assert steadier == f"{100 * (1 - b / a):.1f} %" and "less jitter" in steadier_text
    place = page.data[0]["fastest"]
    assert before.skeleton.keypoints[place["keypoint"]] == changes.keypoint and place["time"] == changes.time
    said = " ".join(page.texts["li"])
    assert "4 of 1,530 points (0.26 %) were missing; 4 were filled in, none left missing." in said
    worse = written(after, before.with_positions(before.positions, "spoiled"))
    assert "more jitter" in worse.texts["p"][5]


def test_replaced_points_are_told_from_missing_ones(written):
    before, after = walk(persons=1)
    filled = np.array(after.filled)
    filled[40, 0, 5] = True  # an outlier that was taken out
    page = written(before, replace(after, filled=filled))
    said = " ".join(page.texts["li"])
    assert "4 were filled in, none left" in said
    assert "1 of 1,530 points (0.065 %) had been seen, were taken out and filled in anew." in said


def test_truth_is_a_third_layer_with_its_own_table(written):
    before, after = walk(dims=3)
    truth = replace(after, history=(), filled=None, persons=("a", "b"))
    page = written(before, after, truth)
    assert page.data[0]["layers"] == ["before", "after", "truth"]
    np.testing.assert_allclose(
        _pack.unpack(page.data[0]["channels"]["layers"][2]), truth.positions, rtol=1e-6
    )
    assert "Scores against the truth" in page.texts["h2"]
    assert any("Error against the truth (MPJPE) fell from" in t for t in page.texts["li"])
    assert "PA-MPJPE" in page.texts["span"]


def test_a_truth_at_another_rate_and_with_other_keypoints(written):
    before, after = walk(persons=1, frames=30)
    t = np.arange(59) / 60
    x = np.repeat(after.positions, 2, axis=0)[:59]
    truth = sp.PoseSequence(x, t, before.skeleton).select(keypoints=["nose", "left_ankle"])
    shown = _pack.unpack(written(before, after, truth).data[0]["channels"]["layers"][2])
    seen = [before.skeleton.index(n) for n in ("nose", "left_ankle")]
    np.testing.assert_allclose(shown[:, :, seen], after.positions[:, :, seen])
    assert np.isnan(np.delete(shown, seen, axis=2)).all()


def test_given_scores_are_shown_as_they_are(written):
    page = written(*walk(), scores=({"mpjpe": 10.0}, {"mpjpe": 7.5}))
    cells = page.texts["td"]
    assert cells[:3] == ["10", "7.5", "−25.0 %"]


def test_streams_stand_behind_tabs(tmp_path):
    flat, deep = walk(), walk(dims=3)
    path = report_streams({"image": flat, "world": (*deep, None)}, tmp_path / "p.html")
    page = Page(path.read_text("utf-8"))
    assert len(page.all("button", role="tab")) == 2
    assert [d["name"] for d in page.data] == ["image", "world"]
    assert [a["data-stream"] for a in page.all("div") if "data-stream" in a] == ["0", "1"]
    with pytest.raises(DataError, match="at least one"):
        report_streams({}, tmp_path / "q.html")


@pytest.mark.parametrize("offsets", [True, False])
def test_rotations(written, offsets):
    before, after = turn(offsets=offsets)
    page = written(before, after, after)
    data = page.data[0]
    assert (data["figure"] is not None) == offsets
    assert data["channels"]["names"] == ["angle from the first frame", "angle from the mean"]
    angles = _pack.unpack(data["channels"]["layers"][0])
    assert angles.shape == (60, 1, 24, 2) and (angles[0, ..., 0] < 1e-3).all()
    if offsets:
        want = sp.rotations.forward_kinematics(after).positions
        np.testing.assert_array_equal(_pack.unpack(data["figure"]["layers"][1]), want)
    assert any("MPJAE" in t for t in page.texts["span"])


def test_motions_of_different_kinds_are_refused(tmp_path):
    with pytest.raises(DataError, match="one kind"):
        report(walk()[0], turn()[0], path=tmp_path / "p.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "format"),
    [("keraal/G3-Kinect-CTK-P1T1-Unknown-C-0.txt", "keraal-text"), ("bvh/02_03.bvh", "bvh")],
)
def test_real_recordings(tmp_path, name, format):
    streams = sp.read_streams(DATA / name, format=format)
    pairs = {n: (m, sp.refine(m)) for n, m in streams.items()}
    page = Page(report_streams(pairs, tmp_path / "p.html").read_text("utf-8"))
    assert Path(name).name in page.texts["h1"][0]
    for d in page.data:
        # no image: y (Kinect, BVH) points up
        assert d["figure"] is None or d["figure"]["up"] == "+y"


def test_up_follows_the_body_not_the_file():
    before, _ = walk(dims=3)
    x = np.zeros_like(before.positions)
    for name, height in (("nose", 1.7), ("left_hip", 0.9), ("left_ankle", 0.1), ("right_ankle", 0.1)):
        x[:, :, before.skeleton.index(name)] = height
    for axis, sign, want in ((1, -1, "-y"), (2, 1, "+z"), (0, 1, "+x")):
        turned = np.zeros_like(x)
        turned[..., axis] = sign * x[..., axis]
        assert up_axis(before, turned) == want
    assert up_axis(before, np.full_like(x, np.nan)) == "+z"
    assert up_axis(replace(before, space="camera"), np.full_like(x, np.nan)) == "-y"


def test_image_size_comes_from_the_document_or_not_at_all():
    before, _ = walk(frames=2)
    for document, want in (
        ({"width": np.array(1920), "height": 1080}, (1920.0, 1080.0)),
        (SimpleNamespace(content={"width": 640, "height": 480}), (640.0, 480.0)),
        ({"width": 0, "height": 5}, None),
        ({"width": "wide", "height": 5}, None),
        ({"width": [1, 2], "height": 5}, None),
        ({}, None),
        ([], None),
    ):
        source = sp.sequence.Source("plain", "x", "main", document)
        assert image_size(replace(before, source=source)) == want


def test_outliers_do_not_shrink_the_figure():
    x = np.random.default_rng(0).uniform(0, 1, (1000, 1, 1, 2))
    x[3] = 1e6
    assert np.array(extent([x], [1, 1])).max() < 1.01


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_script_is_valid(tmp_path):
    (tmp_path / "page.js").write_text(html.script_text(), "utf-8")
    subprocess.run([NODE, "--check", tmp_path / "page.js"], check=True)


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("budget", [_pack.BUDGET, 20_000])
def test_the_script_decodes_what_was_embedded(tmp_path, budget):
    before, after = walk()
    page = Page(html.page([Stream("main", before, after)], [[]], "t", budget=budget))
    source = (Path(html.__file__).parent / "assets" / "data.js").read_text("utf-8")
    code = f"""{source}
const raw = JSON.parse(require("fs").readFileSync(0, "utf8"));
const s = new Stream(raw);
const plain = (a) => Array.from(a, (v) => (Number.isNaN(v) ? null : v));
const marks = [];
for (let f = 0; f < s.count; f++)
  marks.push([s.isMissing(0, f, 1, 3), s.isFilled(f, 1, 3), s.isLow(f, 1, 3)]);
console.log(JSON.stringify({{
  curve: plain(s.curve(0, 1, 2, 1)), times: plain(s.times), marks,
  gaps: s.spans((f) => s.isMissing(0, f, 0, 3)), at: s.frameAt(s.times[5] + 0.001),
  formats: [0, 1.63412, 1e-6, -2.5e9, NaN].map(format),
}}));
"""
    (tmp_path / "decode.js").write_text(code, "utf-8")
    done = subprocess.run(
        [NODE, tmp_path / "decode.js"],
        input=json.dumps(page.data[0]),
        capture_output=True,
        text=True,
        check=True,
    )
    got = json.loads(done.stdout)
    step, count = page.data[0]["step"], len(got["times"])
    pick = slice(0, step * count, step)
    reach = np.ptp(before.positions[..., 1][np.isfinite(before.positions[..., 1])])
    np.testing.assert_allclose(got["curve"], before.positions[pick, 1, 2, 1], atol=reach / 65534)
    np.testing.assert_array_equal(got["times"], before.times[pick])
    missing = ~before.valid[pick, 1, 3]
    low = ~missing & (before.confidence[pick, 1, 3] < 0.3 - 1 / 255)
    for said, m, is_low in zip(got["marks"], missing, low, strict=True):
        assert said[:2] == [bool(m), bool(m)]
        assert said[2] or not is_low
    frames = np.flatnonzero(~before.valid[pick, 0, 3])
    assert got["gaps"] == [[frames[0], frames[-1]]]
    assert got["at"] == 5
    assert got["formats"] == ["0", "1.634", "10⁻⁶", "-2.5·10⁹", "–"]
