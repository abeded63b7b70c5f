// The modules of the demo that need no page, with the npm package in Node.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { Model } from "bayes8";
import { decode } from "fast-png";
import { DEMO } from "./support/site.js";
import { source } from "./support/source.js";

const { EXAMPLES } = await source("draw/examples.ts");
const { rasterize } = await source("draw/raster.ts");
const { rotate } = await source("draw/strokes.ts");
const { best, estimates } = await source("model/samples.ts");
const { verdict } = await source("model/verdict.ts");
const { withMeanWeights } = await source("model/deterministic.ts");
const { corrupt, CORRUPTIONS, NONE } = await source("photos/corruption.ts");
const { bySureness, errorsAmong, riskCoverage } = await source("photos/coverage.ts");
const { doubtOf, glosses } = await source("model/doubt.ts");
const { EXAMPLES: PHOTOS, lesson } = await source("photos/examples.ts");
const { curveFinding, riskFinding } = await source("photos/findings.ts");
const { settle } = await source("photos/live.ts");
const { finding, interval, number } = await source("curve/findings.ts");
const { PLACES, regression, stages } = await source("curve/regression.ts");
const { fromParameters, packed, toHash, unpacked } = await source("replay/link.ts");
const { scaleEnd, spread } = await source("speed/measure.ts");
const { Pace } = await source("lib/pace.ts");
const links = await source("lib/links.ts");
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
    test(`is not centred and scaled as in MNIST (${name})`, () => {
      const picture = rasterize(strokes);
      for (const centre of mass(picture)) assert.ok(Math.abs(centre - 14) < 0.15, `centre of mass at ${centre}`);
      assert.ok(Math.abs(Math.max(...extent(picture)) - 20) <= 1, `${extent(picture)}`);
    });
  }
  test("depends on the place and size of the drawing", () => {
    const small = EXAMPLES.clear.map((stroke) => stroke.map(({ x, y }) => ({ x: x / 2 + 0.4, y: y / 2 })));
    const whole = rasterize(EXAMPLES.clear);
    const difference = rasterize(small).map((value, at) => Math.abs(value - whole[at]));
    assert.ok(Math.max(...difference) <= 1);
  });
  test("cannot show a dot or nothing", () => {
    assert.ok(rasterize([]).every((value) => value === 0));
    const dot = rasterize([[{ x: 0.1, y: 0.9 }]]);
    assert.ok(dot[14 * 28 + 14] > 200);
  });
  test("changes when the drawing turns by a full circle", () => {
    for (const { x, y } of rotate(EXAMPLES.letter, 360).flat().map(({ x, y }, i) => ({ x: x - EXAMPLES.letter.flat()[i].x, y: y - EXAMPLES.letter.flat()[i].y }))) {
      assert.ok(Math.hypot(x, y) < 1e-9);
    }
  });
});

describe("a network of the Curve page", () => {
  const SAMPLES = 32;
  const points = JSON.parse(readFileSync(`${DEMO}assets/curve.json`, "utf8")).points;
  const count = { gaussian: SAMPLES, dropout: SAMPLES, ensemble: 8 };
  for (const [name, samples] of Object.entries(count)) {
    test(`has functions that are not its samples (${name})`, async () => {
      const model = await Model.load(await readFile(`${DEMO}../models/curve-${name}.safetensors`));
      const { answers, functions } = await regression(model, samples);
      assert.equal(functions.length, samples);
      answers.forEach(({ x, mean, band, noise, doubt }, index) => {
        const values = functions.map((values) => values[index]);
        const average = values.reduce((sum, value) => sum + value) / samples;
        const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - average) ** 2, 0) / samples);
        assert.ok(Math.abs(average - mean) < 1e-3, `at ${x}, the functions have the mean ${average}, the network ${mean}`);
        assert.ok(Math.abs(1.96 * spread - doubt) < 1e-2, `at ${x}, the functions spread by ${1.96 * spread}, the network by ${doubt}`);
        assert.ok(Math.abs(Math.hypot(noise, doubt) - band) < 1e-6);
      });
      model.dispose();
    });
    test(`has a band that misses its own points, or holds all by being too wide (${name})`, async () => {
      const model = await Model.load(await readFile(`${DEMO}../models/curve-${name}.safetensors`));
      const { answers } = await regression(model, samples);
      const held = points.filter(([x, y]) => {
        const { mean, band } = answers[Math.round((x - PLACES[0]) / (PLACES[1] - PLACES[0]))];
        return Math.abs(y - mean) < band;
      });
      assert.ok(held.length >= 0.9 * points.length, `${held.length} of ${points.length}`);
      const widest = Math.max(...points.map(([x]) => answers[Math.round((x - PLACES[0]) / (PLACES[1] - PLACES[0]))].band));
      assert.ok(widest < 2, `± ${widest} among the points`);
      model.dispose();
    });
  }
  test("is asked for fewer or more samples than chosen", () => {
    for (const samples of [1, 2, 8, 64, 256]) {
      const counts = stages(samples);
      assert.equal(counts.at(-1), samples);
      assert.ok(counts.every((count, index) => index === 0 || count > counts[index - 1]), `${counts}`);
      assert.ok(counts.reduce((sum, count) => sum + count) < 8 * samples, "the steps cost too much");
    }
  });
  test("is described in words that do not fit its answer", () => {
    const answer = (noise, doubt) => ({ x: 1, mean: -0.004, band: Math.hypot(noise, doubt), noise, doubt });
    const words = [answer(1, 0.1), answer(1, 0.7), answer(0.2, 2)].map(finding);
    assert.equal(new Set(words).size, 3);
    assert.match(words[0], /agree/);
    assert.match(words[2], /guessing/);
    assert.equal(interval(answer(0.6, 0.8)), "95% between −1.00 and 1.00");
    assert.deepEqual([-0.004, -0.5, 1.234].map(number), ["0.00", "−0.50", "1.23"]);
  });
});

