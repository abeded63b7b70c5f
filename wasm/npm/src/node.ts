/** `bayes8` for Node. */
import { Worker } from "node:worker_threads";
import { moduleFile } from "./modules.js";
import { setPlatform } from "./platform.js";
import { node, WORKER_OPTIONS } from "./platform-node.js";

setPlatform(
  node({
    module: moduleFile,
    worker: () => new Worker(new URL("./node-worker.js", import.meta.url), WORKER_OPTIONS),
  }),
);

export * from "./api.js";
