"""ONNX Runtime INT8: the fastest way that most people know to run a network on a CPU.

It is deterministic: a single pass without weight samples, the cost of a Bayesian network whose
uncertainty is free.
"""

import logging
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from common import onnx_session
from peer import Array, CannotRunError, Peer, timed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxruntime import InferenceSession


class OnnxRuntime(Peer):
    """Static quantization: i8 weights, symmetric per channel, and u8 activations."""

    name = "ONNX Runtime INT8, no samples"
    package = "onnxruntime"
    least_correlation: ClassVar[float] = 0.9

    def prepare(self) -> None:
        try:
            import onnxruntime.quantization  # noqa: F401, PLC0415
        except ImportError as error:
            message = "needs onnxruntime and onnx: see requirements-peers.txt"
            raise CannotRunError(message) from error
        self._reference = self._session(self.task.network)
        self._input = self._reference.get_inputs()[0].name
        # The faster format depends on machine, batch and version: the peer runs its best.
        self._candidates = self._quantize()
        self._fastest: dict[int, InferenceSession] = {}

    def reference(self, pictures: Array) -> Array:
        return self._logits(self._reference, pictures)

    def predict(self, pictures: Array) -> Array:
        session = self._fastest.get(len(pictures), self._candidates[0])
        return self._logits(session, pictures)

    def tune(self, pictures: Array) -> None:
        def duration(session: "InferenceSession") -> float:
            self._logits(session, pictures)
            return median(timed(lambda: self._logits(session, pictures), 0.2))

        if len(pictures) not in self._fastest:
            self._fastest[len(pictures)] = min(self._candidates, key=duration)
        self.predict(pictures)

    def _logits(self, session: "InferenceSession", pictures: Array) -> Array:
        return np.asarray(session.run(None, {self._input: pictures})[0], np.float32)

    def _session(self, path: Path) -> "InferenceSession":
        return onnx_session(path, self.task.threads)

    def _quantize(self) -> list["InferenceSession"]:
        with tempfile.TemporaryDirectory() as folder:
            files = quantize(self.task.network, self._input, self.task.pictures, Path(folder))
            return [self._session(file) for file in files]


def quantize(network: Path, input_name: str, pictures: Array, folder: Path) -> list[Path]:
    """Static quantization of `network` in both formats, calibrated with `pictures`, to `folder`."""
    from onnxruntime import quantization  # noqa: PLC0415
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    class Pictures(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._feeds: Iterator[dict[str, Array]] = ({input_name: p[None]} for p in pictures)

        def get_next(self) -> dict[str, Array] | None:
            return next(self._feeds, None)

    prepared = folder / "prepared.onnx"
    # Folds BatchNormalization. Symbolic shapes need another package and are for transformers.
    quant_pre_process(network, prepared, skip_symbolic_shape=True)
    files = []
    # It warns of every tensor that it does not quantize.
    logging.disable(logging.WARNING)
    for form in quantization.QuantFormat:
        files.append(folder / f"{form.name}.onnx")
        quantization.quantize_static(
            prepared,
            files[-1],
            Pictures(),
            quant_format=form,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    logging.disable(logging.NOTSET)
    return files
