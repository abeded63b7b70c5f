/** `bayes8` for browsers, with modules and worker in one file of JavaScript. */
import { baseline, relaxed, worker } from "#embedded";
import { setPlatform } from "./platform.js";
import { browser } from "./platform-browser.js";

async function unpack(packed: string): Promise<Uint8Array> {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

let address: string | undefined;

setPlatform(
  browser({
    module: (kernel) => unpack(kernel === "relaxed" ? relaxed : baseline),
    worker: () => new Worker((address ??= URL.createObjectURL(new Blob([worker], { type: "text/javascript" })))),
  }),
);

export * from "./api.js";
