// Models with labels, regression and several outputs, and models that take numbers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Model } from "bayes8";
import { modelPath } from "./support/files.js";
import { vectorOf } from "./support/vectors.js";

const several = vectorOf("heads", "classes, labels and targets");
const table = vectorOf("inputs", "13 features, Bayesian");
const features = table.pictures.map(({ buffer }) => new Float32Array(buffer));
const PROBABILITIES = ["probabilities", "std", "predictiveEntropy", "expectedEntropy", "mutualInformation"];

let model;
before(async () => (model = await Model.load(several.file)));
after(() => model.dispose());

test("an output is described wrongly", () => {
  const { outputs, classes, classNames, values } = model.info;
  assert.deepEqual(outputs.map(({ name, head }) => [name, head]), [["kind", "classes"], ["size", "gaussian"], ["tags", "labels"]]);
  const [kind, size, tags] = outputs;
  assert.deepEqual([classes, classNames, values], [4, kind.classNames, "bytes"]);
  assert.deepEqual(kind.classNames, ["class 0", "class 1", "class 2", "class 3"]);
  assert.deepEqual(size.variance, "log");
  const target = (index, scale, offset, noise) => ({ name: `target ${index}`, unit: "", scale: Math.fround(scale), offset: Math.fround(offset), noise });
  assert.deepEqual(size.targets, [target(0, 16.5, 35.8, 0), target(1, 0.02, -1, 2.5)]);
  assert.deepEqual([tags.labelNames, tags.outcomes], [["label 0", "label 1", "label 2"], ["no", "yes"]]);
  assert.throws(() => (size.targets[0].scale = 2), TypeError);
});

test("an output lacks a figure, or has one of another head", async () => {
  const { outputs, ...prediction } = await model.predict(several.pictures[0], { samples: 5, seed: 3 });
  assert.deepEqual(Object.keys(outputs), ["kind", "size", "tags"]);
  const { kind, size, tags } = outputs;
  assert.deepEqual(Object.keys(kind), ["head", "name", ...PROBABILITIES, "standardErrors", "sums"]);
  assert.deepEqual(Object.keys(size), ["head", "name", "mean", "std", "aleatoricStd", "epistemicStd", "standardErrors", "sums"]);
  assert.deepEqual(Object.keys(tags), ["head", "name", ...PROBABILITIES, "standardErrors", "sums"]);
  assert.deepEqual([kind.probabilities.length, size.mean.length, tags.mutualInformation.length], [4, 2, 3]);
  for (const figure of [...PROBABILITIES, "standardErrors"]) assert.equal(prediction[figure], kind[figure]);
  assert.equal(prediction.samples, 5);
  assert.deepEqual([...prediction.sums], [...kind.sums, ...size.sums, ...tags.sums]);
  for (const [index, std] of size.std.entries()) {
    const { [index]: aleatoric } = size.aleatoricStd;
    assert.ok(Math.abs(Math.hypot(aleatoric, size.epistemicStd[index]) / std - 1) < 1e-12 && aleatoric > 0);
  }
});

test("workers, a stream or a batch give different figures", async (t) => {
  const pool = await Model.pool(several.file, { workers: 2 });
  t.after(() => pool.dispose());
  const options = { samples: 6, seed: 3, logits: true };
  const expected = await model.predictBatch(several.pictures, options);
  assert.deepEqual(await pool.predictBatch(several.pictures, options), expected);
  for (const { logits } of expected) assert.equal(logits.length, 6 * 11);
  let last;
  for await (const partial of model.stream(several.pictures[0], { samples: 6, seed: 3 })) last = partial;
  assert.deepEqual(last.outputs, expected[0].outputs);
});

test("merged sums lose a carry or a sign", async (t) => {
  const pool = await Model.pool(several.file, { workers: 3 });
  t.after(() => pool.dispose());
  const options = { samples: 60, seed: 5 };
  const merged = await pool.predict(several.pictures[0], options);
  assert.deepEqual(merged, await model.predict(several.pictures[0], options));
  assert.ok(merged.sums.some((sum) => sum > 2n ** 32n) && merged.sums.some((sum) => sum < 0n));
});

test("sums of two ranges do not add up", async () => {
  const sums = async (firstSample, samples) => (await model.predict(several.pictures[1], { firstSample, samples })).sums;
  const [first, rest, all] = await Promise.all([sums(0, 2), sums(2, 5), sums(0, 7)]);
  assert.deepEqual(first.map((word, index) => word + rest[index]), all);
});

test("the JSON of outputs lacks something, or a clone does", async () => {
  const prediction = await model.predict(several.pictures[0], { samples: 3 });
  const { outputs, model_digest, samples, ...others } = JSON.parse(JSON.stringify(prediction));
  assert.deepEqual([model_digest, samples, Object.keys(others)], [model.digest, 3, ["logits_digest", "first_sample", "draws", "seed"]]);
  const { kind, size, tags } = prediction.outputs;
  const array = (figure) => (typeof figure === "number" ? figure : [...figure]);
  const entropies = (output) => ({
    head: output.head,
    probabilities: [...output.probabilities],
    std: [...output.std],
    predictive_entropy: array(output.predictiveEntropy),
    expected_entropy: array(output.expectedEntropy),
    mutual_information: array(output.mutualInformation),
    standard_errors: {
      probabilities: [...output.standardErrors.probabilities],
      predictive_entropy: array(output.standardErrors.predictiveEntropy),
      expected_entropy: array(output.standardErrors.expectedEntropy),
      mutual_information: array(output.standardErrors.mutualInformation),
    },
  });
  assert.deepEqual(outputs.kind, entropies(kind));
  assert.deepEqual(outputs.tags, entropies(tags));
  const { mean, std, aleatoricStd, epistemicStd, standardErrors } = size;
  assert.deepEqual(outputs.size, {
    head: "gaussian",
    mean: [...mean],
    std: [...std],
    aleatoric_std: [...aleatoricStd],
    epistemic_std: [...epistemicStd],
    standard_errors: { mean: [...standardErrors.mean] },
  });
  assert.deepEqual({ ...structuredClone(prediction) }, { ...prediction });
});

