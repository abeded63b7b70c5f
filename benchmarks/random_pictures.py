"""Random pictures that look like natural ones to a network.

Pure noise has no edges, areas or contrast, and averages out in the first layers: all pictures would
give the same answer, and ranges calibrated on them would be too small.
"""

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def random_pictures(
    random: np.random.Generator, count: int, shape: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Random fields of colour, [N, H, W, C] for a shape [H, W, C].

    Their amplitude is 1 / frequency^p; natural pictures have p about 1 (Field 1987,
    doi:10.1364/JOSAA.4.002379).
    """
    height, width, channels = shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = np.inf
    pictures = []
    for _ in range(count):
        spectrum = np.fft.rfft2(random.standard_normal((channels, height, width)))
        fields = np.fft.irfft2(spectrum / frequency ** random.uniform(0.8, 1.8), (height, width))
        fields /= fields.std((1, 2), keepdims=True)
        colours = random.normal(0, 40, (channels, channels)) @ fields.reshape(channels, -1)
        brightness = random.uniform(70, 180, (channels, 1))
        pictures.append((colours + brightness).T.reshape(shape))
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)


def write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Writes an RGB picture [H, W, 3]."""
    height, width, _ = picture.shape
    # A zero before each row: no filter.
    rows = np.pad(picture.reshape(height, -1), ((0, 0), (1, 0)))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes()))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks + chunk(b"IEND", b""))
