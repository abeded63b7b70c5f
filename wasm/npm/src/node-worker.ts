/** A pool's worker in Node. */
import { parentPort } from "node:worker_threads";
import { createServer } from "./worker-server.js";

const answer = createServer();
parentPort?.on("message", async (call) => parentPort?.postMessage(await answer(call)));
