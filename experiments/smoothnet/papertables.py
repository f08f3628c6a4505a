"""What is in which table: lines, each a row and a test, and the paper's own figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from filter_names import METHODS
from rows import GAUSSIAN, LENGTHS, NEVER_SEEN, NOISES, ROWS, STREAMS

from steadypose.errors import SteadyposeError

FIXED = ("input", "filters", "speed", "refinenet", "strategies")
ONCE = ("input", "filters")  # no chance in them: one seed is all
METRICS = {
    "accel": "Accel", "mpjpe": "MPJPE", "pa_mpjpe": "PA-MPJPE", "mpjpe_1": "MPJPE-1 %",
    "accel_1": "Accel-1 %",
    "mpjve": "MPJVE", "peak_speed": "peak speed", "lag": "lag, frames", "fps": "frames a second",
}  # fmt: skip
PART_OF = {"S1": "S2", "S4": "3", "S5": "3", "S8": "S7", "FIGURE 8": "8", "FIG8": "8"}
USUAL = ("accel", "mpjpe", "pa_mpjpe")


@dataclass(frozen=True)
class Line:
    """A line of a table.

    Parameters
    ----------
    label
        What it is called.
    at
        ``ROW@TEST``.
    paper
        The paper's figures, in the order of the table's columns, as far as it has them.
    """

    label: str
    at: str
    paper: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table of the paper.

    Parameters
    ----------
    title
        What it shows.
    lines
        Some of them under a heading of their own, by heading.
    columns
        Metrics.
    kinds
        Recordings it needs (:data:`sets.KEPT`).
    said
        What to know to read it.
    """

    title: str
    lines: Mapping[str, Sequence[Line]]
    columns: Sequence[str] = USUAL
    kinds: tuple[str, ...] = ("fcn",)
    said: str = ""

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of the rows it needs."""
        every = [line.at.partition("@")[0] for lines in self.lines.values() for line in lines]
        return tuple(dict.fromkeys(every))


@dataclass(frozen=True)
class Needed:
    """What a table needs."""

    trained: tuple[str, ...]
    fixed: tuple[str, ...]
    kinds: tuple[str, ...] = field(default=("fcn",))


def called(number: str) -> str:
    """The table's own number: S4 is part of 3, for instance.

    Raises
    ------
    SteadyposeError
        If there is no such table.
    """
    key = number.strip().upper()
    key = PART_OF.get(key, key)
    if key not in TABLES:
        raise SteadyposeError(f"expected a table among {', '.join(TABLES)}, found {number!r}")
    return key


def needed(number: str) -> Needed:
    """Rows and recordings of a table.

    Raises
    ------
    SteadyposeError
        If there is no such table.
    """
    key = called(number)
    rows = TABLES[key].rows
    fixed = [r for r in FIXED if r in rows]
    trained = [r for r in rows if r in ROWS]
    if {"filters", "refinenet", "speed", "strategies"} & set(fixed):
        trained = list(dict.fromkeys(["base", *trained]))
    if {"filters", "refinenet"} & set(fixed):
        trained = list(dict.fromkeys([*trained, "detector"]))
        fixed = [r for r in FIXED if r in {*fixed, "filters"}]
    # Every row is tested on all of its tests, and what comes in on all of all rows.
    kinds = {"fcn", "seq2seq", "detector"} | (
        {"rotations"} if "S12" <= key <= "S13" or "input" in fixed else set()
    )
    return Needed(
        tuple(trained),
        tuple(fixed),
        tuple(k for k in ("fcn", "seq2seq", "detector", "rotations") if k in kinds),
    )


def _filters(source: str, way: str, paper: Mapping[str, tuple[float, ...]]) -> list[Line]:
    return [Line(m, f"filters@{source} {m} {way}", paper.get(m, ())) for m in METHODS]


_WIDE = ("accel", "mpjpe", "pa_mpjpe", "peak_speed", "lag", "fps")
_WORST = ("accel", "mpjpe", "pa_mpjpe", "mpjpe_1", "accel_1")
_TRAINED_ON = {
    "base": "FCN, CMU", "seq2seq": "sequence-to-sequence, CMU", "detector": "detector 2D, CMU",
    GAUSSIAN: "Gaussian 3D, CMU", "deepmimic": "FCN, DeepMimic",
}  # fmt: skip
_TESTED_ON = {
    "fcn": "FCN, CMU", "seq2seq": "sequence-to-sequence, CMU", GAUSSIAN: "Gaussian p = 0.5, σ = 10 mm, CMU",
    "detector": "detector, CMU", "fcn/deepmimic": "FCN, DeepMimic", "fcn/bandai1": "FCN, Bandai Namco",
    "fcn/sie": "FCN, Sony", **{s: f"{s.partition('/')[2]}, Keraal" for s in STREAMS},
}  # fmt: skip


def _transfer(tests: Sequence[str]) -> dict[str, list[Line]]:
    return {
        f"tested on {_TESTED_ON[test]}": [Line("what comes in", f"input@{test}")]
        + [
            Line(f"trained on {words}", f"{row}@{test}")
            for row, words in _TRAINED_ON.items()
            if test in ROWS[row].tests
        ]
        for test in tests
    }


def _noise(dims: int) -> list[Line]:
    paper = {
        3: ((26.25, 9.68, 0.84, 3.54), (131.25, 48.42, 1.55, 7.00), (262.49, 96.84, 1.24, 20.38),
            (40.68, 11.46, 1.03, 2.46), (184.32, 74.46, 2.10, 16.85)),
        2: ((10.10, 3.56, 0.20, 0.83), (50.53, 17.80, 0.35, 2.02), (101.06, 35.59, 0.31, 1.42),
            (14.31, 3.90, 0.19, 0.67), (72.26, 28.97, 0.57, 6.00)),
    }[dims]  # fmt: skip
    found = []
    for (p, s), (ain, min_, aout, mout) in zip(NOISES, paper, strict=True):
        name = f"gaussian{dims}d-{p}-{s}"
        words = f"p = {p}, σ = {s} {'mm' if dims == 3 else 'px'}"
        found += [
            Line(f"{words}, in", f"input@{name}", (ain, min_)),
            Line(f"{words}, out", f"{name}@{name}", (aout, mout)),
        ]
    return found


_TCN = ((27, 14.46, 103.53, 72.99), (81, 11.84, 101.17, 72.30), (243, 10.07, 99.76, 71.92))

TABLES: dict[str, Table] = {
    "1": Table(
        "Filters against SmoothNet, 3D",
        {
            "": [Line("what comes in", "input@fcn", (31.64, 106.90, 72.84))],
            "filters at their lowest MPJPE": _filters("fcn", "lowest", {
                "one_euro": (10.82, 108.55, 74.67), "savgol": (5.84, 105.80, 72.15),
                "gaussian": (4.95, 103.42, 71.11)}),
            "filters at an Accel comparable to SmoothNet's": _filters("fcn", "comparable", {
                "one_euro": (4.67, 135.71, 103.22), "savgol": (4.36, 118.25, 85.39),
                "gaussian": (4.47, 105.71, 71.49)}),
            "networks": [Line("SmoothNet", "base@fcn", (4.15, 97.47, 69.67)),
                         Line("SmoothNet, windows weighted by a bell", "base@fcn+hann"),
                         Line("SmoothNet, speed", "speed@fcn"),
                         Line("SmoothNet 512/128/3", "large@fcn"),
                         Line("motion-aware SmoothNet", "motion_aware@fcn")],
        },
        _WIDE, said="The paper: VIBE on AIST++. Here: the FCN's output. Parameters of the filters were "
        "chosen on the validation clips, \"comparable\" by SmoothNet's Accel there. Frames a second: one "
        "body of 16 joints, one thread of a busy machine; benchmarks/ has the measured ones.",
    ),
    "2": Table(
        "SmoothNet behind 2D and 3D estimators, and their worst hundredth of frames",
        {
            "2D": [Line("detector", "input@detector"),
                   Line("detector, with SmoothNet (trained on it)", "detector@detector"),
                   Line("detector, with SmoothNet (trained on the FCN, 3D)", "base@detector")],
            "3D": [Line("FCN", "input@fcn", (19.17, 54.55, 42.20, 161.00, 40.03)),
                   Line("FCN, with SmoothNet", "base@fcn", (1.03, 52.72, 40.92, 151.08, 1.52)),
                   Line("sequence-to-sequence", "input@seq2seq"),
                   Line("sequence-to-sequence, with SmoothNet (trained on the FCN)", "base@seq2seq")],
        },
        _WORST, ("fcn", "seq2seq", "detector"), "SmoothNet is trained on the FCN, as in the paper.",
    ),
    "3": Table(
        "SmoothNet behind estimators on motion that nothing was trained on, and their worst hundredth "
        "(also S4, S5)",
        {
            _TESTED_ON[test]: [Line("FCN", f"input@{test}"), Line("FCN, with SmoothNet", f"base@{test}"),
                               Line("FCN, with SmoothNet trained on sequence-to-sequence", f"seq2seq@{test}")]
            for test in NEVER_SEEN
        } | {
            "joint rotations, SMPL's skeleton (made noise)": [
                Line("what comes in", "input@rotations-6d"),
                Line("with SmoothNet on 6D", "rotations-6d@rotations-6d"),
                Line("with SmoothNet trained on 3D, on 6D", "rotations-3d@rotations-6d"),
            ]
        },
        _WORST, ("fcn", "rotations"),
        "The paper: body models on 3DPW, MPI-INF-3DHP, Human3.6M, AIST++ and MuPoTS.",
    ),
    "4": Table(
        "Temporal models",
        {
            "": [Line("what comes in", "input@fcn", (31.64, 106.90, 72.84)),
                 Line("gaussian", "filters@fcn gaussian lowest", (4.95, 103.42, 71.11))],
            "windows side by side": [
                *(Line(f"TCN ({n})", f"tcn_{n}@fcn+apart", paper) for n, *p in _TCN for paper in [tuple(p)]),
                Line("Transformer", "transformer@fcn+apart"),
                Line("SmoothNet", "base@fcn+apart", (5.45, 98.34, 71.02)),
            ],
            "windows one frame apart": [
                Line("TCN (27)", "tcn_27@fcn"), Line("TCN (81)", "tcn_81@fcn", (8.71, 99.54, 71.80)),
                Line("TCN (243)", "tcn_243@fcn"),
                Line("Transformer", "transformer@fcn", (6.15, 99.30, 71.89)),
                Line("spatio-temporal", "spatiotemporal@fcn"),
                Line("SmoothNet", "base@fcn", (4.15, 97.47, 69.67)),
                Line("SmoothNet, windows weighted by a bell", "base@fcn+hann"),
            ],
        },
        said="TCNs have windows of 32, 81 and 243 frames, and as many frames in a batch as SmoothNet has. "
        "They and the Transformer are trained for half as many steps, which took longer than SmoothNet's. "
        "The spatio-temporal network (all channels of a body together; not in the paper) has windows "
        "normalised as steadypose's own networks have them: with metres it did not learn to smooth.",
    ),
    "5": Table(
        "Window size",
        {"": [Line("what comes in", "input@fcn", (31.63, 106.90, 72.84))] + [
            Line(f"{n} frames", f"{'base' if n == 32 else f'length_{n}'}@fcn", paper)
            for n, paper in zip(
                sorted((*LENGTHS, 32)),
                ((17.89, 102.57, 71.48), (5.76, 99.98, 70.51), (4.54, 98.62, 69.85), (4.15, 97.47, 69.67),
                 (4.07, 97.06, 69.89), (4.04, 93.20, 70.57), (4.03, 94.89, 71.52)), strict=True)
        ]},
        said="The same number of windows, 1,024 a step, for all sizes.",
    ),
    "8": Table(
        "Basic and motion-aware",
        {"": [Line("what comes in", "input@fcn"), Line("basic, 512/128/3", "large@fcn"),
              Line("motion-aware", "motion_aware@fcn"),
              Line("basic, 512/16/1, twice the steps", "base@fcn")]},
        _WORST, said="Curves over epochs: figure_8.png.",
    ),
    "S2": Table(
        "Training strategies (also S1)",
        {
            "lifters": [Line("one frame", "strategies@one frame", (19.17, 54.55)),
                        Line("five frames", "strategies@five frames", (5.07, 50.13)),
                        Line("five frames, temporal loss", "strategies@five frames, temporal loss",
                             (4.12, 51.48)),
                        Line("one frame and SmoothNet, trained together", "strategies@together",
                             (2.78, 52.65)),
                        Line("… with acceleration loss", "strategies@together, acceleration loss",
                             (2.87, 52.18)),
                        Line("… and a loss between the two",
                             "strategies@together, loss between, acceleration loss", (2.69, 50.94))],
            "SmoothNet behind": [
                Line("one frame → SmoothNet", "strategies@one frame → SmoothNet", (1.03, 52.72)),
                Line("five frames → SmoothNet", "strategies@five frames → SmoothNet", (0.88, 50.04)),
                Line("five frames, temporal loss → SmoothNet",
                     "strategies@five frames, temporal loss → SmoothNet")],
        },
        ("accel", "mpjpe", "pa_mpjpe", "mpjve"), ("fcn", "detector"),
        "Lifters alone are rows of experiments/hossain_little: `fcn`, `no_temporal`, `seq2seq`. Together: "
        "1,000 steps of 32 windows of 32 frames on CMU's clips. The paper's temporal lifter sees 27 "
        "frames, ours five, and its own together-rows have the temporal lifter.",
    ),
    "S3": Table(
        "Filters against SmoothNet, 2D (3D: Table 1)",
        {
            "": [Line("what comes in", "input@detector", (2.91, 6.67, 5.18))],
            "filters at their lowest MPJPE": _filters("detector", "lowest", {
                "one_euro": (0.51, 7.86, 5.47), "savgol": (0.20, 6.52, 4.99),
                "gaussian": (0.51, 6.55, 5.00)}),
            "filters at an Accel comparable to SmoothNet's": _filters("detector", "comparable", {
                "one_euro": (0.19, 9.21, 6.01), "savgol": (0.15, 8.23, 5.89),
                "gaussian": (0.14, 6.73, 4.99)}),
            "networks": [Line("SmoothNet (trained on it)", "detector@detector", (0.14, 6.45, 4.96)),
                         Line("SmoothNet (trained on the FCN, 3D)", "base@detector")],
        },
        _WIDE, ("fcn", "detector"), "The paper: CPN on Human3.6M. Pixels of pictures of 1000 × 1000.",
    ),
    "S6": Table(
        "RefineNet",
        {
            "": [Line("what comes in", "input@fcn", (12.70, 103.33, 68.36)),
                 Line("RefineNet as released", "refinenet@refinenet", (9.53, 93.97, 65.16)),
                 Line("RefineNet, tuned on the validation clips", "refinenet@refinenet tuned"),
                 Line("savgol", "filters@fcn savgol lowest", (8.29, 102.79, 68.30)),
                 Line("gaussian", "filters@fcn gaussian lowest", (8.61, 102.70, 68.17)),
                 Line("SmoothNet", "base@fcn", (7.23, 100.78, 68.10))],
            "behind RefineNet": [
                Line("savgol", "refinenet@refinenet → savgol", (7.22, 93.75, 65.34)),
                Line("gaussian", "refinenet@refinenet → gaussian", (8.40, 93.65, 65.19)),
                Line("SmoothNet", "refinenet@refinenet → SmoothNet", (7.21, 91.78, 65.06))],
        },
        said="The paper: TPoseNet on MuPoTS-3D, where RefineNet was trained on data of the same kind and "
        "places people in space. Here it has relative positions and the detector's confidence.",
    ),
    "S7": Table(
        "Transfer across modalities: from 3D positions to rotations, to 2D, and back (also S8)",
        _transfer(("detector", "fcn")) | {
            "tested on joint rotations, 6D": [
                Line("what comes in", "input@rotations-6d"),
                Line("trained on 6D", "rotations-6d@rotations-6d"),
                Line("trained on 3D positions", "rotations-3d@rotations-6d")]
        },
        kinds=("fcn", "seq2seq", "detector", "rotations"),
    ),
    "S9": Table(
        "Transfer across estimators and motion, down to real streams",
        _transfer(("seq2seq", GAUSSIAN, *NEVER_SEEN, *STREAMS)), (*USUAL, "peak_speed", "lag"),
        ("fcn", "seq2seq", "detector"),
        "Keraal: three takes of one seated person, 30 frames a second, brought to 50 and back; truth: "
        "Vicon, fitted to the raw input. For `detector` the network sees pictures from -1 to 1, for 3D "
        "metres.",
    ),
    "S10": Table(
        "Gaussian noise",
        {"3D, mm": _noise(3), "2D, px": _noise(2)}, ("accel", "mpjpe"), ("fcn", "detector"),
        "Each coordinate is hit by itself with probability p: that gives the paper's own inputs. In 2D "
        "half of the σ it names does: its pictures go from -1 to 1, that is two units for 1000 pixels.",
    ),
    "S11": Table(
        "Losses",
        {"": [Line("what comes in", "input@fcn", (32.71, 90.32, 52.19)),
              Line("position", "only_position@fcn", (6.42, 86.63, 50.82)),
              Line("acceleration", "only_acceleration@fcn", (7.63, 446.54, 356.61)),
              Line("position + acceleration", "base@fcn", (6.30, 86.39, 50.60)),
              Line("position + 0.1 acceleration (the released code)", "tenth_acceleration@fcn")]},
        said="The paper: EFT on 3DPW.",
    ),
    "S12": Table(
        "What motion is written in",
        {"": [Line("what comes in", "input@rotations-6d", (32.71, 90.32, 52.19)),
              Line("axis-angle", "rotations-axis-angle@rotations-axis-angle", (77.89, 172.17, 51.38)),
              Line("quaternions", "rotations-quaternion@rotations-quaternion", (28.50, 91.23, 51.03)),
              Line("6D", "rotations-6d@rotations-6d", (6.43, 86.92, 50.87)),
              Line("3D positions", "rotations-3d@rotations-3d", (6.30, 86.39, 50.60))]},
        kinds=("rotations",),
        said="The paper: EFT on 3DPW. Here noise is made, white and slow, on joint rotations of SMPL's "
        "skeleton as seen by a camera; all bodies have the same lengths; errors are those of joints by "
        "forward kinematics.",
    ),
    "S13": Table(
        "Across modalities",
        {"": [Line("what comes in", "input@rotations-6d", (32.71, 90.32, 52.19)),
              Line("trained on 6D, tested on 6D", "rotations-6d@rotations-6d", (6.43, 86.92, 50.87)),
              Line("trained on 6D, tested on 3D", "rotations-6d@rotations-3d", (7.10, 88.13, 51.79)),
              Line("trained on 3D, tested on 3D", "rotations-3d@rotations-3d", (6.30, 86.39, 50.60)),
              Line("trained on 3D, tested on 6D", "rotations-3d@rotations-6d", (6.47, 86.82, 50.81))]},
        kinds=("rotations",),
    ),
    "S14": Table(
        "Normalisation",
        {
            f"tested on {_TESTED_ON[test]}": [Line("what comes in", f"input@{test}", paper[0]),
                Line("none", f"base@{test}", paper[1]),
                Line("of each clip", f"norm_sequence@{test}", paper[2]),
                Line("of each clip, out by the truth's", f"norm_truth@{test}", paper[3]),
                Line("of each window (steadypose's own)", f"norm_window@{test}")]
            for test, paper in {
                "fcn": ((32.71, 90.32, 52.19), (5.80, 85.16, 50.31), (5.82, 88.21, 51.06),
                        (5.80, 61.65, 44.28)),
                "seq2seq": ((6.76, 86.46, 52.67), (5.91, 86.04, 52.42), (6.00, 86.34, 52.87),
                            (5.92, 68.51, 49.15)),
                "detector": ((), (), (), ()),
            }.items()
        },
        kinds=("fcn", "seq2seq", "detector"),
        said="The paper: EFT, and TCMR in place of sequence-to-sequence, on 3DPW. The mean and deviation "
        "of the truth are not known in use: an upper bound.",
    ),
}  # fmt: skip
