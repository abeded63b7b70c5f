/** The network of street scenes in its worker. */
import { Bayes8Error, type Progress } from "bayes8";
import { modelFile } from "../model/models.js";
import type { SceneMap } from "./map.js";
import type { SceneInput, SceneMessage, SceneRequest } from "./scenes.worker.js";
import ScenesWorker from "./scenes.worker.js?worker";

interface Call {
  readonly id: number;
  readonly onMap: (map: SceneMap) => void;
  resolve(complete: boolean): void;
  reject(error: Bayes8Error): void;
}

/** Predicts one picture at a time. */
export class Segmenter {
  readonly #worker = new ScenesWorker();
  #call: Call | undefined;
  #calls = 0;

  private constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<SceneMessage>) => this.#take(data);
    this.#worker.onerror = ({ message }) => this.#call?.reject(new Bayes8Error("worker", `a worker failed: ${message}`));
  }

  static async open(onProgress: (progress: Progress) => void): Promise<Segmenter> {
    const file = await modelFile("camvid-unet", onProgress);
    const segmenter = new Segmenter();
    try {
      await segmenter.#request({ kind: "load", file }, () => {});
    } catch (error) {
      segmenter.dispose();
      throw error;
    }
    return segmenter;
  }

  /**
   * Calls `onMap` with maps while samples arrive, or only with the last one. Returns whether the last one has come: a
   * newer picture or `stop` ends it early.
   */
  predict(input: SceneInput, onMap: (map: SceneMap) => void): Promise<boolean> {
    return this.#request({ kind: "predict", id: this.#calls + 1, ...input }, onMap);
  }

  stop(): void {
    this.#post({ kind: "stop" });
    this.#end(false);
  }

  dispose(): void {
    this.#worker.terminate();
    this.#end(false);
  }

  #request(request: SceneRequest, onMap: Call["onMap"]): Promise<boolean> {
    this.#end(false);
    return new Promise((resolve, reject) => {
      this.#call = { id: ++this.#calls, onMap, resolve, reject };
      this.#post(request);
    });
  }

  #end(complete: boolean): void {
    this.#call?.resolve(complete);
    this.#call = undefined;
  }

  #take(message: SceneMessage): void {
    if (message.kind === "error") return this.#call?.reject(new Bayes8Error(message.code, message.message));
    if (message.kind === "loaded") return this.#end(true);
    // A map may have been on its way when a newer picture came.
    if (message.id !== this.#call?.id) return;
    if (message.kind === "map") this.#call.onMap(message.map);
    else this.#end(true);
  }

  #post(request: SceneRequest): void {
    this.#worker.postMessage(request);
  }
}
