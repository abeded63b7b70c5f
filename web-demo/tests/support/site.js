// The built site in Chromium, in a folder of a plain server.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { CHROMIUM, find } from "../../../wasm/npm/tests/support/find.js";
import { serve as serveFolders } from "../../../wasm/npm/tests/support/server.js";

/** The folder of the demo, with a slash at its end. */
export const DEMO = fileURLToPath(new URL("../../", import.meta.url));
/** The folder for screenshots of the tests. */
export const OUTPUT = join(DEMO, "test-output");
/** The folder of the site on the server: not the root, so that absolute paths fail. */
const PREFIX = "/any/folder/";

const executablePath = find("BAYES8_CHROMIUM", CHROMIUM);

/** The option `skip` for `test`: false, or the reason why tests in a browser cannot run. */
export const skip = executablePath ? false : "no Chromium: set BAYES8_CHROMIUM or put `chromium` on the PATH";

mkdirSync(OUTPUT, { recursive: true });

export const launch = () =>
  chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  });

/** Serves dist/ as a plain host does, or compressed, as most hosts do. */
export async function serve(options) {
  const { address, close } = await serveFolders({ [PREFIX]: join(DEMO, "dist") }, {}, options);
  return { address: address + PREFIX, close };
}

export const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };

/** Opens a page of the site in a separate context of the browser. `problems` lists the errors that it logs. */
export async function open(browser, address, { size = "desktop", colorScheme = "light", before, ...options } = {}) {
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme, ...options });
  const page = await context.newPage();
  // Long enough for a busy machine.
  page.setDefaultTimeout(120_000);
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  // Layout shifts without recent input.
  await page.addInitScript(() => {
    window.jumps = [];
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.jumps.push(value);
    }).observe({ type: "layout-shift", buffered: true });
  });
  await before?.(page);
  await page.goto(address);
  return { page, problems, close: () => context.close() };
}
