import { setFlagsFromString } from "node:v8";

// Node 20 has relaxed SIMD behind this flag, later ones without it. It holds for workers too.
if (process.version.startsWith("v20.")) setFlagsFromString("--experimental-wasm-relaxed-simd");
