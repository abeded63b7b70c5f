// Prediction sets and intervals of models that were calibrated for them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Model } from "bayes8";
import { ROOT } from "./support/files.js";
import { vectorOf } from "./support/vectors.js";

const file = JSON.parse(readFileSync(`${ROOT}tests/vectors/conformal.json`, "utf8"));
const { count, base64 } = Object.values(file.pictures)[0];
const bytes = new Uint8Array(Buffer.from(base64, "base64"));
const picture = bytes.slice(0, bytes.length / count);
const modelOf = (name) => new Uint8Array(Buffer.from(file.models[name].base64, "base64"));

let model;
before(async () => (model = await Model.load(modelOf("aps"))));
after(() => model.dispose());

test("an output does not say how it was calibrated", async (t) => {
  const [kind, size, tags] = model.info.outputs;
  const common = { alpha: 0.1, calibrationExamples: 1000, samples: 4, seed: "0" };
  assert.deepEqual(kind.conformal, { method: "aps", ...common });
  assert.deepEqual(size.conformal, { method: "residuals", ...common });
  assert.deepEqual(tags.conformal, { method: "lac", ...common });
  const heads = JSON.parse(readFileSync(`${ROOT}tests/vectors/heads.json`, "utf8"));
  const plain = await Model.load(new Uint8Array(Buffer.from(heads.models["one label"].base64, "base64")));
  t.after(() => plain.dispose());
  assert.ok(!("conformal" in plain.info.outputs[0]));
  const { outputs } = await plain.predict(new Uint8Array(36), { samples: 2 });
  assert.ok(!("sets" in outputs.output));
});

test("sets and intervals are not those of their formulas", async () => {
  const { kind, size, tags } = (await model.predict(picture, { samples: 4 })).outputs;
  const order = [...kind.probabilities.keys()].sort((a, b) => kind.probabilities[b] - kind.probabilities[a] || a - b);
  let sum = 0;
  const expected = order.filter((index) => (sum += kind.probabilities[index]) <= 0.9);
  assert.deepEqual(kind.set, expected);
  const thresholds = [0.0, 0.4, 1.0];
  const sets = Array.from(tags.probabilities, (p, index) => ({ absent: p <= thresholds[index], present: 1 - p <= thresholds[index] }));
  assert.deepEqual(tags.sets, sets);
  const [first, second] = size.intervals;
  assert.deepEqual(first, [size.mean[0] - (0.1 + 0.2) * size.std[0], size.mean[0] + (0.1 + 0.2) * size.std[0]]);
  assert.deepEqual(second, [size.mean[1] - 1e-3 * size.std[1], size.mean[1] + 1e-3 * size.std[1]]);
});

test("JSON lacks a set, or does not say that samples differ from the calibrated ones", async (t) => {
  const json = async (options) => JSON.parse(JSON.stringify(await model.predict(picture, options))).outputs;
  const { kind, size, tags } = await json({ samples: 4 });
  const { outputs } = await model.predict(picture, { samples: 4 });
  const common = { alpha: 0.1, calibration_examples: 1000, as_calibrated: true };
  const set = outputs.kind.set.map((index) => ({ class: index, name: `class ${index}` }));
  assert.deepEqual(kind.conformal, { method: "aps", ...common, set });
  assert.deepEqual(size.conformal, { method: "residuals", ...common, intervals: outputs.size.intervals });
  assert.deepEqual(tags.conformal, { method: "lac", ...common, sets: outputs.tags.sets });
  for (const options of [{ samples: 5 }, { samples: 4, seed: 1 }, { samples: 4, firstSample: 1 }]) {
    assert.equal((await json(options)).kind.conformal.as_calibrated, false);
  }
  const everything = await Model.load(modelOf("everything"));
  t.after(() => everything.dispose());
  const prediction = await everything.predict(picture, { samples: 4 });
  assert.deepEqual(prediction.outputs.size.intervals[0], [-Infinity, Infinity]);
  assert.equal(prediction.outputs.kind.set.length, 4);
});

test("a calibrated map has other sets than those of its formula", async (t) => {
  const { file, pictures } = vectorOf("maps", "sets of classes, aps");
  const model = await Model.load(file);
  t.after(() => model.dispose());
  assert.equal(model.info.outputs[0].conformal.method, "aps");
  const prediction = await model.predict(pictures[0], { samples: 4 });
  const { set, probabilities } = prediction.outputs.output;
  assert.equal(set.length, 5 * 7 * 4);
  assert.ok(set.includes(0) && set.includes(1));
  for (let first = 0; first < set.length; first += 4) {
    const p = probabilities.subarray(first, first + 4);
    const order = [0, 1, 2, 3].sort((a, b) => p[b] - p[a] || a - b);
    let sum = 0;
    for (const index of order) {
      sum += p[index];
      assert.equal(set[first + index], sum <= 0.9 ? 1 : 0);
    }
  }
  const json = JSON.parse(JSON.stringify(prediction)).outputs.output;
  assert.deepEqual(json.conformal.set, [...set]);
});
