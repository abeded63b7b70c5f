import puppeteer from "puppeteer-core";
import { CHROMIUM, find } from "../../../../wasm/npm/tests/support/find.js";

/** Ends what hangs. Nothing takes that long, even on a busy machine. */
export const TIMEOUT = 300_000;

function browser(name, variable, names, options) {
  const executablePath = find(variable, names);
  const skip = executablePath ? false : `no ${name}: set ${variable} or put \`${names[0]}\` on the PATH`;
  if (skip) console.log(`SKIPPED: apps in ${name}: ${skip}`);
  return {
    /** The option `skip` for `test`: false, or the reason why tests in this browser cannot run. */
    skip,
    launch: (more) =>
      puppeteer.launch({ executablePath, headless: true, timeout: TIMEOUT, protocolTimeout: TIMEOUT, ...options, ...more }),
  };
}

export const chromium = browser("Chromium", "BAYES8_CHROMIUM", CHROMIUM, {
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
export const firefox = browser("Firefox", "BAYES8_FIREFOX", ["firefox-esr", "firefox"], { browser: "firefox" });
