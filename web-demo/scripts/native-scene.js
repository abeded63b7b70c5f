// Writes tests/fixtures/scene.json: the map of a scene by the native command line, which the Scenes page has to show.
// BAYES8_CLI may name a `bayes8` that is built already.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decode } from "fast-png";

const SCENE = "car-park";
const SAMPLES = 32;
/** Places at which the page is read. */
const PLACES = [[20, 20], [128, 150], [180, 92], [60, 118]];

const root = fileURLToPath(new URL("../../", import.meta.url));
const [command, ...before] = process.env.BAYES8_CLI
  ? [process.env.BAYES8_CLI]
  : ["cargo", "run", "--release", "--quiet", "--package", "bayes8-cli", "--"];

/** The numbers of a .npy file of float32. */
function numbers(file) {
  const bytes = readFileSync(file);
  const begin = 10 + bytes.readUInt16LE(8);
  return Float32Array.from({ length: (bytes.length - begin) / 4 }, (_, index) => bytes.readFloatLE(begin + 4 * index));
}

const folder = mkdtempSync(join(tmpdir(), "scene-"));
try {
  const parameters = ["predict", "models/camvid-unet.safetensors", `web-demo/assets/${SCENE}.png`, "--samples", String(SAMPLES), "--map", folder];
  execFileSync(command, [...before, ...parameters], { cwd: root });
  const { data: classes, width } = decode(readFileSync(join(folder, `${SCENE}.classes.png`)));
  const total = numbers(join(folder, `${SCENE}.predictive_entropy.npy`));
  const unfamiliarity = numbers(join(folder, `${SCENE}.mutual_information.npy`));
  const places = PLACES.map(([x, y]) => {
    const at = y * width + x;
    return { x, y, class: classes[at], total: total[at], unfamiliarity: unfamiliarity[at] };
  });
  const scene = { scene: SCENE, samples: SAMPLES, classes: createHash("sha256").update(classes).digest("hex"), places };
  writeFileSync(new URL("../tests/fixtures/scene.json", import.meta.url), `${JSON.stringify(scene, undefined, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
