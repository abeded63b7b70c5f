/** The map of a scene: what the network sees at each position, and how much it doubts. */
import { ABSTAIN, type Doubt } from "../model/doubt.js";
import { CLASSES } from "./classes.js";

/** The size of the pictures that the network takes, and of its maps. */
export const WIDTH = 256;
export const HEIGHT = 192;

/** All arrays have one number for each position, `[HEIGHT][WIDTH]`. */
export interface SceneMap {
  readonly samples: number;
  /** The most probable class. */
  readonly classes: Uint16Array;
  /** Its probability. */
  readonly probability: Float32Array;
  /** Shares of the largest possible doubt. */
  readonly doubt: Readonly<Record<keyof Doubt, Float32Array>>;
}

export interface Place {
  readonly x: number;
  readonly y: number;
}

/** What a map says at one place. */
export interface Reading {
  readonly label: string;
  readonly probability: number;
  readonly doubt: Doubt;
}

export function read({ classes, probability, doubt }: SceneMap, { x, y }: Place): Reading {
  const at = y * WIDTH + x;
  const { total, ambiguity, unfamiliarity } = doubt;
  return {
    label: CLASSES[classes[at]!]!.label,
    probability: probability[at]!,
    doubt: { total: total[at]!, ambiguity: ambiguity[at]!, unfamiliarity: unfamiliarity[at]! },
  };
}

/** The share of the picture that each class covers. */
export function shares({ classes }: SceneMap): number[] {
  const counts = CLASSES.map(() => 0);
  for (const index of classes) counts[index]!++;
  return counts.map((count) => count / classes.length);
}

/** The share of the picture with too much doubt to answer. */
export function silence({ doubt: { total } }: SceneMap): number {
  let count = 0;
  for (const value of total) count += Number(value > ABSTAIN);
  return count / total.length;
}
