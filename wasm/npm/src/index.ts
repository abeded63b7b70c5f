/** `bayes8` for browsers. */
import { moduleFile } from "./modules.js";
import { setPlatform } from "./platform.js";
import { browser } from "./platform-browser.js";

setPlatform(
  browser({
    module: moduleFile,
    // Bundlers recognize this form and emit the worker as a separate file.
    worker: () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }),
  }),
);

export * from "./api.js";
