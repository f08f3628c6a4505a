import io

import numpy as np
import pytest
from report_samples import walk
from rich.console import Console

from steadypose import metrics
from steadypose.report import table


def row(before, after, better="lower"):
    return table.Row("k", "Label", "mm", before, after, better, "about")


@pytest.mark.parametrize(
    ("before", "after", "better", "verdict"),
    [
        (10, 5, "lower", "better"),
        (5, 10, "lower", "worse"),
        (5, 10, "higher", "better"),
        (10, 10.001, "lower", "same"),
        (10, 5, "none", "same"),
        (-2, 0.1, "zero", "better"),
        (0.001, 0.002, "zero", "same"),
        (2.2, 0.6, "one", "better"),
        (1.0, 0.5, "one", "worse"),
        (0, 1, "lower", "worse"),
        (float("nan"), 1, "lower", "same"),
        (None, 1, "lower", "same"),
    ],
)
def test_verdicts(before, after, better, verdict):
    assert row(before, after, better).verdict == verdict


def test_changes():
    assert row(10, 5).change == -50
    assert row(0, 5).change is None
    assert row(None, 5).change is None
    assert row(float("nan"), 5).change is None
    assert row(0.1, 0.2, "zero").change is None


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0, "0"), (float("nan"), "–"), (None, "–"), (1.63412, "1.634"), (31.68, "31.68"), (100.0, "100"),
        (12345.6, "12,346"), (0.01164, "0.01164"), (-3.5, "-3.5"), (1e-6, "1e-06"), (2.5e9, "2.5e+09"),
    ],
)  # fmt: skip
def test_numbers(x, text):
    assert table.number(x) == text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (-50, "−50.0 %"), (20.04, "+20.0 %"), (-99.99, "over −99.9 %"), (-100, "−100.0 %"), (1900, "×20"),
        (None, "–"),
    ],
)  # fmt: skip
def test_percentages(x, text):
    assert table.percent(x) == text


def test_every_metric_that_is_measured_is_explained():
    before, after = walk(dims=3)
    for scores in (metrics.evaluate(before), metrics.evaluate(before, after, reference=before)):
        for r in table.rows(scores, scores):
            assert r.about and r.better != "none", r.key


def test_rows_keep_order_and_units_and_join_joints():
    before, after = walk()
    a, b = metrics.evaluate(before, per_joint=True), metrics.evaluate(after, per_joint=True)
    rows = table.rows(a, b)
    assert [r.key for r in rows] == list(b)
    assert rows[0].unit == b.units[rows[0].key]
    joints = table.joint_rows(a, b)
    assert [r.label for r in joints["Acceleration"]] == list(before.skeleton.keypoints)
    r = joints["Acceleration"][4]
    assert (r.before, r.after) == (
        a.per_joint["accel_magnitude"][r.label],
        b.per_joint["accel_magnitude"][r.label],
    )


def test_plain_mappings_will_do_and_absent_scores_are_unknown():
    rows = table.rows({"mpjpe": 2.0}, {"mpjpe": 1.0, "own_score": 3.0})
    assert rows[0].label == "MPJPE" and rows[0].change == -50
    assert rows[1].label == "own score" and np.isnan(rows[1].before)
    assert table.joint_rows(None, {"mpjpe": 1.0}) == {}


def test_markdown_and_terminal_say_the_same():
    rows = [row(10, 5), table.Row("x", "a|b", "", None, 3, "none", "")]
    text = table.markdown(rows).splitlines()
    assert text[2] == "| Label (mm) | 10 | 5 | −50.0 % |"
    assert text[3] == "| a\\|b |  | 3 | – |"
    out = io.StringIO()
    Console(file=out, width=120).print(table.terminal(rows, title="[bold]not markup"))
    shown = out.getvalue()
    assert "[bold]not markup" in shown
    for r in rows:
        assert all(cell in shown for cell in r.cells)
