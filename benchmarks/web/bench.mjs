// bayes8 against onnxruntime-web in Node, on one thread, in turns: the medians of several rounds.
//
//   node bench.mjs MODEL PEER [--samples 4] [--rounds 5] [--digest HEX]
//
// PEER is the folder that benchmarks/web_peer.py wrote for the model; HEX the digest of the logits
// that `bayes8 predict` prints for its picture, seed 0 and as many samples. Answers are checked
// before anything is timed.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-web";
import { Model } from "../../wasm/npm/dist/node.js";
import { initSync, Network } from "../../wasm/npm/wasm/bayes8.js";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    samples: { type: "string", default: "4" },
    rounds: { type: "string", default: "5" },
    digest: { type: "string" },
  },
});
const [modelFile, peer] = positionals;
if (!modelFile || !peer) {
  console.error("usage: node bench.mjs MODEL PEER [--samples 4] [--rounds 5] [--digest HEX]");
  process.exit(2);
}
const samples = Number(options.samples);
const rounds = Number(options.rounds);

/** Fails unless `found` is what it should be. */
function check(right, message) {
  if (!right) throw new Error(message);
}

function correlation(a, b) {
  const mean = (x) => x.reduce((sum, value) => sum + value, 0) / x.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i] - meanA) * (b[i] - meanB);
    aa += (a[i] - meanA) ** 2;
    bb += (b[i] - meanB) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

async function floats(name) {
  const { buffer, byteOffset, byteLength } = await readFile(join(peer, name));
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** A pass of ONNX Runtime over the picture: milliseconds, deterministic, in one of its formats. */
async function onnxRuntime(format) {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(await readFile(join(peer, `${format}.onnx`)));
  const { height, width, channels } = model.info.input;
  const picture = new ort.Tensor("float32", await floats("picture.f32"), [1, channels, height, width]);
  const feeds = { [session.inputNames[0]]: picture };
  const run = async () => (await session.run(feeds))[session.outputNames[0]].data;
  const similarity = correlation(await run(), await floats("logits.f32"));
  check(similarity > 0.9, `${format}: correlation ${similarity.toFixed(3)} with FP32`);
  return { name: `onnxruntime-web, ${format}`, peer: true, run };
}

/** A weight sample of bayes8, its weights drawn anew. */
async function bayes8(kernel) {
  const loaded = kernel === "baseline" ? model : await Model.load(modelFile, { kernel });
  const run = () => loaded.predict(picture, { samples });
  const { logitsDigest } = await loaded.predict(picture, { samples, logits: true });
  check(!options.digest || logitsDigest === options.digest, `${kernel}: other bits than the command line's`);
  return { name: `bayes8, ${kernel}`, run, share: samples };
}

async function milliseconds({ run, share = 1 }) {
  await run();
  // A measurement takes half a second at least, or one run.
  const start = performance.now();
  let [runs, spent] = [0, 0];
  do {
    await run();
    runs++;
    spent = performance.now() - start;
  } while (spent < 500);
  return spent / runs / share;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const model = await Model.load(modelFile, { kernel: "baseline" });
const picture = new Uint8Array(await readFile(join(peer, "picture.u8")));
const contenders = [await bayes8("baseline")];
try {
  contenders.push(await bayes8("relaxed"));
} catch (error) {
  if (error.code !== "unsupported") throw error;
  console.log(`SKIPPED: bayes8, relaxed: ${error.message}`);
}
for (const format of ["QOperator", "QDQ"]) contenders.push(await onnxRuntime(format));

const times = new Map(contenders.map((contender) => [contender, []]));
for (let round = 0; round < rounds; round++) {
  for (const contender of contenders) times.get(contender).push(await milliseconds(contender));
}
console.log(`${model.info.name}, one thread of Node ${process.version}, one picture, median of ${rounds} rounds`);
console.log(`  milliseconds a weight sample, of ${samples} a prediction, drawing included; or a deterministic pass`);
const fastestPeer = Math.min(...contenders.filter(({ peer }) => peer).map((peer) => median(times.get(peer))));
for (const contender of contenders) {
  const time = median(times.get(contender));
  const ratio = contender.peer ? "" : `  ${(fastestPeer / time).toFixed(2)}x the faster of the peer's`;
  console.log(`  ${contender.name.padEnd(28)} ${time.toFixed(2).padStart(8)}${ratio}`);
}

initSync({ module: await readFile(new URL("../../wasm/npm/wasm/bayes8.wasm", import.meta.url)) });
const network = new Network(await readFile(modelFile));
const draw = () => network.drawWeights(0n, 0, samples);
const drawn = [];
for (let round = 0; round < rounds; round++) drawn.push(1e6 * (await milliseconds({ run: draw, share: draw() })));
console.log(`  drawing: ${median(drawn).toFixed(2)} ns a weight`);

const pools = await Promise.all([1, 2].map((workers) => Model.pool(modelFile, { workers, kernel: "baseline" })));
const many = 16 * samples;
const pooled = pools.map((pool) => ({ run: () => pool.predict(picture, { samples: many }), share: many, times: [] }));
for (let round = 0; round < rounds; round++) {
  for (const pool of pooled) pool.times.push(await milliseconds(pool));
}
const [one, two] = pooled.map((pool) => median(pool.times));
console.log(`  a pool of two workers: ${(one / two).toFixed(2)}x one (${one.toFixed(2)}, ${two.toFixed(2)} ms a sample)`);
for (const pool of pools) pool.dispose();
model.dispose();
