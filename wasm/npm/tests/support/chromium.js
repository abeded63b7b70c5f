import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Chromium's path: BAYES8_CHROMIUM, or found on the PATH. */
function find() {
  if (process.env.BAYES8_CHROMIUM) return process.env.BAYES8_CHROMIUM;
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find((path) => existsSync(path));
}

const path = find();

/** For `test`: false, or why tests in a browser cannot run, which is printed. */
export const skip = path ? false : "no Chromium: set BAYES8_CHROMIUM or put `chromium` on the PATH";
if (skip) console.log(`SKIPPED: tests of the npm package in a browser: ${skip}`);

export const launch = () =>
  chromium.launch({
    executablePath: path,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
