// Shared by both benchmarks: checking bayes8 against the command line's answer, and timing.

/**
 * Times contenders `{ name, run, share }` in turns, `rounds` times, by a `clock` of milliseconds. Returns a map from
 * each contender to its least time, divided by its `share`: what else the machine does only adds to it. A
 * measurement takes at least half a second, or one run.
 */
export async function inTurns(contenders, rounds, clock = () => performance.now()) {
  const times = new Map(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) times.get(contender).push(await milliseconds(contender, clock));
  }
  return new Map(Array.from(times, ([contender, values]) => [contender, Math.min(...values)]));
}

async function milliseconds({ run, share = 1 }, clock) {
  await run();
  const start = clock();
  let [runs, spent] = [0, 0];
  do {
    await run();
    runs++;
    spent = clock() - start;
  } while (spent < 500);
  return spent / runs / share;
}

/**
 * Our contender: predicts `picture` with `kernel` and fresh weight samples. Fails unless its logits, or the mutual
 * information of its map, have the `digest` of the command line's.
 */
export async function bayes8(Model, file, kernel, { picture, samples, digest }) {
  const model = await Model.load(file, { kernel });
  const [{ positions }] = model.info.outputs;
  const { logitsDigest, outputs } = await model.predict(picture, { samples, logits: !positions });
  const found = logitsDigest ?? (await sha256(Object.values(outputs)[0].mutualInformation));
  if (found !== digest) throw new Error(`${kernel}: its bits differ from the command line's`);
  return { name: `bayes8, ${model.kernel}`, run: () => model.predict(picture, { samples }), share: samples };
}

/** SHA-256 of the bytes of an array, in hexadecimal. */
async function sha256(array) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", array));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
