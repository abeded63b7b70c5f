// The task of a benchmark's command line.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
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
  const predict = (...options) => {
    const command = ["predict", model, picture, "--samples", values.samples, "--seed", "0", "--json", ...options];
    return JSON.parse(execFileSync(values.bayes8, command, { encoding: "utf8" }))[0];
  };
  return {
    model,
    peer,
    samples,
    rounds: Number(values.rounds),
    picture: new Uint8Array(readFileSync(join(peer, "picture.u8"))),
    // The command line keeps no logits of maps.
    digest: predict().logits_digest ?? digestOfMap(predict, join(peer, "maps")),
  };
}

/** SHA-256 of the mutual information in the map that the command line writes into `folder`. */
function digestOfMap(predict, folder) {
  predict("--map", folder);
  const array = readFileSync(join(folder, "picture.mutual_information.npy"));
  const numbers = array.subarray(10 + array.readUInt16LE(8)); // After the header.
  return createHash("sha256").update(numbers).digest("hex");
}
