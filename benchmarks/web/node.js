// bayes8 against onnxruntime-web in Node, on one thread; then the cost of drawing a weight, and a pool.
// Answers are checked before anything is timed.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as ort from "onnxruntime-web";
import { Model } from "../../wasm/npm/dist/node.js";
import { figures, initSync, LoadedModel } from "../../wasm/npm/wasm/bayes8.js";
import { bayes8, inTurns } from "./measure.js";
import { task } from "./task.js";

const { model: file, peer, samples, rounds, picture, digest } = task();

/** A deterministic pass of ONNX Runtime in one of its formats. */
async function onnxRuntime(format, { height, width, channels }) {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(await readFile(join(peer, `${format}.onnx`)));
  const floats = await numbers("picture.f32");
  const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", floats, [1, channels, height, width]) };
  const run = async () => (await session.run(feeds))[session.outputNames[0]].data;
  const similarity = correlation(await run(), await numbers("logits.f32"));
  if (!(similarity > 0.9)) throw new Error(`${format}: correlation ${similarity} with FP32`);
  return { name: `onnxruntime-web ${ort.env.versions.web}, ${format}`, run };
}

/** A file of little-endian f32. */
async function numbers(name) {
  const { buffer, byteOffset, byteLength } = await readFile(join(peer, name));
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

function correlation(a, b) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i] - meanA) * (b[i] - meanB);
    aa += (a[i] - meanA) ** 2;
    bb += (b[i] - meanB) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

/** Milliseconds of the processor in this process, which other processes do not lengthen. */
function processorTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const { info } = await Model.load(file);
const ours = await bayes8(Model, file, "baseline", { picture, samples, digest });
const peers = [await onnxRuntime("QOperator", info.input), await onnxRuntime("QDQ", info.input)];
const times = await inTurns([ours, ...peers], rounds, processorTime);
console.log(`${info.name}, one thread of Node ${process.versions.node}, one picture, least of ${rounds} rounds`);
console.log(`milliseconds of the processor per weight sample, drawn afresh; for the peer, per deterministic pass`);
for (const [{ name }, time] of times) console.log(`  ${name.padEnd(36)}${time.toFixed(2).padStart(9)}`);
const fastest = Math.min(...peers.map((peer) => times.get(peer)));
console.log(`  ${(fastest / times.get(ours)).toFixed(2)}x the faster format of the peer`);

initSync({ module: await readFile(new URL("../../wasm/npm/wasm/bayes8.wasm", import.meta.url)) });
const network = new LoadedModel(await readFile(file), new Uint32Array());
const run = () => network.drawWeights(0n, 0, samples);
const draw = { run, share: run() };
// Weights may have no spread, as those of a network with dropout alone.
if (draw.share > 0) {
  console.log(`  drawing: ${(1e6 * (await inTurns([draw], rounds, processorTime)).get(draw)).toFixed(2)} ns per weight`);
}

const batch = network.beginBytes(picture);
batch.run(0n, 0, samples, false);
const sums = batch.sums(0);
const ofOutput = ({ parameters, positions, sumWords }) => {
  const head = [Float64Array.from(parameters), Uint32Array.from(positions), new Float64Array()];
  return { run: () => figures(...head, sums.subarray(0, sumWords)) };
};
const [time] = (await inTurns([ofOutput(network.info().outputs[0])], rounds, processorTime)).values();
console.log(`  the figures of the first output from its sums: ${time.toFixed(2)} ms, once for all samples`);

const many = Math.max(16, samples);
const pools = await Promise.all([1, 2].map((workers) => Model.pool(file, { workers, kernel: "baseline" })));
const pooled = pools.map((pool) => ({ run: () => pool.predict(picture, { samples: many }), share: many }));
const [one, two] = (await inTurns(pooled, rounds)).values();
console.log(`  a pool of two workers: ${(one / two).toFixed(2)}x a pool of one (${many} samples)`);
for (const pool of pools) pool.dispose();
