import { create } from "./dom.js";

/** Opens the camera and plays it into a video that is not shown. Ends with `signal`. */
export async function openCamera(signal: AbortSignal): Promise<HTMLVideoElement> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  const stop = () => stream.getTracks().forEach((track) => track.stop());
  // The visitor may have left while the browser asked for permission.
  if (signal.aborted) stop();
  signal.throwIfAborted();
  signal.addEventListener("abort", stop);
  const video = create("video", { srcObject: stream, muted: true, playsInline: true });
  await video.play();
  return video;
}
