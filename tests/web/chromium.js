// Runs the conformance vectors in headless Chromium.
import { launch } from "../../wasm/npm/tests/support/chromium.js";
import { runIn } from "./browser.js";

await runIn(await launch(), "Chromium");
