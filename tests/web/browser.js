// Runs the conformance vectors in a page without a bundler that imports the built npm package.
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { PACKAGE, ROOT } from "../../wasm/npm/tests/support/files.js";
import { serve } from "../../wasm/npm/tests/support/server.js";

/** Runs all vectors in `browser`, a browser of playwright or puppeteer, and closes it. */
export async function runIn(browser, place) {
  const names = (await readdir(`${ROOT}tests/vectors`)).filter((name) => name.endsWith(".json")).sort();
  const server = await serve({
    "/package/": PACKAGE,
    "/vectors/": `${ROOT}tests/vectors`,
    "/models/": `${ROOT}models`,
    "/": fileURLToPath(new URL(".", import.meta.url)),
  });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0); // The caller has a time limit.
    page.on("pageerror", (error) => console.error(String(error)));
    await page.exposeFunction("print", (line) => console.log(line));
    await page.goto(`${server.address}/page.html`);
    await page.evaluate(
      async ([names, place]) => {
        const { run } = await import("./page.js");
        await run(names, place);
      },
      [names, place],
    );
  } finally {
    await browser.close();
    server.close();
  }
}
