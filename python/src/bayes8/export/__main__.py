"""The command `bayes8-export`, as `python -m bayes8.export`."""

import sys

from .command import main

if __name__ == "__main__":
    sys.exit(main())
