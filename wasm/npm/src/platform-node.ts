import { readFile, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
// Not the global ones: Jest hides them from code that runs in jsdom.
import { setImmediate } from "node:timers";
import { fileURLToPath } from "node:url";
import { TextDecoder } from "node:util";
import { Worker } from "node:worker_threads";
import { Bayes8Error } from "./error.js";
import { readBlob } from "./kinds.js";
import { invalid } from "./options.js";
import { type Kernel, type Platform, taken } from "./platform.js";

/** Where the files of this package are. Nothing is read before it is needed. */
export interface Files {
  module(kernel: Kernel): URL | Promise<Uint8Array>;
  worker(): Worker;
}

/** The part of the package `sharp` that is used here. Users install it if they need it. */
type Sharp = (file: Uint8Array) => Steps;
interface Steps {
  /** Applies the EXIF orientation. */
  rotate(): Steps;
  toColourspace(space: "srgb"): Steps;
  ensureAlpha(): Steps;
  raw(): Steps;
  toBuffer(options: { resolveWithObject: true }): Promise<{ data: Uint8Array; info: { width: number; height: number } }>;
}

// At least two letters, so that a Windows drive is not taken for a scheme.
const SCHEME = /^[a-z][a-z0-9+.-]+:/i;

const isFile = (address: string): boolean => address.startsWith("file:") || !SCHEME.test(address);

/** Workers do not inherit flags of this process, such as --input-type or --import. */
export const WORKER_OPTIONS = { execArgv: [] };

export const node = ({ module, worker: own }: Files): Platform => ({
  async open(source, signal, refuse) {
    const address = String(source);
    if (!isFile(address)) return fetch(address, { signal });
    const path = address.startsWith("file:") ? fileURLToPath(address) : address;
    refuse((await stat(path)).size);
    return readFile(path, { signal });
  },

  module,

  async decode(file) {
    // Named by a variable, so that bundlers do not look for a package that may be missing.
    const name = "sharp";
    const { default: sharp } = await (import(name) as Promise<{ default: Sharp }>).catch((error) => {
      throw new Bayes8Error("unsupported", "Node decodes pictures with the package sharp: npm install sharp", error);
    });
    const picture = sharp(new Uint8Array(await readBlob(file))).rotate().toColourspace("srgb").ensureAlpha().raw();
    const { data, info } = await picture.toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height };
  },

  threads: availableParallelism,

  spawn(source) {
    const worker = taken(source === undefined ? own() : start(source));
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

  TextDecoder,
});

function start(source: string | URL | (() => unknown)): Worker {
  if (typeof source !== "function") return new Worker(source, WORKER_OPTIONS);
  const worker = source() as Worker;
  if (typeof worker?.on !== "function") {
    throw invalid("worker", "a URL or path, or a function that returns a Worker of node:worker_threads", worker);
  }
  return worker;
}
