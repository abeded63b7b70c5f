// Demands that no file or server may make: memory that grows, endless downloads, headers that take seconds.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, openAsBlob, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Model } from "bayes8";
import { modelPath } from "./support/files.js";
import { listen } from "./support/listen.js";
import { modelFile, TINY, TINY_TENSORS } from "./support/tiny.js";
import { yardstick } from "./support/yardstick.js";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");
const heap = () => {
  gc();
  return process.memoryUsage().heapUsed;
};

const tiny = modelFile();
const pixel = Uint8Array.of(200);

async function loaded(t) {
  const model = await Model.load(tiny, { kernel: "baseline" });
  t.after(() => model.dispose());
  return model;
}

/** Far below a leak of 95 bytes per chunk, which there once was, and far above the noise of a heap. */
const FLAT = 2_000_000;

test("100,000 overlapping predictions let the heap grow", async (t) => {
  const model = await loaded(t);
  const run = async (count) => {
    let left = count;
    const chain = async () => {
      while (left-- > 0) await model.predict(pixel, { samples: 1, seed: left });
    };
    // Keep the thread busy.
    await Promise.all(Array.from({ length: 8 }, chain));
  };
  await run(2_000);
  const before = heap();
  await run(100_000);
  const grown = heap() - before;
  assert.ok(grown < FLAT, `${grown} bytes more`);
});

test("a stream of 10,000 values lets the heap grow", async (t) => {
  const model = await loaded(t);
  // On this clock, each sample takes as long as a chunk may.
  let now = 0;
  const { now: clock } = performance;
  performance.now = () => (now += 20);
  t.after(() => (performance.now = clock));
  let [values, before] = [0, 0];
  let grown;
  for await (const { samples } of model.stream(pixel, { samples: 11_000 })) {
    values++;
    if (samples >= 1_000) before ||= heap();
    if (samples >= 10_990) grown ??= heap() - before;
  }
  assert.ok(values >= 10_000, `${values} values`);
  assert.ok(grown < FLAT, `${grown} bytes more`);
});

test("an endless download goes on", { timeout: 60_000 }, async (t) => {
  let closed;
  const end = new Promise((resolve) => (closed = resolve));
  const address = await listen(t, (_, response) => {
    response.on("close", closed);
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65536)));
    };
    response.on("drain", more);
    more();
  });
  await assert.rejects(Model.load(`${address}/endless`, { maxBytes: 1e6 }), {
    code: "network",
    message: /\/endless has more than 1000000 bytes: raise maxBytes/,
  });
  await end;
});

test("a length beyond the limit is downloaded first", { timeout: 60_000 }, async (t) => {
  const address = await listen(t, (_, response) => response.writeHead(200, { "content-length": 2e9 }).write("x"));
  await assert.rejects(Model.load(address), { code: "network", message: /more than 1073741824 bytes/ });
  await assert.rejects(Model.load(tiny, { maxBytes: 100 }), { code: "network", message: /the given file has more than 100 bytes/ });
});

test("a file that is too large is read first", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "bayes8-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "sparse");
  writeFileSync(path, "");
  truncateSync(path, 5e9); // More than Node reads into memory.
  const failure = { code: "network", message: /more than 1000 bytes/ };
  await assert.rejects(Model.load(path, { maxBytes: 1000 }), failure);
  await assert.rejects(Model.load(await openAsBlob(path), { maxBytes: 1000 }), failure);
});

test("a picture is downloaded though nobody waits for it", { timeout: 60_000 }, async (t) => {
  const closed = [];
  const address = await listen(t, (_, response) => {
    closed.push(new Promise((resolve) => response.on("close", resolve)));
    response.writeHead(200, { "content-length": 1e6 }).write("x");
  });
  const model = await Model.load(tiny, { kernel: "baseline" });
  const signal = AbortSignal.timeout(50);
  await assert.rejects(model.predict(address, { signal }), { code: "aborted" });
  const waiting = model.predict(address);
  setTimeout(() => model.dispose(), 50);
  await assert.rejects(waiting, { code: "disposed" });
  await Promise.all(closed);
});

