"""Settings of all tests."""

from __future__ import annotations

import os

# One thread a worker, said before any library is imported that asks for it: several workers, each with as
# many threads as there are cores, wait for each other many times longer than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")
