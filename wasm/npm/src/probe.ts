import probe from "#probe";

/** What this engine makes of relaxed dot products. */
export interface RelaxedDot {
  /** Whether they are what the standard says: Node 20's first compiler loses an operand. */
  readonly exact: boolean;
  /** Whether they are one instruction of the processor, and so faster than what every engine has. */
  readonly faster: boolean;
}

/** Steps of the probe in a call: some tens of microseconds. */
const STEPS = 20_000;
/** The sum of all products in a step: eight of four vectors of weights and two rows (probe.wat). */
const SUM = -381_753;
/** Until an engine's optimizing compiler has taken over. */
const WARM_UP_MILLISECONDS = 10;

let answer: Promise<RelaxedDot> | undefined;

/** Asks the engine, once; fails where it compiles nothing. */
export const relaxedDot = (): Promise<RelaxedDot> => (answer ??= ask());

async function ask(): Promise<RelaxedDot> {
  const { instance } = await WebAssembly.instantiate(probe);
  const { relaxed, saturates } = instance.exports as Record<string, (steps?: number) => number>;
  const agree = () => relaxed!(STEPS) === Math.imul(STEPS, SUM);
  // Engines take two instructions where the processor has no such product, and the first one
  // saturates: no clock is as sure as that.
  const faster = !saturates!();
  let exact = agree();
  if (exact && faster) {
    const start = performance.now();
    for (let calls = 0; exact && calls < 1000 && performance.now() - start < WARM_UP_MILLISECONDS; calls++) {
      exact = agree(); // Another compiler may have made the code by now.
    }
  }
  return { exact, faster: exact && faster };
}
