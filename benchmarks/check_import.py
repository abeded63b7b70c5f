"""Compares the converter's FP32 reference with ONNX Runtime on exported networks.

    python benchmarks/check_import.py

needs `pip install -r benchmarks/requirements-import.txt` and
`cargo build --release -p bayes8-cli -p bayes8-convert --bin bayes8 --example mean_logits`.

Each torchvision network gets random weights and a perturbed BatchNormalization (no download), is
exported for each operator set, run by both, and quantized by `bayes8 quantize --moped`. So are dense
networks for one operator set, those of segmentation-models-pytorch and MONAI if these are
installed, and Keras networks if tensorflow and tf2onnx are. Prints one line per network; the exit
code is 1 if a network is refused or its logits differ by more than the tolerance, relative to the
largest.
"""

import argparse
import pathlib
import sys
import tempfile
import warnings

import numpy as np

from common import add_bayes8, add_mean_logits, onnx_logits, onnx_session, run
from dense_networks import DENSE

TORCHVISION = [
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "shufflenet_v2_x1_0",
    "squeezenet1_1",
    "googlenet",
    "regnet_y_400mf",
    "densenet121",
    "vgg11",
    "vgg11_bn",
    "resnet50",
    "convnext_tiny",
]
# VGG's adaptive pooling can only be exported where it does nothing.
SIDES = {"vgg11": 224, "vgg11_bn": 224}
OPSETS = [11, 13, 17, 18, 20]
# For dense networks: they have the same layers, so one is enough.
DENSE_OPSET = 17
# Names in `keras.applications`, except for the one made here.
KERAS = ["MobileNetV2", "MobileNetV3Small", "ResNet50", "DenseNet121", "small"]


def export_torchvision(name, opset, extents, path):
    """Writes the ONNX file of a network with random weights over pictures of these extents."""
    import torch
    import torchvision

    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    model = getattr(torchvision.models, name)(weights=None, num_classes=10, **options)
    write(model, extents, opset, path)


def export_dense(name, opset, extents, path):
    """Writes the ONNX file of a dense network with random weights."""
    import torch

    torch.manual_seed(0)
    write(DENSE[name][1](), extents, opset, path)


def write(model, extents, opset, path):
    """Writes the ONNX file of a PyTorch network; `extents` are the input's, channels last."""
    import torch

    inputs = torch.zeros(2, extents[-1], *extents[:-1])
    batch_norms = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)
    for module in model.modules():
        # A mean of 0 and a variance of 1 would hide errors in folding.
        if isinstance(module, batch_norms):
            torch.nn.init.uniform_(module.weight, 0.8, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            inputs,
            str(path),
            opset_version=opset,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}},
        )


def export_keras(name, opset, extents, path):
    """Writes the ONNX file of a Keras network with random weights over such pictures."""
    import tensorflow as tf
    import tf2onnx

    tf.random.set_seed(0)
    layers = tf.keras.layers
    if name != "small":
        model = getattr(tf.keras.applications, name)(
            input_shape=extents, weights=None, classes=10, classifier_activation=None
        )
    else:
        model = tf.keras.Sequential(
            [
                layers.Input(extents),
                layers.Rescaling(1 / 127.5, offset=-1),
                layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6"),
                layers.BatchNormalization(),
                layers.DepthwiseConv2D(3, padding="same", activation="swish"),
                layers.MaxPooling2D(2),
                layers.Conv2D(12, 3, activation="tanh"),
                layers.Flatten(),
                layers.Dense(16, activation="sigmoid"),
                layers.Dense(10),
            ]
        )
    signature = (tf.TensorSpec((None, *extents), tf.float32, name="input"),)
    # Not `from_keras`, which does not support Keras 3.
    call = tf.function(lambda x: model(x, training=False), input_signature=signature)
    tf2onnx.convert.from_function(call, signature, opset=opset, output_path=str(path))


def compare(path, pictures, channels_first, tools, folder):
    """The largest difference of the logits, relative to the largest logit; also quantizes."""
    normalized = pictures.astype(np.float32) / 255
    fed = np.moveaxis(normalized, -1, 1) if channels_first else normalized
    expected = onnx_logits(onnx_session(path), fed)
    if channels_first and expected.ndim > 2:
        expected = np.moveaxis(expected, 1, -1)
    expected = expected.reshape(len(expected), -1)
    np.save(folder / "pictures.npy", fed)
    np.savez(folder / "pictures.npz", x=pictures)
    logits = folder / "logits.npy"
    succeed([tools.mean_logits, path, folder / "pictures.npy", logits])
    found = np.load(logits)
    quantize = [tools.bayes8, "quantize", "--network", path, "--moped", "0.05"]
    quantize += ["--calibration", folder / "pictures.npz", "--calibration-draws", "1"]
    succeed([*quantize, "-o", folder / "model.safetensors"])
    return np.abs(found - expected).max() / np.abs(expected).max()


def succeed(command):
    result = run(command)
    if result.returncode != 0:
        raise RuntimeError(result.stdout.strip() or result.stderr.strip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_bayes8(parser)
    add_mean_logits(parser)
    parser.add_argument("--networks", nargs="*", default=TORCHVISION)
    parser.add_argument("--dense", nargs="*", default=list(DENSE))
    parser.add_argument("--keras", nargs="*", default=KERAS)
    parser.add_argument("--opsets", nargs="*", type=int, default=OPSETS)
    parser.add_argument("--side", type=int, default=64, help="rows and columns (VGG: 224)")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    tools = parser.parse_args()
    pictures_of = {name: (tools.side, tools.side, 3) for name in [*tools.networks, *tools.keras]}
    pictures_of |= {name: (side, side, 3) for name, side in SIDES.items()}
    pictures_of |= {name: extents for name, (extents, _) in DENSE.items()}
    cases = [(export_torchvision, name, True, tools.opsets) for name in tools.networks]
    cases += [(export_dense, name, True, [DENSE_OPSET]) for name in tools.dense]
    try:
        from tf2onnx.constants import OPSET_TO_IR_VERSION

        newest = max(OPSET_TO_IR_VERSION)
        kept = [opset for opset in tools.opsets if opset <= newest]
        cases += [(export_keras, name, False, kept) for name in tools.keras]
        if kept != tools.opsets:
            print(f"Keras networks up to opset {newest}: tf2onnx does not write newer ones")
    except ImportError:
        print("SKIPPED: Keras networks: tf2onnx is not installed")
    failed = False
    for export, name, channels_first, opsets in cases:
        extents = pictures_of[name]
        pictures = np.random.default_rng(0).integers(0, 256, (4, *extents), np.uint8)
        for opset in opsets:
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                path = folder / "network.onnx"
                try:
                    export(name, opset, extents, path)
                    error = compare(path, pictures, channels_first, tools, folder)
                    verdict = "" if error <= tools.tolerance else "  TOO MUCH"
                    print(f"{name:34} opset {opset}  {error:.1e}{verdict}", flush=True)
                    failed |= bool(verdict)
                except ModuleNotFoundError as missing:
                    print(f"{name:34} SKIPPED: {missing}", flush=True)
                except Exception as problem:  # noqa: BLE001 - each is a line of the report
                    print(f"{name:34} opset {opset}  FAILED: {problem}", flush=True)
                    failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
