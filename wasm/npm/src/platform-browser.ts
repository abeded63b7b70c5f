import { Bayes8Error } from "./error.js";
import { invalid } from "./options.js";
import { draw } from "./picture.js";
import { type Kernel, type Platform, taken } from "./platform.js";

/** Where the files of this package are. Nothing is read before it is needed. */
export interface Files {
  module(kernel: Kernel): URL | Promise<Uint8Array>;
  worker(): Worker;
}

export const browser = ({ module, worker: own }: Files): Platform => ({
  open: (source, signal) => fetch(source, { signal }),

  module,

  async decode(file) {
    if (!globalThis.createImageBitmap) {
      throw new Bayes8Error("unsupported", "this runtime cannot decode pictures: decode it, and give { data, width, height }");
    }
    const bitmap = await createImageBitmap(file);
    try {
      return draw(bitmap);
    } finally {
      bitmap.close();
    }
  },

  threads: () => globalThis.navigator?.hardwareConcurrency ?? 1,

  spawn(source) {
    const worker = taken(source === undefined ? own() : start(source));
    return {
      post: (message) => worker.postMessage(message),
      listen(onMessage, onFailure) {
        worker.onmessage = ({ data }) => onMessage(data);
        worker.onmessageerror = () => onFailure("a message could not be read");
        // A worker's file that cannot be loaded gives an event without a message.
        worker.onerror = ({ message }) =>
          onFailure(message ?? "its file could not be loaded; the option worker says where worker.js is");
      },
      setBusy() {},
      terminate: () => worker.terminate(),
    };
  },

  nextTask: () =>
    new Promise((resolve) => {
      if (!globalThis.MessageChannel) return void setTimeout(resolve);
      // Unlike timers, messages are never delayed, not even in a hidden tab.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(0);
    }),
});

function start(source: string | URL | (() => unknown)): Worker {
  if (typeof source !== "function") return new Worker(source, { type: "module" });
  const worker = source() as Worker;
  if (typeof worker?.postMessage !== "function") throw invalid("worker", "a URL, or a function that returns a Worker", worker);
  return worker;
}
