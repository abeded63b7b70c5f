/** The messages between a pool and its workers: calls of the methods of `Runner`, and their answers. */
import type { Bayes8ErrorCode } from "./error.js";
import type { ModelOptions } from "./options.js";
import type { Runner } from "./runner.js";

export type Method = "fit" | "begin" | "run" | "trace" | "logits" | "end";

export type LoadCall = {
  readonly id: number;
  readonly method: "load";
  readonly parameters: readonly [module: WebAssembly.Module, file: Uint8Array, options: ModelOptions];
};

export type MethodCall = {
  [M in Method]: { readonly id: number; readonly method: M; readonly parameters: Parameters<Runner[M]> };
}[Method];

export type Call = LoadCall | MethodCall;

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly code: Bayes8ErrorCode; readonly message: string };
  /** Whether the module trapped, so that its memory can no longer be trusted. */
  readonly trapped?: boolean;
}
