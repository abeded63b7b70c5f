// Each app is built by the real tool against the packed package, runs, and predicts the native digests.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { chromium, firefox } from "./support/browsers.js";
import { serve } from "./support/server.js";
import { APPS, BAYES8, DIST, MODELS, both, copy, digest, install, model, pixels, run, runJson, start } from "./support/tools.js";

install();

/** Opens a page, and gives what it predicts, which workers it started and what it asked for. */
async function visit(browser, folder, headers) {
  const server = await serve({ ...MODELS, "/": folder }, headers);
  try {
    return { ...(await open(browser, server.address)), requests: server.requests };
  } finally {
    server.close();
  }
}

async function open(browser, address) {
  const page = await browser.newPage();
  const workers = [];
  page.on("workercreated", (worker) => workers.push(worker.url()));
  try {
    const failed = new Promise((_, reject) => page.on("pageerror", reject).on("error", reject));
    const results = page.goto(address).then(() => resultsOf(page));
    return { results: await Promise.race([results, failed]), workers };
  } finally {
    await page.close();
  }
}

/** Pages may start late, and may forbid the code of `waitForFunction`. */
async function resultsOf(page) {
  for (const end = Date.now() + 120_000; Date.now() < end; ) {
    const results = await page.evaluate(() => window.results);
    if (results) return results;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the page has no results");
}

/** What holds for a page with a pool whose files come from its own server. */
function checkPage({ results, workers, requests }) {
  assert.deepEqual(results, both);
  assert.equal(workers.length, 2, "workers started");
  assert.deepEqual(requests.filter((request) => !request.startsWith("200 ")), []);
  assert.ok(requests.some((request) => request.endsWith(".wasm")), `no module among ${requests}`);
  for (const worker of workers) assert.ok(requests.includes(`200 ${new URL(worker).pathname}`), `no ${worker} among ${requests}`);
}

const HTML = (script) => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">${script}`;
const MODULE = HTML('<script type="module" src="main.js"></script>');
const SCRIPT = HTML('<script defer src="main.js"></script>');

function writePage(name, html) {
  mkdirSync(join(DIST, name), { recursive: true });
  writeFileSync(join(DIST, name, "index.html"), html);
}

describe("in Chromium", { skip: chromium.skip }, () => {
  let browser;
  before(async () => {
    browser = await chromium.launch();
  });
  after(() => browser?.close());
  const check = async (name, headers) => checkPage(await visit(browser, join(DIST, name), headers));

  test("Vite", async () => {
    await run("vite", ["build", "page", "--outDir", "../dist/vite"]);
    await check("vite");
  });

  test("webpack", async () => {
    await run("webpack", ["./page/main.js", "--mode", "production", "-o", "dist/webpack"]);
    writePage("webpack", SCRIPT);
    await check("webpack");
  });

  test("Parcel", async () => {
    await run("parcel", ["build", "page/index.html", "--dist-dir", "dist/parcel", "--no-cache"]);
    await check("parcel");
  });

  const FILES = ["node_modules/bayes8/wasm/bayes8.wasm", "node_modules/bayes8/dist/worker.js"];

  test("esbuild, with files copied", async () => {
    await run("esbuild", ["copied/main.js", "--bundle", "--format=esm", "--outfile=dist/esbuild/main.js"]);
    copy("esbuild", ...FILES);
    writePage("esbuild", MODULE);
    await check("esbuild");
  });

  test("Rollup, with files copied", async () => {
    await run("rollup", ["copied/main.js", "-p", "node-resolve", "-d", "dist/rollup"]);
    copy("rollup", ...FILES);
    writePage("rollup", MODULE);
    await check("rollup");
  });

  test("bayes8/inline, with esbuild", async () => {
    await run("esbuild", ["inline/main.js", "--bundle", "--minify", "--outfile=dist/inline/main.js"]);
    writePage("inline", SCRIPT);
    const { results, workers, requests } = await visit(browser, join(DIST, "inline"));
    assert.deepEqual(results, both);
    assert.deepEqual(workers.map((worker) => new URL(worker).protocol), ["blob:", "blob:"]);
    const paths = [...new Set(requests)].sort();
    const own = ["200 /index.html", "200 /main.js", "200 /models/mnist-scnn.safetensors", "200 /models/pictures/sandal-8.png"];
    assert.deepEqual(paths, own, "another file was asked for");
  });
});

describe("without a browser", () => {
  test("Node, ES modules", async () => assert.deepEqual(await runJson(process.execPath, ["node/main.js", model, pixels]), both));

  test("Node, CommonJS", async () => assert.deepEqual(await runJson(process.execPath, ["node/main.cjs", model, pixels]), both));

  test("Deno", async () => assert.deepEqual(await runJson("deno", ["run", "--allow-all", "node/main.js", model, pixels]), both));

  test("Bun", async () => {
    const [name] = readdirSync(join(APPS, "node_modules/@oven"));
    const bun = join(APPS, "node_modules/@oven", name, "bin/bun");
    assert.deepEqual(await runJson(bun, ["node/main.js", model, pixels]), both);
  });
});
