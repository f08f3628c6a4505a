"""What the paper claims, each as one step from a line to another, and whether the results show it.

A claim appears where the means over the seeds move in its direction by more than the larger of the two
standard deviations; where they move the other way it does not; in between the seeds do not decide, and
neither does one seed. What has no seed (what comes in, filters) has no deviation.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from papertables import ONCE
from rows import GAUSSIAN, NEVER_SEEN, NOISES, STREAMS

# (``ROW@TEST``, metric) to one value a seed; none where the row was not run.
Values = Callable[[str, str], Sequence[float]]
Verdict = Literal["appears", "does not", "undecided", "one seed", "not run"]


@dataclass(frozen=True)
class Claim:
    """The metric of ``after`` is lower (``falls``) or higher than that of ``before``, both ``ROW@TEST``."""

    table: str
    text: str
    paper: str
    before: str
    after: str
    metric: str = "mpjpe"
    falls: bool = True


_PAPER = ("one_euro", "savgol", "gaussian")
_OTHERS = ("butterworth", "moving_average", "kalman", "adaptive")
_3D = {"one_euro": ("108.55", "10.82", "135.71"), "savgol": ("105.80", "5.84", "118.25"),
       "gaussian": ("103.42", "4.95", "105.71")}  # fmt: skip
_2D = {"one_euro": ("7.86", "0.51", "9.21"), "savgol": ("6.52", "0.20", "8.23"),
       "gaussian": ("6.55", "0.51", "6.73")}  # fmt: skip
_RANGES = (2, 8, 16, 32, 64, 128, 256)
_ACCEL_5 = (17.89, 5.76, 4.54, 4.15, 4.07, 4.04, 4.03)
_MPJPE_5 = (102.57, 99.98, 98.62, 97.47, 97.06, 93.20, 94.89)


def _against_filters(
    table: str, source: str, ours: str, paper: dict[str, tuple[str, str, str]]
) -> list[Claim]:
    out_mpjpe, out_accel = ("97.47", "4.15") if table == "1" else ("6.45", "0.14")
    found = []
    for m in (*_PAPER, *_OTHERS):
        low, accel, comparable = paper.get(m, ("",) * 3)
        more = m in _OTHERS
        lowest = f"filters@{source} {m} lowest"
        found += [
            Claim(table, f"MPJPE is lower than {m}'s lowest",
                  "not in the paper" if more else f"{low} → {out_mpjpe}",
                  lowest, ours),
            Claim(table, f"Accel is lower than that of {m} at its lowest MPJPE",
                  "not in the paper" if more else f"{accel} → {out_accel}", lowest, ours, "accel"),
            Claim(table, f"at comparable Accel its MPJPE is lower than {m}'s",
                  "not in the paper" if more else f"{comparable} → {out_mpjpe}",
                  f"filters@{source} {m} comparable", ours),
        ]  # fmt: skip
    return found


def _n(n: int) -> str:
    return f"{'base' if n == 32 else f'length_{n}'}@fcn"


_APART, _OVER = "fcn+apart", "fcn"
_BEST = "strategies@five frames → SmoothNet"

CLAIMS = (
    Claim("1", "SmoothNet lowers Accel", "31.64 → 4.15 (−86.9 %)", "input@fcn", "base@fcn", "accel"),
    Claim("1", "… and MPJPE", "106.90 → 97.47 (−8.8 %)", "input@fcn", "base@fcn"),
    Claim("1", "… and PA-MPJPE", "72.84 → 69.67", "input@fcn", "base@fcn", "pa_mpjpe"),
    *_against_filters("1", "fcn", "base@fcn", _3D),
    Claim("2", "trained on the FCN, it lowers the other estimator's Accel", "e.g. 7.75 → 0.90",
          "input@seq2seq",
          "base@seq2seq", "accel"),
    Claim("2", "… and its MPJPE", "48.87 → 48.27", "input@seq2seq", "base@seq2seq"),
    Claim("2", "the worst hundredth's MPJPE falls", "161.00 → 151.08 (−6.2 %)", "input@fcn", "base@fcn",
          "mpjpe_1"),
    Claim("2", "… and its Accel", "40.03 → 1.52 (−96.2 %)", "input@fcn", "base@fcn", "accel_1"),
    Claim("2", "2D: Accel falls", "2.91 → 0.14", "input@detector", "detector@detector", "accel"),
    Claim("2", "2D: MPJPE falls", "6.67 → 6.45", "input@detector", "detector@detector"),
    *(
        Claim("3", f"on {test.partition('/')[2]} it lowers {metric}", paper, f"input@{test}", f"base@{test}",
              name)
        for test in NEVER_SEEN for metric, name, paper in (
            ("Accel", "accel", "e.g. 22.3 → 6.5"), ("MPJPE", "mpjpe", "e.g. 91.9 → 87.6"),
            ("the worst hundredth's MPJPE", "mpjpe_1", "e.g. 253.58 → 238.57"),
        )
    ),
    Claim("4", "TCNs get better with a longer field: 81 against 27, MPJPE", "103.53 → 101.17",
          f"tcn_27@{_APART}",
          f"tcn_81@{_APART}"),
    Claim("4", "… 243 against 81", "101.17 → 99.76", f"tcn_81@{_APART}", f"tcn_243@{_APART}"),
    Claim("4", "a TCN's Accel is worse than the Gaussian filter's", "4.95 → 11.84", "filters@fcn gaussian "
    "lowest",
          f"tcn_81@{_APART}", "accel", False),
    Claim("4", "… but its MPJPE is lower", "103.42 → 101.17", "filters@fcn gaussian lowest",
          f"tcn_81@{_APART}"),
    Claim("4", "a Transformer's MPJPE is lower than the Gaussian filter's", "103.42 → 99.30",
          "filters@fcn gaussian lowest", f"transformer@{_OVER}"),
    Claim("4", "SmoothNet's MPJPE is lower than the Transformer's", "99.30 → 97.47", f"transformer@{_OVER}",
          "base@fcn"),
    Claim("4", "… and its Accel", "6.15 → 4.15", f"transformer@{_OVER}", "base@fcn", "accel"),
    Claim("4", "SmoothNet's MPJPE is lower than the TCN's (81)", "99.54 → 97.47", f"tcn_81@{_OVER}",
          "base@fcn"),
    Claim("4", "… and its Accel", "8.71 → 4.15", f"tcn_81@{_OVER}", "base@fcn", "accel"),
    Claim("4", "overlapping windows lower Accel", "5.45 → 4.15", f"base@{_APART}", "base@fcn", "accel"),
    Claim("4", "… and MPJPE", "98.34 → 97.47", f"base@{_APART}", "base@fcn"),
    *(
        Claim("5", f"Accel falls from {a} frames to {b}", f"{x} → {y}", _n(a), _n(b), "accel")
        for a, b, x, y in zip(_RANGES, _RANGES[1:], _ACCEL_5, _ACCEL_5[1:], strict=False)
    ),
    *(
        Claim("5", f"MPJPE {'falls' if y < x else 'rises'} from {a} frames to {b}", f"{x} → {y}", _n(a),
              _n(b),
              falls=y < x)
        for a, b, x, y in zip(_RANGES, _RANGES[1:], _MPJPE_5, _MPJPE_5[1:], strict=False)
    ),
    Claim("8", "motion-aware has a lower MPJPE than basic", "figure 8: slightly", "large@fcn",
          "motion_aware@fcn"),
    Claim("S2", "five frames beat one: MPJPE", "54.55 → 50.13 (27 frames)", "strategies@one frame",
          "strategies@five frames"),
    Claim("S2", "… and Accel", "19.17 → 5.07", "strategies@one frame", "strategies@five frames", "accel"),
    Claim("S2", "a temporal loss lowers Accel", "5.07 → 4.12", "strategies@five frames",
          "strategies@five frames, temporal loss", "accel"),
    Claim("S2", "… and harms MPJPE", "50.13 → 51.48", "strategies@five frames",
          "strategies@five frames, temporal loss", "mpjpe", False),
    Claim("S2", "trained together Accel is lower than the lifter's alone", "5.07 → 2.78",
          "strategies@one frame", "strategies@together", "accel"),
    Claim("S2", "… and MPJPE higher", "50.13 → 52.65", "strategies@one frame", "strategies@together",
          "mpjpe", False),
    Claim("S2", "one behind the other: Accel is lower than together", "2.69 → 0.88",
          "strategies@together, loss between, acceleration loss", "strategies@one frame → SmoothNet",
          "accel"),
    Claim("S2", "… and MPJPE", "50.94 → 50.04", "strategies@together, loss between, acceleration loss",
          "strategies@one frame → SmoothNet"),
    Claim("S2", "behind five frames SmoothNet lowers Accel", "5.07 → 0.88", "strategies@five frames", _BEST,
          "accel"),
    Claim("S2", "… and MPJPE", "50.13 → 50.04", "strategies@five frames", _BEST),
    *_against_filters("S3", "detector", "detector@detector", _2D),
    Claim("S6", "RefineNet lowers MPJPE", "103.33 → 93.97", "input@fcn", "refinenet@refinenet"),
    Claim("S6", "RefineNet lowers MPJPE more than SmoothNet", "100.78 → 93.97", "base@fcn",
          "refinenet@refinenet"),
    Claim("S6", "SmoothNet's Accel is lower than RefineNet's", "9.53 → 7.23", "refinenet@refinenet",
          "base@fcn", "accel"),
    Claim("S6", "SmoothNet behind RefineNet lowers Accel", "9.53 → 7.21", "refinenet@refinenet",
          "refinenet@refinenet → SmoothNet", "accel"),
    Claim("S6", "… and MPJPE", "93.97 → 91.78", "refinenet@refinenet", "refinenet@refinenet → SmoothNet"),
    Claim("S7", "trained on 3D, it lowers the Accel of 2D", "2.91 → 0.14", "input@detector", "base@detector",
          "accel"),
    Claim("S7", "… and its MPJPE (the model of Human3.6M)", "6.67 → 6.45", "input@detector", "base@detector"),
    Claim("S7", "trained on 3D, it lowers the Accel of 6D rotations", "e.g. 33.38 → 7.71",
          "input@rotations-6d",
          "rotations-3d@rotations-6d", "accel"),
    Claim("S7", "… and their MPJPE", "e.g. 91.6 → 90.54", "input@rotations-6d", "rotations-3d@rotations-6d"),
    *(
        Claim("S9", f"trained on {words}, it lowers {metric} of {test}", "Accel always, MPJPE mostly",
              f"input@{test}",
              f"{row}@{test}", name)
        for row, words in (("base", "the FCN"), (GAUSSIAN, "Gaussian noise"))
        for test in ("seq2seq", *STREAMS) for metric, name in (("Accel", "accel"), ("MPJPE", "mpjpe"))
    ),
    Claim("S9", "MPJPE is lower where training and test are alike: sequence-to-sequence", "e.g. 100.91 → "
    "95.21",
          "base@seq2seq", "seq2seq@seq2seq"),
    *(
        Claim("S10", f"{d}D, p = {p}, σ = {s}: {metric} falls", "see the table",
              f"input@gaussian{d}d-{p}-{s}",
              f"gaussian{d}d-{p}-{s}@gaussian{d}d-{p}-{s}", name)
        for d in (3, 2) for p, s in NOISES for metric, name in (("Accel", "accel"), ("MPJPE", "mpjpe"))
    ),
    Claim("S11", "without the acceleration term Accel is higher", "6.30 → 6.42", "base@fcn",
          "only_position@fcn",
          "accel", False),
    Claim("S11", "… and MPJPE", "86.39 → 86.63", "base@fcn", "only_position@fcn", "mpjpe", False),
    Claim("S11", "without the position term MPJPE is far higher", "86.39 → 446.54", "base@fcn",
          "only_acceleration@fcn", "mpjpe", False),
    Claim("S11", "… and Accel is higher", "6.30 → 7.63", "base@fcn", "only_acceleration@fcn", "accel", False),
    Claim("S12", "axis-angle makes MPJPE worse than the input's", "90.32 → 172.17", "input@rotations-6d",
          "rotations-axis-angle@rotations-axis-angle", "mpjpe", False),
    Claim("S12", "quaternions make it worse too", "90.32 → 91.23", "input@rotations-6d",
          "rotations-quaternion@rotations-quaternion", "mpjpe", False),
    Claim("S12", "quaternions are better than axis-angle", "172.17 → 91.23",
          "rotations-axis-angle@rotations-axis-angle", "rotations-quaternion@rotations-quaternion"),
    Claim("S12", "6D is better than quaternions", "91.23 → 86.92",
          "rotations-quaternion@rotations-quaternion",
          "rotations-6d@rotations-6d"),
    Claim("S12", "3D positions are better than 6D", "86.92 → 86.39", "rotations-6d@rotations-6d",
          "rotations-3d@rotations-3d"),
    Claim("S13", "trained on 6D, 3D comes out worse than 6D", "86.92 → 88.13", "rotations-6d@rotations-6d",
          "rotations-6d@rotations-3d", "mpjpe", False),
    Claim("S13", "trained on 3D, 6D comes out worse than 3D", "86.39 → 86.82", "rotations-3d@rotations-3d",
          "rotations-3d@rotations-6d", "mpjpe", False),
    Claim("S13", "6D comes out better from a network trained on 3D than from its own", "86.92 → 86.82",
          "rotations-6d@rotations-6d", "rotations-3d@rotations-6d"),
    Claim("S14", "clip by clip MPJPE is higher than without normalisation", "85.16 → 88.21", "base@fcn",
          "norm_sequence@fcn", "mpjpe", False),
    Claim("S14", "with the truth's mean and deviation it is far lower", "85.16 → 61.65", "base@fcn",
          "norm_truth@fcn"),
    Claim("S14", "… on the other estimator too", "86.04 → 68.51", "base@seq2seq", "norm_truth@seq2seq"),
)  # fmt: skip


def verdict(claim: Claim, values: Values) -> tuple[str, Verdict]:
    """What came out, as ``43.1 → 40.0 (−7.2 %)``, and whether it is what was claimed."""
    before, after = (values(at, claim.metric) for at in (claim.before, claim.after))
    if not before or not after:
        return "–", "not run"
    a, b = statistics.fmean(before), statistics.fmean(after)
    digits = 2 if min(a, b) < 20 else 1
    change = f"{(b - a) / a * 100:+.1f} %" if a else ""
    numbers = f"{a:.{digits}f} → {b:.{digits}f} ({change})".replace("-", "−")
    spreads = []
    for at, found in ((claim.before, before), (claim.after, after)):
        if at.partition("@")[0] in ONCE:
            spreads.append(0.0)
        elif len(found) == 1:
            return numbers, "one seed"
        else:
            spreads.append(statistics.stdev(found))
    if abs(b - a) <= max(spreads):
        return numbers, "undecided"
    return numbers, "appears" if (b < a) == claim.falls else "does not"
