// Made by scripts/build.js from the code that wasm-bindgen generates.
declare module "#glue" {
  interface GeneratedGlue extends Readonly<import("./glue.js").Glue> {
    init(options: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  }
  export function createGlue(): GeneratedGlue;
}
