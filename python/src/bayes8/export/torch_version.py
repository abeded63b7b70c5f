"""Which versions of PyTorch exports are tested with."""

import torch

# Major and minor numbers. A change of these is a change of the README and of the guide.
OLDEST, NEWEST = (2, 4), (2, 15)


def describe_torch() -> str:
    """Returns the subject of an error: the version, and which ones work where this one may not."""
    version = str(torch.__version__)
    numbers = tuple(int(number) for number in version.split(".")[:2])
    if OLDEST <= numbers <= NEWEST:
        return f"PyTorch {version}"
    oldest, newest = (".".join(map(str, tested)) for tested in (OLDEST, NEWEST))
    return f"PyTorch {version} (tested: {oldest} to {newest})"
