import { setFlagsFromString } from "node:v8";

// Node 20 has relaxed SIMD behind this flag, later ones without it. It holds for workers too.
// Its first compiler, Liftoff, makes wrong code of relaxed dot products; its second makes right code.
if (process.version.startsWith("v20.")) setFlagsFromString("--experimental-wasm-relaxed-simd --no-liftoff");
