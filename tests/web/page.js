// Runs in the page of `chromium.js` and `firefox.js`.
import { Model } from "/package/dist/index.js";
import { check } from "./check.js";
import { targets } from "./targets.js";

/** Runs the vectors of the files `names`. `place` names the browser; `print` is a function of the page. */
export async function run(names, place) {
  const files = await Promise.all(names.map(async (name) => (await fetch(`/vectors/${name}`)).json()));
  const read = async (path) => new Uint8Array(await (await fetch(`/${path}`)).arrayBuffer());
  // In some browsers, lines only arrive after the end of this function.
  const arriving = [];
  const printed = (line) => arriving.push(print(line));
  for (const target of targets(Model, place)) await check({ ...target, files, read, print: printed });
  await Promise.all(arriving);
}
