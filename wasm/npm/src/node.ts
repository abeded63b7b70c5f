/** `bayes8` in Node. */
import { setPlatform } from "./platform.js";
import { node } from "./platform-node.js";

setPlatform(node);

export * from "./api.js";
