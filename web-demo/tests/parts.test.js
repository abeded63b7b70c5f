// The parts of the demo that need no page, on the npm package in Node.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { Model } from "bayes8";
import { runnerImport } from "vite";
import { DEMO } from "./support/site.js";

/** A module of src/. */
const source = async (path) => (await runnerImport(`${DEMO}src/${path}`, { root: DEMO, logLevel: "error", configFile: false })).module;

const { EXAMPLES } = await source("draw/examples.ts");
const { rasterize } = await source("draw/raster.ts");
const { rotate } = await source("draw/strokes.ts");
const { best, estimates } = await source("model/samples.ts");
const { verdict } = await source("model/verdict.ts");
const { withMeanWeights } = await source("model/deterministic.ts");
const { corrupt, CORRUPTIONS, NONE } = await source("photos/corruption.ts");
const { bySureness, errorsAmong, riskCoverage } = await source("photos/coverage.ts");
const { percent, withArticle } = await source("lib/format.ts");

describe("the picture of a drawing", () => {
  const mass = (picture) => {
    let [sum, x, y] = [0, 0, 0];
    picture.forEach((value, at) => {
      sum += value;
      x += value * ((at % 28) + 0.5);
      y += value * (Math.floor(at / 28) + 0.5);
    });
    return [x / sum, y / sum];
  };
  const extent = (picture) => {
    const inked = Array.from(picture.keys()).filter((at) => picture[at] > 127);
    const [rows, columns] = [inked.map((at) => Math.floor(at / 28)), inked.map((at) => at % 28)];
    return [rows, columns].map((values) => Math.max(...values) - Math.min(...values) + 1);
  };

  for (const [name, strokes] of Object.entries(EXAMPLES)) {
    test(`is not centred and scaled as MNIST is (${name})`, () => {
      const picture = rasterize(strokes);
      for (const centre of mass(picture)) assert.ok(Math.abs(centre - 14) < 0.15, `centre of mass at ${centre}`);
      assert.ok(Math.abs(Math.max(...extent(picture)) - 20) <= 1, `${extent(picture)}`);
    });
  }
  test("depends on where and how large one draws", () => {
    const small = EXAMPLES.clear.map((stroke) => stroke.map(({ x, y }) => ({ x: x / 2 + 0.4, y: y / 2 })));
    const whole = rasterize(EXAMPLES.clear);
    const difference = rasterize(small).map((value, at) => Math.abs(value - whole[at]));
    assert.ok(Math.max(...difference) <= 1);
  });
  test("a dot or nothing is no picture", () => {
    assert.ok(rasterize([]).every((value) => value === 0));
    const dot = rasterize([[{ x: 0.1, y: 0.9 }]]);
    assert.ok(dot[14 * 28 + 14] > 200);
  });
  test("a turn by a whole circle is another drawing", () => {
    for (const { x, y } of rotate(EXAMPLES.letter, 360).flat().map(({ x, y }, i) => ({ x: x - EXAMPLES.letter.flat()[i].x, y: y - EXAMPLES.letter.flat()[i].y }))) {
      assert.ok(Math.hypot(x, y) < 1e-9);
    }
  });
});

describe("the network of the Draw page", () => {
  const SAMPLES = 48;
  let model;
  let blunt;
  before(async () => {
    const file = await readFile(`${DEMO}../models/mnist-scnn.safetensors`);
    model = await Model.load(file);
    blunt = await Model.load(withMeanWeights(new Uint8Array(file)));
  });
  after(() => {
    model.dispose();
    blunt.dispose();
  });
  const estimate = async (of, picture, samples = SAMPLES) => {
    const all = [];
    for await (const value of estimates(of, picture, { samples, seed: 0n })) all.push(value);
    return all;
  };
  const final = async (name) => (await estimate(model, rasterize(EXAMPLES[name]))).at(-1);

  test("a clear digit is not recognized, or doubted", async () => {
    const { probabilities, total, epistemic } = await final("clear");
    assert.equal(best(probabilities), 3);
    assert.ok(total < 0.05 && epistemic < 0.01, `${total} ${epistemic}`);
  });
  test("the ambiguous digit is not between two classes", async () => {
    const { probabilities, total } = await final("ambiguous");
    const [first, second] = Array.from(probabilities.keys()).sort((a, b) => probabilities[b] - probabilities[a]);
    assert.deepEqual([first, second].sort(), [4, 9]);
    assert.ok(probabilities[second] > 0.2 && total > 0.5, `${probabilities}`);
  });
  test("the letter does not make the samples disagree", async () => {
    const [letter, clear] = [await final("letter"), await final("clear")];
    assert.ok(letter.epistemic > 0.15 && letter.epistemic > clear.epistemic + 0.1, `${letter.epistemic}`);
  });
  test("mean weights are as unsure as the samples, so that the contrast shows nothing", async () => {
    const mean = (await estimate(blunt, rasterize(EXAMPLES.ambiguous), 1)).at(-1);
    const { probabilities } = await final("ambiguous");
    assert.ok(Math.max(...mean.probabilities) > 0.9 && Math.max(...probabilities) < 0.75);
  });
  test("a network of mean weights depends on seed or sample", async () => {
    assert.equal(blunt.info.bayesianLayers, 0);
    const picture = rasterize(EXAMPLES.letter);
    const digests = await Promise.all(
      [{ seed: 1 }, { seed: 2, firstSample: 9 }].map((options) => blunt.predict(picture, { ...options, samples: 1, logits: true })),
    );
    assert.equal(digests[0].logitsDigest, digests[1].logitsDigest);
  });
  test("estimates that are made of ranges differ from one prediction", async () => {
    const picture = rasterize(EXAMPLES.letter);
    const parts = await estimate(model, picture);
    const last = parts.at(-1);
    const whole = await model.predict(picture, { samples: SAMPLES, seed: 0n });
    assert.deepEqual([...last.probabilities], [...whole.probabilities]);
    assert.ok(Math.abs(last.total - whole.entropy) < 1e-12);
    assert.ok(Math.abs(last.aleatoric - whole.expectedEntropy) < 1e-12);
    assert.ok(Math.abs(last.epistemic - whole.mutualInformation) < 1e-12);
    assert.equal(last.samples.length, SAMPLES);
    assert.ok(parts.length > 2, "nothing is seen while samples arrive");
    for (const index of last.probabilities.keys()) {
      const mean = last.samples.reduce((sum, sample) => sum + sample[index], 0) / SAMPLES;
      assert.ok(Math.abs(mean - last.probabilities[index]) < 1e-5);
    }
  });
});

