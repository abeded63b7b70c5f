"""Maps as pictures."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Five colours of Matplotlib's magma, from low to high.
_SCALE = np.array([(0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191)])


def class_colours(count: int) -> NDArray[np.uint8]:
    """Returns a colour for each of `count` classes, uint8 [count, 3].

    They are those of PASCAL VOC, which spread the bits of the index over red, green and blue.
    """
    index = np.arange(count)[:, None] >> np.arange(3)
    bits = range(8)
    return sum(((index >> 3 * bit) & 1) << 7 - bit for bit in bits).astype(np.uint8)  # type: ignore[union-attr]


def class_picture(classes: NDArray[Any], count: int) -> NDArray[np.uint8]:
    """Returns class indices in the colours of `count` classes, uint8 [rows, columns, 3]."""
    return np.asarray(class_colours(count)[classes])


def heat_picture(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Returns a map of numbers from dark (the least) to bright, uint8 [rows, columns, 3]."""
    least, most = float(values.min()), float(values.max())
    share = (values - least) / (most - least) if most > least else np.zeros(values.shape)
    place = share * (len(_SCALE) - 1)
    channels = [np.interp(place, range(len(_SCALE)), _SCALE[:, channel]) for channel in range(3)]
    return np.asarray(np.rint(np.stack(channels, axis=-1)), np.uint8)


def plane(values: NDArray[Any], positions: tuple[int, ...]) -> NDArray[Any]:
    """Returns the middle plane of a map as rows and columns, without changing other axes."""
    if len(positions) == 1:
        return values[None]
    return values if len(positions) == 2 else values[positions[0] // 2]  # noqa: PLR2004


def png_uri(picture: NDArray[np.uint8]) -> str:
    """Returns a picture, uint8 [rows, columns, 3], as the address of a PNG that contains it."""
    rows, columns, _ = picture.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    lines = np.concatenate([np.zeros((rows, 1), np.uint8), picture.reshape(rows, -1)], axis=1)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b"")
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
