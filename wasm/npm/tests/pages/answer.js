import * as checks from "./checks.js";

/** Makes the Web Worker that calls this run the checks it is asked for. */
export function answer(bayes8) {
  onmessage = async ({ data: { name, parameters } }) => {
    try {
      postMessage({ value: await checks[name](bayes8, ...parameters) });
    } catch (error) {
      postMessage({ error: String(error?.stack ?? error) });
    }
  };
}
