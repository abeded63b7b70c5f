/** The worker of a pool in Node. */
import { parentPort } from "node:worker_threads";
import { createServer } from "./worker-server.js";

const answer = createServer();
parentPort?.on("message", async (call) => parentPort?.postMessage(await answer(call)));
