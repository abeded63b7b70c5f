"""The package as such: the command, time to import, types."""

from __future__ import annotations

import subprocess
import sys

import bayes8


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_the_module_is_the_command() -> None:
    assert run("-m", "bayes8", "--version").stdout == f"bayes8 {bayes8.__version__}\n"
    missing = run("-m", "bayes8", "inspect", "none.safetensors")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "none.safetensors" in missing.stderr
    assert run("-m", "bayes8", "inspect").returncode == 2


def test_nothing_but_numpy_is_imported() -> None:
    script = "import bayes8, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    modules = set(run("-c", script).stdout.split())
    assert {"bayes8", "numpy"} <= modules
    assert not modules & {"onnx", "PIL", "scipy", "sklearn", "torch", "tqdm", "matplotlib"}


def test_importing_takes_little_more_than_numpy() -> None:
    script = (
        "import numpy, time; start = time.perf_counter(); import bayes8; "
        "print(time.perf_counter() - start)"
    )
    # The goal is 50 ms; the best of several on a machine that may be slow and busy.
    assert min(float(run("-c", script).stdout) for _ in range(5)) < 0.15


def test_the_exporter_names_what_is_missing() -> None:
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "try: import bayes8.export\nexcept ImportError as error: print(error)"
    )
    assert 'pip install "bayes8[torch]"' in run("-c", script).stdout
