"""The command `bayes8-export`, which says what is missing without the extra `torch`."""

import sys


def main() -> int:
    """Runs the command; returns its exit code."""
    try:
        from .command import main as run  # noqa: PLC0415 (it needs PyTorch)
    except ImportError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return run()


if __name__ == "__main__":
    sys.exit(main())
