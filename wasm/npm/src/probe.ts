import probe from "#probe";

/** How this engine computes relaxed dot products. */
export interface RelaxedDot {
  /** Whether they follow the standard. Node 20's first compiler loses an operand. */
  readonly exact: boolean;
  /** Whether they are one instruction of the processor, and so faster than plain SIMD. */
  readonly faster: boolean;
}

/** Steps of the probe per call, which take some tens of microseconds. */
const STEPS = 20_000;
/** The sum of all products in one step: eight dot products of four vectors of weights and two rows (probe.wat). */
const SUM = -381_753;
/** Time for the engine's optimizing compiler to take over. */
const WARM_UP_MILLISECONDS = 10;

let answer: Promise<RelaxedDot> | undefined;

/** Asks the engine, once; rejects if it cannot compile the probe. */
export const relaxedDot = (): Promise<RelaxedDot> => (answer ??= ask());

async function ask(): Promise<RelaxedDot> {
  const { instance } = await WebAssembly.instantiate(probe);
  const { relaxed, saturates } = instance.exports as Record<string, (steps?: number) => number>;
  const agree = () => relaxed!(STEPS) === Math.imul(STEPS, SUM);
  // Without such an instruction, engines use two, of which the first saturates. That shows in the
  // result, which is more reliable than a clock.
  const faster = !saturates!();
  let exact = agree();
  if (exact && faster) {
    const start = performance.now();
    for (let calls = 0; exact && calls < 1000 && performance.now() - start < WARM_UP_MILLISECONDS; calls++) {
      exact = agree(); // Another compiler may have replaced the code by now.
    }
  }
  return { exact, faster: exact && faster };
}
