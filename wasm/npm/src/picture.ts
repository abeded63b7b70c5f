import { Bayes8Error } from "./error.js";

/** As `ImageData`: RGBA bytes, `[height][width][4]`. */
export interface RgbaPicture {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** As `HTMLCanvasElement` and `OffscreenCanvas`. */
export interface CanvasPicture {
  readonly width: number;
  readonly height: number;
  getContext(type: "2d"): unknown;
}

/** As `ImageBitmap`. */
export interface BitmapPicture {
  readonly width: number;
  readonly height: number;
  close(): void;
}

/** As `HTMLImageElement`, loaded. */
export interface ImagePicture {
  readonly naturalWidth: number;
  readonly naturalHeight: number;
}

/** As `HTMLVideoElement`: the frame that it shows. */
export interface VideoPicture {
  readonly videoWidth: number;
  readonly videoHeight: number;
}

/**
 * One picture. Those with a width and a height may have any size: they are laid over white where they
 * are transparent, become gray for a model of one channel, and are stretched to the model's size, to
 * the same bytes as `bayes8 predict` makes of the picture's file.
 *
 * Typed arrays have the model's shape, `[height][width][channels]` (`[depth]` first for a volume): bytes 0 to 255 as
 * `Uint8Array` or `Uint8ClampedArray`, or numbers normalized already (`info.preprocessing`) as `Float32Array`.
 */
export type Picture =
  | Uint8Array
  | Uint8ClampedArray
  | Float32Array
  | RgbaPicture
  | CanvasPicture
  | BitmapPicture
  | ImagePicture
  | VideoPicture;

/** A picture larger than this would fill the module's memory. */
const MOST_BYTES = 2 ** 30;

/** A picture in a model's shape. */
export type Pixels = Uint8Array | Float32Array;

/** A copy of `picture` as it is now: its owner may change it while samples run. */
export function snapshot(picture: Picture): Pixels | RgbaPicture {
  if (picture instanceof Float32Array) return picture.slice();
  // Not `slice`, which for Node's Buffer copies nothing.
  if (isBytes(picture)) return new Uint8Array(picture);
  if (typeof picture !== "object" || picture === null) throw unknownPicture(picture);
  return "data" in picture ? rgba(picture) : draw(picture);
}

function isBytes(value: unknown): value is Uint8Array | Uint8ClampedArray {
  return value instanceof Uint8Array || value instanceof Uint8ClampedArray;
}

function rgba(picture: RgbaPicture): RgbaPicture {
  const { data, width, height } = picture;
  if (!isBytes(data)) throw unknownPicture(data);
  const bytes = 4 * Number(width) * Number(height);
  if (![width, height].every(Number.isInteger) || data.length !== bytes || !(bytes > 0 && bytes <= MOST_BYTES)) {
    const found = `${String(width)} x ${String(height)} pixels with ${data.length} bytes`;
    throw new Bayes8Error("invalid-input", `a picture of ${found}: ${bytes} are due, 1 to 2^30`);
  }
  return picture;
}

/** Drawn pixel for pixel: a canvas scales differently in every browser, so that is left to the module. */
function draw(picture: Exclude<Picture, Pixels | Uint8ClampedArray | RgbaPicture>): RgbaPicture {
  const [width, height] = sizeOf(picture);
  if (width === undefined || height === undefined) throw unknownPicture(picture);
  if (!(width > 0 && height > 0)) {
    throw new Bayes8Error(
      "invalid-input",
      `a picture of ${width} x ${height} pixels: it is empty, closed, or has not loaded (await image.decode())`,
    );
  }
  try {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
    context.drawImage(picture as CanvasImageSource, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Bayes8Error("invalid-input", `the picture's pixels cannot be read: ${why}`, error);
  }
}

function sizeOf(picture: object): [number | undefined, number | undefined] {
  const { naturalWidth, videoWidth, width, naturalHeight, videoHeight, height } = picture as Record<
    string,
    number | undefined
  >;
  return [naturalWidth ?? videoWidth ?? width, naturalHeight ?? videoHeight ?? height];
}

function unknownPicture(value: unknown): Bayes8Error {
  const kind = (value as object | null)?.constructor?.name ?? String(value);
  return new Bayes8Error(
    "invalid-input",
    `a picture is an ImageData, canvas, ImageBitmap, image, video, Uint8Array, Uint8ClampedArray or Float32Array, not ${kind}`,
  );
}
