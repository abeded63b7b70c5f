"""Exports PyTorch models to the files that `bayes8 quantize` turns into an INT8 model.

Needs the extra `torch` (`pip install "bayes8[torch]"`), and bayesian-torch for the models made of
its layers.
"""

try:
    from .errors import ExportError, UnsupportedLayerError
    from .exporter import Export, export
    from .golden import Golden, golden
    from .laplace import laplace
    from .metadata import Metadata, Preprocessing
    from .pictures import Pictures
    from .swag import swag_gaussian, swag_members
except ImportError as error:
    _MESSAGE = f'bayes8.export needs PyTorch and ONNX: pip install "bayes8[torch]" ({error})'
    raise ImportError(_MESSAGE) from error

__all__ = [
    "Export",
    "ExportError",
    "Golden",
    "Metadata",
    "Pictures",
    "Preprocessing",
    "UnsupportedLayerError",
    "export",
    "golden",
    "laplace",
    "swag_gaussian",
    "swag_members",
]
