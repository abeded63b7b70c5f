// The code of a server, without the types of a page.
import { Model, type Prediction } from "bayes8";

export async function predict(bytes: Uint8Array, signal?: AbortSignal): Promise<Prediction> {
  await using(await Model.load(new URL("file:///model.safetensors"), { signal }));
  const pool = await Model.pool("model.safetensors", { workers: 2, signal });
  try {
    return await pool.predict({ data: bytes, width: 28, height: 28 }, { seed: 7, signal });
  } finally {
    pool.dispose();
  }
}

async function using(model: Disposable): Promise<void> {
  model[Symbol.dispose]();
}
