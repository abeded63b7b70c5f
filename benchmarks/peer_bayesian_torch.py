"""bayesian-torch, the library of the method's authors: its Bayesian ResNet-50 in FP32 and INT8.

Both are built as in its examples: torchvision's network, made Bayesian with `dnn_to_bnn` and
MOPED, and for INT8 `prepare`, calibration and `convert` of `bayesian_torch.ao.quantization`.
"""

import types
import warnings
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from common import moped_prior
from peer import Array, CannotRunError, Peer, timed

if TYPE_CHECKING:
    import torch

# Calibration passes, each with another weight sample.
CALIBRATION_PASSES = 2
CALIBRATION_PICTURES = 8


class Fp32(Peer):
    """Reparameterization layers in FP32."""

    name = "bayesian-torch FP32"
    package = "bayesian-torch"
    # A weight sample differs from the mean: a random ResNet-50 with MOPED 0.1 reaches 0.6 to 0.7.
    least_correlation: ClassVar[float] = 0.5

    def prepare(self) -> None:
        try:
            import onnx  # noqa: F401, PLC0415
            import torch  # noqa: PLC0415
            import torchvision  # noqa: PLC0415
            from bayesian_torch.models.dnn_to_bnn import dnn_to_bnn  # noqa: PLC0415
        except ImportError as error:
            message = (
                "needs torch, torchvision, bayesian-torch and onnx: see requirements-peers.txt"
            )
            raise CannotRunError(message) from error
        torch.set_num_threads(self.task.threads)
        self._fastest_threads: dict[int, int] = {}
        self._mean, self._model = (torchvision.models.resnet50().eval() for _ in range(2))
        for model in (self._mean, self._model):
            self._load_weights(model)
        dnn_to_bnn(self._model, moped_prior(self.task.delta))
        self._model.eval()

    def reference(self, pictures: Array) -> Array:
        return self._logits(self._mean, pictures)

    def predict(self, pictures: Array) -> Array:
        return self._logits(self._model, pictures)

    def tune(self, pictures: Array) -> None:
        import torch  # noqa: PLC0415

        def duration(threads: int) -> float:
            torch.set_num_threads(threads)
            self.predict(pictures)
            return timed(lambda: self.predict(pictures), 0, fewest=1)[0]

        # In thousands of small operations, waiting for each other can cost more than threads save.
        batch = len(pictures)
        if batch not in self._fastest_threads:
            choices = {1, self.task.threads}
            self._fastest_threads[batch] = min(choices, key=duration)
        torch.set_num_threads(self._fastest_threads[batch])
        self.predict(pictures)

    def _logits(self, model: "torch.nn.Module", pictures: Array) -> Array:
        import torch  # noqa: PLC0415

        with torch.no_grad():
            return np.asarray(model(torch.from_numpy(pictures)).numpy(), np.float32)

    def _load_weights(self, model: "torch.nn.Module") -> None:
        import onnx  # noqa: PLC0415
        import torch  # noqa: PLC0415

        tensors = onnx.load(self.task.network).graph.initializer
        weights = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy()) for t in tensors}
        try:
            # Strict, except for the training counters, which ONNX does not have.
            counters = {k: v for k, v in model.state_dict().items() if k.endswith("_tracked")}
            model.load_state_dict(weights | counters)
        except RuntimeError as error:
            message = "runs ResNet-50 only"
            raise CannotRunError(message) from error


class Int8(Fp32):
    """The library's INT8 layers, which quantize every weight sample."""

    name = "bayesian-torch INT8"

    def prepare(self) -> None:
        super().prepare()
        import torch  # noqa: PLC0415
        from bayesian_torch.ao.quantization.quantize import convert, prepare  # noqa: PLC0415

        # The backend of the library's examples and of its `prepare`.
        torch.backends.quantized.engine = "onednn"
        with warnings.catch_warnings():
            # Deprecations in PyTorch that the library has not followed.
            warnings.simplefilter("ignore")
            # It expects a network in DataParallel.
            model = prepare(types.SimpleNamespace(module=self._model))
            for _ in range(CALIBRATION_PASSES):
                self._logits(model, self.task.pictures[:CALIBRATION_PICTURES])
            self._model = convert(model)
