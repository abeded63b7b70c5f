// Writes tests/fixtures/native.json: the predictions of the native command line for the shipped models and
// pictures, which the package has to repeat bit for bit. BAYES8_CLI may name a `bayes8` that is built already.
import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const [command, ...before] = process.env.BAYES8_CLI
  ? [process.env.BAYES8_CLI]
  : ["cargo", "run", "--release", "--quiet", "--package", "bayes8-cli", "--"];
const models = ["mnist-scnn", "fashion-resnet14", "cifar10-resnet20"];
const pictures = readdirSync(`${root}models/pictures`).sort();

const predict = (model) => {
  const paths = pictures.map((picture) => `models/pictures/${picture}`);
  const parameters = ["predict", `models/${model}.safetensors`, ...paths, "--seed", "7", "--samples", "8", "--json"];
  const output = execFileSync(command, [...before, ...parameters], { cwd: root, encoding: "utf8" });
  return JSON.parse(output).map((prediction, index) => ({
    model,
    picture: pictures[index],
    logitsDigest: prediction.logits_digest,
    predictiveEntropy: prediction.predictive_entropy,
    expectedEntropy: prediction.expected_entropy,
    mutualInformation: prediction.mutual_information,
    standardErrors: {
      predictiveEntropy: prediction.standard_errors.predictive_entropy,
      expectedEntropy: prediction.standard_errors.expected_entropy,
      mutualInformation: prediction.standard_errors.mutual_information,
    },
    top: prediction.top.map(({ standard_error: standardError, ...figures }) => ({ ...figures, standardError })),
  }));
};

const predictions = models.flatMap(predict);
const lines = predictions.map((prediction) => `    ${JSON.stringify(prediction)}`).join(",\n");
writeFileSync(
  new URL("../tests/fixtures/native.json", import.meta.url),
  `{\n  "seed": 7,\n  "samples": 8,\n  "predictions": [\n${lines}\n  ]\n}\n`,
);
