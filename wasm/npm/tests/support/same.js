// Runs in Node and in pages.

/** Whether a prediction has every bit of a line of the native command line. */
export function isNative(prediction, line) {
  const best = prediction.top(line.top.length);
  const { standardErrors: errors } = line;
  return (
    Object.keys(errors).every((key) => prediction.standardErrors[key] === errors[key]) &&
    ["logitsDigest", "predictiveEntropy", "expectedEntropy", "mutualInformation"].every((key) => prediction[key] === line[key]) &&
    line.top.every((expected, rank) => Object.keys(expected).every((key) => best[rank][key] === expected[key]))
  );
}

/** Every bit of a prediction as text. */
export function bits({ samples, probabilities, std, predictiveEntropy, expectedEntropy, mutualInformation, standardErrors }) {
  const errors = Object.values(standardErrors ?? {}).flatMap((error) => (typeof error === "number" ? [error] : [...error]));
  const numbers = [...probabilities, ...std, predictiveEntropy, expectedEntropy, mutualInformation, ...errors];
  const words = new BigUint64Array(Float64Array.from(numbers).buffer);
  return [samples, ...words].join(" ");
}
