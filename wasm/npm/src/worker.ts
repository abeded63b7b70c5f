/** The worker of a pool in a browser. */
import { buffers, createServer } from "./worker-server.js";

const answerTo = createServer();
onmessage = async ({ data }) => {
  const answer = await answerTo(data);
  postMessage(answer, { transfer: buffers(answer) });
};
