import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Platform } from "./platform.js";

// At least two letters, so that a drive of Windows is none.
const SCHEME = /^[a-z][a-z0-9+.-]+:/i;

export const node: Platform = {
  open(source, signal) {
    const address = String(source);
    const file = address.startsWith("file:");
    if (!file && SCHEME.test(address)) return fetch(address, signal ? { signal } : {});
    return readFile(file ? fileURLToPath(address) : address, { signal });
  },

  threads: availableParallelism(),

  spawn() {
    // Flags of this process such as --input-type or --import are not for the worker.
    const worker = new Worker(new URL("./node-worker.js", import.meta.url), { execArgv: [] });
    return {
      post: (message) => worker.postMessage(message),
      listen(onMessage, onFailure) {
        worker.on("message", onMessage);
        worker.on("messageerror", onFailure);
        worker.on("error", onFailure);
        worker.on("exit", (code) => onFailure(`it ended with exit code ${code}`));
      },
      setBusy: (busy) => (busy ? worker.ref() : worker.unref()),
      terminate: () => void worker.terminate(),
    };
  },

  nextTask: () => new Promise((resolve) => setImmediate(resolve)),
};
