// Times both builds of bayes8 in headless Chromium, and shows which of them the package takes there.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "../../wasm/npm/tests/support/chromium.js";
import { PACKAGE } from "../../wasm/npm/tests/support/files.js";
import { serve } from "../../wasm/npm/tests/support/server.js";
import { task } from "./task.js";

const { model, picture, samples, rounds, digest } = task();
const server = await serve({
  "/package/": PACKAGE,
  "/model/": dirname(model),
  "/": fileURLToPath(new URL(".", import.meta.url)),
});
const browser = await launch();
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.goto(`${server.address}/page.html`);
  const { times, taken } = await page.evaluate(
    async ({ file, bytes, rounds, ...rest }) => {
      const { Model } = await import("/package/dist/index.js");
      const { bayes8, inTurns } = await import("/measure.js");
      const task = { ...rest, picture: new Uint8Array(bytes) };
      const contenders = [await bayes8(Model, file, "baseline", task), await bayes8(Model, file, "relaxed", task)];
      const times = Array.from(await inTurns(contenders, rounds), ([{ name }, time]) => [name, time]);
      return { times, taken: (await Model.load(file)).kernel };
    },
    { file: `/model/${model.split(/[\\/]/).at(-1)}`, bytes: Array.from(picture), samples, rounds, digest },
  );
  console.log(`Chromium ${browser.version()}, milliseconds per weight sample`);
  for (const [name, time] of times) console.log(`  ${name.padEnd(36)}${time.toFixed(2).padStart(9)}`);
  const [[, baseline], [, relaxed]] = times;
  console.log(`  relaxed ${(baseline / relaxed).toFixed(2)}x baseline; here the package takes ${taken}`);
} finally {
  await browser.close();
  server.close();
}
