import * as bayes8 from "/node_modules/bayes8/dist/index.js";
import { answer } from "./answer.js";

answer(bayes8);
