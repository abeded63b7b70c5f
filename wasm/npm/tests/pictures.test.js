// Picture files in Node, which the package sharp decodes.
import assert from "node:assert/strict";
import { openAsBlob, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { Model } from "bayes8";
import { modelPath, native, nativeOf, ROOT } from "./support/files.js";
import { isNative } from "./support/same.js";

let model;
before(async () => (model = await Model.load(modelPath("mnist-scnn"))));
after(() => model.dispose());

test("a picture file gives different bits than on the native command line", async () => {
  const { samples, seed } = native;
  for (const line of nativeOf("mnist-scnn").slice(0, 3)) {
    const path = `${ROOT}models/pictures/${line.picture}`;
    const bytes = readFileSync(path);
    const forms = [path, String(pathToFileURL(path)), pathToFileURL(path), await openAsBlob(path), bytes, new File([bytes], "picture.png")];
    for (const form of forms) {
      assert.ok(isNative(await model.predict(form, { samples, seed, logits: true }), line), `${line.picture}: ${form}`);
    }
  }
});

test("a JPEG file cannot be read, or lies on its side", async () => {
  const colours = await Model.load(modelPath("cifar10-resnet20"));
  // Left half black, right half white; the orientation puts the left side on top.
  const pixels = Uint8Array.from({ length: 64 * 32 * 3 }, (_, at) => (Math.floor(at / 3) % 64 < 32 ? 0 : 255));
  const jpeg = await sharp(pixels, { raw: { width: 64, height: 32, channels: 3 } }).withMetadata({ orientation: 6 }).jpeg({ quality: 100, chromaSubsampling: "4:4:4" }).toBuffer();
  const data = new Uint8ClampedArray(32 * 64 * 4).map((_, at) => (at % 4 === 3 || at >= 32 * 32 * 4 ? 255 : 0));
  const [file, turned] = await colours.predictBatch([jpeg, { data, width: 32, height: 64 }], { samples: 4 });
  assert.ok(Math.abs(file.predictiveEntropy - turned.predictiveEntropy) < 0.02, `${file.predictiveEntropy} and ${turned.predictiveEntropy}`);
  colours.dispose();
});

/** The checksum of PNG files. */
function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

test("the error about a file that is not a picture does not name it", async () => {
  const invalid = (work, message) => assert.rejects(work, { code: "invalid-input", message });
  await invalid(model.predict(new Blob(["no picture"])), /the file is not a picture that can be decoded/);
  await invalid(model.predict(new File(["no picture"], "notes.txt")), /^notes\.txt is not a picture/);
  await invalid(model.predict(modelPath("mnist-scnn")), /mnist-scnn\.safetensors is not a picture/);
  await assert.rejects(model.predict("no/such/picture.png"), { code: "network", message: /no\/such\/picture\.png/ });
  // A PNG file whose length equals the number of pixels of the model, filled up with a chunk of text.
  const png = readFileSync(`${ROOT}models/pictures/shirt-4.png`);
  const length = 784 - png.length - 12;
  const chunk = Buffer.alloc(12 + length, "x");
  chunk.writeUInt32BE(length, 0);
  chunk.write("tEXta\0", 4, "latin1");
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + length)), 8 + length);
  const padded = Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
  assert.equal(padded.length, 784);
  const [asBytes, asFile] = [await model.predict(padded, { samples: 1, logits: true }), await model.predict(new Blob([png]), { samples: 1, logits: true })];
  assert.equal(asBytes.logitsDigest, asFile.logitsDigest);
  // Bytes in the model's shape are pixels, whatever they are.
  const pixels = new Uint8Array(784).fill(7);
  pixels.set([0xff, 0xd8, 0xff]);
  assert.equal((await model.predict(pixels, { samples: 1 })).samples, 1);
});
