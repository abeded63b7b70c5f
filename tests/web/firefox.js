// Runs the conformance vectors in headless Firefox.
import { firefox } from "./apps/support/browsers.js";
import { runIn } from "./browser.js";

await runIn(await firefox.launch(), "Firefox");
