"""``steadypose refine``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Group, Parameter
from cyclopts.validators import Number

from steadypose.cli import _options as o
from steadypose.cli._door import explain
from steadypose.cli._files import Job, announce, expand, left_to_do, plan
from steadypose.cli._methods import METHODS_HELP, Parameters, given
from steadypose.cli._refining import Work, summary
from steadypose.cli._words import STDIO, UsageError, complain, print_json, progress, say
from steadypose.io import formats
from steadypose.refine import METHODS, make_refiner

METHOD = Group("Method", sort_key=1)

app = App(
    name="refine",
    help_epilogue=f"""\
Examples:
  steadypose refine poses.json                   writes poses.steady.json
  steadypose refine openpose_output/ -o steady   an OpenPose folder is one file
  steadypose refine takes/ '*.trc' -o steady/    all in takes/, and all .trc
  steadypose refine poses.npz -m gaussian --sigma 0.08
  steadypose refine poses.json --weights net.onnx --strength 1.5
  steadypose refine poses.json --report page.html
  steadypose refine raw.npz --tune truth.npz -m butterworth
  steadypose refine - < poses.json > steady.json

{o.formats_help()}
""",
)


@app.default
def refine(
    inputs: Annotated[tuple[str, ...], Parameter(name="INPUT")],
    /,
    *,
    output: Annotated[str | None, Parameter(name=["--output", "-o"], group=o.OUTPUT)] = None,
    to: Annotated[o.FormatName, Parameter(group=o.OUTPUT)] = None,
    report: Annotated[Path | None, Parameter(group=o.OUTPUT)] = None,
    force: o.Force = False,
    skip_existing: o.SkipExisting = False,
    dry_run: Annotated[o.Flag, Parameter(group=o.OUTPUT)] = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    method: Annotated[
        str | None,
        Parameter(
            name=["--method", "-m"],
            group=METHOD,
            help=METHODS_HELP,
            validator=o.known("method", lambda: METHODS),
        ),
    ] = None,
    max_gap: Annotated[float | None, Parameter(group=METHOD, validator=Number(gte=0))] = None,
    outliers: Annotated[bool | None, Parameter(group=METHOD)] = None,
    swaps: Annotated[bool | None, Parameter(group=METHOD)] = None,
    confidence: Annotated[bool, Parameter(group=METHOD)] = True,
    min_confidence: Annotated[float | None, Parameter(group=METHOD)] = None,
    strays: Annotated[bool | None, Parameter(group=METHOD)] = None,
    check_rate: Annotated[bool | None, Parameter(group=METHOD)] = None,
    tune: Annotated[Path | None, Parameter(group=METHOD)] = None,
    objective: Annotated[Literal["mpjpe", "accel"], Parameter(group=METHOD)] = "mpjpe",
    target_accel: Annotated[float | None, Parameter(group=METHOD, validator=Number(gt=0))] = None,
    stream: Annotated[str | None, Parameter(group=METHOD)] = None,
    parameters: Parameters | None = None,
    reading: o.Reading | None = None,
) -> int:
    """Make pose files steady: the same files out, only coordinates changed.

    Parameters
    ----------
    inputs
        Files, folders or patterns; a folder stands for every pose file in it, - for stdin.
    output
        A file, or a folder (always, where there are several inputs); - for stdout.
        Default: NAME.steady.SUFFIX beside each input.
    to
        Write this format. Default: the input's, or what the suffix of --output means.
    report
        Also write an HTML page: before and after.
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
    max_gap
        Fill gaps up to this many seconds; longer ones stay missing. Default: 0.25.
    outliers
        Take out slips and collapsed bodies first, keep a rest pose. Default: only when no method is named.
    swaps
        Put exchanged left and right limbs back first. Default: only when no method is named.
    confidence
        Let confidence weigh samples, where the method can.
    min_confidence
        Keypoints with less confidence are missing: filled in short gaps, else missing in the output.
    strays
        Take keypoints out that leap off their path at unusually low confidence; in long gaps they are left as
        they were. Default: only when no method is named.
    check_rate
        Leave out frames that repeat the one before, and leave alone what is too fast for its frame rate.
        Default: only when no method is named.
    tune
        A file with the truth: search the method's parameters that come closest to it.
    objective
        What --tune lowers: the error; or the acceleration error, among what leaves the error no higher.
    target_accel
        For --tune: the lowest error among what has at most this acceleration error.
    stream
        Refine only this one of the file's sequences (steadypose info lists them).
    """
    settings: dict[str, Any] = {
        "method": method,
        "outliers": outliers,
        "swaps": swaps,
        "confidence": confidence,
        "min_confidence": min_confidence,
        "strays": strays,
        "check_rate": check_rate,
        **({} if max_gap is None else {"max_gap": max_gap}),
        **given(parameters, method),
    }
    if tune is None and (target_accel is not None or objective != "mpjpe"):
        raise UsageError("--objective and --target-accel belong to --tune")
    if not dry_run and tune is None:
        make_refiner(**settings)  # what is wrong with the method is said before any file is read
    work = Work(
        settings,
        reading or o.Reading(),
        stream,
        tune,
        objective,
        target_accel,
        to,
        report,
        force,
        skip_existing,
    )
    if STDIO in inputs:
        if len(inputs) > 1:
            raise UsageError("stdin (-) cannot be mixed with other inputs")
        with o.file_or_stdin(STDIO) as file:
            target = None if output is None or output == STDIO else Path(output)
            return _run([Job(file, target, named=True, label="stdin")], work, json, quiet)
    sources, passed_over = expand(inputs, work.reading.format)
    if passed_over:
        say(f"{len(passed_over)} other entries passed over, such as {passed_over[0]}", quiet=quiet)
    for flag, is_given in {"--tune": tune, "--report": report, "-o -": output == STDIO}.items():
        if len(sources) > 1 and is_given:
            raise UsageError(f"{flag} goes with one input, found {len(sources)}")
    jobs = plan(sources, output, None if to is None else formats()[to].suffix)
    return _run(jobs, work, json, quiet, dry_run)


def _run(jobs: list[Job], work: Work, json: bool, quiet: bool, dry_run: bool = False) -> int:
    """Do all the work; a file that fails does not keep the others from being done."""
    announce(jobs, work.page, (work.truth, work.settings.get("weights")))
    if work.skip_existing:
        jobs = left_to_do(jobs, work.page, force=work.force, quiet=quiet)
    if dry_run:
        print("".join(f"{job}\n" for job in jobs), end="")
        return 0
    if json and jobs and jobs[0].target is None:
        raise UsageError("--json and the refined file cannot both go to stdout")
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
            for line in (*done[-1].get("tuning", ()), summary(done[-1])):
                say(line, quiet=quiet)
    if json:
        print_json(done)
    if failed:
        complain(f"{failed} of {len(jobs)} inputs failed")
    return status
