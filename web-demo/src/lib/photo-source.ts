/** Where the photos of a page come from: a file, a drop, a paste, the camera, or an example that comes with the page. */
import "../styles/photo-source.css";
import { openCamera } from "./camera.js";
import { create, find } from "./dom.js";
import { middleOf } from "./pixels.js";
import type { Status } from "./status.js";

/** A photo that comes with the page. */
export interface Shipped {
  readonly button: string;
  readonly file: string;
}

export interface PhotoSourceOptions<E extends Shipped> {
  readonly examples: readonly E[];
  /** The size of the pictures. Of a photo with other proportions, they are the largest part in its middle. */
  readonly width: number;
  readonly height: number;
  /** Hears of files that cannot be read, and of cameras that cannot be opened. */
  readonly status: Status;
  /** A photo, and its example, if it is one. */
  onPhoto(picture: ImageData, example: E | undefined): void;
  /** A frame of the live camera. The next one is taken when the promise is settled. */
  onFrame(picture: ImageData, signal: AbortSignal): Promise<void>;
  /** The live camera begins, or has stopped. */
  onLive(live: boolean): void;
  onError(error: unknown): void;
}

export class PhotoSource<E extends Shipped> {
  /** Buttons for a file and the camera. */
  readonly buttons = create("div", { className: "choices" });
  /** A button for each example. */
  readonly examples = create("div", { className: "choices" });
  readonly #options: PhotoSourceOptions<E>;
  readonly #ending = new AbortController();
  /** Stops the live camera, if it runs. */
  #live: AbortController | undefined;
  /** Whether the status tells of a file or a camera, and not of the network. */
  #complains = false;

  constructor(options: PhotoSourceOptions<E>) {
    this.#options = options;
    this.buttons.innerHTML = `<label class="button">Choose a file<input class="sr" type="file" accept="image/*" /></label>
      <button type="button" class="button" data-camera>Live camera</button>`;
    const file = find<HTMLInputElement>(this.buttons, "input");
    file.onchange = () => void this.#open(file.files?.[0]).then(() => (file.value = ""));
    find(this.buttons, "[data-camera]").onclick = () => (this.#live ? this.#stop() : void this.#camera());
    this.examples.setAttribute("role", "group");
    this.examples.setAttribute("aria-label", "Examples");
    for (const example of options.examples) {
      const onclick = () => void this.show(example);
      this.examples.append(create("button", { type: "button", className: "button", textContent: example.button, onclick }));
    }
    this.#listen();
  }

  /** Whether the live camera runs. */
  get live(): boolean {
    return this.#live !== undefined;
  }

  end(): void {
    this.#ending.abort();
    this.#live?.abort();
  }

  async show(example: E): Promise<void> {
    try {
      await this.#photo(await (await fetch(example.file)).blob(), example);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #listen(): void {
    const { signal } = this.#ending;
    const fileOf = (data: DataTransfer | null) => Array.from(data?.files ?? [])[0];
    addEventListener("paste", (event) => void this.#open(fileOf(event.clipboardData)), { signal });
    // Without this, a browser would leave the page and show the file.
    addEventListener("dragover", (event) => event.preventDefault(), { signal });
    addEventListener("drop", (event) => {
      event.preventDefault();
      void this.#open(fileOf(event.dataTransfer));
    }, { signal });
    // Nobody sees the frames of a hidden page.
    document.addEventListener("visibilitychange", () => document.hidden && this.#stop(), { signal });
  }

  async #open(file: File | undefined): Promise<void> {
    if (!file) return;
    try {
      await this.#photo(file);
    } catch {
      this.#complain(`Your browser cannot read “${file.name}” as a picture. PNG, JPEG and WebP work.`);
    }
  }

  async #photo(source: Blob, example?: E): Promise<void> {
    const { width, height } = this.#options;
    const picture = await middleOf(source, width, height);
    if (this.#ending.signal.aborted) return;
    this.#stop();
    this.#press(example);
    this.#forgive();
    this.#options.onPhoto(picture, example);
  }

  /** Gives frame after frame, as fast as they are taken, until stopped. */
  async #camera(): Promise<void> {
    const { width, height, onError } = this.#options;
    const live = new AbortController();
    const { signal } = live;
    this.#live = live;
    this.#forgive();
    this.#liveChanged();
    try {
      const video = await openCamera(signal);
      this.#press(undefined);
      while (!signal.aborted) {
        const picture = await middleOf(video, width, height);
        if (signal.aborted) return;
        await this.#options.onFrame(picture, signal);
        await new Promise(requestAnimationFrame);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#stop();
      if (error instanceof DOMException) this.#complain("The camera could not be opened. A file or one of the examples works too.");
      else onError(error);
    }
  }

  #stop(): void {
    if (!this.#live) return;
    this.#live.abort();
    this.#live = undefined;
    this.#liveChanged();
  }

  #liveChanged(): void {
    find(this.buttons, "[data-camera]").textContent = this.live ? "Stop the camera" : "Live camera";
    this.#options.onLive(this.live);
  }

  #complain(text: string): void {
    this.#complains = true;
    this.#options.status.error(text);
  }

  #forgive(): void {
    if (this.#complains) this.#options.status.show("");
    this.#complains = false;
  }

  #press(example: E | undefined): void {
    for (const button of this.examples.children) button.setAttribute("aria-pressed", String(button.textContent === example?.button));
  }
}
