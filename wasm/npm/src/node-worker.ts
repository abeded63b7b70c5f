/** The worker of a pool in Node. */
import { parentPort } from "node:worker_threads";
import { buffers, createServer } from "./worker-server.js";

const answerTo = createServer();
parentPort?.on("message", async (call) => {
  const answer = await answerTo(call);
  parentPort?.postMessage(answer, buffers(answer));
});
