// Made by scripts/build.js from the code that wasm-bindgen generates.
declare module "#glue" {
  interface GeneratedGlue extends Readonly<import("./glue.js").Glue> {
    init(module: WebAssembly.Module): Promise<void>;
  }
  export function createGlue(): GeneratedGlue;
}
