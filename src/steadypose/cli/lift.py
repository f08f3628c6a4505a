"""``steadypose lift``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Group, Parameter
from cyclopts.validators import Number

from steadypose.cli import _options as o
from steadypose.cli._door import explain
from steadypose.cli._files import LIFTED, Job, announce, expand, left_to_do, plan, write_out
from steadypose.cli._words import STDIO, UsageError, complain, print_json, progress, say
from steadypose.errors import DataError, SteadyposeError

LIFTING = Group("Lifting", sort_key=1)

app = App(
    name="lift",
    help_epilogue=f"""\
Examples:
  steadypose lift poses.json                     writes poses.lifted.npz
  steadypose lift poses.json -o poses3d.json
  steadypose lift openpose_output/ --online --weights fcn
  steadypose lift keraal.json --size 960x544     keypoints are fractions
  steadypose lift takes/ -o lifted/ --stature 1.75
  steadypose lift cam1.json --camera Calib.toml --camera-name cam_01

{o.formats_help()}
""",
)


@app.default
def lift(
    inputs: Annotated[tuple[str, ...], Parameter(name="INPUT")],
    /,
    *,
    output: Annotated[str | None, Parameter(name=["--output", "-o"], group=o.OUTPUT)] = None,
    to: Annotated[o.FormatName, Parameter(group=o.OUTPUT)] = None,
    force: o.Force = False,
    skip_existing: o.SkipExisting = False,
    dry_run: Annotated[o.Flag, Parameter(group=o.OUTPUT)] = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    weights: Annotated[str | None, Parameter(name=["--weights", "-w"], group=LIFTING)] = None,
    online: Annotated[o.Flag, Parameter(group=LIFTING)] = False,
    max_gap: Annotated[float, Parameter(group=LIFTING, validator=Number(gte=0))] = 0.25,
    stature: Annotated[float | None, Parameter(group=LIFTING)] = None,
    camera: Annotated[Path | None, Parameter(group=LIFTING)] = None,
    camera_name: Annotated[str | None, Parameter(group=LIFTING)] = None,
    size: Annotated[str | None, Parameter(group=LIFTING)] = None,
    stream: Annotated[str | None, Parameter(group=LIFTING)] = None,
    reading: o.Reading | None = None,
) -> int:
    """2D keypoints in, 3D joints out: Human3.6M's 17, in millimetres from the pelvis.

    Parameters
    ----------
    inputs
        Files, folders or patterns; a folder stands for every pose file in it, - for stdin.
    output
        A file, or a folder (always, where there are several inputs); - for stdout.
        Default: NAME.lifted.npz beside each input.
    to
        Write this format. Default: what the suffix of --output means, or plain.
    force
        Replace what is there already.
    skip_existing
        Leave what is there already, and do only the rest: to go on after an interruption.
    dry_run
        Only say what would be written where.
    json
        Print what was done as JSON on stdout.
    quiet
        Say nothing unless something is wrong.
    weights
        seq2seq (five frames at a time), fcn (each by itself), or an ONNX file of steadypose train.
        Default: seq2seq.
    online
        Use past frames only, as it would be live. Default: those around each frame.
    max_gap
        Fill a joint's gaps up to this many seconds; longer ones are left to the network.
    stature
        The person's height in metres: the joints get its size. Default: a size the network finds likely.
    camera
        Calibration of the camera (TOML of Pose2Sim or Caliscope): joints come in its axes.
        Default: those of a camera that looks straight at the person.
    camera_name
        Which of the cameras in that file.
    size
        Width and height of the image, such as 1920x1080, for keypoints that are fractions of it.
    stream
        Only this one of the file's sequences (steadypose info lists them).
    """
    from steadypose.lift import Network, read_camera

    if camera is None and camera_name is not None:
        raise UsageError("--camera-name belongs to --camera")
    settings: dict[str, Any] = {
        "online": online,
        "max_gap": max_gap,
        "stature": stature,
        "size": None if size is None else _size(size),
    }
    if not dry_run:  # before any file is read
        settings["weights"] = Network(weights)
        settings["camera"] = None if camera is None else read_camera(camera, camera_name)
    work = _Work(settings, reading or o.Reading(), stream, to, force, skip_existing)
    if STDIO in inputs:
        if len(inputs) > 1:
            raise UsageError("stdin (-) cannot be mixed with other inputs")
        with o.file_or_stdin(STDIO) as file:
            target = None if output is None or output == STDIO else Path(output)
            return _run([Job(file, target, named=True, label="stdin")], work, json, quiet)
    sources, passed_over = expand(inputs, work.reading.format)
    if passed_over:
        say(f"{len(passed_over)} other entries passed over, such as {passed_over[0]}", quiet=quiet)
    if len(sources) > 1 and output == STDIO:
        raise UsageError(f"-o - goes with one input, found {len(sources)}")
    jobs = plan(sources, output, _suffix(to), LIFTED)
    return _run(jobs, work, json, quiet, dry_run)


def _suffix(to: str | None) -> str:
    from steadypose.io import formats

    return formats()["plain" if to is None else to].suffix


def _size(text: str) -> tuple[float, float]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(p.isdecimal() and int(p) > 0 for p in parts):
        raise UsageError(f"expected --size as WIDTHxHEIGHT, such as 1920x1080, found {text!r}")
    return float(parts[0]), float(parts[1])


@dataclass(frozen=True)
class _Work:
    """What is to be done to every file.

    Parameters
    ----------
    settings
        Arguments of :func:`steadypose.lift`.
    reading
        How to read the file.
    stream
        The only sequence to lift; None: all that are in the image.
    to
        Format of the result; None: what the target's suffix means.
    force
        Whether results replace what is there.
    skip_existing
        Whether a result that is there is left.
    """

    settings: Mapping[str, Any]
    reading: o.Reading
    stream: str | None = None
    to: str | None = None
    force: bool = False
    skip_existing: bool = False

    def __call__(self, job: Job) -> dict[str, Any]:
        """Lift one file and return what was done."""
        from steadypose.lift import lift

        if job.target is not None and job.target.exists() and not self.force:  # before the work, not after it
            raise SteadyposeError(f"{job.target}: exists already (--force replaces it)")
        flat = self._flat(job)
        try:
            lifted = {name: lift(seq, **self.settings) for name, seq in flat.items()}
        except DataError as e:
            raise SteadyposeError(f"{job.label or job.source}: {e}") from None
        write_out(lifted, job.target, self.to, self.force, job.make_folder)
        return {
            "input": job.label or str(job.source),
            "output": None if job.target is None else str(job.target),
            "network": self.settings["weights"].name,
            "streams": {name: _said(seq) for name, seq in lifted.items()},
        }

    def _flat(self, job: Job) -> dict[str, Any]:
        """The sequences to lift: those in the image, or the one asked for."""
        from steadypose.sequence import PoseSequence

        there = self.reading.read(job.source, self.stream)
        if self.stream is not None:
            return {self.stream: there[self.stream]}
        flat = {n: m for n, m in there.items() if isinstance(m, PoseSequence) and m.space == "image"}
        where = job.label or str(job.source)
        if not flat:
            found = "; ".join(f"{name}: {motion!r}" for name, motion in there.items())
            raise SteadyposeError(f"{where}: expected 2D keypoints in the image, found {found}")
        if len(flat) > 1 and self.settings["camera"] is not None:
            raise SteadyposeError(
                f"{where}: expected the sequence that --camera belongs to (--stream), found {', '.join(flat)}"
            )
        return flat


def _said(seq: Any) -> dict[str, Any]:
    lifted = seq.valid.any(axis=2)
    return {
        "frames": seq.shape[0],
        "persons": seq.shape[1],
        "bodies": int(lifted.sum()),
        "guessed": int(seq.filled.sum()),
        "done": seq.history[-1],
    }


def _summary(done: Mapping[str, Any]) -> str:
    """One line about one file; numbers are those of its main sequence."""
    streams = done["streams"]
    first = next(iter(streams.values()))
    words = [
        *([f"{len(streams)} sequences"] if len(streams) > 1 else []),
        f"{first['frames']} frame{'s' * (first['frames'] != 1)}",
        f"{first['persons']} person{'s' * (first['persons'] != 1)}",
        f"{first['bodies']} bodies lifted",
        f"{first['guessed']} joints guessed",
    ]
    line = f"{done['input']} -> {done['output'] or 'stdout'}: {', '.join(words)}"
    warnings = [w for w in first["done"].split("; ")[1:] if "trained" in w]
    return "; ".join([line, *warnings])


def _run(jobs: list[Job], work: _Work, json: bool, quiet: bool, dry_run: bool = False) -> int:
    """Do all the work; a file that fails does not keep the others from being done."""
    announce(jobs)
    if work.skip_existing:
        jobs = left_to_do(jobs, force=work.force, quiet=quiet)
    if dry_run:
        print("".join(f"{job}\n" for job in jobs), end="")
        return 0
    if json and jobs and jobs[0].target is None:
        raise UsageError("--json and the lifted file cannot both go to stdout")
    done, failed, status = [], 0, 0
    for job in progress(jobs, [j.source.name for j in jobs], quiet=quiet):
        try:
            done.append(work(job))
        except Exception as e:
            if len(jobs) == 1:
                raise
            status = max(status, explain(e))
            failed += 1
        else:
            say(_summary(done[-1]), quiet=quiet)
    if json:
        print_json(done)
    if failed:
        complain(f"{failed} of {len(jobs)} inputs failed")
    return status
