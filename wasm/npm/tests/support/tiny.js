/**
 * The bytes of a model file with `description` and tensors `[name, type, shape, data]`; by default the smallest
 * possible model, with one pixel and two classes, whose samples take no time. The file has no digest.
 */
export function modelFile(description = TINY, tensors = TINY_TENSORS) {
  let end = 0;
  const header = { __metadata__: { bayes8: JSON.stringify(description) } };
  for (const [name, dtype, shape, data] of tensors) {
    header[name] = { dtype, shape, data_offsets: [end, (end += data.byteLength)] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  let at = 8 + text.length;
  for (const [, , , data] of tensors) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

export const TINY = {
  format_version: 1,
  name: "tiny",
  input: { shape: [1, 1, 1], scale: 1 / 255, zero_point: 0, preprocessing: { mean: [0], std: [1] } },
  class_names: ["dark", "bright"],
  nodes: [{ name: "fc", op: { linear: { out_features: 2 } }, inputs: ["input"] }],
};

export const TINY_TENSORS = [
  ["fc.mu", "I8", [2, 1, 1, 1], Int8Array.of(-50, 50)],
  ["fc.scale", "F32", [2], Float32Array.of(0.1, 0.1)],
  ["fc.sigma", "U8", [2, 1, 1, 1], Uint8Array.of(60, 60)],
  ["fc.noise_multiplier", "I16", [2], Int16Array.of(900, 900)],
];
