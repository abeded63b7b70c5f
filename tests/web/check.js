// Runs conformance vectors with the npm package, in Node and in pages. docs/CONFORMANCE.md has the format.

/** Start of the lines that `conformance report` reads. */
const MARK = "CONFORMANCE ";

const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const bytesOf = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);

const sha256 = async (bytes) => toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));

const isExpected = async (expected, bytes) =>
  expected === (expected.startsWith("hex:") ? `hex:${toHex(bytes)}` : `sha256:${await sha256(bytes)}`);

function concatenate(arrays) {
  const parts = arrays.map(bytesOf);
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The figures of each head, in the order of a vector. */
const PROBABILITIES = ["probabilities", "std", "predictiveEntropy", "expectedEntropy", "mutualInformation"];
const FIGURES = {
  classes: PROBABILITIES,
  labels: PROBABILITIES,
  gaussian: ["mean", "std", "aleatoricStd", "epistemicStd"],
};
/** Those that have standard errors. */
const ERRORS = ["probabilities", "predictiveEntropy", "expectedEntropy", "mutualInformation", "mean"];

/** The pictures of a set, each as a `Uint8Array`; for a model that takes numbers, the bytes of f32. */
function picturesOf({ count, base64, one_hot: oneHot }) {
  if (oneHot !== undefined) {
    return Array.from({ length: oneHot + 1 }, (_, picture) =>
      Uint8Array.from({ length: oneHot }, (_, i) => Number(i === picture)),
    );
  }
  const bytes = fromBase64(base64);
  const length = bytes.length / count;
  return Array.from({ length: count }, (_, picture) => bytes.subarray(picture * length, (picture + 1) * length));
}

/** The bytes of a model. `read` reads a file of the repository. */
async function modelOf({ base64, path, sha256: expected }, read) {
  if (base64 !== undefined) return fromBase64(base64);
  const bytes = await read(path);
  const found = await sha256(bytes);
  if (found !== expected) throw new Error(`${path} has SHA-256 ${found}, not ${expected}: another model`);
  return bytes;
}

const numbersOf = (figure) => (typeof figure === "number" ? [figure] : [...figure]);

/** The numbers of a set or of intervals; none if the output has no conformal predictor. */
function regionOf({ set, sets, intervals, probabilities }) {
  if (set) return [...set, ...Array(probabilities.length - set.length).fill(-1)];
  if (sets) return sets.flatMap(({ absent, present }) => [Number(absent), Number(present)]);
  return intervals?.flat() ?? [];
}

/** The standard errors of an output; not numbers for a single sample, and none for a map. */
function errorsOf(figures, output) {
  if (output.positions) return [];
  const known = figures.filter((figure) => ERRORS.includes(figure));
  return known.flatMap((figure) => {
    const { standardErrors: errors, [figure]: own } = output;
    return errors ? numbersOf(errors[figure]) : numbersOf(own).map(() => NaN);
  });
}

/** The figures of all outputs of a prediction, one after the other. */
const figuresOf = ({ outputs }, info) =>
  Float64Array.from(
    info.outputs.flatMap(({ name, head }) => [
      ...FIGURES[head].flatMap((figure) => numbersOf(outputs[name][figure])),
      ...errorsOf(FIGURES[head], outputs[name]),
      ...regionOf(outputs[name]),
    ]),
  );

/** The first part of a result that differs; undefined if none does. */
async function differenceOf(model, vector, bytes) {
  // The bytes of numbers may begin anywhere in a buffer.
  const pictures =
    model.info.values === "numbers" ? bytes.map((picture) => new Float32Array(picture.slice().buffer)) : bytes;
  const [firstSample, end] = vector.samples;
  const draws = vector.seed === undefined ? { draws: "chosen" } : { seed: BigInt(vector.seed) };
  const options = { ...draws, firstSample, samples: end - firstSample, logits: true };
  const predictions = await model.predictBatch(pictures, options);
  const traceOf = (sample) => model.traceBatch(pictures, { ...draws, sample });

  const trace = new Map((await traceOf(firstSample)).map(({ node, codes }) => [node, codes]));
  for (const { node, output } of vector.trace) {
    const codes = trace.get(node);
    if (!codes) throw new Error(`no node \`${node}\` in the trace`);
    if (!(await isExpected(output, codes))) return { part: { node }, found: toBase64(codes) };
  }
  const logits = concatenate(predictions.map(({ logits }) => logits));
  if (!(await isExpected(vector.logits, logits))) {
    const traces = [];
    for (let sample = firstSample; sample < end; sample++) {
      const nodes = (await traceOf(sample)).map(({ node, codes }) => ({ node, found: toBase64(codes) }));
      traces.push({ sample, nodes });
    }
    return { part: "logits", found: toBase64(logits), traces };
  }
  const sums = concatenate(predictions.map(({ sums }) => sums));
  if (!(await isExpected(vector.sums, sums))) return { part: "sums", found: toBase64(sums) };
  const uncertainty = concatenate(predictions.map((prediction) => figuresOf(prediction, model.info)));
  if (!(await isExpected(vector.uncertainty, uncertainty))) {
    return { part: "uncertainty", found: toBase64(uncertainty) };
  }
}

/**
 * Runs all vectors of `files` on one target and prints a line for each. `load` loads a model from the bytes of
 * a file. `kernel` is the kernel to print if a model cannot be loaded.
 */
export async function check({ target, kernel, load, files, read, print }) {
  const line = (fields) => print(MARK + JSON.stringify({ target, kernel, ...fields }));
  for (const file of files) {
    const pictures = new Map(Object.entries(file.pictures).map(([name, set]) => [name, picturesOf(set)]));
    for (const [name, entry] of Object.entries(file.models)) {
      const vectors = file.vectors.filter((vector) => vector.model === name);
      let model;
      try {
        model = await load(await modelOf(entry, read));
      } catch (error) {
        if (error.code === "unsupported") return line({ result: "skipped", reason: error.message });
        const message = String(error);
        for (const vector of vectors) line({ vector: `${file.group}/${vector.name}`, result: "failed", message });
        continue;
      }
      for (const vector of vectors) {
        const fields = { kernel: model.kernel, vector: `${file.group}/${vector.name}` };
        try {
          const difference = await differenceOf(model, vector, pictures.get(vector.pictures));
          line({ ...fields, ...(difference ? { result: "different", ...difference } : { result: "passed" }) });
        } catch (error) {
          line({ ...fields, result: "failed", message: String(error) });
        }
      }
      model.dispose();
    }
  }
}
