/** Pictures as bytes. */
import { Bayes8Error } from "bayes8";

/** The pixels of a picture file of this site, exactly as they are stored. */
export async function pixelsOf(url: string): Promise<ImageData> {
  const blob = await (await fetch(url)).blob();
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  return readPixels(bitmap, bitmap.width, bitmap.height, 0, 0, bitmap.width, bitmap.height);
}

/** The largest part in the middle of a photo with the proportions of `width` to `height`, in that many pixels. */
export async function middleOf(photo: Blob | ImageBitmapSource, width: number, height: number): Promise<ImageData> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(photo);
  } catch (error) {
    throw new Bayes8Error("invalid-input", "no picture that this browser reads", error);
  }
  const scale = Math.min(bitmap.width / width, bitmap.height / height);
  const [across, down] = [scale * width, scale * height];
  const [left, top] = [(bitmap.width - across) / 2, (bitmap.height - down) / 2];
  return readPixels(bitmap, width, height, left, top, across, down);
}

/** Pixels of a part of a picture, on white where it is transparent. */
function readPixels(bitmap: ImageBitmap, width: number, height: number, ...from: [number, number, number, number]): ImageData {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, ...from, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

/** Shrinks a square picture to `[size][size][3]` by averaging blocks of pixels. Its side is a multiple of `size`. */
export function shrink({ data, width }: ImageData, size: number): Uint8Array {
  const block = width / size;
  return Uint8Array.from({ length: size * size * 3 }, (_, index) => {
    const [channel, x, y] = [index % 3, Math.floor(index / 3) % size, Math.floor(index / 3 / size)];
    let sum = 0;
    for (let row = 0; row < block; row++) {
      for (let column = 0; column < block; column++) {
        sum += data[((y * block + row) * width + x * block + column) * 4 + channel]!;
      }
    }
    return Math.round(sum / (block * block));
  });
}

/** Bytes of one or three channels in the form that a canvas shows. */
export function toImageData(picture: Uint8Array, size: number): ImageData {
  const channels = picture.length / (size * size);
  const image = new ImageData(size, size);
  for (let pixel = 0; pixel < size * size; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * pixel + channel] = picture[pixel * channels + (channels === 3 ? channel : 0)]!;
    }
    image.data[4 * pixel + 3] = 255;
  }
  return image;
}

export function paint(canvas: HTMLCanvasElement, picture: Uint8Array): void {
  canvas.getContext("2d")!.putImageData(toImageData(picture, canvas.width), 0, 0);
}
