// The built site in headless Firefox.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { serve } from "./support/site.js";

// The package that drives Firefox belongs to the apps.
const { firefox, TIMEOUT } = await import("../../tests/web/apps/support/browsers.js").catch(() => {
  const skip = "no packages in tests/web/apps: npm ci there";
  console.log(`SKIPPED: the web demo in Firefox: ${skip}`);
  return { firefox: { skip } };
});
const { skip } = firefox;
let browser;
let site;
before(async () => {
  if (skip) return;
  browser = await firefox.launch();
  site = await serve();
});
after(async () => {
  await browser?.close();
  site?.close();
});

/** What shows that a page works. */
const READY = {
  draw: ".results[aria-busy=false] .best .label",
  photos: ".own .best .label",
  scenes: ".scenes .count[data-first]",
  curve: ".curve[aria-busy=false] .band .mean[d]",
  replay: ".total[data-end=true]",
  speed: ".speed output:not(:empty)",
};

for (const [name, selector] of Object.entries(READY)) {
  test(`${name} does not work in Firefox`, { skip }, async () => {
    const page = await browser.newPage();
    page.setDefaultTimeout(TIMEOUT);
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    await page.goto(`${site.address}#${name}`);
    await page.waitForSelector(selector);
    if (name === "replay") {
      const failed = await page.$$eval(".squares [data-result]:not([data-result=passed])", (squares) => squares.length);
      assert.equal(failed, 0, "vectors with different bits");
      assert.ok((await page.$$(".squares [data-result=passed]")).length > 40, "no vectors");
    }
    assert.deepEqual(problems, []);
    await page.close();
  });
}
