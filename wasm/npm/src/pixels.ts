/** RGBA bytes, `[height][width][4]`, such as an `ImageData`. */
export interface RgbaPicture {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** A picture in a model's shape. */
export type Pixels = Uint8Array | Float32Array;