test("errors are wrong, or there are some of one sample", async () => {
  const { outputs, ...one } = await model.predict(several.pictures[0], { samples: 1 });
  assert.ok(!("standardErrors" in one));
  for (const output of Object.values(outputs)) assert.ok(!("standardErrors" in output), output.name);
  const prediction = await model.predict(several.pictures[0], { samples: 9 });
  const { kind, size, tags } = prediction.outputs;
  assert.deepEqual(Object.keys(kind.standardErrors), PROBABILITIES.filter((figure) => figure !== "std"));
  assert.deepEqual(Object.keys(size.standardErrors), ["mean"]);
  const isNear = (a, b) => assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}`);
  for (const { std, standardErrors } of [kind, tags]) {
    for (const [index, error] of standardErrors.probabilities.entries()) isNear(error, std[index] / Math.sqrt(8));
  }
  for (const [index, error] of size.standardErrors.mean.entries()) isNear(error, size.epistemicStd[index] / Math.sqrt(8));
  const { predictiveEntropy, expectedEntropy, mutualInformation } = kind.standardErrors;
  assert.equal(mutualInformation, predictiveEntropy + expectedEntropy);
  const [best] = prediction.top();
  assert.equal(best.standardError, kind.standardErrors.probabilities[best.class]);
});

test("top takes an output without classes, or one that does not exist", async () => {
  const prediction = await model.predict(several.pictures[0], { samples: 3 });
  assert.deepEqual(prediction.top(2, "kind"), prediction.top(2));
  const refused = (output, message) => assert.throws(() => prediction.top(1, output), { code: "invalid-option", message });
  refused("tags", /^top is of classes, but output tags has the head labels: outputs\["tags"\] has probabilities/);
  refused("size", /head gaussian: outputs\["size"\] has mean, std, aleatoricStd, epistemicStd$/);
  refused("other", /^output: one of kind, size, tags, not "other"$/);
});

test("figures of classes are read from a first output that has none", async (t) => {
  const { file, pictures } = vectorOf("heads", "a log-variance");
  const regression = await Model.load(file);
  t.after(() => regression.dispose());
  assert.deepEqual([regression.info.classes, regression.info.classNames], [0, []]);
  const prediction = await regression.predict(pictures[0], { samples: 3 });
  for (const figure of [...PROBABILITIES, "standardErrors"]) {
    assert.throws(() => prediction[figure], { code: "invalid-option", message: new RegExp(`^${figure} is of classes, but output output`) });
  }
  assert.throws(() => prediction.top(), { code: "invalid-option" });
  assert.equal(JSON.parse(JSON.stringify(prediction)).outputs.output.mean[0], prediction.outputs.output.mean[0]);
  const clone = structuredClone(prediction);
  assert.deepEqual([clone.outputs, "probabilities" in clone], [prediction.outputs, false]);
});

test("a model that takes numbers takes something else", async (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const numbers = await Model.load(table.file);
  t.after(() => numbers.dispose());
  assert.deepEqual([numbers.info.values, numbers.info.input.channels], ["numbers", 13]);
  const large = features[0].map((number) => 1e6 * number);
  await numbers.predict(large, { samples: 1 });
  assert.equal(warn.mock.callCount(), 0, "raw numbers may be of any size");
  const refused = (picture, message) => assert.rejects(numbers.predict(picture), { code: "invalid-input", message });
  await refused(new Uint8Array(13), /^the model takes numbers: 13 of them in a Float32Array$/);
  // Whatever else it is, nobody is told about pictures, and no file is looked for.
  for (const other of [{ data: new Uint8Array(4), width: 1, height: 1 }, [...features[0]], Float64Array.from(features[0]), "x.png", undefined]) {
    await refused(other, /^the model takes numbers: 13 of them in a Float32Array$/);
  }
  await refused(new Float32Array(12), /^a picture has 13 values \(1 x 1 x 13: rows, columns, channels\), not 12$/);
  await refused(features[0].with(3, NaN), /not finite/);
  // Raw numbers, which the model normalizes; a model of bytes would take them as they are.
  const { mean, std } = numbers.info.preprocessing;
  const moved = features[0].map((number, index) => number + std[index] * 2);
  assert.notDeepEqual((await numbers.predict(moved)).sums, (await numbers.predict(features[0])).sums);
  assert.equal(mean.length, 13);
});

test("a model of one output of classes has another JSON than before", async (t) => {
  const digits = await Model.load(modelPath("mnist-scnn"));
  t.after(() => digits.dispose());
  const prediction = await digits.predict(new Uint8Array(784), { samples: 2 });
  assert.deepEqual(Object.keys(prediction.toJSON()).sort(), [
    "draws", "expected_entropy", "first_sample", "logits_digest", "model_digest", "mutual_information",
    "predictive_entropy", "samples", "seed", "standard_errors", "top",
  ]);
  assert.equal(prediction.outputs.output.probabilities, prediction.probabilities);
});
