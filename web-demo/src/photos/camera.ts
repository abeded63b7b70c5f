import { create } from "../lib/dom.js";

/** Asks for the camera and shows it until the visitor takes a picture, or leaves: then nothing. */
export async function takePicture(signal: AbortSignal): Promise<ImageBitmap | undefined> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  const video = create("video", { srcObject: stream, muted: true, playsInline: true });
  const take = create("button", { type: "submit", className: "button primary", textContent: "Take the picture", value: "take", disabled: true });
  const leave = create("button", { type: "submit", className: "button", textContent: "Cancel", value: "" });
  const form = create("form", { method: "dialog" }, video, create("div", { className: "choices" }, take, leave));
  const dialog = create("dialog", { className: "camera" }, form);
  dialog.setAttribute("aria-label", "Camera");
  document.body.append(dialog);
  signal.addEventListener("abort", () => dialog.close());
  try {
    const closed = new Promise((resolve) => dialog.addEventListener("close", resolve));
    dialog.showModal();
    await video.play();
    // Before, there is no picture to take.
    take.disabled = false;
    await closed;
    return dialog.returnValue ? await createImageBitmap(video) : undefined;
  } finally {
    for (const track of stream.getTracks()) track.stop();
    dialog.remove();
  }
}
