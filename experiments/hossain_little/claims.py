"""What the paper claims, each as one step from a row to another, and whether the results show it.

A claim appears where the means over the seeds move in its direction by more than the larger of the two
standard deviations; where they move the other way it does not; in between the seeds do not decide, and
neither does one seed.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

# (row, condition, metric) to one value a seed; none where the row was not run.
Values = Callable[[str, str, str], Sequence[float]]
Verdict = Literal["appears", "does not", "undecided", "one seed", "not run"]


@dataclass(frozen=True)
class Claim:
    """The error of ``after`` is lower (``falls``) or higher than that of ``before``.

    Both are ``row`` (tested with detector noise) or ``row@condition``; ``paper`` is what it prints.
    """

    table: str
    text: str
    paper: str
    before: str
    after: str
    falls: bool = True
    metric: str = "mpjpe"


_ABLATIONS = {
    "no_weighted_joints": ("weighted joints", 52.3),
    "no_temporal": ("the temporal term", 52.7),
    "no_recurrent_dropout": ("recurrent dropout", 58.3),
    "no_layer_norm": ("layer normalisation", 61.1),
    "no_layer_norm_no_dropout": ("layer normalisation and recurrent dropout", 59.5),
    "no_residual": ("the decoder's residual connections", 102.4),
}

CLAIMS = (
    Claim("main", "sequence-to-sequence beats the FCN, protocol 1",
          "62.9 → 51.9; corrected by the authors: about 58.5", "fcn", "seq2seq"),
    Claim("main", "sequence-to-sequence beats the FCN, protocol 2",
          "47.7 → 42.0; corrected: about 44", "fcn", "seq2seq", metric="pa_mpjpe"),
    Claim("main", "it beats the FCN with a median filter, protocol 1",
          "62.2 → 51.9; corrected: about 58.5", "fcn_median", "seq2seq"),
    Claim("main", "it beats the FCN with a mean filter, protocol 1",
          "61.8 → 51.9; corrected: about 58.5", "fcn_mean", "seq2seq"),
    Claim("main", "a median filter helps the FCN a little, protocol 1", "62.9 → 62.2", "fcn", "fcn_median"),
    Claim("main", "a mean filter helps the FCN a little, protocol 1", "62.9 → 61.8", "fcn", "fcn_mean"),
    Claim("main", "a median filter harms the FCN in protocol 2", "47.7 → 51.7", "fcn", "fcn_median", False,
          "pa_mpjpe"),
    Claim("main", "a mean filter harms the FCN in protocol 2", "47.7 → 50.0", "fcn", "fcn_mean", False,
          "pa_mpjpe"),
    Claim("main", "its poses move more evenly than the FCN's (Accel)", "in pictures", "fcn", "seq2seq",
          metric="accel"),
    Claim("main", "… and than those of the FCN with a median filter (Accel)", "in pictures", "fcn_median",
          "seq2seq", metric="accel"),
    Claim("main", "… and than those of the FCN with a mean filter (Accel)", "in pictures", "fcn_mean",
          "seq2seq", metric="accel"),
    Claim("clean", "on clean 2D sequence-to-sequence beats the FCN, protocol 1",
          "45.5 → 39.2; another implementation: 41.0", "fcn_clean@clean", "seq2seq_clean@clean"),
    Claim("clean", "on clean 2D sequence-to-sequence beats the FCN, protocol 2", "37.1 → 31.7",
          "fcn_clean@clean", "seq2seq_clean@clean", metric="pa_mpjpe"),
    *(
        Claim("noise", f"trained on clean 2D, tested at σ = {sigma}, it is {how} than the FCN, protocol 2",
              f"{fcn} → {ours}", f"fcn_clean@gaussian_{sigma}", f"seq2seq_clean@gaussian_{sigma}",
              how == "better", "pa_mpjpe")
        for sigma, fcn, ours, how in (
            (5, 46.7, 37.5, "better"), (10, 52.8, 49.4, "better"), (15, 60.0, 61.8, "worse"),
            (20, 70.2, 73.7, "worse"),
        )
    ),
    *(
        Claim("ablations", f"without {what} it is worse", f"51.9 → {mm}", "seq2seq", row, False)
        for row, (what, mm) in _ABLATIONS.items()
    ),
    *(
        Claim("ablations", f"without {_ABLATIONS['no_residual'][0]} it is worse than without {what}",
              f"{mm} → 102.4", row, "no_residual", False)
        for row, (what, mm) in _ABLATIONS.items() if row in ("no_recurrent_dropout", "no_layer_norm")
    ),
    Claim("ablations", "without the temporal term its poses move less evenly (Accel)", "in pictures",
          "seq2seq", "no_temporal", False, "accel"),
    *(
        Claim("length", f"{n} frames are worse than 5", "figure 3: 4, 5 and 6 are best", "seq2seq",
              f"length_{n}", False)
        for n in (2, 3, 7, 8, 9, 10)
    ),
    Claim("length", "2 frames are enough to beat the FCN", "figure 3", "fcn", "length_2"),
)  # fmt: skip


def place(name: str) -> tuple[str, str]:
    """Row and condition of ``row`` or ``row@condition``."""
    row, _, condition = name.partition("@")
    return row, condition or "detector"


def verdict(claim: Claim, values: Values) -> tuple[str, Verdict]:
    """What came out, as ``43.1 → 40.0 (−7.2 %)``, and whether it is what was claimed."""
    before, after = (values(*place(name), claim.metric) for name in (claim.before, claim.after))
    if not before or not after:
        return "–", "not run"
    a, b = statistics.fmean(before), statistics.fmean(after)
    numbers = f"{a:.1f} → {b:.1f} ({(b - a) / a * 100:+.1f} %)".replace("-", "−")
    if min(len(before), len(after)) == 1:
        return numbers, "one seed"
    if abs(b - a) <= max(statistics.stdev(before), statistics.stdev(after)):
        return numbers, "undecided"
    return numbers, "appears" if (b < a) == claim.falls else "does not"
