// Outputs that are maps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { classColour, Model, paint } from "bayes8";
import { vectorOf } from "./support/vectors.js";

async function predicted(name, options = { samples: 4 }) {
  const { file, pictures } = vectorOf("maps", name);
  const model = await Model.load(file);
  try {
    return { info: model.info, prediction: await model.predict(pictures[0], options) };
  } finally {
    model.dispose();
  }
}

test("a map of classes lacks a figure, or has one of another length", async () => {
  const { info, prediction } = await predicted("resized classes");
  assert.deepEqual(info.outputs[0].positions, [1, 11, 13]);
  const { output } = prediction.outputs;
  const count = 11 * 13;
  assert.deepEqual([output.head, output.positions], ["classes", [1, 11, 13]]);
  assert.deepEqual([output.probabilities.length, output.std.length], [3 * count, 3 * count]);
  assert.deepEqual([output.classes.length, output.mutualInformation.length], [count, count]);
  for (let position = 0; position < count; position++) {
    const p = output.probabilities.subarray(3 * position, 3 * position + 3);
    assert.ok(Math.abs(p[0] + p[1] + p[2] - 1) < 1e-5);
    assert.equal(p[output.classes[position]], Math.max(...p));
    const entropy = p.reduce((sum, p) => sum - p * Math.log(Math.max(p, 1e-30)), 0);
    assert.ok(Math.abs(entropy - output.predictiveEntropy[position]) < 1e-5);
  }
  assert.throws(() => prediction.probabilities, { code: "invalid-option", message: /output is a map/ });
  assert.throws(() => prediction.top(), { code: "invalid-option", message: /output is a map/ });
  const json = JSON.parse(JSON.stringify(prediction));
  assert.deepEqual(json.outputs.output.positions, [1, 11, 13]);
  assert.equal(json.outputs.output.predictive_entropy.length, count);
});

test("maps of labels, targets, volumes and sequences have wrong figures", async () => {
  const labels = (await predicted("labels")).prediction.outputs.output;
  assert.deepEqual([labels.positions, labels.probabilities.length], [[1, 4, 4], 32]);
  const targets = (await predicted("targets")).prediction.outputs.output;
  assert.deepEqual([targets.positions, targets.mean.length], [[1, 5, 7], 70]);
  const volume = (await predicted("volume")).prediction.outputs.output;
  assert.deepEqual([volume.positions, volume.classes.length], [[4, 3, 6], 72]);
  assert.deepEqual((await predicted("sequence")).info.outputs[0].positions, [1, 1, 17]);
});

test("a stream does not refine a map to the prediction", async (t) => {
  const { file, pictures } = vectorOf("maps", "bilinear");
  const pool = await Model.pool(file, { workers: 2 });
  t.after(() => pool.dispose());
  let last;
  for await (const partial of pool.stream(pictures[0], { samples: 9 })) last = partial;
  const { prediction } = await predicted("bilinear", { samples: 9 });
  assert.deepEqual(last.outputs, prediction.outputs);
});

test("a painted map has other colours than its classes", async () => {
  const { prediction } = await predicted("bilinear");
  const { output } = prediction.outputs;
  const { data, width, height } = paint(output);
  assert.deepEqual([width, height, data.length], [7, 5, 4 * 35]);
  output.classes.forEach((index, position) => {
    assert.deepEqual([...data.subarray(4 * position, 4 * position + 4)], [...classColour(index), 255]);
  });
  assert.deepEqual([classColour(0), classColour(1), classColour(20)], [[0, 0, 0], [128, 0, 0], [0, 64, 128]]);
  const palette = [[1, 2, 3], [4, 5, 6], [7, 8, 9]];
  assert.deepEqual([...paint(output, { palette }).data.subarray(0, 3)], palette[output.classes[0]]);
  const heat = paint(output, { figure: "predictiveEntropy" });
  const most = output.predictiveEntropy.indexOf(Math.max(...output.predictiveEntropy));
  assert.deepEqual([...heat.data.subarray(4 * most, 4 * most + 4)], [252, 253, 191, 255]);
  const wrong = [{ figure: "sums" }, { figure: "mean" }, { plane: 1 }, { figure: "std", index: 3 }, { palette: [] }];
  wrong.push({ colour: 1 }, { palette: "#fff" }, { palette: [[0, 0, 256], [0, 0, 0], [0, 0, 0]] }, { palette: [[0, 0]] });
  for (const range of [[1, 0], [1, 1], [NaN, 1], [0, Infinity], 1]) wrong.push({ range });
  for (const options of wrong) assert.throws(() => paint(output, options), { code: "invalid-option" }, JSON.stringify(options));
  for (const map of [undefined, prediction]) assert.throws(() => paint(map), { code: "invalid-input" });
});

test("inputs of another size have maps of the old one", async (t) => {
  const { file } = vectorOf("maps", "resized classes");
  const small = await Model.load(file);
  const { height, width, channels } = small.info.input;
  const inputSize = [2 * height, 2 * width];
  const large = await Model.load(file, { inputSize });
  const pool = await Model.pool(file, { workers: 2, inputSize });
  t.after(() => [small, large, pool].forEach((model) => model.dispose()));
  assert.deepEqual([large.info.input.height, large.info.input.width], inputSize);
  assert.equal(large.digest, small.digest);
  const picture = new Uint8Array(4 * height * width * channels);
  const prediction = await large.predict(picture, { samples: 3 });
  assert.deepEqual(prediction.outputs.output.positions, [1, 22, 26]);
  assert.deepEqual(await pool.predict(picture, { samples: 3 }), prediction);
  const refused = { code: "invalid-option", message: /^inputSize: / };
  for (const inputSize of [[height + 1, width], [], [0, 1], [1.5], [1, 2, 3, 4], 7, [2 ** 40, 1]]) {
    await assert.rejects(Model.load(file, { inputSize }), refused, `${inputSize}`);
  }
});
