"""The command `bayes8-export`, which says in one line what is missing without the extra `torch`."""

import sys


def main() -> int:
    """Runs the command with the arguments of this process; returns its exit code."""
    try:
        # Its package needs PyTorch.
        from .export.command import main as run  # noqa: PLC0415
    except ImportError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return run()
