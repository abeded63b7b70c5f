/** `bayes8` in a browser. */
import { moduleFile } from "./modules.js";
import { setPlatform } from "./platform.js";
import { browser } from "./platform-browser.js";

setPlatform(
  browser({
    module: moduleFile,
    // Bundlers know this form, and give the worker a file of its own.
    worker: () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }),
  }),
);

export * from "./api.js";
