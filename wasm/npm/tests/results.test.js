// Results in the forms in which other code uses them, and values of other realms, which other code passes in.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { Bayes8Error, Model } from "bayes8";
import { modelPath, native, nativeOf, rgbaOf } from "./support/files.js";
import { bits } from "./support/same.js";

const path = modelPath("mnist-scnn");
const picture = rgbaOf("shirt-4.png");
let model;
before(async () => (model = await Model.load(path)));
after(() => model.dispose());

test("the JSON of a prediction differs from that of the native command line", async () => {
  const [line] = nativeOf("mnist-scnn").filter(({ picture }) => picture === "shirt-4.png");
  const { samples, seed } = native;
  const prediction = await model.predict(picture, { samples, seed, logits: true });
  assert.deepEqual(JSON.parse(JSON.stringify(prediction)), {
    model_digest: model.digest,
    top: line.top.map(({ standardError: standard_error, ...figures }) => ({ ...figures, standard_error })),
    predictive_entropy: line.predictiveEntropy,
    expected_entropy: line.expectedEntropy,
    mutual_information: line.mutualInformation,
    standard_errors: {
      predictive_entropy: line.standardErrors.predictiveEntropy,
      expected_entropy: line.standardErrors.expectedEntropy,
      mutual_information: line.standardErrors.mutualInformation,
    },
    logits_digest: line.logitsDigest,
    samples,
    first_sample: 0,
    draws: "random",
    seed,
  });
  const large = await model.predict(picture, { samples: 1, firstSample: 3, seed: 2n ** 64n - 1n });
  const { seed: text, logits_digest } = JSON.parse(JSON.stringify({ large })).large;
  assert.deepEqual([text, logits_digest, large.seed, large.firstSample], [String(2n ** 64n - 1n), null, 2n ** 64n - 1n, 3]);
});

test("a clone of a prediction lacks a figure", async () => {
  const prediction = await model.predict(picture, { samples: 2, logits: true });
  const clone = structuredClone(prediction);
  assert.deepEqual({ ...clone }, { ...prediction });
  assert.deepEqual(structuredClone(model.info), model.info);
});

test("the description of a model can be changed", () => {
  const change = (work) => assert.throws(work, TypeError);
  change(() => (model.info.classes = 1));
  change(() => (model.info.classNames[0] = "other"));
  change(() => model.info.preprocessing.mean.push(1));
  change(() => (model.info.input.width = 1));
});

test("the names of classes are lost when the code is minified", async () => {
  const prediction = await model.predict(picture, { samples: 1 });
  const pool = await Model.pool(path, { workers: 1 });
  pool.dispose();
  const error = await model.predict(null).catch((error) => error);
  const names = [model, prediction, pool, error].map((value) => value.constructor.name);
  assert.deepEqual(names, ["Model", "Prediction", "Pool", "Bayes8Error"]);
  assert.ok(error instanceof Bayes8Error && String(error).startsWith("Bayes8Error: "));
});

test("values of another realm are refused", async () => {
  const realm = createContext({ URL, Blob, Response, AbortController });
  const there = (code) => runInContext(code, realm);
  const bytes = new Uint8Array(784).map((_, index) => index % 256);
  const here = bits(await model.predict(bytes, { samples: 2 }));
  const copy = (type) => Object.assign(there(`new ${type}(784)`)).fill(0).map((_, index) => index % 256);
  assert.notEqual(copy("Uint8Array").constructor, Uint8Array);
  assert.equal(bits(await model.predict(copy("Uint8Array"), { samples: 2 })), here);
  assert.equal(bits(await model.predict(copy("Uint8ClampedArray"), { samples: 2 })), here);
  const floats = Float32Array.from(bytes, (byte) => (byte % 256) / 255);
  const foreign = there("new Float32Array(784)");
  foreign.set(floats);
  assert.equal(bits(await model.predict(foreign, { samples: 2 })), bits(await model.predict(floats, { samples: 2 })));
  const data = there(`new Uint8ClampedArray(${picture.data.length})`);
  data.set(picture.data);
  const rgba = { data, width: picture.width, height: picture.height };
  assert.equal(bits(await model.predict(rgba, { samples: 2 })), bits(await model.predict(picture, { samples: 2 })));
  const file = readFileSync(path);
  const buffer = there(`new ArrayBuffer(${file.length})`);
  new Uint8Array(buffer).set(file);
  for (const source of [buffer, there("(buffer) => new Uint8Array(buffer)")(buffer)]) {
    const own = await Model.load(source);
    assert.equal(own.digest, model.digest);
    own.dispose();
    const pool = await Model.pool(source, { workers: 1 });
    assert.equal(pool.digest, model.digest);
    assert.equal(bits(await pool.predict(foreign, { samples: 2 })), bits(await model.predict(floats, { samples: 2 })));
    pool.dispose();
  }
});

test("pixels that nobody normalized cause no warning, or one each time", async (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const fresh = await Model.load(path);
  t.after(() => fresh.dispose());
  await fresh.predict(new Float32Array(784).fill(1), { samples: 1 });
  assert.equal(warn.mock.callCount(), 0);
  for (let time = 0; time < 2; time++) await fresh.predict(new Float32Array(784).fill(255), { samples: 1 });
  assert.equal(warn.mock.callCount(), 1);
  assert.match(warn.mock.calls[0].arguments[0], /value of 255 is far outside/);
});

test("a compiled module, or a worker from the caller, is refused", async () => {
  const { Worker } = await import("node:worker_threads");
  const wasm = await WebAssembly.compile(readFileSync(new URL(import.meta.resolve("bayes8/bayes8.wasm"))));
  const compiled = await Model.load(path, { wasm });
  assert.equal(compiled.kernel, "simd128");
  const file = new URL(import.meta.resolve("bayes8/worker.js"));
  for (const worker of [file, String(file.pathname), () => new Worker(file)]) {
    const pool = await Model.pool(path, { worker, wasm, workers: 2 });
    assert.equal(bits(await pool.predict(picture, { samples: 4 })), bits(await model.predict(picture, { samples: 4 })));
    pool.dispose();
  }
  const empty = await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  await assert.rejects(Model.load(path, { wasm: empty }), { code: "unsupported", message: /^wasm: not a module of this version/ });
  for (const worker of [42, {}, null, () => ({})]) {
    await assert.rejects(Model.pool(path, { worker, workers: 1 }), { code: "invalid-option", message: /^worker: a URL/ });
  }
});

test("bayes8/inline needs a file, or gives different bits", async () => {
  const inline = await import("bayes8/inline");
  const own = await inline.Model.load(path);
  const pool = await inline.Model.pool(path, { workers: 2 });
  const expected = bits(await model.predict(picture, { samples: 4 }));
  assert.equal(bits(await own.predict(picture, { samples: 4 })), expected);
  assert.equal(bits(await pool.predict(picture, { samples: 4 })), expected);
  own.dispose();
  pool.dispose();
});
