// A model that is disposed of gives its memory back.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

// The memories of the instances, which the package does not expose.
const memories = [];
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...parameters) => {
  const instance = await instantiate(...parameters);
  // Node itself uses WebAssembly too.
  if ("loadedmodel_new" in instance.exports) memories.push(instance.exports.memory);
  return instance;
};
const { Model } = await import("bayes8");
const { modelPath, rgbaOf } = await import("./support/files.js");

const file = readFileSync(modelPath("mnist-scnn"));
const picture = rgbaOf("shirt-4.png");
const large = { data: new Uint8ClampedArray(4 * 200 * 200), width: 200, height: 200 };

async function cycle() {
  const model = await Model.load(file);
  await model.predictBatch([picture, large], { samples: 1, logits: true });
  await model.predict(new Float32Array(3)).catch(() => {});
  const left = model.predict(picture, { samples: 2 ** 28 }).catch(({ code }) => code);
  for await (const _ of model.stream(picture, { samples: 2 ** 28 })) break;
  model.dispose();
  assert.equal(await left, "disposed");
}

test("1,000 cycles of load, predict and dispose let the memory grow", async () => {
  for (let warm = 0; warm < 10; warm++) await cycle();
  assert.equal(memories.length, 1, "all models of a thread share one instance");
  const { byteLength } = memories[0].buffer;
  for (let repetition = 0; repetition < 1000; repetition++) await cycle();
  assert.equal(memories[0].buffer.byteLength, byteLength);
  assert.equal(memories.length, 1);
});

test("predictions that are asked for at once are all begun at once", async (t) => {
  const model = await Model.load(file);
  t.after(() => model.dispose());
  await model.predict(picture, { samples: 1 });
  const { byteLength } = memories[0].buffer;
  await Promise.all(Array.from({ length: 1000 }, () => model.predict(picture, { samples: 1 })));
  const grown = memories[0].buffer.byteLength - byteLength;
  assert.ok(grown < 128e6, `${grown} bytes`);
});

test("predictions that end let the memory of a model grow", async (t) => {
  const model = await Model.load(file);
  t.after(() => model.dispose());
  const work = () => model.predictBatch([picture, large, picture], { samples: 2, logits: true });
  for (let warm = 0; warm < 10; warm++) await work();
  const { byteLength } = memories[0].buffer;
  for (let repetition = 0; repetition < 300; repetition++) await work();
  assert.equal(memories[0].buffer.byteLength, byteLength);
});
