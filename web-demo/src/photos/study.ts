/** The results of the network on all pictures of the gallery. */
import type { Pool, Prediction } from "bayes8";
import { type Doubt, doubtOf } from "../model/doubt.js";
import { best } from "../model/samples.js";
import { type CorruptionName, corrupt, type Severities } from "./corruption.js";
import type { Outcome } from "./coverage.js";
import { GALLERY_SHAPE, LABELS } from "./gallery.js";

/** Samples for each picture. */
export const GALLERY_SAMPLES = 8;
/** Pictures that run together: enough to share the draws of the weights, few enough for quick first results. */
const TOGETHER = 24;
/** Severities of the points of a curve. */
export const STEPS: readonly number[] = [0, 0.2, 0.4, 0.6, 0.8, 1];

export interface PictureOutcome extends Outcome, Doubt {
  readonly said: number;
}

/** Corrupts pictures a few at a time, so that the page stays responsive. */
export async function* corrupted(pictures: readonly Uint8Array[], severities: Severities) {
  for (let first = 0; first < pictures.length; first += TOGETHER) {
    const part = pictures.slice(first, first + TOGETHER);
    yield { first, pictures: part.map((picture, index) => corrupt(picture, GALLERY_SHAPE, severities, first + index)) };
    await new Promise((resolve) => setTimeout(resolve));
  }
}

export async function judge(pool: Pool, pictures: readonly Uint8Array[], first: number): Promise<PictureOutcome[]> {
  const predictions = await pool.predictBatch(pictures, { samples: GALLERY_SAMPLES });
  return predictions.map((prediction, index) => outcome(prediction, LABELS[first + index]!));
}

function outcome(prediction: Prediction, label: number): PictureOutcome {
  const said = best(prediction.probabilities);
  return { said, right: said === label, ...doubtOf(prediction) };
}

export interface Point {
  readonly severity: number;
  readonly accuracy: number;
  readonly ambiguity: number;
  readonly unfamiliarity: number;
}

const known = new Map<string, Point>();

/** Means over the gallery while one corruption grows and the others stay the same. Points are computed only once. */
export async function* curve(
  pool: Pool,
  gallery: readonly Uint8Array[],
  severities: Severities,
  name: CorruptionName,
  superseded: () => boolean,
): AsyncGenerator<Point[], void, void> {
  const points: Point[] = [];
  for (const severity of STEPS) {
    const at = { ...severities, [name]: severity };
    const key = Object.values(at).join();
    let point = known.get(key);
    if (!point) {
      const outcomes: PictureOutcome[] = [];
      for await (const { first, pictures } of corrupted(gallery, at)) {
        outcomes.push(...(await judge(pool, pictures, first)));
        if (superseded()) return;
      }
      const mean = (of: (outcome: PictureOutcome) => number) => outcomes.reduce((sum, outcome) => sum + of(outcome), 0) / outcomes.length;
      point = {
        severity,
        accuracy: mean(({ right }) => Number(right)),
        ambiguity: mean(({ ambiguity }) => ambiguity),
        unfamiliarity: mean(({ unfamiliarity }) => unfamiliarity),
      };
      known.set(key, point);
    }
    points.push(point);
    yield points;
  }
}
