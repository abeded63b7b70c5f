const { readFileSync } = require("node:fs");

async function main([model, picture]) {
  const { Model } = await import("bayes8");
  const { predict } = await import("../support/predict.js");
  console.log(JSON.stringify(await predict(Model, model, readFileSync(picture))));
}

main(process.argv.slice(2));
