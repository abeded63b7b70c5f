/** The worker of a pool in a browser. */
import { createServer } from "./worker-server.js";

const answer = createServer();
onmessage = async ({ data }) => postMessage(await answer(data));
