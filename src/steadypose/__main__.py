"""``python -m steadypose``."""

import sys

from steadypose.cli import main

if __name__ == "__main__":
    sys.exit(main())
