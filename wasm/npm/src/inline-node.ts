/** `bayes8` for Node, with modules and worker in one file of JavaScript. */
import { Worker } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import { baseline, nodeWorker, relaxed } from "#embedded";
import { setPlatform } from "./platform.js";
import { node, WORKER_OPTIONS } from "./platform-node.js";

setPlatform(
  node({
    module: async (kernel) => gunzipSync(Buffer.from(kernel === "relaxed" ? relaxed : baseline, "base64")),
    worker: () => new Worker(nodeWorker, { ...WORKER_OPTIONS, eval: true }),
  }),
);

export * from "./api.js";
