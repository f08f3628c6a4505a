import subprocess
import sys

import numpy as np
import pytest
from report_samples import turn, walk

from steadypose.errors import DataError
from steadypose.report import plots


@pytest.fixture(scope="module")
def pair():
    return walk(frames=40)


def test_curves_draw_what_they_are_given(pair):
    before, after = pair
    figure = plots.curves(before, after, ["nose", "left_ear"], person="1")
    assert len(figure.axes) == 4  # two keypoints in two dimensions
    k = before.skeleton.index("left_ear")
    drawn = figure.axes[3].get_lines()
    np.testing.assert_array_equal(drawn[0].get_ydata(), before.positions[:, 1, k, 1])
    np.testing.assert_array_equal(drawn[1].get_ydata(), after.positions[:, 1, k, 1])
    assert len(figure.axes[3].patches) == 1  # the one gap
    with pytest.raises(DataError, match="no keypoint"):
        plots.curves(before, after, ["tail"])
    with pytest.raises(DataError, match="person"):
        plots.curves(before, after, person="nobody")


def test_every_plot_saves_a_png_the_same_each_time(pair, tmp_path):
    before, after = pair
    for name in ("curves", "acceleration", "spectrum", "gaps", "overview"):
        assert getattr(plots, name)(before, after, path=tmp_path / f"{name}.png").axes
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    plots.gaps(before, after, path=tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "gaps.png").read_bytes()


@pytest.mark.parametrize("make", [lambda: walk(frames=1), lambda: turn(frames=20), lambda: walk(dims=3)])
def test_overview_of_other_motions(make):
    assert len(plots.overview(*make()).axes) == 3


def test_all_missing_and_nobody(pair):
    before, _ = pair
    gone = before.with_positions(np.full_like(before.positions, np.nan), "gone")
    assert plots.overview(gone, gone).axes
    nobody = before.select(persons=[])
    with pytest.raises(DataError, match="person"):
        plots.overview(nobody, nobody)


def test_no_global_state_is_touched():
    code = (
        "import sys, numpy as np\n"
        "from steadypose import PoseSequence\n"
        "from steadypose.report import plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "x = np.random.default_rng(0).normal(size=(20, 17, 2))\n"
        "s = PoseSequence.from_array(x, fps=30, skeleton='coco17')\n"
        "plots.acceleration(s, s)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