describe("the network of the Draw page", () => {
  const SAMPLES = 48;
  let model;
  let blunt;
  before(async () => {
    const file = await readFile(`${DEMO}../models/mnist-cnn.safetensors`);
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
    const { probabilities, predictiveEntropy, mutualInformation } = await final("clear");
    assert.equal(best(probabilities), 3);
    assert.ok(predictiveEntropy < 0.05 && mutualInformation < 0.01, `${predictiveEntropy} ${mutualInformation}`);
  });
  test("the ambiguous digit is not between two classes", async () => {
    const { probabilities, predictiveEntropy } = await final("ambiguous");
    const [first, second] = Array.from(probabilities.keys()).sort((a, b) => probabilities[b] - probabilities[a]);
    assert.deepEqual([first, second].sort(), [4, 9]);
    assert.ok(probabilities[second] > 0.2 && predictiveEntropy > 0.5, `${probabilities}`);
  });
  test("the letter does not make the samples disagree", async () => {
    const [letter, clear] = [(await final("letter")).mutualInformation, (await final("clear")).mutualInformation];
    assert.ok(letter > 0.15 && letter > clear + 0.1, `${letter}`);
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
    for (const name of ["predictiveEntropy", "expectedEntropy", "mutualInformation"]) {
      assert.ok(Math.abs(last[name] - whole[name]) < 1e-12, name);
    }
    assert.equal(last.samples.length, SAMPLES);
    assert.ok(parts.length > 2, "nothing is seen while samples arrive");
    for (const index of last.probabilities.keys()) {
      const mean = last.samples.reduce((sum, sample) => sum + sample[index], 0) / SAMPLES;
      assert.ok(Math.abs(mean - last.probabilities[index]) < 1e-5);
    }
  });
});

/** The estimate from samples with these probabilities. */
function estimateOf(classNames, samples) {
  const mean = Float64Array.from(classNames, (_, index) => samples.reduce((sum, sample) => sum + sample[index], 0) / samples.length);
  const entropy = (values) => values.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);
  const expectedEntropy = samples.reduce((sum, sample) => sum + entropy(sample), 0) / samples.length;
  const predictiveEntropy = entropy(mean);
  const mutualInformation = predictiveEntropy - expectedEntropy;
  return { classNames, samples, probabilities: mean, predictiveEntropy, expectedEntropy, mutualInformation };
}

test("a verdict says more or less than the samples do", () => {
  const of = (...samples) => verdict(estimateOf(["4", "8", "9"], samples), withArticle);
  assert.deepEqual(of([1, 0, 0], [0.98, 0.02, 0]), { sure: "sure", answer: "I am sure this is a 4.", reason: "All 2 samples agree." });
  const fairly = of([0.9, 0, 0.1], [0.9, 0.1, 0], [0.9, 0, 0.1], [0.3, 0, 0.7]);
  assert.equal(fairly.answer, "I would rather not answer.");
  const two = of([0.05, 0.95, 0], [0.1, 0.9, 0], [0.08, 0.92, 0], [0.1, 0.9, 0], [0.6, 0.4, 0]);
  assert.deepEqual(two, { sure: "fairly", answer: "I am fairly sure this is an 8.", reason: "4 of 5 samples say 8, 1 says 4." });
  assert.equal(of([0.6, 0.4, 0], [0.6, 0.4, 0]).reason, "All 2 samples say 4. The runner-up is 8.");
});

