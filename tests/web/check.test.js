// `check.js` must detect errors in every part of a result.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Model } from "../../wasm/npm/dist/node.js";
import { ROOT } from "../../wasm/npm/tests/support/files.js";
import { check } from "./check.js";

const read = async (group) => JSON.parse(await readFile(`${ROOT}tests/vectors/${group}.json`, "utf8"));

/** `file` with one vector alone. */
const only = (file, vector) => ({ ...file, models: { [vector.model]: file.models[vector.model] }, vectors: [vector] });

const file = await read("noise");
const [vector] = file.vectors;
const one = only(file, vector);

const flip = (array) => (new Uint8Array(array.buffer, array.byteOffset, array.byteLength)[5] ^= 1);

/** The line about the vector of `changed`, after its model was modified by `change`. */
async function lineOf(change, changed = one) {
  const lines = [];
  const load = async (bytes) => {
    const model = await Model.load(bytes, { kernel: "baseline" });
    return Object.assign(Object.create(model), {
      kernel: model.kernel,
      predictBatch: (...parameters) => model.predictBatch(...parameters),
      traceBatch: (...parameters) => model.traceBatch(...parameters),
      dispose: () => model.dispose(),
      ...change(model),
    });
  };
  const read = (path) => readFile(ROOT + path);
  const print = (line) => lines.push(JSON.parse(line.replace("CONFORMANCE ", "")));
  await check({ target: "Node", kernel: "simd128", load, files: [changed], read, print });
  assert.equal(lines.length, 1);
  assert.equal(lines[0].target, "Node");
  return lines[0];
}

const predictions = (spoil) => (model) => ({
  async predictBatch(...parameters) {
    const all = await model.predictBatch(...parameters);
    spoil(all[0]);
    return all;
  },
});

test("a correct result is reported as different", async () => {
  const line = await lineOf(() => ({}));
  assert.deepEqual([line.result, line.vector, line.kernel], ["passed", `noise/${vector.name}`, "simd128"]);
});

test("a wrong layer is not named", async () => {
  const line = await lineOf((model) => ({
    async traceBatch(...parameters) {
      const trace = await model.traceBatch(...parameters);
      flip(trace.at(-1).codes);
      return trace;
    },
  }));
  assert.deepEqual([line.result, line.part], ["different", { node: "readout" }]);
  assert.ok(line.found.length > 0);
});

test("wrong logits, sums or figures are not detected", async () => {
  const logits = await lineOf(predictions((prediction) => flip(prediction.logits)));
  assert.deepEqual([logits.result, logits.part], ["different", "logits"]);
  const [first, end] = vector.samples;
  assert.deepEqual(logits.traces.map(({ sample }) => sample), Array.from({ length: end - first }, (_, i) => first + i));
  assert.equal((await lineOf(predictions((prediction) => flip(prediction.sums)))).part, "sums");
  assert.equal((await lineOf(predictions((prediction) => flip(prediction.std)))).part, "uncertainty");
});

test("a difference in any figure of any head is not detected", async () => {
  const heads = await read("heads");
  const several = only(heads, heads.vectors.find(({ model }) => model === "classes, labels and targets"));
  assert.equal((await lineOf(() => ({}), several)).result, "passed");
  const figures = {
    kind: ["probabilities", "std", "predictiveEntropy", "expectedEntropy", "mutualInformation"],
    tags: ["probabilities", "std", "predictiveEntropy", "expectedEntropy", "mutualInformation"],
    size: ["mean", "std", "aleatoricStd", "epistemicStd"],
  };
  for (const [output, names] of Object.entries(figures)) {
    for (const name of names) {
      const spoil = ({ outputs }) => {
        if (typeof outputs[output][name] === "number") outputs[output][name] += 1e-9;
        else flip(outputs[output][name]);
      };
      assert.equal((await lineOf(predictions(spoil), several)).part, "uncertainty", `${output} ${name}`);
      if (/std$/i.test(name)) continue;
      const spoilError = ({ outputs }) => {
        const { standardErrors: errors } = outputs[output];
        if (typeof errors[name] === "number") errors[name] += 1e-9;
        else flip(errors[name]);
      };
      assert.equal((await lineOf(predictions(spoilError), several)).part, "uncertainty", `error of ${output} ${name}`);
    }
  }
});

test("a model that takes numbers fails", async () => {
  const inputs = await read("inputs");
  const table = only(inputs, inputs.vectors.find(({ model }) => model === "13 features, two planes, Bayesian"));
  assert.equal((await lineOf(() => ({}), table)).result, "passed");
});

test("an error or another model passes", async () => {
  const failing = await lineOf(() => ({ predictBatch: () => Promise.reject(new Error("no memory")) }));
  assert.deepEqual([failing.result, failing.message], ["failed", "Error: no memory"]);
  const path = "models/mnist-scnn.safetensors";
  const other = { ...one, models: { [vector.model]: { path, sha256: "0" } } };
  const line = await lineOf(() => ({}), other);
  assert.equal(line.result, "failed");
  assert.match(line.message, /another model/);
});
