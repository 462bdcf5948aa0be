// Enlargements are taken home: as files, or as the command that makes the same ones.

import { isDone } from "./pictures.js";
import { fill } from "./select.js";
import * as server from "./server.js";

const SYNONYMS = [".jpeg", ".tiff"];
const KEPT_MS = 60_000; // until the browser has surely begun to write a file

export class Download {
  #section; #pictures; #network; #changed;
  #formats = {};

  // `changed`: is called when files would be written otherwise, or have been written.
  constructor(section, pictures, network, changed) {
    this.#section = section;
    this.#pictures = pictures;
    this.#network = network;
    this.#changed = changed;
    this.#find("#download").addEventListener("click", () => this.#write([pictures.current]));
    this.#find("#download-all").addEventListener("click", () => this.#write(pictures.items.filter(isDone)));
    for (const control of section.querySelectorAll("input, select")) control.addEventListener("change", changed);
  }

  offer({ formats }) {
    this.#formats = formats;
    const named = Object.entries(formats).filter(([suffix]) => !SYNONYMS.includes(suffix));
    fill(this.#find("#format"), named.map(([suffix]) => suffix), named.map(([, { name }]) => (name === "WEBP" ? "WebP" : name)));
  }

  show(item) {
    this.#find("#download").disabled = !isDone(item);
    this.#find("#download-all").disabled = this.#pictures.items.filter(isDone).length < 2;
    this.#find("#quality").disabled = !this.#formats[this.#find("#format").value]?.lossy;
    this.#find("#command").textContent = isDone(item) ? this.#command(item) : "";
  }

  start() { this.#find("#download").click(); } // nothing, where it is disabled

  say(text) { this.#find("#said").textContent = text; }

  // As the server reads it.
  get #saving() {
    const format = this.#find("#format").value;
    return {
      format,
      quality: this.#formats[format].lossy ? this.#find("#quality").value : "",
      background: this.#find("#flatten").checked ? this.#find("#background").value : "",
      strip: this.#find("#strip").checked ? "yes" : "",
    };
  }

  async #write(items) {
    this.#find("#download").disabled = this.#find("#download-all").disabled = true;
    try {
      for (const item of items) {
        this.say(`writing ${item.name} …`);
        const { blob, name } = await server.file(item.job.job, this.#saving);
        const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
        this.say(`${name} is in your downloads`);
      }
    } catch (error) {
      this.say(error.message);
    }
    this.#changed();
  }

  #command({ name, job, by }) {
    const { format, quality, background, strip } = this.#saving, size = `${job.width}x${job.height}`;
    const words = ["liif-edge", "upscale", quoted(name), quoted(`${name.replace(/\.[^.]*$/, "")}-${size}${format}`), "--size", size];
    words.push(...this.#network.options(by));
    if (quality) words.push("--quality", quality);
    if (background) words.push("--background", quoted(background));
    if (strip) words.push("--strip");
    return words.join(" ");
  }

  #find(selector) { return this.#section.querySelector(selector); }
}

// For a shell.
function quoted(text) {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
