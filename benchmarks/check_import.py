"""Compares the converter's FP32 reference with ONNX Runtime on exported networks.

    python benchmarks/check_import.py

needs `pip install -r benchmarks/requirements-import.txt` and
`cargo build --release -p bayes8-cli -p bayes8-convert --bin bayes8 --example mean_logits`.

Each torchvision network gets random weights and a perturbed BatchNormalization (no download), is
exported for each operator set, run by both, and quantized by `bayes8 quantize --moped`. So are dense
networks for one operator set, those of segmentation-models-pytorch and MONAI if
requirements-import-dense.txt is installed, and Keras networks if requirements-import-keras.txt is, in
a separate environment. The trained network of basic-pitch is checked from its spectrogram on if
`pip install --no-deps basic-pitch==0.4.0` was run. Prints one line per network; the exit code is 1 if
a network is refused or its logits differ by more than the tolerance, relative to the largest.
"""

import argparse
import functools
import pathlib
import sys
import tempfile
import warnings

import numpy as np

from basic_pitch_network import BASIC_PITCH, EXTENTS, OPSET, cut_basic_pitch
from common import add_bayes8, add_mean_logits, onnx_logits, onnx_session, run
from dense_networks import DENSE
from keras_networks import KERAS, TF2ONNX_NEWEST, export_keras

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
# For dense networks: they have the same layers, so one is enough. Dynamo writes none before 18.
DENSE_OPSETS = {"torchscript": 17, "dynamo": 18}


def export_torchvision(name, opset, extents, path, exporter):
    """Writes the ONNX file of a network with random weights over pictures of these extents."""
    import torch
    import torchvision

    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    model = getattr(torchvision.models, name)(weights=None, num_classes=10, **options)
    return write(model, extents, opset, path, exporter)


def export_dense(name, opset, extents, path, exporter):
    """Writes the ONNX file of a dense network with random weights."""
    import torch

    torch.manual_seed(0)
    return write(DENSE[name][1](), extents, opset, path, exporter)


def write(model, extents, opset, path, exporter):
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
    if exporter == "dynamo":
        shapes = ({0: torch.export.Dim("n")},)
        options = {"dynamic_shapes": shapes, "dynamo": True, "verbose": False}
    else:
        options = {"dynamic_axes": {"input": {0: "n"}, "logits": {0: "n"}}, "dynamo": False}
    names = {"input_names": ["input"], "output_names": ["logits"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(), (inputs,), str(path), opset_version=opset, **names, **options
        )
    return path


def without_last_function(path):
    """The bytes of a network that ends in logits: the converter leaves a Softmax or Sigmoid out."""
    import onnx

    model = onnx.load(path)
    made_by = {name: node for node in model.graph.node for name in node.output}
    node = made_by[model.graph.output[0].name]
    while node.op_type in ("Identity", "Reshape", "Transpose") and node.input[0] in made_by:
        node = made_by[node.input[0]]
    if node.op_type in ("Sigmoid", "Softmax"):
        node.op_type = "Identity"
        del node.attribute[:]
    return model.SerializeToString()


def compare(path, undropped, pictures, channels_first, tools, folder):
    """The largest difference of the logits, relative to the largest logit; also quantizes.

    `undropped` is the network for ONNX Runtime, without dropout.
    """
    normalized = pictures.astype(np.float32) / 255
    fed = np.moveaxis(normalized, -1, 1) if channels_first else normalized
    expected = onnx_logits(onnx_session(without_last_function(undropped)), fed)
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
    parser.add_argument("--keras", nargs="*", default=list(KERAS))
    parser.add_argument("--basic-pitch", nargs="*", default=list(BASIC_PITCH))
    parser.add_argument("--opsets", nargs="*", type=int, default=OPSETS)
    parser.add_argument("--exporter", choices=DENSE_OPSETS, default="torchscript", help="PyTorch's")
    parser.add_argument("--side", type=int, default=64, help="rows and columns (VGG: 224)")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    tools = parser.parse_args()
    least = DENSE_OPSETS["dynamo"] if tools.exporter == "dynamo" else 0
    opsets = [opset for opset in tools.opsets if opset >= least]
    picture = (tools.side, tools.side, 3)
    torchvision = functools.partial(export_torchvision, exporter=tools.exporter)
    dense = functools.partial(export_dense, exporter=tools.exporter)
    cases = []
    for name in tools.networks:
        extents = (SIDES[name], SIDES[name], 3) if name in SIDES else picture
        cases.append((torchvision, name, extents, True, opsets))
    for name in tools.dense:
        cases.append((dense, name, DENSE[name][0], True, [DENSE_OPSETS[tools.exporter]]))
    for name in tools.keras:
        extents = KERAS[name][0]
        # Those for any extents classify.
        own = [DENSE_OPSETS["torchscript"]] if extents else tools.opsets
        own = [opset for opset in own if opset <= TF2ONNX_NEWEST]
        cases.append((export_keras, name, extents or picture, False, own))
    for name in tools.basic_pitch:
        cases.append((cut_basic_pitch, name, EXTENTS, False, [OPSET]))
    failed = False
    for export, name, extents, channels_first, opsets in cases:
        pictures = np.random.default_rng(0).integers(0, 256, (4, *extents), np.uint8)
        for opset in opsets:
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                path = folder / "network.onnx"
                try:
                    undropped = export(name, opset, extents, path)
                    error = compare(path, undropped, pictures, channels_first, tools, folder)
                    verdict = "" if error <= tools.tolerance else "  TOO MUCH"
                    print(f"{name:40} opset {opset}  {error:.1e}{verdict}", flush=True)
                    failed |= bool(verdict)
                except ModuleNotFoundError as missing:
                    print(f"{name:40} SKIPPED: {missing}", flush=True)
                    break
                except Exception as problem:  # noqa: BLE001 - each is a line of the report
                    print(f"{name:40} opset {opset}  FAILED: {problem}", flush=True)
                    failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
