// Every misuse gives its documented code, and a message that says what would be right.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Bayes8Error, Model } from "bayes8";
import { PACKAGE, modelPath, rgbaOf } from "./support/files.js";
import { listen } from "./support/listen.js";

const path = modelPath("mnist-scnn");
const file = readFileSync(path);
const picture = rgbaOf("shirt-4.png");

let model;
before(async () => (model = await Model.load(path)));
after(() => model.dispose());

/** Checks that `work` rejects with `code` and a message that matches `message`. */
async function rejects(work, code, message) {
  const error = await work.then(
    () => assert.fail(`no error instead of ${code}`),
    (error) => error,
  );
  assert.ok(error instanceof Bayes8Error && error instanceof Error, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  return error;
}

test("invalid-model: damaged files load", async () => {
  const damaged = new Uint8Array(file);
  damaged.fill(0xff, 0, 8);
  await rejects(Model.load(damaged), "invalid-model", /given file: .+/);
  await rejects(Model.load(file.subarray(0, 1000)), "invalid-model", /./);
  await rejects(Model.load(new ArrayBuffer(0)), "invalid-model", /./);
  await rejects(Model.pool(damaged, { workers: 2 }), "invalid-model", /given file: .+/);
});

test("invalid-model: a page in the place of a model does not name its address", async (t) => {
  const address = await listen(t, (_, response) => response.end("<!doctype html><title>Not here</title>"));
  await rejects(Model.load(`${address}/m.safetensors`), "invalid-model", /m\.safetensors: /);
});

test("network: a failed download does not say which file, or why", async (t) => {
  const address = await listen(t, (request, response) => {
    if (request.url === "/cut") {
      return response.writeHead(200, { "content-length": 1000 }).write("only this", () => response.destroy());
    }
    response.writeHead(404).end();
  });
  await rejects(Model.load(`${address}/none`), "network", /\/none: HTTP 404 Not Found/);
  await rejects(Model.load(await fetch(`${address}/none`)), "network", /\/none: HTTP 404/);
  await rejects(Model.load(`${address}/cut`), "network", /cannot read .+\/cut: ./);
  await rejects(Model.load("http://127.0.0.1:1/none"), "network", /127\.0\.0\.1:1/);
  await rejects(Model.load("no/such/file"), "network", /no\/such\/file.+ENOENT/);
  await rejects(Model.load(path, { wasm: "no/such/module" }), "network", /no\/such\/module/);
  await rejects(Model.pool("no/such/file"), "network", /no\/such\/file/);
});

test("unsupported: bytes that are not a module count as a fault of the model", async () => {
  await rejects(Model.load(path, { wasm: new Uint8Array(8) }), "unsupported", /wasm: .+ not a module that this runtime compiles/);
});

test("invalid-input: pictures that do not fit are predicted", async () => {
  const refused = [
    [new Uint8Array(783), /784 values \(28 x 28 x 1.+ not 783/],
    [new Uint8Array(2 * 784), /784/],
    [new Float32Array(0), /not 0/],
    [new Float32Array(784).fill(NaN), /finite/],
    [{ data: new Uint8ClampedArray(10), width: 2, height: 2 }, /16 bytes, but data has 10/],
    [{ data: new Uint8ClampedArray(0), width: 0, height: 0 }, /integers from 1, not 0 and 0/],
    [{ data: new Uint8ClampedArray(16), width: "2", height: 2 }, /integers from 1, not "2" and 2/],
    [{ data: new Float32Array(16), width: 2, height: 2 }, /data: .+ not Float32Array/],
    [Promise.resolve(picture), /not a Promise \(is an await missing\?\)/],
    [() => picture, /not a function/],
    [{ width: 0, height: 5, close() {} }, /0 x 5/],
    [[1, 2, 3], /not Array/],
    [null, /not null/],
    [undefined, /not undefined/],
    [{}, /not Object/],
  ];
  for (const [refusal, message] of refused) {
    await rejects(model.predict(refusal), "invalid-input", message);
    await rejects(model.predictBatch([picture, refusal]), "invalid-input", message);
    await rejects(model.stream(refusal).next(), "invalid-input", message);
  }
});

test("invalid-input: a value that is not a list of pictures gives no predictions", async () => {
  for (const pictures of [{}, null, undefined, 3]) {
    await rejects(model.predictBatch(pictures), "invalid-input", /pictures: an array or another iterable, not /);
    await rejects(model.traceBatch(pictures), "invalid-input", /pictures: an array or another iterable, not /);
  }
});

test("invalid-input: a picture before an iterable that throws is an unhandled rejection", async () => {
  const mine = new Error("mine");
  function* pictures() {
    yield null;
    throw mine;
  }
  await assert.rejects(model.predictBatch(pictures()), (error) => error === mine);
  for (const one of ["shirt.png", picture.data]) {
    await rejects(model.predictBatch(one), "invalid-input", /an array of pictures, not one picture: give \[picture\]/);
  }
  await new Promise((resolve) => setImmediate(resolve));
});

test("worker: a pool of strange workers hangs, or ends the process", async () => {
  const { Worker } = await import("node:worker_threads");
  const own = new Worker(new URL(import.meta.resolve("bayes8/worker.js")));
  await rejects(Model.pool(path, { workers: 2, worker: () => own }), "invalid-option", /must start a new Worker on each call/);
  for (const answer of ["null", "7", "{}", "{ id: 0 }", "{ id: 99, value: 1 }"]) {
    const code = `const { parentPort } = require("worker_threads"); parentPort.on("message", () => parentPort.postMessage(${answer}))`;
    const worker = () => new Worker(code, { eval: true });
    await rejects(Model.pool(path, { workers: 2, worker }), "worker", /it needs bayes8\/worker\.js/);
  }
});

test("invalid-option: a kernel that contradicts the given module is ignored", async () => {
  const wasm = new URL(import.meta.resolve("bayes8/bayes8.wasm"));
  await rejects(Model.load(path, { kernel: "relaxed", wasm }), "invalid-option", /kernel is "relaxed", but .+ is "baseline"/);
});

test("invalid-samples: impossible numbers of samples run", async () => {
  for (const samples of [0, -1, 1.5, NaN, 2 ** 28 + 1, "8", 8n, null]) {
    await rejects(model.predict(picture, { samples }), "invalid-samples", /samples: an integer from 1 to 2\^28/);
  }
  for (const firstSample of [-1, 0.5, 2 ** 28, Infinity]) {
    await rejects(model.predict(picture, { firstSample, samples: 1 }), "invalid-samples", /firstSample/);
  }
  await rejects(model.predict(picture, { samples: "8" }), "invalid-samples", /not "8"$/);
  await rejects(model.predict(picture, { samples: 2 ** 28, logits: true }), "invalid-samples", /too many to keep; split/);
  for (const sample of [-1, 0.5, 2 ** 28]) await rejects(model.trace(picture, { sample }), "invalid-samples", /^sample: an integer/);
  const last = await model.predict(picture, { firstSample: 2 ** 28 - 1, samples: 1 });
  assert.equal(last.samples, 1);
});

test("invalid-option: other options out of their range are taken", async () => {
  for (const seed of [-1, 0.5, 2 ** 53, -1n, 2n ** 64n, "7", null]) {
    await rejects(model.predict(picture, { seed }), "invalid-option", /seed: an integer from 0, as a bigint below 2\^64/);
  }
  assert.ok(await model.predict(picture, { seed: 2n ** 64n - 1n, samples: 1 }));
  await rejects(Model.load(path, { kernel: "fast" }), "invalid-option", /"baseline" or "relaxed", not "fast"/);
  for (const workers of [0, -1, 1.5, 1000, "2"]) {
    await rejects(Model.pool(path, { workers }), "invalid-option", /workers: an integer from 1 to 256/);
  }
  for (const options of [null, 8, "fast"]) {
    for (const work of [
      Model.load(path, options),
      Model.pool(path, options),
      model.predict(picture, options),
      model.predictBatch([], options),
      model.stream(picture, options).next(),
      model.trace(picture, options),
    ]) {
      await rejects(work, "invalid-option", /options: an object, not (null|8|"fast")/);
    }
  }
  for (const signal of [null, {}, "abort", new AbortController()]) {
    await rejects(Model.load(path, { signal }), "invalid-option", /signal: an AbortSignal, not /);
    await rejects(model.predict(picture, { signal }), "invalid-option", /signal: an AbortSignal, not /);
  }
  for (const [source, name] of [[42, /not 42/], [undefined, /not undefined/], [null, /not null/], [fetch("data:,"), /not a Promise/]]) {
    await rejects(Model.load(source), "invalid-option", new RegExp(`^source: a URL, Response.+${name.source}`));
  }
  const used = new Response(file);
  await used.arrayBuffer();
  await rejects(Model.load(used), "invalid-option", /source: .+was read already; fetch it again/);
  await rejects(Model.load(path, { wasm: 42 }), "invalid-option", /^wasm: a URL.+not 42/);
  assert.throws(() => new Model(), /await Model\.load\(source\)/);
  const { top } = await model.predict(picture, { samples: 1 }).then((prediction) => ({ top: (count) => prediction.top(count) }));
  for (const count of [-1, 0.5, "3", null]) assert.throws(() => top(count), { code: "invalid-option" });
  assert.equal(top(0).length, 0);
});

test("invalid-option: an option that does not exist is ignored", async () => {
  for (const [work, message] of [
    [Model.load(path, { workers: 2 }), /"workers" is not an option of load: it has .*kernel/],
    [Model.pool(path, { worker: "worker.js", threads: 2 }), /"threads" is not an option of pool: .*workers/],
    [model.predict(picture, { sample: 8 }), /"sample" is not an option of predict: it has samples/],
    [model.predictBatch([picture], { Seed: 8 }), /"Seed" is not an option of predict/],
    [model.stream(picture, { logits: true }).next(), /"logits" is not an option of stream/],
    [model.trace(picture, { samples: 8 }), /"samples" is not an option of trace: it has draws, seed, sample/],
    [Model.load(path, { onProgress: true }), /onProgress: a function, not true/],
  ]) {
    await rejects(work, "invalid-option", message);
  }
});

test("aborted: a signal that fired, or fires during the download, does not stop the load", async (t) => {
  const reason = new Error("the visitor left");
  const fired = AbortSignal.abort(reason);
  for (const load of [Model.load, Model.pool]) {
    const error = await rejects(load(path, { signal: fired }), "aborted", /signal/);
    assert.equal(error.cause, reason);
  }
  let closed;
  const cut = new Promise((resolve) => (closed = resolve));
  const address = await listen(t, (_, response) => {
    response.on("close", closed);
    response.writeHead(200, { "content-length": 1e6 }).write("x".repeat(1000));
  });
  for (const source of [address, await fetch(address)]) {
    const controller = new AbortController();
    const onProgress = () => controller.abort(reason);
    const error = await rejects(Model.load(source, { signal: controller.signal, onProgress }), "aborted", /signal/);
    assert.equal(error.cause, reason);
  }
  await cut;
});

test("aborted: a signal does not stop a prediction between samples", { timeout: 60_000 }, async () => {
  const samples = 2 ** 28; // Hours.
  await rejects(model.predict(picture, { signal: AbortSignal.abort() }), "aborted", /signal/);
  await rejects(model.predict(picture, { samples, signal: AbortSignal.timeout(50) }), "aborted", /signal/);
  const pictures = Array.from({ length: 200 }, () => picture);
  await rejects(model.predictBatch(pictures, { samples, signal: AbortSignal.timeout(50) }), "aborted", /signal/);
  const controller = new AbortController();
  const stream = async () => {
    for await (const _ of model.stream(picture, { samples, signal: controller.signal })) controller.abort();
  };
  await rejects(stream(), "aborted", /signal/);
  assert.equal((await model.predict(picture, { samples: 2 })).samples, 2);
});

test("internal: an impossible picture counts as a fault of bayes8, and ends the model", async () => {
  const data = new Uint8ClampedArray(4 * 28 * 28);
  for (const wrong of [
    { data, width: 28, height: 27 },
    { data, width: 28n, height: 28 },
    { data, width: 28.5, height: 28 },
    { data: new Uint8ClampedArray(0), width: 0, height: 0 },
  ]) {
    await rejects(model.predict(wrong), "invalid-input", /RGBA pixels need|integers from 1/);
  }
  assert.equal((await model.predict(picture, { samples: 2 })).samples, 2);
});

test("disposed: a call that is under way gives half an answer", async () => {
  for (const load of [Model.load, Model.pool]) {
    for (const call of ["predict", "trace"]) {
      const own = await load(path);
      const waiting = own[call](new Uint8Array(784));
      own.dispose();
      await rejects(waiting, "disposed", /disposed/);
    }
  }
});

test("unsupported: the engine is not probed for a module given by address or bytes", (t) => {
  if (!process.version.startsWith("v20.")) return t.skip("only Node 20 is known to be wrong");
  const script = `import { Model } from "bayes8";
    const wasm = new URL(import.meta.resolve("bayes8/bayes8-relaxed.wasm"));
    const error = await Model.load(${JSON.stringify(path)}, { wasm }).catch((error) => error);
    console.log(error.code, error.message);`;
  const options = ["--experimental-wasm-relaxed-simd", "--input-type=module", "--eval", script];
  const output = execFileSync(process.execPath, options, { cwd: PACKAGE, encoding: "utf8" });
  assert.match(output, /unsupported .*wrongly/);
});

test("aborted: a pool that is aborted as it starts ends the process", () => {
  const script = `import { Model } from "bayes8";
    const path = ${JSON.stringify(path)};
    await Model.load(path).then((model) => model.dispose());
    const controller = new AbortController();
    const options = { workers: 2, signal: controller.signal, onProgress: () => controller.abort() };
    console.log(await Model.pool(path, options).then(() => "no error", (error) => error.code));
    await new Promise((resolve) => setTimeout(resolve, 200));
    console.log("alive");`;
  const options = ["--input-type=module", "--eval", script];
  const output = execFileSync(process.execPath, options, { cwd: PACKAGE, encoding: "utf8" });
  assert.equal(output, "aborted\nalive\n");
});

test("disposed: a model that is gone predicts, or leaves calls waiting", async () => {
  const gone = await Model.load(path);
  const waiting = [gone.predict(picture, { samples: 2 ** 28 }), gone.stream(picture, { samples: 2 ** 28 })];
  const streaming = waiting[1].next().then(() => waiting[1].next());
  setTimeout(() => gone.dispose(), 50);
  await rejects(waiting[0], "disposed", /mnist-scnn was disposed of/);
  await rejects(
    (async () => {
      await streaming;
      for await (const _ of waiting[1]);
    })(),
    "disposed",
    /disposed/,
  );
  await rejects(gone.predict(picture), "disposed", /mnist-scnn/);
  await rejects(gone.predictBatch([picture]), "disposed", /mnist-scnn/);
  await rejects(gone.stream(picture).next(), "disposed", /mnist-scnn/);
  gone.dispose();
  gone[Symbol.dispose]();
  assert.equal(gone.info.name, "mnist-scnn");
});
