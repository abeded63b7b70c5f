// The packed package in headless Chromium.
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as vite from "vite";
import { launch, skip } from "./support/chromium.js";
import { PACKAGE, ROOT } from "./support/files.js";
import { installed } from "./support/installed.js";
import { serve } from "./support/server.js";

const { folder } = installed();
for (const name of ["pages", "support"]) cpSync(join(PACKAGE, "tests", name), join(folder, name), { recursive: true });
cpSync(join(PACKAGE, "tests", "vite"), folder, { recursive: true });
const data = { "/models/": join(ROOT, "models"), "/fixtures/": join(PACKAGE, "tests", "fixtures") };

let browser;
let other; // A server with the same models, of another origin.
before(async () => {
  if (skip) return;
  browser = await launch();
  other = await serve(data);
});
after(async () => {
  await browser?.close();
  other?.close();
});

/** Opens `address`. `problems` lists the errors that reach the page, for a test to check. */
async function open(address) {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(address);
  await page.waitForFunction(() => window.bayes8).catch((error) => assert.fail(`${problems} ${error}`));
  return { page, problems };
}

/** Runs a check of tests/pages/checks.js in the page. */
const check = (page, name, ...parameters) =>
  page.evaluate(
    ([name, parameters]) => window.bayes8.checks[name](window.bayes8.bayes8, ...parameters),
    [name, parameters],
  );

/** Runs a check of tests/pages/checks.js in a Web Worker that the page starts. */
const checkInWorker = (page, name, ...parameters) =>
  page.evaluate(
    ([name, parameters]) => window.bayes8.checks.inWorker(window.bayes8.worker(), name, ...parameters),
    [name, parameters],
  );

/** Tests that must pass however the page was built. */
function holds(pageOf, names) {
  for (const kernel of ["baseline", "relaxed"]) {
    for (const name of names) {
      test(`bits of ${name} differ from the native command line (${kernel})`, { skip }, async () => {
        assert.deepEqual(await check(pageOf().page, "model", kernel, name), []);
      });
    }
    test(`bits of a pool differ (${kernel})`, { skip }, async () => {
      assert.deepEqual(await check(pageOf().page, "pool", kernel, 2), []);
    });
    test(`bits in a Web Worker differ (${kernel})`, { skip }, async () => {
      assert.deepEqual(await checkInWorker(pageOf().page, "model", kernel, names[0]), []);
    });
  }
  test("a Web Worker cannot start a pool", { skip }, async () => {
    assert.deepEqual(await checkInWorker(pageOf().page, "pool", "baseline", 3), []);
  });
  test("an error escapes to the page", { skip }, () => assert.deepEqual(pageOf().problems, []));
}

describe("a plain <script type=module>", () => {
  let plain;
  let server;
  before(async () => {
    if (skip) return;
    server = await serve({ ...data, "/": folder });
    plain = await open(`${server.address}/pages/plain.html`);
  });
  after(() => server?.close());
  holds(() => plain, ["mnist-scnn", "fashion-resnet14", "cifar10-resnet20"]);

  test("the page is isolated, so that it hides a need for headers", { skip }, async () => {
    assert.equal(await plain.page.evaluate(() => crossOriginIsolated), false);
  });
  test("a page fetches a module that it does not use", { skip }, async () => {
    assert.equal(await plain.page.evaluate(() => window.bayes8.bayes8.detect().relaxedSimd), true);
    const requested = [];
    const { page } = await open(`${server.address}/pages/plain.html`);
    page.on("request", (request) => requested.push(new URL(request.url()).pathname.split("/").at(-1)));
    const load = () => window.bayes8.bayes8.Model.load("/models/mnist-scnn.safetensors").then(({ kernel }) => kernel);
    const kernel = await page.evaluate(load);
    await page.close();
    const module = { simd128: "bayes8.wasm", "relaxed-simd": "bayes8-relaxed.wasm" }[kernel];
    assert.deepEqual(requested.filter((path) => path.endsWith(".wasm")), [module]);
  });
  test("pages of one browser choose different kernels", { skip }, async () => {
    const kernels = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const { page } = await open(`${server.address}/pages/plain.html`);
        const load = () => window.bayes8.bayes8.Model.load("/models/mnist-scnn.safetensors").then(({ kernel }) => kernel);
        const kernel = await page.evaluate(load);
        await page.close();
        return kernel;
      }),
    );
    assert.equal(new Set(kernels).size, 1, String(kernels));
  });
  test("a picture in another form gives different bits than its ImageData", { skip }, async () => {
    assert.deepEqual(await check(plain.page, "forms"), []);
  });
  test("errors have different codes than in Node", { skip }, async () => {
    assert.deepEqual(await check(plain.page, "errors", other.address), []);
    assert.deepEqual(await checkInWorker(plain.page, "errors", other.address), []);
  });
  test("samples block the page", { skip, timeout: 120_000 }, async () => {
    const { page } = await open(`${server.address}/pages/plain.html`);
    const { runs, tasks, code } = await check(page, "turns");
    await page.close();
    assert.equal(code, "aborted");
    assert.ok(runs.every((samples) => samples === 1), `chunks of ${runs} samples of 20 ms`);
    // The other tasks have a separate queue, and a browser need not alternate between queues.
    assert.ok(tasks > runs.length / 2, `${tasks} other tasks between ${runs.length} chunks`);
  });
  test("a worker that cannot start leaves the load waiting", { skip }, async () => {
    const { page } = await open(`${server.address}/pages/plain.html`);
    await page.route("**/dist/worker.js", (route) => route.fulfill({ status: 404 }));
    const code = await page.evaluate(() =>
      window.bayes8.bayes8.Model.pool("/models/mnist-scnn.safetensors", { workers: 2 }).then(
        () => "no error",
        (error) => error.code,
      ),
    );
    assert.equal(code, "worker");
    await page.close();
  });
});

describe("a Vite build", () => {
  let built;
  let server;
  before(async () => {
    if (skip) return;
    await vite.build({ root: folder, logLevel: "warn", base: "/deep/down/" });
    server = await serve({ ...data, "/deep/down/": join(folder, "dist") });
    built = await open(`${server.address}/deep/down/index.html`);
  });
  after(() => server?.close());
  holds(() => built, ["mnist-scnn"]);
});

describe("a Vite development server", () => {
  let developed;
  let server;
  before(async () => {
    if (skip) return;
    const proxy = Object.fromEntries(Object.keys(data).map((prefix) => [prefix, other.address]));
    server = await vite.createServer({
      root: folder,
      logLevel: "warn",
      server: { port: 0, host: "127.0.0.1", proxy, hmr: false },
    });
    await server.listen();
    developed = await open(`http://127.0.0.1:${server.httpServer.address().port}/`);
  });
  after(() => server?.close());
  holds(() => developed, ["mnist-scnn"]);
});
