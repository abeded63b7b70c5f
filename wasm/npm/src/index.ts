/** `bayes8` in a browser. */
import { setPlatform } from "./platform.js";
import { browser } from "./platform-browser.js";

setPlatform(browser);

export * from "./api.js";
