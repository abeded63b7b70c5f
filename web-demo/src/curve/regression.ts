/** What a network of one number says at many places, and the functions that its samples are. */
import { Bayes8Error, type Pool } from "bayes8";

/** The range of x that the page shows, and the step from place to place. */
export const RANGE = { from: -5.5, to: 5.5, step: 0.05 } as const;

/** The places at which the network is asked. */
export const PLACES: readonly number[] = Array.from(
  { length: Math.round((RANGE.to - RANGE.from) / RANGE.step) + 1 },
  (_, index) => RANGE.from + index * RANGE.step,
);

/** Functions that are kept: more lines would hide each other. */
const MOST_FUNCTIONS = 32;
const SEED = 0n;
/** A normal distribution has 95 % of its mass within this many standard deviations. */
const WIDTH_95 = 1.96;

/** The answer at one place. */
export interface Answer {
  readonly x: number;
  readonly mean: number;
  /** Half the width of the band that holds 95 % of the points. Its square is the sum of the squares of the other two. */
  readonly band: number;
  /** Half the width that the noise of the data alone would give it. */
  readonly noise: number;
  /** Half the width that the doubt of the model alone would give it. */
  readonly doubt: number;
}

export interface Regression {
  readonly samples: number;
  /** One answer for each of `PLACES`. */
  readonly answers: readonly Answer[];
  /** The values of the first samples at `PLACES`. Each sample is one function, since all places share its weights. */
  readonly functions: readonly Float64Array[];
}

/** The answers from `samples` samples. */
export async function regression(pool: Pool, samples: number): Promise<Regression> {
  const inputs = PLACES.map((x) => Float32Array.of(x));
  const predictions = await pool.predictBatch(inputs, { samples, seed: SEED, logits: true });
  const info = pool.info.outputs[0]!;
  if (info.head !== "gaussian") throw notRegression(pool);
  const { scale, offset } = info.targets[0]!;
  // Of each sample, the network gives the mean, and then the variance.
  const numbers = predictions[0]!.logits!.length / samples;
  return {
    samples,
    answers: predictions.map(({ outputs }, index) => {
      const output = outputs[info.name]!;
      if (output.head !== "gaussian") throw notRegression(pool);
      const [mean, ...stds] = [output.mean, output.std, output.aleatoricStd, output.epistemicStd].map((values) => values[0]!);
      const [band, noise, doubt] = stds.map((std) => WIDTH_95 * std);
      return { x: PLACES[index]!, mean: mean!, band: band!, noise: noise!, doubt: doubt! };
    }),
    functions: Array.from({ length: Math.min(samples, MOST_FUNCTIONS) }, (_, sample) =>
      Float64Array.from(predictions, ({ logits }) => scale * logits![sample * numbers]! + offset),
    ),
  };
}

const notRegression = ({ info }: Pool) => new Bayes8Error("invalid-model", `${info.name} is not a regression`);

/** Growing numbers of samples up to `samples`, so that the band is seen to settle. */
export function stages(samples: number): number[] {
  const counts = [];
  for (let count = 1; count < samples; count = Math.ceil(count * 1.25)) counts.push(count);
  return [...counts, samples];
}
