/**
 * The kind of a value. Not by `instanceof`: an iframe, a worker or a test runner has different classes with
 * the same names.
 */

/** `Uint8Array`, `Blob`, `URL` and the like: the name that the language or the platform gives the value. */
export const kindOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

export const isBytes = (value: unknown): value is Uint8Array | Uint8ClampedArray =>
  ArrayBuffer.isView(value) && /^Uint8(Clamped)?Array$/.test(kindOf(value));

export const isFloats = (value: unknown): value is Float32Array =>
  ArrayBuffer.isView(value) && kindOf(value) === "Float32Array";

export const isBlob = (value: unknown): value is Blob => /^(Blob|File)$/.test(kindOf(value));

/** The bytes of an array or a buffer, without copying them; undefined for other values. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (isBytes(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return /^(Shared)?ArrayBuffer$/.test(kindOf(value)) ? new Uint8Array(value as ArrayBuffer) : undefined;
}

/** The bytes of a blob. Blobs of jsdom have no `arrayBuffer`. */
export function readBlob(blob: Blob): Promise<ArrayBuffer> {
  if (blob.arrayBuffer) return blob.arrayBuffer();
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as ArrayBuffer);
    reader.onerror = () => reject(reader.error);
    reader.readAsArrayBuffer(blob);
  });
}

/** How messages show a value that is refused, so that its type is clear. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  const kind = kindOf(value);
  if (kind === "Promise") return "a Promise (is an await missing?)";
  return kind === "Object" ? ((value.constructor?.name as string | undefined) ?? kind) : kind;
}
