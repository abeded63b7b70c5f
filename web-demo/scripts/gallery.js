// Writes the gallery of Fashion-MNIST: assets/fashion-gallery.png has the first test pictures in rows of COLUMNS,
// assets/fashion-gallery.json their labels. The source is Debian's package `dataset-fashion-mnist`:
//   node scripts/gallery.js /usr/share/datasets/fashion-mnist
import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { encode } from "fast-png";

const [SIZE, COLUMNS, ROWS] = [28, 20, 6];
const [IMAGES_HEADER, LABELS_HEADER] = [16, 8];

const folder = process.argv[2] ?? "/usr/share/datasets/fashion-mnist";
const read = (name) => gunzipSync(readFileSync(`${folder}/t10k-${name}-ubyte.gz`));
const images = read("images-idx3").subarray(IMAGES_HEADER);
const labels = read("labels-idx1").subarray(LABELS_HEADER, LABELS_HEADER + COLUMNS * ROWS);

const width = COLUMNS * SIZE;
const data = new Uint8Array(width * ROWS * SIZE);
for (let picture = 0; picture < COLUMNS * ROWS; picture++) {
  const [row, column] = [Math.floor(picture / COLUMNS), picture % COLUMNS];
  for (let y = 0; y < SIZE; y++) {
    const line = images.subarray((picture * SIZE + y) * SIZE, (picture * SIZE + y + 1) * SIZE);
    data.set(line, (row * SIZE + y) * width + column * SIZE);
  }
}
const assets = new URL("../assets/", import.meta.url);
writeFileSync(new URL("fashion-gallery.png", assets), encode({ width, height: ROWS * SIZE, data, channels: 1, depth: 8 }));
writeFileSync(new URL("fashion-gallery.json", assets), `${JSON.stringify({ size: SIZE, columns: COLUMNS, labels: [...labels] })}\n`);