test("a gloss contradicts the verdict, or stays while the number changes", () => {
  const names = Array.from("0123456789");
  const seen = new Set();
  let random = 1;
  const next = () => (random = (Math.imul(random, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  for (let turn = 0; turn < 3000; turn++) {
    const [sharpness, spread] = [40 * next(), 12 * next()];
    const centre = names.map(() => sharpness * next());
    const samples = Array.from({ length: 16 }, () => {
      const powers = centre.map((value) => Math.exp(value + spread * (next() - 0.5)));
      const sum = powers.reduce((a, b) => a + b);
      return powers.map((power) => power / sum);
    });
    const estimate = estimateOf(names, samples);
    const { sure } = verdict(estimate, withArticle);
    const words = glosses(doubtOf(estimate));
    seen.add(sure);
    assert.equal(words.total === "too much to answer", sure === "abstain", JSON.stringify(words));
    if (sure !== "sure") continue;
    assert.match(words.total, /^(hardly any|a little)$/);
    assert.doesNotMatch(words.unfamiliarity, /conflicting/);
    assert.doesNotMatch(words.ambiguity, /several/);
  }
  assert.deepEqual([...seen].sort(), ["abstain", "fairly", "sure", "unsure"], "verdicts that were never tried");
  const unfamiliar = [0, 0.1, 0.3].map((unfamiliarity) => glosses({ total: 0.3, ambiguity: 0, unfamiliarity }).unfamiliarity);
  assert.equal(new Set(unfamiliar).size, 3);
});

test("an example is praised for a wrong answer, or blamed for a right one", () => {
  const { cat, rocket, galaxies } = PHOTOS;
  assert.match(lesson(cat, "sure", "cat"), /^It is right\. This is a cat/);
  assert.match(lesson(cat, "sure", "dog"), /^It is wrong/);
  assert.match(lesson(cat, "abstain", "dog"), /cannot tell any more/);
  assert.match(lesson(rocket, "sure", "ship"), /^It is fooled.*that is why you test/);
  assert.match(lesson(rocket, "unsure", "ship"), /^It is right to hesitate/);
  assert.match(lesson(galaxies, "abstain", "cat"), /^It is right to refuse\. These are galaxies/);
});

test("the words about the curves do not follow them", () => {
  const points = (...values) => values.map(([accuracy, ambiguity, unfamiliarity], index) => ({ severity: index, accuracy, ambiguity, unfamiliarity }));
  const noise = curveFinding(points([0.9, 0.1, 0.05], [0.6, 0.3, 0.08], [0.25, 0.4, 0.06]), "noise");
  assert.equal(
    noise,
    "More noise: accuracy falls from 90% to 25%. Total doubt rises from 15% to 46%. Unfamiliarity rises from 5% to 8%, then falls to 6%. " +
      "Where it falls, the samples agree more although the answers get worse: agreement is not proof.",
  );
  const blur = curveFinding(points([0.9, 0.1, 0.05], [0.6, 0.3, 0.08], [0.25, 0.4, 0.1]), "blur");
  assert.doesNotMatch(blur, /agree/);
  assert.match(curveFinding(points([0.9, 0.1, 0.05], [0.9, 0.1, 0.05]), "blur"), /accuracy stays at 90%/);
  const outcomes = (wrong) => Array.from({ length: 10 }, (_, index) => ({ right: !wrong.includes(index), total: index / 10 }));
  assert.equal(riskFinding(outcomes([8, 9])), "Of all answers, 20% are wrong. Of the 30% it doubts least, none are. Doubt finds most of the errors.");
  assert.match(riskFinding(outcomes([0, 1, 9])), /67% are\. Doubt misses many/);
  assert.equal(riskFinding(outcomes([])), "Of all answers, 0% are wrong. Of the 30% it doubts least, none are.");
});

describe("a link", () => {
  const fallback = { model: "fashion-resnet14", picture: { name: "shirt-4.png" }, seed: 7n, samples: 8 };
  const replay = { model: "mnist-cnn", picture: { bytes: rasterize(EXAMPLES.letter) }, seed: 3n, samples: 48, digest: "0123456789abcdef".repeat(4) };
  const parse = (hash) => fromParameters(new URLSearchParams(hash.replace("#replay?", "")), fallback);
  test("asks for another prediction than it was made for", () => assert.deepEqual(parse(toHash(replay)), replay));
  test("that says nothing asks for something", () => assert.deepEqual(parse("#replay?"), fallback));
  test("that was cut off or changed goes unnoticed", () => {
    const hash = toHash(replay);
    const first = hash.indexOf("check=") + "check=".length;
    for (let end = first; end < hash.length; end++) assert.equal(parse(hash.slice(0, end)), undefined, `cut at ${end}`);
    for (let at = first; at < hash.length; at++) {
      const changed = `${hash.slice(0, at)}${hash[at] === "b" ? "c" : "b"}${hash.slice(at + 1)}`;
      assert.equal(parse(changed), undefined, `changed at ${at}`);
    }
    assert.equal(parse("#replay?model=unknown"), undefined);
    assert.equal(parse("#replay?seed=-1"), undefined);
  });
  test("of a drawing does not fit into a message", () => assert.ok(toHash(replay).length < 1000, `${toHash(replay).length}`));
  test("loses bytes", () => {
    for (const bytes of [[], [0], [1], new Array(600).fill(0), [0, 0, 5, 0], [255, 0, 255]]) {
      assert.deepEqual([...unpacked(packed(Uint8Array.from(bytes)))], bytes);
    }
  });
});

describe("a frame of the live camera", () => {
  /** A pool of two classes. `first` has the probability of the first class for each sample, in turns. */
  const pool = (...first) => ({
    info: { classes: 2, classNames: ["a", "b"] },
    asked: 0,
    async predict(_, { samples, firstSample }) {
      this.asked = firstSample + samples;
      const shares = Array.from({ length: samples }, (_, index) => first[(firstSample + index) % first.length]);
      const sum = shares.reduce((a, b) => a + b, 0);
      const scaled = (value) => BigInt(Math.round(value * 2 ** 30));
      return {
        logits: Float32Array.from(shares.flatMap((share) => [Math.log(share), Math.log(1 - share)])),
        sums: BigInt64Array.from([BigInt(samples), 0n, 0n, scaled(sum), scaled(samples - sum)]),
      };
    },
  });
  const samples = async (pool, milliseconds) => (await settle(pool, new Uint8Array(1), milliseconds)).samples.length;
  test("goes on when the estimate is stable", async () => {
    const steady = pool(0.9);
    const taken = await samples(steady, Infinity);
    assert.ok(taken >= 6 && taken < 48, `${taken}`);
    assert.equal(steady.asked, taken, "samples that nobody sees");
  });
  test("takes an estimate that wavers for a stable one", async () => assert.equal(await samples(pool(0.01, 0.99), Infinity), 48));
  test("goes on when its time is spent", async () => assert.equal(await samples(pool(0.01, 0.99), 0), 2));
  test("is counted wrongly", () => {
    const pace = new Pace();
    assert.equal(pace.tick(0), undefined);
    for (let now = 100; now < 5000; now += 100) assert.equal(pace.tick(now), 10);
    assert.ok(pace.tick(6000) < 10);
  });
});

test("one slow run changes the speed, or a scale ends below its values", () => {
  assert.deepEqual(spread([900, 1000, 100]), { rate: 900, slowest: 100, fastest: 1000 });
  assert.deepEqual(spread([900, 1000]), { rate: 950, slowest: 900, fastest: 1000 });
  for (const value of [1, 9.9, 10, 99, 1601, 2131, 123456]) {
    const end = scaleEnd(value);
    assert.ok(end >= value && end < 2.1 * value, `${end} for ${value}`);
  }
});

test("the page has other addresses than links.ts, or a card that does not exist", async () => {
  const html = await readFile(`${DEMO}dist/index.html`, "utf8");
  assert.doesNotMatch(html, /%[A-Z]+%/);
  for (const address of [links.REPOSITORY, links.PACKAGE, links.DOCS, links.CARD]) assert.ok(html.includes(address), address);
  for (const property of ["og:title", "og:description", "og:image", "og:image:alt"]) {
    assert.match(html, new RegExp(`<meta property="${property}" content="[^"]+"`));
  }
  const card = decode(await readFile(`${DEMO}../${links.CARD.split("/main/")[1]}`));
  assert.deepEqual([card.width, card.height], [1200, 630]);
});

test("numbers or names are worded wrongly", () => {
  assert.deepEqual([0, 0.004, 0.623, 0.997, 1].map(percent), ["0%", "0%", "62%", "99.7%", "100%"]);
  assert.deepEqual(["4", "8", "Ankle boot", "T-shirt/top", "Trouser", "ship"].map(withArticle), ["a 4", "an 8", "an ankle boot", "a T-shirt or top", "a pair of trousers", "a ship"]);
});

describe("corruption", () => {
  const shape = { size: 28, channels: 1 };
  const picture = Uint8Array.from({ length: 784 }, (_, at) => (at * 7) % 256);
  test("changes a picture at severity 0", () => assert.deepEqual(corrupt(picture, shape, NONE, 3), picture));
  for (const name of CORRUPTIONS) {
    test(`does not change a picture, or differs each time (${name})`, () => {
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

test("the lock file names a host other than the public registry", async () => {
  const lock = await readFile(`${DEMO}package-lock.json`, "utf8");
  for (const [, host] of lock.matchAll(/"resolved": "https?:\/\/([^/"]+)/g)) assert.equal(host, "registry.npmjs.org");
});
