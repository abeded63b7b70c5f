// The built site in Chromium, from a folder of a plain server.
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { CHROMIUM, find } from "../../../wasm/npm/tests/support/find.js";

/** The demo's folder, with a slash at its end. */
export const DEMO = fileURLToPath(new URL("../../", import.meta.url));
/** Screenshots and figures of the tests. */
export const OUTPUT = join(DEMO, "test-output");
/** Where on the server the site is: not at its root, so that no path may be absolute. */
const PREFIX = "/any/folder/";

const executablePath = find("BAYES8_CHROMIUM", CHROMIUM);

/** For `test`: false, or why tests in a browser cannot run. */
export const skip = executablePath ? false : "no Chromium: set BAYES8_CHROMIUM or put `chromium` on the PATH";

mkdirSync(OUTPUT, { recursive: true });

export const launch = () =>
  chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  });

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
};

/** Serves dist/ as the plainest host does: no headers but type and length; or compressed, as most do. */
export async function serve({ compressed = false } = {}) {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, "http://localhost").pathname);
    const file = path === PREFIX ? "index.html" : path.slice(PREFIX.length);
    try {
      if (!path.startsWith(PREFIX)) throw new Error("outside");
      const body = await readFile(join(DEMO, "dist", file));
      const type = TYPES[extname(file)] ?? "application/octet-stream";
      const headers = { "content-type": type };
      const sent = compressed ? gzipSync(body, { level: 9 }) : body;
      if (compressed) headers["content-encoding"] = "gzip";
      response.writeHead(200, { ...headers, "content-length": sent.length });
      response.end(sent);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}${PREFIX}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };

/** Opens a page of the site in a browser of its own; `problems` fills with what it logs as errors. */
export async function open(browser, address, { size = "desktop", colorScheme = "light", before, ...options } = {}) {
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme, ...options });
  const page = await context.newPage();
  // Long enough for a machine that builds something else too.
  page.setDefaultTimeout(120_000);
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  // Jumps of the layout that no input of the last half second explains.
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
