/**
 * The network of a model file with every weight at its mean: the file without its standard deviations. A
 * layer without standard deviations is deterministic (docs/FORMAT.md).
 */

/** Tensors that make a layer Bayesian. */
const SPREAD = /\.(sigma|sigma_residual|sigma_line|noise_multiplier)$/;

interface Tensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [start: number, end: number];
}

/** A safetensors file: the length of a header in JSON, the header, and the bytes of the tensors. */
const LENGTH_BYTES = 8;

export function withMeanWeights(file: Uint8Array): Uint8Array {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const data = LENGTH_BYTES + length;
  const { __metadata__, ...tensors } = JSON.parse(new TextDecoder().decode(file.subarray(LENGTH_BYTES, data)));
  // Only the description: the digest belongs to the original file.
  const kept: Record<string, unknown> = { __metadata__: { bayes8: __metadata__.bayes8 } };
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, tensor] of Object.entries(tensors as Record<string, Tensor>)) {
    if (SPREAD.test(name)) continue;
    const [start, end] = tensor.data_offsets;
    kept[name] = { ...tensor, data_offsets: [at, at + end - start] };
    parts.push(file.subarray(data + start, data + end));
    at += end - start;
  }
  const text = new TextEncoder().encode(JSON.stringify(kept));
  // Padded as writers of the format do, so that the tensors begin at a multiple of eight bytes.
  const padded = Math.ceil(text.length / 8) * 8;
  const result = new Uint8Array(LENGTH_BYTES + padded + at).fill(0x20);
  new DataView(result.buffer).setBigUint64(0, BigInt(padded), true);
  result.set(text, LENGTH_BYTES);
  let to = LENGTH_BYTES + padded;
  for (const part of parts) {
    result.set(part, to);
    to += part.length;
  }
  return result;
}
