// scripts/build.js makes these modules, from the code that wasm-bindgen generates and from earlier steps of the build.
declare module "#glue" {
  interface GeneratedGlue extends Readonly<import("./glue.js").Glue> {
    init(module: WebAssembly.Module): Promise<void>;
  }
  export function createGlue(TextDecoder?: unknown): GeneratedGlue;
}

declare module "#probe" {
  /** The module that probe.wat describes. */
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}

declare module "#embedded" {
  /** Modules, gzipped, in base64. */
  export const baseline: string;
  export const relaxed: string;
  /** The code of the workers. */
  export const worker: string;
  export const nodeWorker: string;
}
