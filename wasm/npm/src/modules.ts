import type { Kernel } from "./platform.js";

/** The address of the module for `kernel`, next to this code. */
export function moduleFile(kernel: Kernel): URL {
  // Two complete expressions: bundlers recognize this form and copy the files.
  return kernel === "relaxed"
    ? new URL("../wasm/bayes8-relaxed.wasm", import.meta.url)
    : new URL("../wasm/bayes8.wasm", import.meta.url);
}
