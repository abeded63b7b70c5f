// Predictions of models with chosen draws.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Model } from "bayes8";
import { modelPath, ROOT } from "./support/files.js";
import { bits } from "./support/same.js";
import { modelFile, TINY } from "./support/tiny.js";
import { vectorOf } from "./support/vectors.js";

const { file, pictures } = vectorOf("draws", "256 draws");
const [picture] = pictures;
const DRAWS = Array.from({ length: 256 }, (_, index) => (index * 7) % 2048);
/** Digest of the calibrated model with a list, as `relisted` writes it. */
const APS_DIGEST = "blake3:f654502d8683cd4b4a4b70632449b01bfe70e851c7b378234d4e3cdb69dd3bb7";
/** The smallest model with a list of draws. */
const withList = (samples) => modelFile({ ...TINY, format_version: 3, draws: { seed: 3, samples } });

let model;
before(async () => (model = await Model.load(file)));
after(() => model.dispose());

test("a list is not taken, or is taken in spite of a seed", async () => {
  assert.deepEqual([model.info.chosenDraws, model.info.chosenSeed], [256, "3"]);
  const options = { logits: true, samples: 3, firstSample: 250 };
  const chosen = await model.predict(picture, options);
  assert.deepEqual([chosen.draws, chosen.seed, chosen.firstSample, chosen.samples], ["chosen", 3n, 250, 3]);
  const each = DRAWS.slice(250, 253).map((firstSample) =>
    model.predict(picture, { seed: 3n, firstSample, samples: 1, logits: true }),
  );
  const logits = (await Promise.all(each)).flatMap(({ logits }) => [...logits]);
  assert.deepEqual([...chosen.logits], logits);
  assert.equal(bits(await model.predict(picture, { ...options, draws: "chosen" })), bits(chosen));

  for (const random of [{ seed: 3 }, { seed: 3, draws: "random" }]) {
    const prediction = await model.predict(picture, { ...options, ...random });
    assert.deepEqual([prediction.draws, prediction.seed], ["random", 3n]);
    assert.notEqual(bits(prediction), bits(chosen));
  }
  const random = await model.predict(picture, { draws: "random" });
  assert.deepEqual([random.draws, random.seed, random.samples], ["random", 0n, 32]);
  assert.equal(bits(random), bits(await model.predict(picture, { seed: 0 })));
});

test("the default is more samples than a short list has", async (t) => {
  const short = await Model.load(withList([5, 2, 9]));
  t.after(() => short.dispose());
  assert.equal(short.info.defaultSamples, 32);
  const one = Uint8Array.of(7);
  assert.equal((await short.predict(one)).samples, 3);
  assert.equal((await short.predict(one, { seed: 1 })).samples, 32);
  const plain = await Model.load(modelFile());
  t.after(() => plain.dispose());
  assert.ok(!("chosenDraws" in plain.info) && !("chosenSeed" in plain.info));
  assert.deepEqual([(await plain.predict(one)).draws, (await plain.predict(one)).samples], ["random", 32]);
});

test("parts of a list, workers or streams give other bits than the whole", async (t) => {
  const whole = await model.predictBatch(pictures, { samples: 256, logits: true });
  const parts = [await model.predict(picture, { samples: 100 }), await model.predict(picture, { firstSample: 100, samples: 156 })];
  const sums = parts[0].sums.map((sum, index) => sum + parts[1].sums[index]);
  assert.deepEqual(sums, whole[0].sums);
  for (const workers of [2, 3]) {
    const pool = await Model.pool(file, { workers });
    t.after(() => pool.dispose());
    const split = await pool.predictBatch(pictures, { samples: 256, logits: true });
    split.forEach((prediction, index) => {
      assert.equal(prediction.draws, "chosen");
      assert.equal(bits(prediction), bits(whole[index]));
      assert.equal(prediction.logitsDigest, whole[index].logitsDigest);
    });
    let last;
    for await (const partial of pool.stream(picture, { samples: 256 })) last = partial;
    assert.deepEqual(last.sums, whole[0].sums);
  }
});

