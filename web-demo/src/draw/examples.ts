/** Drawings such as a visitor could make. The tests check the answers of the network to each. */
import { smooth, type Stroke } from "./strokes.js";

export type ExampleName = "clear" | "ambiguous" | "letter";

const line = (...points: [x: number, y: number][]): Stroke => points.map(([x, y]) => ({ x, y }));

export const EXAMPLES: Readonly<Record<ExampleName, readonly Stroke[]>> = {
  /** A three. */
  clear: [
    smooth([
      [0.3, 0.22],
      [0.45, 0.14],
      [0.62, 0.2],
      [0.64, 0.36],
      [0.45, 0.47],
      [0.66, 0.56],
      [0.68, 0.75],
      [0.5, 0.86],
      [0.3, 0.78],
    ]),
  ],
  /** A nine with a wide open loop, so that it may be a four. */
  ambiguous: [
    smooth([
      [0.42, 0.2],
      [0.33, 0.24],
      [0.32, 0.33],
      [0.41, 0.44],
      [0.48, 0.5],
      [0.7, 0.41],
    ]),
    smooth([
      [0.62, 0.19],
      [0.67, 0.54],
      [0.62, 0.8],
    ]),
  ],
  /** The letter K. */
  letter: [line([0.36, 0.2], [0.36, 0.8]), line([0.66, 0.2], [0.38, 0.52], [0.66, 0.8])],
};
