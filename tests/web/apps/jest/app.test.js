import { readFileSync } from "node:fs";
import { Model } from "bayes8";
import { predict } from "../support/predict.js";

test("files of jsdom", async () => {
  const { DIGEST, MODEL, PIXELS } = process.env;
  expect(document.body).toBeInstanceOf(HTMLElement);
  // A Blob of jsdom, which differs from that of Node.
  const both = await predict(Model, new Blob([readFileSync(MODEL)]), readFileSync(PIXELS));
  expect(both).toEqual({ single: DIGEST, pool: DIGEST, workers: 2 });
});