test("a trace is of another draw", async () => {
  const [chosen, same, other] = await Promise.all([
    model.trace(picture, { sample: 5 }),
    model.trace(picture, { seed: 3, sample: DRAWS[5] }),
    model.trace(picture, { draws: "random", sample: 5 }),
  ]);
  assert.deepEqual(chosen, same);
  assert.notDeepEqual(chosen, other);
});

test("draws that do not exist run", async (t) => {
  const plain = await Model.load(modelPath("mnist-scnn"));
  t.after(() => plain.dispose());
  const refused = (work, code, message) => assert.rejects(work, { name: "Bayes8Error", code, message });
  const calls = (model, picture, options) => [
    model.predict(picture, options),
    model.predictBatch([picture], options),
    model.stream(picture, options).next(),
    model.trace(picture, options),
  ];
  for (const call of calls(model, picture, { draws: "chosen", seed: 0 })) {
    await refused(call, "invalid-option", /^seed: it is for random draws; chosen ones have that of the model's list$/);
  }
  for (const call of calls(plain, new Uint8Array(784), { draws: "chosen" })) {
    await refused(call, "invalid-option", /^draws: the model has no chosen ones; `bayes8 choose` gives it some/);
  }
  for (const draws of ["best", null, 1]) {
    await refused(model.predict(picture, { draws }), "invalid-option", /^draws: chosen or random, not /);
  }
  const most = /at most 256 \(the model's chosen draws; of random ones there are 2\^28\), not 250 and 7 samples$/;
  await refused(model.predict(picture, { firstSample: 250, samples: 7 }), "invalid-samples", most);
  await refused(model.predict(picture, { samples: 257 }), "invalid-samples", /^samples: an integer from 1 to 256 \(/);
  await refused(model.trace(picture, { sample: 256 }), "invalid-samples", /^sample: an integer from 0, below 256 \(/);
  assert.equal((await model.predict(picture, { samples: 257, seed: 0 })).samples, 257);
});

test("JSON does not say which draws a prediction has, or calls sets calibrated that are not", async (t) => {
  const json = async (model, options) => JSON.parse(JSON.stringify(await model.predict(picture, options)));
  const { draws, seed, first_sample } = await json(model, { firstSample: 4, samples: 2 });
  assert.deepEqual([draws, seed, first_sample], ["chosen", 3, 4]);
  const calibrated = JSON.parse(readFileSync(`${ROOT}tests/vectors/conformal.json`, "utf8"));
  const [{ base64, count }] = Object.values(calibrated.pictures);
  const bytes = Buffer.from(base64, "base64");
  const one = new Uint8Array(bytes.subarray(0, bytes.length / count));
  const file = new Uint8Array(Buffer.from(calibrated.models.aps.base64, "base64"));
  const list = { seed: 0, samples: [0, 1, 2, 3] };
  const withList = await Model.load(relisted(file, list));
  t.after(() => withList.dispose());
  // The thresholds name their model.
  const aps = await Model.load(relisted(file, list, withList.digest, APS_DIGEST));
  t.after(() => aps.dispose());
  const isCalibrated = async (options) => {
    const { outputs } = JSON.parse(JSON.stringify(await aps.predict(one, { samples: 4, ...options })));
    return outputs.kind.conformal.as_calibrated;
  };
  assert.deepEqual([await isCalibrated({ seed: 0 }), await isCalibrated({})], [true, false]);
});

/** A model file with a list of draws; with its thresholds too, if the digests of the model and of all are given. */
function relisted(file, draws, model, digest) {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
  const { bayes8, "bayes8.conformal": thresholds } = header.__metadata__;
  header.__metadata__ = { bayes8: JSON.stringify({ ...JSON.parse(bayes8), format_version: 3, draws }) };
  if (model) {
    header.__metadata__["bayes8.conformal"] = JSON.stringify({ ...JSON.parse(thresholds), model });
    header.__metadata__["bayes8.digest"] = digest;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const tensors = file.subarray(8 + length);
  const result = new Uint8Array(8 + text.length + tensors.length);
  new DataView(result.buffer).setBigUint64(0, BigInt(text.length), true);
  result.set(text, 8);
  result.set(tensors, 8 + text.length);
  return result;
}
