/** A point of the pad, 0 to 1 from its left and upper edge. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The points of one stroke of the pen. */
export type Stroke = readonly Point[];

/** Turns strokes about the middle of the pad, clockwise. */
export function rotate(strokes: readonly Stroke[], degrees: number): Stroke[] {
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  return strokes.map((stroke) =>
    stroke.map(({ x, y }) => ({
      x: 0.5 + (x - 0.5) * cos - (y - 0.5) * sin,
      y: 0.5 + (x - 0.5) * sin + (y - 0.5) * cos,
    })),
  );
}

/** Points of the curve per control point. */
const STEPS = 8;

/** A smooth stroke through control points: a Catmull-Rom spline. */
export function smooth(points: readonly (readonly [x: number, y: number])[]): Stroke {
  const at = (index: number) => points[Math.min(points.length - 1, Math.max(0, index))]!;
  const stroke: Point[] = [];
  for (let i = 0; i < points.length - 1; i++) {
    const [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    for (let step = 0; step < STEPS; step++) {
      const t = step / STEPS;
      const along = (axis: 0 | 1) =>
        0.5 *
        (2 * b[axis] +
          (c[axis] - a[axis]) * t +
          (2 * a[axis] - 5 * b[axis] + 4 * c[axis] - d[axis]) * t ** 2 +
          (3 * b[axis] - a[axis] - 3 * c[axis] + d[axis]) * t ** 3);
      stroke.push({ x: along(0), y: along(1) });
    }
  }
  const [x, y] = at(points.length - 1);
  return [...stroke, { x, y }];
}
