// The pictures of the page: each with its file, what the server read of it, and its enlargement.

import * as server from "./server.js";

const THUMB = 84; // pixels
const UPLOADS_AT_ONCE = 2;
const ENDED = ["done", "failed", "cancelled"];

export const isDone = item => item?.job?.state === "done";

export class Pictures extends EventTarget {
  items = [];
  current = null;
  #list;
  #waiting = []; // to be uploaded
  #early = new Map(); // what was told of jobs before the answer that gave their numbers
  #uploading = 0;

  // `settings`: gives {weights, precision, effort} for an item. `limits`: of the server.
  constructor(list, settings) {
    super();
    this.#list = list;
    this.settings = settings;
  }

  // Files to enlarge by `target`: {scale} or {width, height}.
  add(files, target) {
    for (const file of files) {
      const item = { file, name: file.name || "pasted.png", target, job: null, picture: null, failure: "", size: null };
      item.row = this.#row(item);
      this.items.push(item);
      this.#list.append(item.row.line);
      if (file.size > this.limits.bytes)
        item.failure = `expected a file of at most ${Math.round(this.limits.bytes / 1e6)} MB, found ${Math.round(file.size / 1e6)} MB`;
      else this.#waiting.push(item);
      this.#look(item);
      if (!this.current) this.select(item);
      this.#update(item);
    }
    this.#upload();
  }

  select(item) {
    this.current = item;
    for (const each of this.items) each.row.line.setAttribute("aria-current", each === item);
    item?.row.line.scrollIntoView({ block: "nearest" });
    this.dispatchEvent(new Event("selected"));
  }

  step(by) {
    const index = this.items.indexOf(this.current) + by;
    if (this.items[index]) this.select(this.items[index]);
  }

  // Enlarges `item` by its target; an earlier enlargement is forgotten.
  async enlarge(item) {
    if (!item.picture) return; // when it is uploaded
    item.by = this.settings(item);
    const order = { picture: item.picture.picture, ...item.by, ...item.target };
    const old = item.job;
    item.job = null;
    item.failure = "";
    if (old) this.#forget(old.job);
    const turn = (item.turn = (item.turn ?? 0) + 1);
    try {
      const job = await server.addJob(order);
      if (item.turn !== turn) this.#forget(job.job); // another one was asked for meanwhile
      else this.changed(this.#early.get(job.job) ?? job, item);
      this.#early.delete(job.job);
    } catch (error) {
      this.#fail(item, error);
    }
  }

  // What the server tells of a job.
  changed(job, item = this.items.find(each => each.job?.job === job.job)) {
    if (!item) {
      this.#early.set(job.job, job);
      return;
    }
    item.job = job;
    item.size = { width: job.width, height: job.height };
    item.failure = job.state === "failed" ? job.note : "";
    this.#update(item);
    this.dispatchEvent(new CustomEvent("changed", { detail: item }));
  }

  remove(item) {
    this.#waiting = this.#waiting.filter(each => each !== item);
    const index = this.items.indexOf(item), { line } = item.row, hadFocus = line.contains(document.activeElement);
    this.items.splice(index, 1);
    line.remove();
    if (hadFocus) (this.items[index] ?? this.items[index - 1])?.row.stop.focus();
    if (item.picture) server.removePicture(item.picture.picture).catch(() => {});
    if (item === this.current) this.select(this.items[Math.min(index, this.items.length - 1)] ?? null);
    else this.dispatchEvent(new Event("selected"));
  }

  #forget(job) {
    server.removeJob(job).catch(() => {}); // the server may have ended, which the page says
    this.dispatchEvent(new CustomEvent("forgotten", { detail: job }));
  }

  async #upload() {
    while (this.#uploading < UPLOADS_AT_ONCE && this.#waiting.length) {
      const item = this.#waiting.shift();
      this.#uploading++;
      this.#send(item).finally(() => { this.#uploading--; this.#upload(); });
    }
  }

  async #send(item) {
    try {
      item.picture = await server.addPicture(item.file);
      if (!this.items.includes(item)) return void server.removePicture(item.picture.picture);
      if (item === this.current) this.dispatchEvent(new Event("selected"));
      await this.enlarge(item);
    } catch (error) {
      this.#fail(item, error);
    }
  }

  #fail(item, error) {
    item.failure = error instanceof server.Refused ? error.message : "the server did not answer";
    this.#update(item);
    this.dispatchEvent(new CustomEvent("changed", { detail: item }));
  }

  // Before the server has answered, the browser's own picture is shown, if it can read the file.
  async #look(item) {
    try {
      item.bitmap = await createImageBitmap(item.file);
    } catch {
      return;
    }
    const context = item.row.thumb.getContext("2d"), { width, height } = item.bitmap, side = Math.min(width, height);
    context.drawImage(item.bitmap, (width - side) / 2, (height - side) / 2, side, side, 0, 0, THUMB, THUMB);
    const scale = item.target.scale ?? 1;
    item.size ??= { width: Math.round(width * scale), height: Math.round(height * scale) };
    this.dispatchEvent(new CustomEvent("changed", { detail: item }));
  }

  #row(item) {
    const make = (tag, name, text = "") => Object.assign(document.createElement(tag), { className: name, textContent: text });
    const line = make("li"), thumb = make("canvas"), middle = make("div", "middle"), side = make("div", "side");
    thumb.width = thumb.height = THUMB;
    thumb.setAttribute("aria-hidden", "true");
    const name = make("button", "name", item.name), state = make("div", "state"), progress = make("progress");
    const stop = make("button", "stop", "Remove");
    name.title = item.name;
    name.type = stop.type = "button";
    progress.setAttribute("aria-label", `${item.name}: progress`);
    name.addEventListener("click", () => this.select(item));
    stop.addEventListener("click", () => {
      if (this.#isBusy(item)) server.cancelJob(item.job.job).catch(() => {});
      else this.remove(item);
    });
    middle.append(name, state, progress);
    side.append(stop);
    line.append(thumb, middle, side);
    return { line, thumb, state, progress, stop };
  }

  #isBusy(item) { return item.job && !ENDED.includes(item.job.state); }

  #update(item) {
    const { line, state, progress, stop } = item.row, busy = this.#isBusy(item);
    line.classList.toggle("busy", Boolean(busy));
    line.classList.toggle("failed", Boolean(item.failure));
    state.textContent = item.failure || stateOf(item);
    if (busy && item.job.total) {
      progress.max = item.job.total;
      progress.value = item.job.done;
    } else progress.removeAttribute("value");
    stop.textContent = busy ? "Cancel" : "Remove";
    stop.setAttribute("aria-label", `${stop.textContent} ${item.name}`);
  }
}

export function stateOf(item) {
  const { job, picture } = item;
  if (!job) return picture ? "…" : "reading …";
  if (job.state === "waiting") return "waits for its turn";
  if (job.state === "cancelled") return "cancelled";
  if (job.state === "running") return job.note || (job.total ? `${job.done} of ${job.total} tiles${left(job.seconds_left)}` : "begins …");
  return [`${picture.width}×${picture.height} → ${job.width}×${job.height}`, ...picture.notes].join("; ");
}

function left(seconds) {
  if (seconds === null) return "";
  if (seconds < 90) return `, ${Math.max(1, Math.round(seconds))} s left`;
  return `, ${Math.round(seconds / 60)} min left`;
}
