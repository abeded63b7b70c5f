import * as bayes8 from "bayes8";
import * as checks from "./pages/checks.js";

const worker = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
window.bayes8 = { bayes8, checks, worker };
