// Samples take turns with the other tasks of Node's main thread.
import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "./support/simulated.js";

let cost = () => 1;
const runs = simulate(() => cost());
const { Model } = await import("bayes8");
const { modelPath, rgbaOf } = await import("./support/files.js");

const shirt = rgbaOf("shirt-4.png");
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A model whose samples take `milliseconds()` each. */
async function modelOf(t, milliseconds) {
  const model = await Model.load(modelPath("mnist-scnn"), { kernel: "baseline" });
  t.after(() => model.dispose());
  cost = milliseconds;
  runs.length = 0;
  return model;
}

test("samples block the event loop for longer than 20 ms", async (t) => {
  const model = await modelOf(t, () => 0.5);
  await model.predict(shirt, { samples: 100 });
  assert.deepEqual(runs, [1, 8, 40, 40, 11]);
});

test("a slower processor does not make the next chunk smaller", async (t) => {
  const model = await modelOf(t, () => (runs.length < 3 ? 0.5 : 4));
  await model.predict(shirt, { samples: 102 });
  assert.deepEqual(runs, [1, 8, 40, 40, 5, 5, 3]);
});

test("a sample that takes longer than 20 ms shares its chunk with others", async (t) => {
  const model = await modelOf(t, () => 30);
  await model.predict(shirt, { samples: 3 });
  assert.deepEqual(runs, [1, 1, 1]);
});

test("a clock that is too coarse makes the first chunks too large", async (t) => {
  const model = await modelOf(t, () => 0);
  await model.predict(shirt, { samples: 100 });
  assert.deepEqual(runs, [1, 8, 64, 27]);
});

test("no other task runs between two chunks", async (t) => {
  const model = await modelOf(t, () => 20);
  const seen = new Set();
  let ended = false;
  const work = model.predict(shirt, { samples: 10 }).then(() => (ended = true));
  for (; !ended; await turn()) seen.add(runs.length);
  await work;
  assert.deepEqual([...seen], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("a stream that is left goes on computing", async (t) => {
  const model = await modelOf(t, () => 20);
  for await (const _ of model.stream(shirt, { samples: 2 ** 28 })) break;
  const { length } = runs;
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.equal(runs.length, length);
  assert.equal((await model.predict(shirt, { samples: 1 })).samples, 1);
});
