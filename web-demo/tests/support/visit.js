// The browser and the server of a test file, and visits to the site. Each test file runs in a separate process.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before } from "node:test";
import { DEMO, launch, open, serve, skip } from "./site.js";

assert.ok(existsSync(join(DEMO, "dist/index.html")), "dist/ is missing: npm run build");
if (skip) console.log(`SKIPPED: ${basename(process.argv[1])} of the web demo: ${skip}`);

export let browser;
export let site;
before(async () => {
  if (skip) return;
  browser = await launch();
  site = await serve();
});
after(async () => {
  await browser?.close();
  site?.close();
});

/** Runs `check` on a page, and fails if the page logs an error. */
export async function visit(hash, options, check) {
  const { page, problems, close } = await open(browser, site.address + hash, options);
  try {
    await check(page);
    if (!options.expectProblems) assert.deepEqual(problems, []);
  } finally {
    await close();
  }
}
