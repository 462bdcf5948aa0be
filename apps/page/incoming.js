// Pictures come in: dropped, pasted, chosen, as a folder, or the sample.

import * as server from "./server.js";

const PICTURE = /\.(png|jpe?g|webp|avif|tiff?|gif|bmp)$/i;

export class Incoming {
  #inputs; #take;

  // `stage`: shows that a drop is welcome. `inputs`: {files, folder}. `take`: is given files.
  constructor(stage, inputs, take) {
    this.#inputs = inputs;
    this.#take = take;
    const { files, folder } = inputs;
    files.addEventListener("change", () => this.#chosen(files, inOrder(files.files)));
    folder.addEventListener("change", () => this.#chosen(folder, inOrder(folder.files).filter(isPicture)));
    addEventListener("paste", event => take([...event.clipboardData.files]));
    addEventListener("dragover", event => {
      event.preventDefault();
      stage.classList.add("over");
    });
    addEventListener("dragleave", event => { if (!event.relatedTarget) stage.classList.remove("over"); });
    addEventListener("drop", event => {
      event.preventDefault();
      stage.classList.remove("over");
      this.#dropped(event.dataTransfer);
    });
  }

  // `kind`: files, folder or sample.
  async pick(kind) {
    if (kind === "sample") this.#take([new File([await server.sample()], "sample.png", { type: "image/png" })]);
    else this.#inputs[kind].click();
  }

  #chosen(input, files) {
    this.#take(files);
    input.value = ""; // the same files can be chosen again
  }

  async #dropped({ items, files }) {
    const dropped = [...files]; // gone when this event has ended
    const entries = [...items].map(item => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.some(entry => entry.isDirectory)) this.#take(dropped);
    else this.#take((await Promise.all(entries.map(filesOf))).flat().filter(isPicture));
  }
}

// A folder's other files are no pictures.
const isPicture = file => PICTURE.test(file.name);

function inOrder(files) {
  return [...files].sort((a, b) => (a.webkitRelativePath || a.name).localeCompare(b.webkitRelativePath || b.name));
}

// All files of a file or a folder that was dropped.
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 a time
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(filesOf))).flat());
  }
}
