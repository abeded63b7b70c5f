"""Writes the street scenes of the Scenes page: views of panoramas of Debian's package `blender-data`.

    pip install numpy pillow OpenEXR
    python scripts/scenes.py /usr/share/blender/datafiles/studiolights/world
"""

import sys
from pathlib import Path

import numpy as np
import OpenEXR
from PIL import Image

ASSETS = Path(__file__).parent.parent / "assets"
# The size of the network's input, so that the page changes no pixel.
WIDTH, HEIGHT = 256, 192
# The panorama of each scene; where the view points to, and how wide it is, in degrees.
SCENES = {
    "promenade": ("sunset", dict(yaw=-110, pitch=-4, width=70)),
    "car-park": ("city", dict(yaw=100, pitch=-3, width=60)),
    "sea": ("sunset", dict(yaw=-30, pitch=0, width=70)),
}


def rays(yaw, pitch, width):
    """The longitude and latitude of each pixel's ray."""
    distance = WIDTH / 2 / np.tan(np.radians(width) / 2)
    x, y = np.meshgrid(np.arange(WIDTH) - (WIDTH - 1) / 2, (HEIGHT - 1) / 2 - np.arange(HEIGHT))
    sin, cos = np.sin(np.radians(pitch)), np.cos(np.radians(pitch))
    up, ahead = y * cos + distance * sin, distance * cos - y * sin
    return np.arctan2(x, ahead) + np.radians(yaw), np.arctan2(up, np.hypot(x, ahead))


def view(panorama, **direction):
    """A view of a panorama: brightness per pixel, interpolated between the four nearest."""
    height, width, _ = panorama.shape
    longitude, latitude = rays(**direction)
    column = (longitude / (2 * np.pi) + 0.5) * width - 0.5
    row = np.clip((0.5 - latitude / np.pi) * height - 0.5, 0, height - 1.001)
    left, top = np.floor(column).astype(int), np.floor(row).astype(int)
    right_part, lower_part = (column - left)[..., None], (row - top)[..., None]
    at = lambda down, right: panorama[top + down, (left + right) % width]
    upper = at(0, 0) * (1 - right_part) + at(0, 1) * right_part
    lower = at(1, 0) * (1 - right_part) + at(1, 1) * right_part
    return upper * (1 - lower_part) + lower * lower_part


def develop(brightness):
    """Bytes as of a camera: exposed for all but the brightest seventh, with soft highlights."""
    exposed = brightness * 0.75 / np.percentile(brightness.mean(-1), 85)
    soft = 1.25 * exposed * (1 + exposed / 4) / (1 + exposed)
    return (np.clip(soft, 0, 1) ** (1 / 2.2) * 255).round().astype(np.uint8)


for name, (panorama, direction) in SCENES.items():
    with OpenEXR.File(str(Path(sys.argv[1]) / f"{panorama}.exr")) as file:
        pixels = file.channels()["RGB"].pixels.astype(np.float32)
    Image.fromarray(develop(view(pixels, **direction))).save(ASSETS / f"{name}.png", optimize=True)
