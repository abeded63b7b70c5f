"""Ctrl-C ends long work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from repository import FASHION, MODELS

LONG = {
    "prediction": "model.predict(pictures, samples=1 << 28)",
    "stream": "[0 for _ in model.stream(pictures, samples=1 << 28)]",
    "quantization": (
        "bayes8.quantize(folder + '/network.onnx', posterior=folder + '/posterior.safetensors', "
        "calibration=folder + '/calibration.npz', calibration_draws=60000)"
    ),
    "evaluation": "bayes8.evaluate(fashion, folder + '/test.npz', samples=1 << 20)",
}


@pytest.mark.skipif(os.name == "nt", reason="SKIPPED: signals of POSIX")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("work", LONG)
def test_ctrl_c_ends_it(work: str, threads: int) -> None:
    script = f"""
import bayes8, numpy, signal, sys
# A program that was started in the background ignores Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = {str(FASHION)!r}
model = bayes8.load({str(MODELS / "mnist-cnn.safetensors")!r}, threads={threads})
fashion = bayes8.load({str(MODELS / "fashion-resnet14.safetensors")!r}, threads={threads})
pictures = numpy.zeros((4, 28, 28), numpy.uint8)
print("begins", flush=True)
try:
    {LONG[work]}
except KeyboardInterrupt:
    # The interpreter is as good as before.
    print(model.predict(pictures, samples=1).samples)
    sys.exit(3)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "begins\n"
            time.sleep(0.5)
            child.send_signal(signal.SIGINT)
            begin = time.monotonic()
            assert child.wait(timeout=60) == 3
            # Between two looks at signals lie 50 ms, or a piece of work.
            assert time.monotonic() - begin < 10
            assert child.stdout.read() == "1\n"
        finally:
            child.kill()
