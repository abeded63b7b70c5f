// The code that wasm-bindgen generates has the interface that the package relies on.
import * as generated from "../../wasm/bayes8.js";
import type { Glue } from "../../src/glue.js";

generated satisfies Glue;
