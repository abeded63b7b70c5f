import type { Platform } from "./platform.js";

export const browser: Platform = {
  open: (source, signal) => fetch(source, signal ? { signal } : {}),

  threads: globalThis.navigator?.hardwareConcurrency ?? 1,

  spawn() {
    // Bundlers know this form, and give the worker a file of its own.
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    return {
      post: (message) => worker.postMessage(message),
      listen(onMessage, onFailure) {
        worker.onmessage = ({ data }) => onMessage(data);
        worker.onmessageerror = () => onFailure("a message could not be read");
        // A worker's file that cannot be loaded gives an event without a message.
        worker.onerror = ({ message }) => onFailure(message ?? "its file could not be loaded");
      },
      setBusy() {},
      terminate: () => worker.terminate(),
    };
  },

  nextTask: () =>
    new Promise((resolve) => {
      // Unlike timers, messages wait for nothing, in a hidden tab either.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(0);
    }),
};
