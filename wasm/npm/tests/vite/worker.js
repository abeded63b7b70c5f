import * as bayes8 from "bayes8";
import { answer } from "./pages/answer.js";

answer(bayes8);
