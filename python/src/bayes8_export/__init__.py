"""From a bayesian-torch model to the files that `bayes8 quantize` makes an INT8 model of."""

from .errors import ExportError, UnsupportedLayerError
from .exporter import Export, export
from .metadata import Metadata, Preprocessing

__all__ = [
    "Export",
    "ExportError",
    "Metadata",
    "Preprocessing",
    "UnsupportedLayerError",
    "export",
]
