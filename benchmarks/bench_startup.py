"""`steadypose --help` as a whole process against importing NumPy.

python benchmarks/bench_startup.py
"""

from __future__ import annotations

import shutil
import sys

from timing import process, row, save, side_by_side


def main() -> None:
    """Time the processes and write results/startup.{json,md}."""
    command = shutil.which("steadypose")
    assert command, "install steadypose first"
    rivals = {
        "help": process([command, "--help"]),
        "refine help": process([command, "refine", "--help"]),
        "python -c 'import numpy'": process([sys.executable, "-c", "import numpy"]),
    }
    seconds = side_by_side(rivals, rounds=31, warm_up=3)
    numpy = {"python -c 'import numpy'": seconds["python -c 'import numpy'"]}
    rows = [
        row("steadypose --help", seconds["help"], numpy),
        row("steadypose refine --help", seconds["refine help"], numpy),
    ]
    save("startup", "Start", rows, ["Asked for: a ratio above 0.5."], "python benchmarks/bench_startup.py")


if __name__ == "__main__":
    main()
