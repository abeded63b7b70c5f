// Builds each app with its tool on the packed package, runs it, and compares its digests with the native ones.
// Needs `npm ci` here, and the built package (wasm/npm). Browsers: BAYES8_CHROMIUM, BAYES8_FIREFOX, or the PATH.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { TIMEOUT, chromium, firefox } from "./support/browsers.js";
import { serve } from "../../../wasm/npm/tests/support/server.js";
import { APPS, DIST, MODELS, both, copy, digest, install, model, pixels, printed, program, run, runJson, start } from "./support/tools.js";

install();

test("the lock file names a host other than the public registry", () => {
  const lock = readFileSync(join(APPS, "package-lock.json"), "utf8");
  for (const [, host] of lock.matchAll(/"resolved": "https?:\/\/([^/"]+)/g)) assert.equal(host, "registry.npmjs.org");
});

/** Folders for pages without a bundler. A bundled page must contain all that it needs. */
const SOURCES = { "/node_modules/": join(APPS, "node_modules"), "/support/": join(APPS, "support") };

/** Opens a page. Returns its predictions, the workers it started and its requests. */
async function visit(browser, folder, headers) {
  const server = await serve({ ...MODELS, ...(folder.startsWith(DIST) ? {} : SOURCES), "/": folder }, headers);
  try {
    return { ...(await open(browser, server.address)), requests: server.requests };
  } finally {
    server.close();
  }
}

async function open(browser, address) {
  const page = await browser.newPage();
  page.setDefaultTimeout(TIMEOUT);
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
  for (const end = Date.now() + TIMEOUT; Date.now() < end; ) {
    const results = await page.evaluate(() => window.results);
    if (results) return results;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the page has no results");
}

/** Checks a page with a pool whose files come from its own server. */
function checkPage({ results, workers, requests }) {
  assert.deepEqual(results, both);
  assert.equal(workers.length, 2, "workers started");
  assert.deepEqual(requests.filter((request) => !request.startsWith("200 ")), []);
  assert.ok(requests.some((request) => request.endsWith(".wasm")), `no module among ${requests}`);
  for (const worker of workers) assert.ok(requests.includes(`200 ${new URL(worker).pathname}`), `no ${worker} among ${requests}`);
}

const HTML = (script) => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">${script}`;
const MODULE = (address) => HTML(`<script type="module" src="${address}"></script>`);
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
    await run("parcel", ["build", "page/index.html", "--dist-dir", "dist/parcel", "--cache-dir", "dist/parcel-cache"]);
    await check("parcel");
  });

  test("esbuild, with files where the bundle looks for them", async () => {
    await run("esbuild", ["page/main.js", "--bundle", "--format=esm", "--outfile=dist/beside/js/main.js"]);
    copy("dist/beside", "node_modules/bayes8/wasm");
    copy("dist/beside/js", "node_modules/bayes8/dist/worker.js");
    writePage("beside", MODULE("js/main.js"));
    await check("beside");
  });

  const COPIED = ["node_modules/bayes8/wasm/bayes8.wasm", "node_modules/bayes8/dist/worker.js"];

  test("esbuild, with files copied", async () => {
    await run("esbuild", ["copied/main.js", "--bundle", "--outfile=dist/esbuild/main.js"]);
    copy("dist/esbuild", ...COPIED);
    writePage("esbuild", SCRIPT);
    await check("esbuild");
  });

  test("Rollup, with files copied", async () => {
    await run("rollup", ["copied/main.js", "-p", "node-resolve", "-d", "dist/rollup"]);
    copy("dist/rollup", ...COPIED);
    writePage("rollup", MODULE("main.js"));
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

  test("a page without a bundler", async () => checkPage(await visit(browser, join(APPS, "plain"))));

  test("a page with a strict Content-Security-Policy", async () => {
    const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
    checkPage(await visit(browser, join(APPS, "plain"), { "content-security-policy": policy }));
    const forbidden = visit(browser, join(APPS, "plain"), { "content-security-policy": "default-src 'self'" });
    await assert.rejects(forbidden, /Content Security Policy/, "the policy does not hold");
  });

  test("a page that requires Trusted Types", async () => {
    const headers = { "content-security-policy": "require-trusted-types-for 'script'" };
    checkPage(await visit(browser, join(APPS, "trusted-types"), headers));
    await assert.rejects(visit(browser, join(APPS, "plain"), headers), /TrustedScriptURL/, "the policy does not hold");
  });

  test("bytes and pictures from an iframe", async () => {
    const { results, ...visited } = await visit(browser, join(APPS, "iframe"));
    const { digests, ...others } = results;
    assert.deepEqual(digests, [digest]);
    checkPage({ results: others, ...visited });
  });

  test("a service worker", async () => {
    const { results, requests } = await visit(browser, join(APPS, "service-worker"));
    assert.deepEqual(results, { single: digest });
    assert.ok(requests.some((request) => /^200 .*\.wasm$/.test(request)), `no module among ${requests}`);
  });

  test("an extension (Manifest V3)", async () => {
    const extension = join(DIST, "extension");
    cpSync(join(APPS, "extension"), extension, { recursive: true });
    copy("dist/extension", "node_modules/bayes8", "support", "../../../models");
    const own = await chromium.launch({ pipe: true, enableExtensions: [extension] });
    try {
      const background = await own.waitForTarget((target) => target.type() === "service_worker", { timeout: TIMEOUT });
      const { results, workers } = await open(own, new URL("index.html", background.url()).href);
      assert.deepEqual(results, { ...both, background: digest });
      assert.deepEqual(workers, Array(2).fill(new URL("bayes8/dist/worker.js", background.url()).href));
    } finally {
      await own.close();
    }
  });
});

