"""The network of basic-pitch with one of its outputs, cut at its spectrogram (docs/IMPORT.md)."""

import importlib.util
import pathlib

# The normalized spectrogram, in 0..1.
SPECTROGRAM = "model_1/tf.expand_dims_1/ExpandDims;model_1/tf.expand_dims_1/ExpandDims"
# Its times, frequencies and channels, which the file leaves open.
EXTENTS = (172, 309, 1)
OPSET = 15
BASIC_PITCH = {
    "basic_pitch_notes": "StatefulPartitionedCall:1",
    "basic_pitch_onsets": "StatefulPartitionedCall:2",
    "basic_pitch_contours": "StatefulPartitionedCall:0",
}


def cut_basic_pitch(name, opset, extents, path):
    """Writes the ONNX file of what follows the spectrogram, with trained weights."""
    import onnx

    # Importing the package would import TensorFlow.
    package = importlib.util.find_spec("basic_pitch")
    if package is None:
        raise ModuleNotFoundError("No module named 'basic_pitch'")
    file = pathlib.Path(package.origin).parent / "saved_models" / "icassp_2022" / "nmp.onnx"
    onnx.utils.extract_model(file, path, [SPECTROGRAM], [BASIC_PITCH[name]])
    model = onnx.load(path)
    axes = model.graph.input[0].type.tensor_type.shape.dim[1:]
    for axis, extent in zip(axes, extents, strict=True):
        axis.dim_value = extent
    onnx.save(model, path)
    return path