test("a verdict says more or less than the samples do", () => {
  const of = (...samples) => {
    const mean = Float64Array.from([0, 1, 2], (index) => samples.reduce((sum, sample) => sum + sample[index], 0) / samples.length);
    const entropy = (values) => values.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);
    const aleatoric = samples.reduce((sum, sample) => sum + entropy(sample), 0) / samples.length;
    const total = entropy(mean);
    return verdict({ classNames: ["4", "8", "9"], samples, probabilities: mean, total, aleatoric, epistemic: total - aleatoric }, withArticle);
  };
  assert.deepEqual(of([1, 0, 0], [0.98, 0.02, 0]), { sure: "sure", answer: "I am sure this is a 4.", reason: "The samples agree." });
  const fairly = of([0.9, 0, 0.1], [0.9, 0.1, 0], [0.9, 0, 0.1], [0.3, 0, 0.7]);
  assert.equal(fairly.answer, "I would rather not answer.");
  const two = of([0.05, 0.95, 0], [0.1, 0.9, 0], [0.08, 0.92, 0], [0.1, 0.9, 0], [0.6, 0.4, 0]);
  assert.deepEqual(two, { sure: "fairly", answer: "I am fairly sure this is an 8.", reason: "Samples disagree: 4 of 5 say 8, 1 says 4." });
  assert.equal(of([0.6, 0.4, 0], [0.6, 0.4, 0]).reason, "Every sample says 4, yet wavers between 4 and 8.");
});

test("numbers read wrongly", () => {
  assert.deepEqual([0, 0.004, 0.623, 0.997, 1].map(percent), ["0 %", "0 %", "62 %", "99.7 %", "100 %"]);
  assert.deepEqual(["4", "8", "Ankle boot", "T-shirt/top", "ship"].map(withArticle), ["a 4", "an 8", "an ankle boot", "a T-shirt/top", "a ship"]);
});

describe("corruption", () => {
  const shape = { size: 28, channels: 1 };
  const picture = Uint8Array.from({ length: 784 }, (_, at) => (at * 7) % 256);
  test("changes a picture without being asked", () => assert.deepEqual(corrupt(picture, shape, NONE, 3), picture));
  for (const name of CORRUPTIONS) {
    test(`does not change it, or in another way each time (${name})`, () => {
      const severe = { ...NONE, [name]: 0.6 };
      const spoiled = corrupt(picture, shape, severe, 3);
      assert.notDeepEqual(spoiled, picture);
      assert.deepEqual(corrupt(picture, shape, severe, 3), spoiled);
    });
  }
  test("mixes colours", () => {
    const red = Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => (at % 3 === 0 ? 200 : 10));
    const spoiled = corrupt(red, { size: 32, channels: 3 }, { ...NONE, blur: 1, rotation: 0.3 }, 0);
    assert.deepEqual(spoiled, red);
  });
});

test("the surest are not answered first", () => {
  const outcomes = [{ right: true, total: 0.5 }, { right: false, total: 0.9 }, { right: true, total: 0.1 }, { right: false, total: 0.4 }];
  const order = bySureness(outcomes);
  assert.deepEqual(order, [2, 3, 0, 1]);
  assert.deepEqual([1, 2, 3, 4].map((count) => errorsAmong(outcomes, order, count)), [0, 1, 1, 2]);
  assert.deepEqual(riskCoverage(outcomes).map(({ y }) => y), [0, 1 / 2, 1 / 3, 1 / 2]);
});

test("the Draw page exceeds its size", (t) => {
  const { status, stdout } = spawnSync(process.execPath, ["scripts/size.js"], { cwd: DEMO, encoding: "utf8" });
  assert.equal(status, 0, stdout);
  for (const line of stdout.trim().split("\n").slice(-3)) t.diagnostic(line);
});

test("the lock file names a host, which strangers may not reach", async () => {
  const lock = await readFile(`${DEMO}package-lock.json`, "utf8");
  for (const [, host] of lock.matchAll(/"resolved": "https?:\/\/([^/"]+)/g)) assert.equal(host, "registry.npmjs.org");
});
