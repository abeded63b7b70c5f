// Samples on a simulated clock: tests see how long they run between other tasks on any machine, however busy.

/**
 * Replaces this thread's clock by one that samples alone move, each by `cost()` milliseconds. Returns a list that gets
 * the number of samples of each call of the module from now on. Only for models that load the module after this; with
 * a `kernel`, since whoever compares kernels needs a real clock.
 */
export function simulate(cost) {
  const runs = [];
  let now = 0;
  performance.now = () => now;
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...parameters) => {
    const { exports } = await instantiate(...parameters);
    const batch_run = (batch, seed, first, count, ...others) => {
      const result = exports.batch_run(batch, seed, first, count, ...others);
      now += count * cost();
      runs.push(count);
      return result;
    };
    return { exports: { ...exports, batch_run } };
  };
  return runs;
}
