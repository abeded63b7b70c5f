/**
 * Turns strokes into a picture like those of MNIST: scaled to 20 x 20 pixels without distortion, the centre of
 * mass in the middle of 28 x 28, edges anti-aliased. Every browser smooths a canvas differently, so this does
 * not use one: the same strokes give the same bytes everywhere.
 */
import type { Point, Stroke } from "./strokes.js";

/** Rows and columns of the picture. */
export const SIZE = 28;
/** Rows and columns that the drawing fills. */
const BOX = 20;
/** Half the width of a stroke, in pixels: about as in MNIST. */
const RADIUS = 1.15;
/** Drawings below this share of the pad are enlarged no further than one of this size. */
const SMALLEST = 0.12;

/** Bytes of the picture, `[28][28]`: 0 is paper, 255 ink. */
export function rasterize(strokes: readonly Stroke[]): Uint8Array {
  const points = strokes.flat();
  if (points.length === 0) return new Uint8Array(SIZE * SIZE);
  const [left, right] = extent(points.map(({ x }) => x));
  const [top, bottom] = extent(points.map(({ y }) => y));
  const scale = (BOX - 2 * RADIUS) / Math.max(right - left, bottom - top, SMALLEST);
  const place = (dx: number, dy: number) =>
    strokes.map((stroke) =>
      stroke.map(({ x, y }) => ({
        x: (x - (left + right) / 2) * scale + SIZE / 2 + dx,
        y: (y - (top + bottom) / 2) * scale + SIZE / 2 + dy,
      })),
    );
  const centred = ink(place(0, 0));
  const mass = centreOfMass(centred);
  return Uint8Array.from(ink(place(SIZE / 2 - mass.x, SIZE / 2 - mass.y)), (share) => Math.round(255 * share));
}

function extent(values: readonly number[]): [least: number, most: number] {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}

/** The share of each pixel that is ink, from its distance to the nearest stroke. */
function ink(strokes: readonly Stroke[]): Float64Array {
  const shares = new Float64Array(SIZE * SIZE);
  for (const stroke of strokes) {
    stroke.forEach((end, index) => segment(shares, stroke[Math.max(0, index - 1)]!, end));
  }
  return shares;
}

function segment(shares: Float64Array, a: Point, b: Point): void {
  const reach = RADIUS + 1;
  const range = (p: number, q: number) =>
    [Math.max(0, Math.floor(Math.min(p, q) - reach)), Math.min(SIZE - 1, Math.ceil(Math.max(p, q) + reach))] as const;
  const [columns, rows] = [range(a.x, b.x), range(a.y, b.y)];
  for (let row = rows[0]; row <= rows[1]; row++) {
    for (let column = columns[0]; column <= columns[1]; column++) {
      const share = RADIUS + 0.5 - distance({ x: column + 0.5, y: row + 0.5 }, a, b);
      const at = row * SIZE + column;
      shares[at] = Math.max(shares[at]!, Math.min(1, share));
    }
  }
}

/** Distance from a point to the segment from `a` to `b`. */
function distance(p: Point, a: Point, b: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.min(1, Math.max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / length));
  return Math.hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

function centreOfMass(shares: Float64Array): Point {
  let [sum, x, y] = [0, 0, 0];
  shares.forEach((share, at) => {
    sum += share;
    x += share * ((at % SIZE) + 0.5);
    y += share * (Math.floor(at / SIZE) + 0.5);
  });
  return { x: x / sum, y: y / sum };
}
