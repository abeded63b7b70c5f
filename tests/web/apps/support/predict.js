// Runs in pages, workers and servers.

const request = { samples: 8, seed: 7n, logits: true };

/** The digest of a prediction in this thread. */
export async function load(Model, source, picture, { worker, ...options } = {}) {
  const model = await Model.load(source, options);
  const { logitsDigest } = await model.predict(picture, request);
  model.dispose();
  return logitsDigest;
}

/** The digests of a prediction in this thread and of a prediction in two workers. */
export async function predict(Model, source, picture, options = {}) {
  const single = await load(Model, source, picture, options);
  const pool = await Model.pool(source, { ...options, workers: 2 });
  const { logitsDigest } = await pool.predict(picture, request);
  const { workers } = pool;
  pool.dispose();
  return { single, pool: logitsDigest, workers };
}