describe("in Firefox", { skip: firefox.skip }, () => {
  test("a page without a bundler", async () => {
    const browser = await firefox.launch();
    try {
      checkPage(await visit(browser, join(APPS, "plain")));
    } finally {
      await browser.close();
    }
  });
});

const FILES = { MODEL: model, PIXELS: pixels };

for (const builder of ["webpack", "turbopack"]) {
  describe(`Next, built by ${builder}`, () => {
    let server;
    let address;
    before(async () => {
      rmSync(join(APPS, "next/.next"), { recursive: true, force: true });
      copy("next/public", "../../../models");
      await run("next", ["build", "next", `--${builder}`]);
      server = start("next", ["start", "next", "--port", "0"], { env: FILES });
      address = await printed(server, /(http:\/\/localhost:\d+)\s/);
    });
    after(() => server?.kill());

    test("a route handler", async () => {
      const response = await fetch(`${address}/api`);
      assert.deepEqual(await response.json(), both);
    });

    test("a page", { skip: chromium.skip }, async () => {
      const browser = await chromium.launch();
      try {
        const { results, workers } = await open(browser, address);
        assert.deepEqual(results, both);
        assert.equal(workers.length, 2, "workers started");
        for (const worker of workers) assert.ok(worker.startsWith(`${address}/_next/static/`), worker);
      } finally {
        await browser.close();
      }
    });
  });
}

describe("without a browser", () => {
  test("Node, ES modules", async () => assert.deepEqual(await runJson(process.execPath, ["node/main.js", model, pixels]), both));

  test("Node, CommonJS", async () => assert.deepEqual(await runJson(process.execPath, ["node/main.cjs", model, pixels]), both));

  test("Deno", async () => assert.deepEqual(await runJson("deno", ["run", "--allow-all", "node/main.js", model, pixels]), both));

  test("Bun", async () => {
    assert.deepEqual(await runJson(program("@oven", "bin/bun"), ["node/main.js", model, pixels]), both);
  });

  test("Cloudflare workerd", async () => {
    await run("esbuild", ["workerd/main.js", "--bundle", "--format=esm", "--external:*.wasm", "--outfile=dist/workerd/main.js"]);
    const parameters = ["serve", "workerd/config.capnp", "--control-fd=3"];
    const server = start(program("@cloudflare", "bin/workerd"), parameters, { stdio: ["ignore", "pipe", "pipe", "pipe"] });
    try {
      const response = await fetch(`http://127.0.0.1:${await printed(server, /"port":(\d+)}/)}/`);
      assert.deepEqual(await response.json(), { single: digest });
    } finally {
      server.kill();
    }
  });

  const JSDOM = { ...FILES, DIGEST: digest, NODE_ENV: "test" };

  test("Vitest, in jsdom", async () => {
    assert.match(await run("vitest", ["run", "--root", "vitest"], { env: JSDOM }), /Tests.+1 passed/);
  });

  test("Jest, in jsdom", async () => {
    await run("jest", ["--config", "jest/jest.config.js"], { env: { ...JSDOM, NODE_OPTIONS: "--experimental-vm-modules" } });
  });
});
