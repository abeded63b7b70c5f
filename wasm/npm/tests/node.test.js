// One model in Node's main thread.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import "./support/relaxed.js";
import { Model, detect, supports } from "bayes8";
import { PACKAGE, modelPath, native, nativeOf, rgbaOf } from "./support/files.js";
import { listen } from "./support/listen.js";
import { bits, isNative } from "./support/same.js";

const { seed, samples } = native;
const shirt = rgbaOf("shirt-4.png");
const disposable = async (t, loading) => {
  const model = await loading;
  t.after(() => model.dispose());
  return model;
};
const load = (options) => Model.load(modelPath("mnist-scnn"), options);

for (const kernel of ["baseline", "relaxed"]) {
  for (const name of ["mnist-scnn", "fashion-resnet14", "cifar10-resnet20"]) {
    test(`bits of ${name} differ from the native command line (${kernel})`, async (t) => {
      const model = await disposable(t, Model.load(modelPath(name), { kernel }));
      const lines = nativeOf(name);
      const pictures = lines.map(({ picture }) => rgbaOf(picture));
      const predictions = await model.predictBatch(pictures, { samples, seed, logits: true });
      lines.forEach((line, index) => assert.ok(isNative(predictions[index], line), `${name} ${line.picture}`));
    });
  }
}

test("a batch gives different bits than its pictures one by one", async (t) => {
  const model = await disposable(t, load());
  const pictures = nativeOf("mnist-scnn").map(({ picture }) => rgbaOf(picture));
  const together = await model.predictBatch(pictures, { samples: 5, seed: 3 });
  for (const [index, picture] of pictures.entries()) {
    assert.equal(bits(together[index]), bits(await model.predict(picture, { samples: 5, seed: 3n })));
  }
  assert.deepEqual(await model.predictBatch([]), []);
});

test("a trace belongs to another sample, or to other pictures", async (t) => {
  const model = await disposable(t, load());
  const pictures = nativeOf("mnist-scnn").map(({ picture }) => rgbaOf(picture)).slice(0, 3);
  const predictions = await model.predictBatch(pictures, { samples: 1, firstSample: 6, seed: 3, logits: true });
  const trace = await model.traceBatch(pictures, { sample: 6, seed: 3 });
  const last = trace.at(-1).codes.slice();
  assert.deepEqual([...new Float32Array(last.buffer)], predictions.flatMap(({ logits }) => [...logits]));
  const [first] = await model.trace(pictures[0], { sample: 6, seed: 3 });
  assert.equal(first.node, trace[0].node);
  assert.deepEqual(first.codes, trace[0].codes.subarray(0, first.codes.length));
  await assert.rejects(model.trace(pictures[0], { sample: 2 ** 28 }), { code: "invalid-samples" });
  assert.deepEqual(await model.traceBatch([]), []);
  const mixed = [new Uint8Array(784), new Float32Array(784)];
  await assert.rejects(model.traceBatch(mixed), { code: "invalid-input" });
});

test("sums of two ranges do not add up to those of both", async (t) => {
  const model = await disposable(t, load());
  const run = async (samples, firstSample) => (await model.predict(shirt, { samples, firstSample })).sums;
  const [whole, begin, end] = [await run(7, 0), await run(3, 0), await run(4, 3)];
  assert.deepEqual(whole, begin.map((word, index) => word + end[index]));
});

test("overlapping predictions mix up their samples", async (t) => {
  const model = await disposable(t, load());
  const run = (seed) => model.predict(shirt, { samples: 40, seed });
  const apart = [await run(1), await run(2), await run(3)];
  const together = await Promise.all([run(1), run(2), run(3)]);
  assert.deepEqual(together.map(bits), apart.map(bits));
  assert.notEqual(bits(apart[0]), bits(apart[1]));
});

test("a range of samples is not a part of the whole series", async (t) => {
  const model = await disposable(t, load());
  const run = (samples, firstSample) => model.predict(shirt, { samples, firstSample, seed: 9n, logits: true });
  const [whole, begin, end] = [await run(10, 0), await run(4, 0), await run(6, 4)];
  assert.deepEqual([...whole.logits], [...begin.logits, ...end.logits]);
  assert.equal(whole.logits.length, 10 * model.info.classes);
  assert.match(model.digest, /^blake3:[0-9a-f]{64}$/);
  assert.equal(model.info.digest, model.digest);
});

test("the uncertainty does not add up, or top() is out of order", async (t) => {
  const model = await disposable(t, load());
  const p = await model.predict(shirt);
  assert.equal(p.samples, 32);
  assert.ok(Math.abs(p.probabilities.reduce((a, b) => a + b) - 1) < 1e-6);
  assert.equal(p.mutualInformation, Math.max(0, p.predictiveEntropy - p.expectedEntropy));
  assert.equal(p.logits, undefined);
  const top = p.top(99);
  assert.equal(top.length, model.info.classes);
  for (const [rank, { class: index, name, probability, std }] of top.entries()) {
    assert.deepEqual([name, probability, std], [model.info.classNames[index], p.probabilities[index], p.std[index]]);
    assert.ok(rank === 0 || probability <= top[rank - 1].probability);
  }
});

test("raw bytes, clamped bytes and normalized numbers of one picture differ", async (t) => {
  const model = await disposable(t, load());
  const { mean, std } = model.info.preprocessing;
  const bytes = Uint8Array.from({ length: 28 * 28 }, (_, pixel) => shirt.data[pixel * 4]);
  const normalized = Float32Array.from(bytes, (byte) =>
    Math.fround(Math.fround(Math.fround(byte / 255) - Math.fround(mean[0])) / Math.fround(std[0])),
  );
  const inputs = [shirt, bytes, new Uint8ClampedArray(bytes), Buffer.from(bytes), normalized];
  const results = await Promise.all(inputs.map((input) => model.predict(input, { seed: 5 })));
  for (const result of results) assert.equal(bits(result), bits(results[0]));
  const mixed = await model.predictBatch(inputs, { seed: 5 });
  for (const result of mixed) assert.equal(bits(result), bits(results[0]));
});

