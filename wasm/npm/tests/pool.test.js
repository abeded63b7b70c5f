// Pools in Node.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import "./support/relaxed.js";
import { Bayes8Error, Model } from "bayes8";
import { PACKAGE, modelPath, native, nativeOf, rgbaOf } from "./support/files.js";
import { bits, isNative } from "./support/same.js";

const { seed, samples } = native;
const path = modelPath("mnist-scnn");
const shirt = rgbaOf("shirt-4.png");
const pool = async (t, options) => {
  const pool = await Model.pool(path, options);
  t.after(() => pool.dispose());
  return pool;
};
const codeOf = (work) =>
  work.then(
    () => "no error",
    (error) => (error instanceof Bayes8Error ? error.code : String(error)),
  );

for (const workers of [1, 2, 3, 5]) {
  for (const kernel of ["baseline", "relaxed"]) {
    test(`bits depend on the number of workers (${workers}, ${kernel})`, async (t) => {
      const threads = await pool(t, { workers, kernel });
      assert.equal(threads.workers, workers);
      const lines = nativeOf("mnist-scnn");
      const pictures = lines.map(({ picture }) => rgbaOf(picture));
      const batch = await threads.predictBatch(pictures, { samples, seed, logits: true });
      lines.forEach((line, index) => assert.ok(isNative(batch[index], line), line.picture));
      const single = await threads.predict(pictures[0], { samples, seed, logits: true });
      assert.ok(isNative(single, lines[0]));
    });
  }
}

test("a pool streams different bits than a model predicts", async (t) => {
  const threads = await pool(t, { workers: 3 });
  const model = await Model.load(path);
  t.after(() => model.dispose());
  const options = { samples: 150, seed: 11n, firstSample: 5 };
  let last;
  for await (const partial of threads.stream(shirt, options)) {
    assert.ok(!last || partial.samples > last.samples);
    last = partial;
  }
  assert.equal(bits(last), bits(await model.predict(shirt, options)));
  assert.deepEqual(threads.info, model.info);
});

test("overlapping predictions, or more pictures than samples, mix up a pool", async (t) => {
  const threads = await pool(t, { workers: 2 });
  const pictures = Array.from({ length: 100 }, (_, index) => new Uint8Array(784).fill(index * 2));
  const [batch, again, ...alone] = await Promise.all([
    threads.predictBatch(pictures, { samples: 1 }),
    threads.predictBatch(pictures, { samples: 1 }),
    ...pictures.slice(0, 5).map((picture) => threads.predict(picture, { samples: 1 })),
  ]);
  assert.deepEqual(batch.map(bits), again.map(bits));
  alone.forEach((prediction, index) => assert.equal(bits(prediction), bits(batch[index])));
});

test("an aborted prediction keeps the workers busy", async (t) => {
  const jobs = []; // The job of each chunk of samples that a worker gets.
  const controller = new AbortController();
  const { signal } = controller;
  const postMessage = Worker.prototype.postMessage;
  t.mock.method(Worker.prototype, "postMessage", function (message) {
    if (message.method === "run") jobs.push(message.parameters[0].job);
    if (jobs.length === 5) setImmediate(() => controller.abort());
    return postMessage.call(this, message);
  });
  const threads = await pool(t, { workers: 2 });
  assert.equal(await codeOf(threads.predict(shirt, { samples: 2 ** 28, signal })), "aborted");
  const { length } = jobs;
  await threads.predict(shirt, { samples: 2 });
  const [aborted, later] = [jobs[0], jobs.slice(length)];
  assert.ok(later.length > 0 && !later.includes(aborted), `${later} after ${aborted} was aborted`);
});

test("bad input in a worker breaks the pool", async (t) => {
  const threads = await pool(t, { workers: 2 });
  const wrong = { data: new Uint8ClampedArray(10), width: 5, height: 5 };
  assert.equal(await codeOf(threads.predict(wrong)), "invalid-input");
  assert.equal(await codeOf(threads.predict(new Float32Array(784).fill(Infinity))), "invalid-input");
  assert.equal((await threads.predict(shirt, { samples: 3 })).samples, 3);
  assert.equal(threads.workers, 2);
});

test("a worker that crashes leaves its prediction waiting, or takes the pool along", async (t) => {
  // Idle or crashed workers do not keep the process alive until the end of the test.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  const started = [];
  const postMessage = Worker.prototype.postMessage;
  t.mock.method(Worker.prototype, "postMessage", function (message) {
    if (!started.includes(this)) started.push(this);
    return postMessage.call(this, message);
  });
  const threads = await pool(t, { workers: 2 });
  const waiting = threads.predict(shirt, { samples: 2 ** 28 });
  setTimeout(() => started[0].terminate(), 100);
  assert.equal(await codeOf(waiting), "worker");
  assert.equal(threads.workers, 1);
  assert.equal((await threads.predict(shirt, { samples: 20 })).samples, 20);
  await started[1].terminate();
  assert.equal(await codeOf(threads.predict(shirt)), "worker");
  assert.equal(await codeOf(threads.predict(shirt)), "worker");
  assert.equal(threads.workers, 0);
  threads.dispose();
  assert.equal(await codeOf(threads.predict(shirt)), "disposed");
});

test("a disposed pool leaves calls waiting", async () => {
  const threads = await Model.pool(path, { workers: 2 });
  const waiting = threads.predict(shirt, { samples: 2 ** 28 });
  setTimeout(() => threads.dispose(), 50);
  assert.equal(await codeOf(waiting), "disposed");
  assert.equal(await codeOf(threads.predict(shirt)), "disposed");
});

test("an idle pool keeps the process alive, or a busy one lets it end", () => {
  const script = `import { Model } from "bayes8";
    const pool = await Model.pool(${JSON.stringify(path)}, { workers: 2 });
    const p = await pool.predict(new Uint8Array(784), { samples: 50 });
    console.log(p.samples);`;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: PACKAGE,
    timeout: 60_000,
    encoding: "utf8",
  });
  assert.equal(output.trim(), "50");
});
