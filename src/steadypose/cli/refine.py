"""``steadypose refine``."""

from __future__ import annotations

from dataclasses import asdict, fields, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Group, Parameter
from cyclopts.validators import Number

from steadypose.cli._files import Job, expand, plan
from steadypose.cli._options import (
    OUTPUT,
    Flag,
    Force,
    FormatName,
    Json,
    Quiet,
    Reading,
    file_or_stdin,
    known,
)
from steadypose.cli._refining import Work, summary
from steadypose.cli._words import UsageError, complain, print_json, progress, say
from steadypose.errors import SteadyposeError
from steadypose.io import formats
from steadypose.refine import DEFAULT_METHOD, METHODS

METHOD = Group("Method", sort_key=0)
PARAMETERS = Group(
    "Parameters of the methods", help="In seconds or hertz, whatever the frame rate.", sort_key=1
)


def _parameters_of_all_methods() -> type:
    """A dataclass with one optional field for every parameter that some method has."""
    users: dict[str, list[str]] = {}
    units: dict[str, tuple[str, str, type]] = {}
    for name, method in METHODS.items():
        for f in fields(method):
            users.setdefault(f.name, []).append(f"{name} {f.default:g}")
            units.setdefault(
                f.name, (f.metadata["help"], f.metadata["unit"], int if f.type == "int" else float)
            )
    made = []
    for name, (help, unit, kind) in units.items():
        text = f"{help[0].upper()}{help[1:]}{', ' * bool(unit)}{unit}. Default: {', '.join(users[name])}."
        made.append((name, Annotated[kind | None, Parameter(help=text)], None))
    namespace = {"__module__": __name__}
    return Parameter(name="*", group=PARAMETERS)(
        make_dataclass("Parameters", made, namespace=namespace, frozen=True)
    )


if TYPE_CHECKING:
    Parameters = Any
else:
    Parameters = _parameters_of_all_methods()

_METHODS_HELP = f"One of {', '.join(METHODS)}. Default: the best pipeline without a network."

app = App(
    name="refine",
    help_epilogue="""\
Examples:
  steadypose refine poses.json                     writes poses.steady.json beside it
  steadypose refine openpose_output/ -o steady     an OpenPose folder is one recording
  steadypose refine takes/ '*.trc' -o steady/      every pose file in takes/, and all .trc files
  steadypose refine poses.npz -m gaussian --sigma 0.08
  steadypose refine poses.json --report page.html  and see what it did
  steadypose refine raw.npz --tune truth.npz -m butterworth
  steadypose refine - < poses.json > steady.json
""",
)


@app.default
def refine(
    inputs: Annotated[tuple[str, ...], Parameter(name="INPUT", negative="")],
    /,
    *,
    output: Annotated[str | None, Parameter(name=["--output", "-o"], group=OUTPUT)] = None,
    method: Annotated[
        str | None,
        Parameter(
            name=["--method", "-m"],
            group=METHOD,
            help=_METHODS_HELP,
            validator=known("method", lambda: METHODS),
        ),
    ] = None,
    parameters: Parameters | None = None,
    max_gap: Annotated[float | None, Parameter(group=METHOD, validator=Number(gte=0))] = None,
    outliers: Annotated[bool | None, Parameter(group=METHOD)] = None,
    swaps: Annotated[bool | None, Parameter(group=METHOD)] = None,
    confidence: Annotated[bool, Parameter(group=METHOD)] = True,
    tune: Annotated[Path | None, Parameter(group=METHOD)] = None,
    objective: Annotated[Literal["mpjpe", "accel"], Parameter(group=METHOD)] = "mpjpe",
    stream: Annotated[str | None, Parameter(group=METHOD)] = None,
    to: Annotated[FormatName, Parameter(group=OUTPUT)] = None,
    report: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    force: Force = False,
    dry_run: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    json: Json = False,
    quiet: Quiet = False,
    reading: Reading | None = None,
) -> int:
    """Make pose files steady: the same files out, only coordinates changed.

    Parameters
    ----------
    inputs
        Files, folders or patterns; a folder stands for every pose file in it, - for stdin.
    output
        A file, or a folder (always, where there are several inputs); - for stdout.
        Default: NAME.steady.SUFFIX beside each input.
    max_gap
        Fill gaps up to this many seconds; longer ones stay missing. Default: 0.25.
    outliers
        Take single slips out first. Default: only when no method is named.
    swaps
        Put exchanged left and right limbs back first. Default: only when no method is named.
    confidence
        Let confidence weigh samples, where the method can.
    tune
        A file with the truth: search the method's parameters that come closest to it.
    objective
        What --tune lowers: the error alone, or the error without more acceleration error than now.
    stream
        Refine only this one of the file's sequences (steadypose info lists them).
    to
        Write this format. Default: the input's, or what the suffix of --output means.
    report
        Also write an HTML page: before and after.
    force
        Replace what is there already.
    dry_run
        Only say what would be written where.
    json
        Print what was done as JSON on stdout.
    quiet
        Say nothing unless something is wrong.
    """
    several = {"--tune": tune, "--report": report, "-o -": output if output == "-" else None}
    settings: dict[str, Any] = {
        "method": method,
        "outliers": outliers,
        "swaps": swaps,
        "confidence": confidence,
    }
    settings |= {} if max_gap is None else {"max_gap": max_gap}
    settings |= _given(parameters, method)
    work = Work(settings, reading or Reading(), stream, tune, objective, to, report, force)
    if "-" in inputs:
        if len(inputs) > 1:
            raise UsageError("stdin (-) cannot be mixed with other inputs")
        with file_or_stdin("-") as file:
            return _run([Job(file, None if output in (None, "-") else Path(str(output)))], work, json, quiet)
    sources, passed_over = expand(inputs, work.reading.format)
    if passed_over:
        say(f"{len(passed_over)} other entries passed over, such as {passed_over[0]}", quiet=quiet)
    for flag, value in several.items():
        if len(sources) > 1 and value is not None:
            raise UsageError(f"{flag} goes with one input, found {len(sources)}")
    jobs = plan(sources, output, None if to is None else formats()[to].suffix)
    if dry_run:
        print("\n".join(map(str, jobs)))
        return 0
    return _run(jobs, work, json, quiet)


def _given(parameters: Any, method: str | None) -> dict[str, float]:
    """The parameters that were given; refuses those that the method does not have."""
    chosen = method or DEFAULT_METHOD
    given = {} if parameters is None else {k: v for k, v in asdict(parameters).items() if v is not None}
    has = [f.name for f in fields(METHODS[chosen])]
    for name in given:
        if name not in has:
            raise UsageError(
                f"{_flag(name)} is no parameter of {chosen}, which has {', '.join(map(_flag, has))}"
            )
    return given


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _run(jobs: list[Job], work: Work, json: bool, quiet: bool) -> int:
    if json and jobs[0].target is None:
        raise UsageError("--json and the refined file cannot both go to stdout")
    done, failed = [], 0
    for job in progress(jobs, len(jobs), quiet=quiet):
        try:
            if len(jobs) > 1 and job.target is not None:
                job.target.parent.mkdir(parents=True, exist_ok=True)
            done.append(work(job))
        except (SteadyposeError, OSError) as e:
            if len(jobs) == 1:
                raise
            complain(str(e))
            failed += 1
        else:
            say(summary(done[-1]), quiet=quiet)
    if json:
        print_json(done)
    if failed:
        complain(f"{failed} of {len(jobs)} inputs failed")
    return 1 if failed else 0
