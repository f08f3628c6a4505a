"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# One thread a worker, said before any library is imported that asks for it: several workers, each with as
# many threads as there are cores, wait for each other many times longer than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A slow machine is no failure.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
