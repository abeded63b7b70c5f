/** Measures predictions of one sample per second. */
import type { Kernel, Picture, Pool } from "bayes8";
import { type ModelName, openModel } from "../model/models.js";

export interface Setting {
  readonly kernel: Kernel;
  readonly workers: number;
}

/** Predictions of one sample per second. */
export interface Rate {
  readonly setting: Setting;
  /** The median of the runs so far. */
  readonly rate: number;
  readonly slowest: number;
  readonly fastest: number;
}

/** Pictures that share each draw of the weights. */
export const TOGETHER = 16;
/** Engines compile twice, and the second compilation makes the faster code. */
const WARM_UP_MILLISECONDS = 250;
const MEASURE_MILLISECONDS = 900;
/** Fewer runs have no meaningful spread. */
const FEWEST_RUNS = 3;

/** Measures until the time is up, and calls `onRate` with the rate so far. */
export async function measure(
  model: ModelName,
  setting: Setting,
  onRate: (rate: Rate) => void,
  stopped: () => boolean,
): Promise<void> {
  const pool = await openModel(model, setting);
  try {
    const pictures = noise(pool);
    let samples = 4 * setting.workers;
    let firstSample = 0;
    const run = async () => {
      const start = performance.now();
      // Other samples in each run, so that their weights are drawn anew.
      await pool.predictBatch(pictures, { samples, firstSample });
      firstSample += samples;
      const milliseconds = performance.now() - start;
      const rate = (1000 * samples * TOGETHER) / milliseconds;
      samples = Math.max(setting.workers, Math.min(256, Math.round((samples * 150) / milliseconds)));
      return rate;
    };
    for (const start = performance.now(); performance.now() - start < WARM_UP_MILLISECONDS && !stopped(); ) await run();
    const rates: number[] = [];
    for (const start = performance.now(); !stopped(); ) {
      rates.push(await run());
      onRate({ setting, ...spread(rates) });
      if (rates.length >= FEWEST_RUNS && performance.now() - start >= MEASURE_MILLISECONDS) break;
    }
  } finally {
    pool.dispose();
  }
}

/** The median and range of rates. Unlike a mean, the median ignores one run on a busy machine. */
export function spread(rates: readonly number[]): Pick<Rate, "rate" | "slowest" | "fastest"> {
  const sorted = [...rates].sort((a, b) => a - b);
  const [lower, upper] = [sorted[Math.floor((sorted.length - 1) / 2)]!, sorted[Math.ceil((sorted.length - 1) / 2)]!];
  return { rate: (lower + upper) / 2, slowest: sorted[0]!, fastest: sorted.at(-1)! };
}

/** The end of a scale for values up to `largest`: a round number whose half is round too. */
export function scaleEnd(largest: number): number {
  const power = 10 ** Math.floor(Math.log10(largest));
  return power * [1, 1.6, 2, 3, 4, 6, 8, 10].find((factor) => factor * power >= largest)!;
}

/** Pictures with arbitrary bytes: the content does not change the time. */
function noise({ info }: Pool): Picture[] {
  const { height, width, channels } = info.input;
  return Array.from({ length: TOGETHER }, (_, picture) =>
    Uint8Array.from({ length: height * width * channels }, (_, at) => (at * 37 + picture * 101) % 256),
  );
}
