// The longest tasks of the main thread of headless Chromium.
import assert from "node:assert/strict";
import { test } from "node:test";
import { yardstick } from "../../wasm/npm/tests/support/yardstick.js";
import { BEGUN, drawn, example, READY, scribble, slide } from "./support/actions.js";
import { open, skip } from "./support/site.js";
import { browser, site } from "./support/visit.js";

/**
 * The tasks of the main thread of `page` while `work` runs: milliseconds of processor time for each, without
 * the time of other processes.
 */
async function tasks(page, work) {
  await browser.startTracing(page, { categories: ["toplevel", "__metadata"] });
  await work();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const threadOf = ({ pid, tid }) => `${pid} ${tid}`;
  const main = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(threadOf));
  const run = traceEvents.filter((event) => event.name === "ThreadControllerImpl::RunTask" && main.has(threadOf(event)));
  // A task during which the trace began or ended has no time.
  return run.flatMap(({ tdur }) => (tdur === undefined ? [] : [tdur / 1000]));
}

test("the main thread stands still", { skip }, async (t) => {
  const works = {
    draw: (page) => drawn(page).then(() => example(page, "letter")).then(() => scribble(page)).then(() => drawn(page)),
    photos: async (page) => {
      await BEGUN.photos(page);
      await slide(page, "blur", "0.4");
      await page.waitForTimeout(1500);
    },
    scenes: READY.scenes,
    curve: (page) => READY.curve(page).then(() => page.locator("[name=samples]").press("End")).then(() => READY.curve(page)),
    replay: BEGUN.replay,
    speed: BEGUN.speed,
  };
  for (const [name, work] of Object.entries(works)) {
    let [longest, limit] = [Infinity, 0];
    for (let attempt = 0; attempt < 3 && longest >= limit; attempt++) {
      // The browser's work on a new page is done before.
      const { page, close } = await open(browser, "about:blank");
      const times = await tasks(page, async () => {
        await page.goto(`${site.address}#${name}`);
        await work(page);
      });
      assert.ok(times.length > 100, "no tasks in the trace: this Chromium has another name for them");
      longest = Math.max(...times);
      limit = Math.max(...(await tasks(page, () => page.evaluate(yardstick))));
      await close();
    }
    t.diagnostic(`${name}: longest task ${longest.toFixed(0)} ms, yardstick ${limit.toFixed(0)} ms`);
    assert.ok(longest < limit, `${name} has a task of ${longest} ms; the yardstick takes ${limit} ms`);
  }
});
