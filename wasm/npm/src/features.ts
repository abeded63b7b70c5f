/** What this runtime's WebAssembly can do. */
export interface Features {
  /** 128-bit SIMD, which both builds of bayes8 need. */
  readonly simd128: boolean;
  /** Relaxed SIMD, which the faster build needs. Its bits are the same. */
  readonly relaxedSimd: boolean;
}

const HEADER = [0, 97, 115, 109, 1, 0, 0, 0];

// Validates a module with one function, whose body is `code`, without parameters or results.
const validates = (code: number[]): boolean =>
  WebAssembly.validate(
    new Uint8Array([
      ...HEADER,
      ...[1, 4, 1, 96, 0, 0], // types: () -> ()
      ...[3, 2, 1, 0], // functions: one of type 0
      ...[10, code.length + 5, 1, code.length + 3, 0, ...code, 26, 11], // code: ..., drop, end
    ]),
  );

const ZEROS = [65, 0, 253, 15]; // i32.const 0, i8x16.splat

/** Which instructions this runtime has. Asks the engine itself, never the name of a browser. */
export function detect(): Features {
  if (typeof WebAssembly === "undefined") return { simd128: false, relaxedSimd: false };
  return {
    simd128: validates([...ZEROS, 253, 98]), // i8x16.popcnt
    // i32x4.relaxed_dot_i8x16_i7x16_add_s
    relaxedSimd: validates([...ZEROS, ...ZEROS, ...ZEROS, 253, 147, 2]),
  };
}

/** Whether bayes8 runs here at all. */
export function supports(): boolean {
  return detect().simd128;
}