test("a picture that its owner changes after the call changes the prediction", async (t) => {
  const model = await disposable(t, load());
  const bytes = new Uint8Array(28 * 28).fill(77);
  const expected = bits(await model.predict(bytes));
  const opaque = Uint8ClampedArray.from({ length: 28 * 28 * 4 }, (_, i) => (i % 4 === 3 ? 255 : 77));
  const rgba = { data: opaque, width: 28, height: 28 };
  const [raw, drawn] = [model.predict(bytes), model.predict(rgba)];
  bytes.fill(0);
  rgba.data.fill(0);
  assert.equal(bits(await raw), expected);
  assert.equal(bits(await drawn), expected);
});

test("a stream does not end with the prediction, or repeats itself", async (t) => {
  const model = await disposable(t, load());
  const options = { samples: 200, seed: 4n };
  const partials = [];
  for await (const partial of model.stream(shirt, options)) partials.push(partial);
  assert.ok(partials.length > 2, `${partials.length} partial results`);
  partials.forEach((partial, index) => assert.ok(index === 0 || partial.samples > partials[index - 1].samples));
  assert.equal(bits(partials.at(-1)), bits(await model.predict(shirt, options)));
  const part = partials[1];
  assert.equal(bits(part), bits(await model.predict(shirt, { ...options, samples: part.samples })));
});

test("a documented kind of source does not load", async (t) => {
  const path = modelPath("mnist-scnn");
  const file = readFileSync(path);
  const url = `${await listen(t, (_, response) => response.end(file))}/model`;
  const padded = new Uint8Array(file.length + 100);
  padded.set(file, 50);
  const sources = {
    path,
    "file URL": pathToFileURL(path),
    "file URL as text": pathToFileURL(path).href,
    Buffer: file,
    "a part of a buffer": padded.subarray(50, 50 + file.length),
    ArrayBuffer: new Uint8Array(file).buffer,
    Blob: new Blob([file]),
    Response: new Response(file),
    "http URL": url,
  };
  for (const [name, source] of Object.entries(sources)) {
    const model = await disposable(t, Model.load(source));
    assert.equal(model.info.name, "mnist-scnn", name);
  }
});

test("progress skips the end of a download, or goes backwards", async (t) => {
  const file = readFileSync(modelPath("mnist-scnn"));
  for (const source of [modelPath("mnist-scnn"), new Blob([file]), new Response(file)]) {
    const seen = [];
    const model = await disposable(t, Model.load(source, { onProgress: (progress) => seen.push(progress) }));
    assert.equal(seen.at(-1).loaded, file.length);
    seen.forEach(({ loaded }, index) => assert.ok(index === 0 || loaded >= seen[index - 1].loaded));
    assert.ok(model);
  }
});

test("progress exceeds the total of a download whose server hides its compression", async (t) => {
  const [file, seen] = [readFileSync(modelPath("mnist-scnn")), []];
  const response = new Response(file, { headers: { "content-length": String(file.length >> 1) } });
  await disposable(t, Model.load(response, { onProgress: (progress) => seen.push(progress) }));
  assert.equal(seen.at(-1).loaded, file.length);
  for (const { loaded, total } of seen) assert.ok(total === undefined || loaded <= total, `${loaded} of ${total}`);
});

test("an engine without relaxed SIMD gets the relaxed module", () => {
  const script = `import { Model, detect } from "bayes8";
    const model = await Model.load(${JSON.stringify(modelPath("mnist-scnn"))});
    const asked = await Model.load(${JSON.stringify(modelPath("mnist-scnn"))}, { kernel: "relaxed" }).catch((error) => error.code);
    console.log(JSON.stringify([detect(), model.kernel, asked.kernel ?? asked]));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: PACKAGE });
  const [features, kernel, asked] = JSON.parse(output);
  assert.ok(features.simd128);
  if (features.relaxedSimd) return;
  assert.notEqual(kernel, "relaxed-simd");
  assert.equal(asked, "unsupported");
});

test("an engine that computes relaxed dot products wrongly gets the relaxed module", (t) => {
  if (!process.version.startsWith("v20.")) return t.skip("only Node 20 is known to be such an engine");
  const script = `import { Model } from "bayes8";
    const load = (kernel) => Model.load(${JSON.stringify(modelPath("mnist-scnn"))}, { kernel });
    const asked = await load("relaxed").catch((error) => error.message);
    console.log(JSON.stringify([(await load()).kernel, asked]));`;
  const options = ["--experimental-wasm-relaxed-simd", "--input-type=module", "--eval", script];
  const [kernel, asked] = JSON.parse(execFileSync(process.execPath, options, { cwd: PACKAGE }));
  assert.equal(kernel, "simd128");
  assert.match(asked, /wrongly/);
});

test("the files of the module are not exported, or the given one is not used", async (t) => {
  assert.ok(supports() && detect().relaxedSimd);
  for (const name of ["bayes8.wasm", "bayes8-relaxed.wasm"]) {
    const address = import.meta.resolve(`bayes8/${name}`);
    for (const wasm of [address, new URL(address), readFileSync(new URL(address))]) {
      const model = await disposable(t, load({ wasm }));
      assert.ok(isNative(await model.predict(shirt, { samples, seed, logits: true }), nativeOf("mnist-scnn").find((line) => line.picture === "shirt-4.png")));
    }
  }
});
