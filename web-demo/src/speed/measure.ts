/** How many image-samples a second: pictures times weight samples. */
import type { Kernel, Picture, Pool } from "bayes8";
import { type ModelName, openModel } from "../model/models.js";

export interface Setting {
  readonly kernel: Kernel;
  readonly workers: number;
}

export interface Rate {
  readonly setting: Setting;
  /** Image-samples a second. */
  readonly rate: number;
  readonly kernelName: string;
}

/** Pictures that share each draw of the weights. */
export const TOGETHER = 16;
/** Engines compile twice, the second time for speed. */
const WARM_UP_MILLISECONDS = 250;
const MEASURE_MILLISECONDS = 900;

/** Measures until the time is up; `onRate` hears of the rate so far. */
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
      // Each time other weights: those of a sample are drawn anew.
      await pool.predictBatch(pictures, { samples, firstSample });
      firstSample += samples;
      const milliseconds = performance.now() - start;
      const done = samples * TOGETHER;
      samples = Math.max(setting.workers, Math.min(256, Math.round((samples * 150) / milliseconds)));
      return { done, milliseconds };
    };
    for (const start = performance.now(); performance.now() - start < WARM_UP_MILLISECONDS && !stopped(); ) await run();
    let [done, milliseconds] = [0, 0];
    while (milliseconds < MEASURE_MILLISECONDS && !stopped()) {
      const part = await run();
      done += part.done;
      milliseconds += part.milliseconds;
      onRate({ setting, rate: (1000 * done) / milliseconds, kernelName: pool.kernel });
    }
  } finally {
    pool.dispose();
  }
}

/** Pictures of any bytes: what they show does not change the time. */
function noise({ info }: Pool): Picture[] {
  const { height, width, channels } = info.input;
  return Array.from({ length: TOGETHER }, (_, picture) =>
    Uint8Array.from({ length: height * width * channels }, (_, at) => (at * 37 + picture * 101) % 256),
  );
}
