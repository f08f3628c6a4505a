"""``steadypose demo``."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from steadypose.cli._options import Force
from steadypose.cli._words import print_table, say

# What the recording itself does not say; see demo/README.md.
FPS, LAYOUT = 60.0, "body25b"

app = App(
    name="demo",
    help_epilogue="""\
Examples:
  steadypose demo
  steadypose demo -o somewhere/
""",
)


@app.default
def demo(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o", "--out"])] = Path("steadypose-demo"),
    force: Force = False,
) -> None:
    """Refine a bundled real recording; write the result and a report, print a table.

    A hundred frames of OpenPose output: a person balancing along a beam and a bystander, with dropped
    keypoints, jitter and no identities. Nothing is fetched from the network.

    Parameters
    ----------
    output
        Folder for the recording, the refined recording and the report.
    force
        Replace what an earlier demo left there.
    """
    from steadypose import metrics
    from steadypose._writing import check_target, made_folders
    from steadypose.io import read, write
    from steadypose.refine import refine
    from steadypose.report import report, table
    from steadypose.sequence import PoseSequence

    name = "balancing_openpose"
    steady, page = output / f"{name}.steady.zip", output / "report.html"
    with made_folders(output), as_file(files("steadypose.demo") / f"{name}.zip") as source:
        for path in (steady, page):  # before the work, not after it
            check_target(path, force=force)
        before = read(source, fps=FPS, skeleton=LAYOUT)
        assert isinstance(before, PoseSequence)
        after = refine(before)
        write(after, steady, force=force)
        report(before, after, None, page, title="steadypose demo", force=force)
    frames, persons, keypoints, _ = before.shape
    say(f"OpenPose recording: {frames} frames at {FPS:g} fps, {persons} persons, {keypoints} keypoints")
    for note in after.history:
        say(f"  {note}")
    say(f"  {metrics.compare(before, after)}")
    print_table(table.terminal(table.rows(metrics.evaluate(before), metrics.evaluate(after))))
    print(f"refined recording: {steady}\nreport:            {page}  (open it in a browser)")
