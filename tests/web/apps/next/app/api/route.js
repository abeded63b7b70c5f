import { readFile } from "node:fs/promises";
import { Model } from "bayes8";
import { predict } from "../../../support/predict.js";

export const dynamic = "force-dynamic";

export async function GET() {
  const { MODEL, PIXELS } = process.env;
  return Response.json(await predict(Model, MODEL, await readFile(PIXELS)));
}
