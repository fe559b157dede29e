/* Runs the examples on the page of the API: sends the chosen files, or the built-in picture. */

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const shown = form.nextElementSibling;
    shown.replaceChildren("…");
    try {
      shown.replaceChildren(await answer(form));
    } catch (error) {
      shown.replaceChildren(String(error));
    }
  });
}

async function answer(form) {
  const fields = new FormData(form);
  const files = fields.getAll("file").filter((file) => file.size);
  const query = new URLSearchParams();
  for (const [name, value] of fields) {
    if (name !== "file" && value) query.set(name, value);
  }
  const body = new FormData();
  if (!files.length) files.push(await (await fetch("example.png")).blob());
  for (const file of files) body.append("image", file);
  const response = await fetch(`${form.dataset.path}?${query}`, { method: "POST", body });
  if (response.headers.get("Content-Type").startsWith("image/")) {
    return drawn(await createImageBitmap(await response.blob()));
  }
  return `${response.status}\n${JSON.stringify(await response.json(), null, 1)}`;
}

function drawn(bitmap) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas;
}
