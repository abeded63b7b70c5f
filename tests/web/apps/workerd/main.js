import { Model } from "bayes8";
import wasm from "bayes8/bayes8.wasm";
import { load } from "../support/predict.js";

export default {
  async fetch(_request, { model, picture }) {
    return Response.json({ single: await load(Model, model, new Uint8Array(picture), { wasm }) });
  },
};
