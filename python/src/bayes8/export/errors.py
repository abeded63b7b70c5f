"""What the package refuses, and why."""


class ExportError(Exception):
    """A model, file or option that cannot be used; says which one and what would be right."""


class UnsupportedLayerError(ExportError):
    """A layer whose posterior has no place in the exported files.

    Attributes:
        layer: path of the layer in the model, as in `named_modules()`; empty for the model itself.
        kind: name of the layer's class.

    """

    def __init__(self, layer: str, kind: str, reason: str) -> None:
        """Names the layer and its class, then says what would be right."""
        where = f"layer `{layer}`" if layer else "the model itself"
        super().__init__(f"{where} ({kind}): {reason}")
        self.layer = layer
        self.kind = kind
