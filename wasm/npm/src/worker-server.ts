import { toBayes8Error } from "./error.js";
import { instantiate } from "./glue.js";
import { Runner, type TaskResult } from "./runner.js";
import type { Answer, Call } from "./worker-protocol.js";

/** Returns a function that answers the calls of a pool, in order. */
export function createServer(): (call: Call) => Promise<Answer> {
  let runner: Runner;
  return async ({ id, method, parameters }) => {
    try {
      if (method === "load") {
        const [module, file, options] = parameters;
        runner = new Runner(await instantiate(module), file, options);
        return { id, value: runner.info() };
      }
      const call = runner[method] as (...parameters: readonly unknown[]) => unknown;
      return { id, value: call.apply(runner, parameters) };
    } catch (error) {
      const { code, message } = toBayes8Error(error);
      return { id, error: { code, message }, trapped: error instanceof WebAssembly.RuntimeError };
    }
  };
}

/** The memory of the sums in an answer, to be handed over without copying it. */
export const buffers = ({ value }: Answer): ArrayBuffer[] =>
  ((value as Partial<TaskResult> | undefined)?.sums ?? []).map(({ buffer }) => buffer as ArrayBuffer);
