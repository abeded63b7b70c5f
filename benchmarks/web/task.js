// The task of a benchmark's command line.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

/**
 *   SCRIPT MODEL PEER [--samples 4] [--rounds 5] [--bayes8 target/release/bayes8]
 *
 * PEER is the folder that benchmarks/web_peer.py wrote for the model.
 */
export function task() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      samples: { type: "string", default: "4" },
      rounds: { type: "string", default: "5" },
      bayes8: { type: "string", default: "target/release/bayes8" },
    },
  });
  const [model, peer] = positionals;
  if (!model || !peer) {
    console.error("usage: node SCRIPT MODEL PEER [--samples 4] [--rounds 5] [--bayes8 PROGRAM]");
    process.exit(2);
  }
  const samples = Number(values.samples);
  const picture = join(peer, "picture.png");
  const predict = ["predict", model, picture, "--samples", values.samples, "--seed", "0", "--json"];
  const [prediction] = JSON.parse(execFileSync(values.bayes8, predict, { encoding: "utf8" }));
  return {
    model,
    peer,
    samples,
    rounds: Number(values.rounds),
    picture: new Uint8Array(readFileSync(join(peer, "picture.u8"))),
    digest: prediction.logits_digest,
  };
}
