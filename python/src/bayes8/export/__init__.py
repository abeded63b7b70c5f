"""Exports a bayesian-torch model to the files that `bayes8 quantize` turns into an INT8 model."""

from .errors import ExportError, UnsupportedLayerError
from .exporter import Export, export
from .golden import Golden, golden
from .metadata import Metadata, Preprocessing
from .pictures import Pictures

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
]
