"""Random pictures that look like natural ones to a network.

Pure noise has no edges, areas or contrast, and averages out in the first layers: all its pictures
would give the same answer, and ranges calibrated on it would be too small.
"""

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
