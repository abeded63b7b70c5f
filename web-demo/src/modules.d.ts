/** The part of the repository's conformance check that the demo uses. */
declare module "*/tests/web/check.js" {
  export interface VectorFile {
    readonly group: string;
    readonly about: string;
    readonly vectors: readonly { readonly name: string; readonly logits: string }[];
  }

  export function check(options: {
    target: string;
    kernel: string;
    load(bytes: Uint8Array): Promise<unknown>;
    files: readonly VectorFile[];
    read(path: string): Promise<Uint8Array>;
    print(line: string): void;
  }): Promise<void>;
}
