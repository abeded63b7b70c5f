import { platform } from "./platform.js";
import { read } from "./source.js";

/** What this engine makes of relaxed dot products. */
export interface RelaxedDot {
  /** Whether they are what the standard says: Node 20's first compiler loses an operand. */
  readonly exact: boolean;
  /** Whether they are one instruction here, and so faster than what every engine has. */
  readonly faster: boolean;
}

/** Steps of the probe in a call: some tens of microseconds. */
const STEPS = 20_000;
/** Until an engine's optimizing compiler has taken over. */
const WARM_UP_MILLISECONDS = 10;
/** Turns of both products; the best of each counts, as other programs take the processor away. */
const TURNS = 5;
const TURN_MILLISECONDS = 2;
/**
 * Without an instruction of its own, the relaxed product takes 0.9 to 1.1 of the other's time in this
 * probe, and more in a network, where it also masks; with one it takes some 0.5.
 */
const FASTER = 0.75;

let answer: Promise<RelaxedDot> | undefined;

/** Asks the engine, once; fails where the probe cannot be read. */
export function relaxedDot(): Promise<RelaxedDot> {
  if (!answer) {
    answer = ask();
    answer.catch(() => (answer = undefined)); // The next call tries again.
  }
  return answer;
}

async function ask(): Promise<RelaxedDot> {
  const bytes = await read(new URL("../wasm/probe.wasm", import.meta.url), {});
  const { instance } = await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>);
  const { relaxed, baseline } = instance.exports as Record<string, (steps: number) => number>;
  const agree = () => relaxed!(STEPS) === baseline!(STEPS);
  if (!agree()) return { exact: false, faster: false };
  repeat(WARM_UP_MILLISECONDS, agree);
  const best = [Infinity, Infinity];
  for (let turn = 0; turn < TURNS; turn++) {
    await platform().nextTask();
    [relaxed!, baseline!].forEach((product, index) => {
      best[index] = Math.min(best[index]!, repeat(TURN_MILLISECONDS, () => product(STEPS)));
    });
  }
  // Once more: another compiler may have made the code by now.
  return { exact: agree(), faster: best[0]! < FASTER * best[1]! };
}

/** Calls `call` for that long; the time of a call. */
function repeat(milliseconds: number, call: () => void): number {
  // Some clocks tick once a millisecond: begin with a tick.
  const before = performance.now();
  let start;
  do start = performance.now();
  while (start === before);
  let [calls, spent] = [0, 0];
  do {
    call();
    calls++;
    spent = performance.now() - start;
  } while (spent < milliseconds);
  return spent / calls;
}
