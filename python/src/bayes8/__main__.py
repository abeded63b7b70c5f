"""The command `bayes8`: `python -m bayes8`, or the script of the same name."""

import sys

from ._bayes8 import command


def main() -> int:
    """Runs the command with the arguments of this process; returns its exit code."""
    return command(["bayes8", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
