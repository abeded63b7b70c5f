/** Corruptions of a picture, which is bytes `[size][size][channels]`. Each severity is 0 (none) to 1. */

export const CORRUPTIONS = ["noise", "blur", "brightness", "contrast", "rotation", "occlusion"] as const;
export type CorruptionName = (typeof CORRUPTIONS)[number];
export type Severities = Readonly<Record<CorruptionName, number>>;

export const NONE: Severities = { noise: 0, blur: 0, brightness: 0, contrast: 0, rotation: 0, occlusion: 0 };

export interface Shape {
  readonly size: number;
  readonly channels: number;
}

/** Standard deviation of the strongest noise, in bytes. */
const NOISE = 40;
/** Standard deviation of the widest blur, as a share of the picture. */
const BLUR = 0.07;
/** Largest value that is added to each byte. */
const BRIGHTNESS = 110;
/** Largest share of contrast that is lost. */
const CONTRAST = 0.8;
export const ROTATION_DEGREES = 90;
/** Side of the largest square that hides the picture, as a share of it. */
const OCCLUSION = 0.75;
const GRAY = 127;

/** The picture after all corruptions, in the order of a camera: scene, lens, sensor. `seed` makes noise and place repeatable. */
export function corrupt(picture: Uint8Array, shape: Shape, severities: Severities, seed: number): Uint8Array {
  let values: Float32Array = Float32Array.from(picture);
  const random = generator(seed);
  if (severities.rotation > 0) values = rotate(values, shape, (severities.rotation * ROTATION_DEGREES * Math.PI) / 180);
  if (severities.occlusion > 0) occlude(values, shape, severities.occlusion, random);
  if (severities.blur > 0) values = blur(values, shape, severities.blur * BLUR * shape.size);
  if (severities.contrast > 0) flatten(values, 1 - CONTRAST * severities.contrast);
  if (severities.brightness > 0) values = values.map((value) => value + BRIGHTNESS * severities.brightness);
  if (severities.noise > 0) values = values.map((value) => value + NOISE * severities.noise * gaussian(random));
  return Uint8Array.from(values, (value) => Math.round(Math.min(255, Math.max(0, value))));
}

/** Rotates about the middle. Beyond the edge, the pixels of the edge continue. */
function rotate(values: Float32Array, { size, channels }: Shape, angle: number): Float32Array {
  const result = new Float32Array(values.length);
  const [sin, cos, middle] = [Math.sin(angle), Math.cos(angle), (size - 1) / 2];
  const inside = (at: number) => Math.min(size - 1, Math.max(0, at));
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [dx, dy] = [x - middle, y - middle];
      const [fromX, fromY] = [middle + dx * cos + dy * sin, middle - dx * sin + dy * cos];
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      const [right, down] = [fromX - left, fromY - top];
      for (let c = 0; c < channels; c++) {
        const at = (row: number, column: number) => values[(inside(row) * size + inside(column)) * channels + c]!;
        const upper = at(top, left) * (1 - right) + at(top, left + 1) * right;
        const lower = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right;
        result[(y * size + x) * channels + c] = upper * (1 - down) + lower * down;
      }
    }
  }
  return result;
}

/** Puts a gray square at a random place. */
function occlude(values: Float32Array, { size, channels }: Shape, severity: number, random: () => number): void {
  const side = Math.round(severity * OCCLUSION * size);
  const [top, left] = [0, 0].map(() => Math.floor(random() * (size - side + 1))) as [number, number];
  for (let y = top; y < top + side; y++) values.fill(GRAY, (y * size + left) * channels, (y * size + left + side) * channels);
}

/** Gaussian blur, along rows and then along columns. */
function blur(values: Float32Array, shape: Shape, sigma: number): Float32Array {
  const reach = Math.ceil(2.5 * sigma);
  const weights = Float32Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)));
  const sum = weights.reduce((a, b) => a + b);
  const kernel = weights.map((weight) => weight / sum);
  const { size, channels } = shape;
  const pass = (from: Float32Array, stepRow: number, stepColumn: number) =>
    from.map((_, index) => {
      const [c, x, y] = [index % channels, Math.floor(index / channels) % size, Math.floor(index / channels / size)];
      let total = 0;
      for (let k = -reach; k <= reach; k++) {
        const row = Math.min(size - 1, Math.max(0, y + k * stepRow));
        const column = Math.min(size - 1, Math.max(0, x + k * stepColumn));
        total += kernel[k + reach]! * from[(row * size + column) * channels + c]!;
      }
      return total;
    });
  return pass(pass(values, 0, 1), 1, 0);
}

/** Moves all values towards their mean. */
function flatten(values: Float32Array, kept: number): void {
  const mean = values.reduce((a, b) => a + b) / values.length;
  values.forEach((value, index) => (values[index] = mean + (value - mean) * kept));
}

/** Mulberry32. The same seed gives the same noise, so that a picture does not flicker while a slider moves. */
function generator(seed: number): () => number {
  let state = (seed + 1) * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The Box-Muller transform. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
