/* A picture from the camera, in a dialog; without camera access, the browser's file dialog. */

import { byId } from "./dom.js";

/** Make the camera's button work.
    @param {(picture: Blob) => void} taken
    @param {(error: Error) => void} failed */
export function makeCamera(taken, failed) {
  const dialog = byId("photo-dialog");
  const video = byId("photo-video");
  byId("photo-camera").addEventListener("click", async () => {
    // Browsers allow the camera only on secure pages: https, or this computer.
    if (!navigator.mediaDevices?.getUserMedia) {
      byId("photo-snap").click();
      return;
    }
    try {
      const wanted = { video: { facingMode: "environment", width: { ideal: 1920 } } };
      video.srcObject = await navigator.mediaDevices.getUserMedia(wanted);
      dialog.showModal();
    } catch (error) {
      failed(error);
    }
  });
  byId("photo-shoot").addEventListener("click", () => {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((picture) => {
      dialog.close();
      taken(picture);
    }, "image/png");
  });
  byId("photo-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
  });
}
