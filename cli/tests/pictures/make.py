"""Tiny pictures in every format that `bayes8 predict` decodes, and their pixels over white.

python make.py    needs Pillow and NumPy; writes into its own folder
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
ORIENTED = 6  # to be turned by 90 degrees, clockwise

y, x = np.mgrid[0:2, 0:3]
rgb = np.stack([80 * x, 100 * y, 255 - 70 * x], axis=2).astype(np.uint8)
alpha = np.array([[0, 128, 255], [255, 64, 1]], dtype=np.uint8)
gray = (40 * x + 90 * y).astype(np.uint8)
expected: dict[str, list] = {}


def over_white(rgba: np.ndarray) -> np.ndarray:
    colour, a = rgba[..., :3].astype(int), rgba[..., 3:].astype(int)
    return (colour * a + 255 * (255 - a) + 127) // 255


def save(name: str, image: Image.Image, pixels: np.ndarray | None = None, **options: object) -> None:
    if pixels is None:
        pixels = over_white(np.array(image.convert("RGBA")))
    image.save(HERE / name, **options)
    expected[name] = np.asarray(pixels).tolist()


def orientation(image: Image.Image) -> Image.Exif:
    exif = image.getexif()
    exif[0x0112] = ORIENTED
    return exif


colours = Image.fromarray(rgb)
transparent = Image.fromarray(np.dstack([rgb, alpha]))
turned = np.rot90(rgb, -1)
palette = colours.quantize(6)
frames = [colours, Image.fromarray(255 - rgb)]

save("rgb.png", colours)
save("rgba.png", transparent)
save("gray.png", Image.fromarray(gray))
save("gray_alpha.png", Image.fromarray(np.dstack([gray, alpha])))
save("palette.png", palette)
save("palette_transparent.png", palette, transparency=bytes([0, 255, 128]))
expected["palette_transparent.png"] = over_white(
    np.array(Image.open(HERE / "palette_transparent.png").convert("RGBA"))
).tolist()
save("gray_key.png", Image.fromarray(gray), transparency=90)
expected["gray_key.png"][1][0] = [255] * 3
save("bilevel.png", Image.fromarray(gray > 100))
save("gray16.png", Image.fromarray(gray.astype(np.uint16) * 257), np.stack([gray] * 3, axis=2))
save("animated.png", frames[0], save_all=True, append_images=frames[1:], duration=50)
save("oriented.png", colours, turned, exif=orientation(colours))

save("rgb.webp", colours, lossless=True)
save("rgba.webp", transparent, lossless=True, exact=True)
save("animated.webp", frames[0], save_all=True, append_images=frames[1:], lossless=True)
save("oriented.webp", colours, turned, lossless=True, exif=orientation(colours))

save("rgb.bmp", colours)
save("palette.bmp", palette)
save("bilevel.bmp", Image.fromarray(gray > 100))

save("palette.gif", palette)
save("animated.gif", frames[0].quantize(6), save_all=True, append_images=[frames[1].quantize(6)])
keyed = palette.copy()
key = palette.getpixel((1, 0))
pixels = over_white(np.array(palette.convert("RGBA")))
pixels[np.array(palette) == key] = 255
save("transparent.gif", keyed, pixels, transparency=key)

save("rgb.tif", colours)
save("rgb_lzw.tif", colours, compression="tiff_lzw")
save("rgba_deflate.tif", transparent, compression="tiff_adobe_deflate")
save("gray.tif", Image.fromarray(gray))
save("gray16.tif", Image.fromarray(gray.astype(np.uint16) * 257), np.stack([gray] * 3, axis=2))
save("bilevel.tif", Image.fromarray(gray > 100))
save("cmyk.tif", colours.convert("CMYK"))
save("oriented.tif", colours, turned, tiffinfo={0x0112: ORIENTED})

# One colour each: JPEG keeps them to within a few steps.
plain = Image.new("RGB", (3, 2), (200, 120, 40))
save("rgb.jpg", plain, quality=95)
save("progressive.jpg", plain, quality=95, progressive=True)
save("gray.jpg", plain.convert("L"), quality=95)
save("cmyk.jpg", Image.new("CMYK", (3, 2), (10, 100, 200, 30)), quality=95)
save("oriented.jpg", plain, np.rot90(np.array(plain), -1), quality=95, exif=orientation(plain))
save("lossy.webp", plain, quality=90)

(HERE / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
