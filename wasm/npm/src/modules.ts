import type { Kernel } from "./platform.js";

/** The modules beside this code. */
export function moduleFile(kernel: Kernel): URL {
  // Two whole expressions: bundlers know this form, and copy the files.
  return kernel === "relaxed"
    ? new URL("../wasm/bayes8-relaxed.wasm", import.meta.url)
    : new URL("../wasm/bayes8.wasm", import.meta.url);
}
