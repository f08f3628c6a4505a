"""``steadypose convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from steadypose.cli import _options as o
from steadypose.cli._files import Job, announce, left_to_do, write_out
from steadypose.cli._words import STDIO, file_label, say

app = App(
    name="convert",
    help_epilogue=f"""\
Examples:
  steadypose convert openpose_output/ -o poses.csv
  steadypose convert poses.npy --fps 50 --skeleton coco17 -o poses.trc
  steadypose convert poses.json -o h36m.npz --remap h36m17

{o.formats_help()}
""",
)


@app.default
def convert(
    path: Annotated[str, Parameter(name="FILE")],
    /,
    *,
    output: Annotated[str, Parameter(name=["--output", "-o"], group=o.OUTPUT)],
    to: Annotated[o.FormatName, Parameter(group=o.OUTPUT)] = None,
    person: Annotated[list[str] | None, Parameter(negative="")] = None,
    remap: Annotated[o.LayoutName, Parameter(group=o.OUTPUT)] = None,
    stream: str | None = None,
    force: o.Force = False,
    skip_existing: o.SkipExisting = False,
    quiet: o.Quiet = False,
    reading: o.Reading | None = None,
) -> None:
    """Write a pose file in another format or skeleton; coordinates stay as they are.

    Parameters
    ----------
    path
        A file, a folder that is a recording (OpenPose), or - for stdin.
    output
        The new file; - for stdout.
    to
        Its format. Default: what its suffix means.
    remap
        Its keypoint layout, matched by name; what the input does not have is missing.
    stream
        Only this one of the file's sequences (steadypose info lists them).
    person
        Only this person, by name; may be repeated.
    force
        Replace what is there already.
    skip_existing
        Do nothing where the new file is there already.
    quiet
        Say nothing unless something is wrong.
    """
    from steadypose.errors import DataError
    from steadypose.sequence import PoseSequence

    with o.file_or_stdin(path) as file:
        target = None if output == STDIO else Path(output)
        job = Job(file, target, label=file_label(path))
        announce([job])
        if skip_existing and not left_to_do([job], force=force, quiet=quiet):
            return
        streams = (reading or o.Reading()).read(file, stream)
        if stream is not None:
            streams = {stream: streams[stream]}
        for name, motion in streams.items() if remap is not None or person else ():
            if not isinstance(motion, PoseSequence):
                raise DataError(
                    f"{path}: expected keypoints, found rotations in stream {name!r} (--stream chooses)"
                )
            some = motion.select(persons=person) if person else motion
            streams[name] = some.remap(remap) if remap is not None else some
        write_out(streams, target, to, force)
    say(str(job), quiet=quiet)