test("a download that stalls is waited for", { timeout: 60_000 }, async (t) => {
  const address = await listen(t, ({ url }, response) => {
    if (url === "/body") response.writeHead(200, { "content-length": 100 }).write("x");
  });
  for (const path of ["/head", "/body"]) {
    await assert.rejects(Model.load(address + path, { timeout: 100 }), { code: "network", message: /nothing came for 100 ms/ });
  }
  await assert.rejects(Model.load(address, { timeout: 0 }), { code: "invalid-option", message: /timeout: a number from 1, not 0/ });
  // An infinite timeout needs no timer.
  assert.ok(await Model.load(new Response(tiny), { timeout: Infinity }));
});

test("a file is loaded though integrity says another hash", async () => {
  for (const algorithm of ["sha256", "sha384", "sha512"]) {
    const integrity = `${algorithm}-${createHash(algorithm).update(tiny).digest("base64")}`;
    assert.equal((await Model.load(tiny, { integrity })).info.name, "tiny");
    assert.equal((await Model.load(new Blob([tiny]), { integrity })).info.name, "tiny");
    const other = modelFile({ ...TINY, name: "other" });
    const message = new RegExp(`^the given file has the hash ${algorithm}-.+, but integrity says ${algorithm}-`);
    await assert.rejects(Model.load(other, { integrity }), { code: "invalid-model", message });
  }
  for (const integrity of ["md5-AAAA", "sha256", "", 42, null]) {
    await assert.rejects(Model.load(tiny, { integrity }), { code: "invalid-option", message: /^integrity: "sha256-"/ });
  }
});

test("what onProgress throws is taken for a failed download", async () => {
  const mine = new TypeError("mine");
  const onProgress = () => {
    throw mine;
  };
  for (const source of [modelPath("mnist-scnn"), new Response(tiny), new Blob([tiny])]) {
    await assert.rejects(Model.load(source, { onProgress }), (error) => error === mine);
  }
});

/** Milliseconds of processor time for `work`: the least of three attempts. */
async function spent(work) {
  let least = Infinity;
  for (let attempt = 0; attempt < 3; attempt++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

test("a header that says nothing blocks the page", async (t) => {
  await loaded(t); // Compiles the module.
  const empty = Array.from({ length: 200_000 }, (_, n) => [`empty.${n}`, "U8", [0], new Uint8Array()]);
  const large = new Uint8Array(8 + 99_000_000).fill(32);
  new DataView(large.buffer).setBigUint64(0, 99_000_000n, true);
  for (const [file, message] of [
    [modelFile(TINY, [...TINY_TENSORS, ...empty]), /the header has \d+ bytes; at most 4194304 are allowed/],
    [large, /the header has 99000000 bytes/],
  ]) {
    const refused = () => assert.rejects(Model.load(file, { kernel: "baseline" }), { code: "invalid-model", message });
    const [milliseconds, limit] = [await spent(refused), await spent(yardstick)];
    t.diagnostic(`${message}: ${milliseconds.toFixed(0)} ms, yardstick ${limit.toFixed(0)} ms`);
    assert.ok(milliseconds < limit, `${milliseconds} ms`);
  }
});

test("the error about a file of another kind does not say which kind", async () => {
  for (const [bytes, message] of [
    ["<!doctype html><title>Not found</title>", /the given file: not a valid model: a page of HTML or XML, not a model/],
    ["\x89PNG\r\n\x1a\n", /a picture, not a model/],
    ["\x08\x08\x12\x07pytorch", /an ONNX network, not a model .+: quantize it first/],
    ["", /an empty file/],
    ['{"error":404}', /a text in JSON/],
  ]) {
    await assert.rejects(Model.load(Uint8Array.from(bytes, (c) => c.charCodeAt(0))), { code: "invalid-model", message });
  }
  const later = modelFile({ ...TINY, format_version: 99 });
  await assert.rejects(Model.load(later), { code: "invalid-model", message: /format version 99 is not supported/ });
  const clear = modelFile({ ...TINY, class_names: ["dark", "\u001b[2J"] });
  await assert.rejects(Model.load(clear), { code: "invalid-model", message: /class_names\[1\].+control character/ });
  await assert.rejects(Model.load(readFileSync(new URL(import.meta.url))), { code: "invalid-model" });
});
