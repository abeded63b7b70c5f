import { setFlagsFromString } from "node:v8";

// Node 20 has relaxed SIMD only with this flag, later versions always. The flag holds for workers too.
// The first compiler of Node 20, Liftoff, gets relaxed dot products wrong; its second compiler gets them right.
if (process.version.startsWith("v20.")) setFlagsFromString("--experimental-wasm-relaxed-simd --no-liftoff");
