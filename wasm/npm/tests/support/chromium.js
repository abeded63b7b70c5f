import { chromium } from "playwright-core";
import { CHROMIUM, find } from "./find.js";

const path = find("BAYES8_CHROMIUM", CHROMIUM);

/** The option `skip` for `test`: false, or the reason, which is printed, why tests in a browser cannot run. */
export const skip = path ? false : "no Chromium: set BAYES8_CHROMIUM or put `chromium` on the PATH";
if (skip) console.log(`SKIPPED: tests of the npm package in a browser: ${skip}`);

export const launch = () =>
  chromium.launch({
    executablePath: path,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
