/** Predictions for the frames of the camera, each with only the samples that it needs. */
import type { Pool } from "bayes8";
import { best, type Estimate, estimates } from "../model/samples.js";

/** Time for the samples of a frame, at ten frames per second. */
const FRAME_MILLISECONDS = 50;
const MOST_SAMPLES = 48;
/** Fewer samples may agree by chance. */
const FEWEST_SAMPLES = 6;
/** The estimate is stable once its standard error is below this. */
const STABLE = 0.02;

/** Draws samples until the estimate is stable or the time for a frame is up. */
export async function settle(pool: Pool, picture: Uint8Array, milliseconds = FRAME_MILLISECONDS): Promise<Estimate> {
  let last: Estimate | undefined;
  for await (const estimate of estimates(pool, picture, { samples: MOST_SAMPLES, seed: 0n, milliseconds })) {
    last = estimate;
    if (isStable(estimate)) break;
  }
  return last!;
}

/** Whether more samples would hardly change the probability of the most probable class. */
export function isStable({ samples, probabilities }: Estimate): boolean {
  const count = samples.length;
  if (count < FEWEST_SAMPLES) return false;
  const top = best(probabilities);
  const variance = samples.reduce((sum, sample) => sum + (sample[top]! - probabilities[top]!) ** 2, 0) / (count - 1);
  return Math.sqrt(variance / count) < STABLE;
}
