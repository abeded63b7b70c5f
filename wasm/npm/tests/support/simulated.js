// Samples on a simulated clock, so that tests see how long they run between other tasks, however busy the machine is.

/**
 * Replaces this thread's clock by one that only samples advance, each by `cost()` milliseconds. Returns a list to which
 * each later call of the module adds its number of samples. For models that load the module afterwards, with the
 * option `kernel`: choosing a kernel takes a real clock.
 */
export function simulate(cost) {
  const runs = [];
  let now = 0;
  performance.now = () => now;
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...parameters) => {
    const { exports } = await instantiate(...parameters);
    const batch_run = (batch, hasSeed, seed, first, count, ...others) => {
      const result = exports.batch_run(batch, hasSeed, seed, first, count, ...others);
      now += count * cost();
      runs.push(count);
      return result;
    };
    return { exports: { ...exports, batch_run } };
  };
  return runs;
}
