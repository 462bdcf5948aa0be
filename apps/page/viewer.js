// The stage: an enlargement before and after, in squares that are fetched as they are seen.

import * as server from "./server.js";

const MAX_SQUARES = 600; // kept, of 256 KB each once they are drawn
const AT_ONCE = 4; // requests
const OF_FP32 = ["fp32", "quantisation"];
const OF_WHOLE = ["consistency", "routing"];
const BLINK_MS = 700;
const MARGIN = 12; // pixels of the page around a picture that fits
const MAX_LEVEL = 12; // at which the largest picture is one square
const NUDGE = 60; // pixels of the screen by which arrow keys move the view

export class Viewer extends EventTarget {
  #canvas; #context;
  #offers; // what the server told
  #item = null; // the picture that is shown
  #squares = new Map(); // by address: {image} or {loading}
  #wanted = [];
  #running = 0;
  #computing = false; // a square of fp32
  #shown = null; // the size that the view is of
  #pointers = new Map();
  #frame = 0;
  #blinker = 0;
  #swapped = false;

  mode = "divider";
  before = "bicubic";
  map = "";
  strength = 1;
  divider = 0.5; // of the stage's width
  hint = ""; // what hinders the view, in words
  touched = false; // moved or zoomed by hand since it was fitted
  view = { x: 0, y: 0, scale: 1 }; // the enlargement's pixel in the corner; pixels of the page for each of its

  constructor(canvas) {
    super();
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    new ResizeObserver(() => this.#resize()).observe(canvas);
    // The divider lies over the canvas, as its sibling.
    canvas.parentElement.addEventListener("wheel", event => this.#wheel(event), { passive: false });
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave"])
      canvas.addEventListener(kind, event => this.#pointer(event));
    canvas.addEventListener("keydown", event => this.#key(event));
  }

  use(offers) { this.#offers = offers; }

  get size() { return this.#item?.size ?? { width: 1, height: 1 }; }
  get #box() { return { width: this.#canvas.clientWidth, height: this.#canvas.clientHeight }; }

  // Shows another picture whole, or the same one, which may have another size now, where it was looked at.
  show(item) {
    const same = item === this.#item && item !== null;
    const old = this.#shown;
    this.#item = item;
    this.#wanted = [];
    if (item && (!same || !old)) this.fit();
    else if (item && old.width !== this.size.width) {
      const factor = old.width / this.size.width;
      this.view = { x: this.view.x / factor, y: this.view.y / factor, scale: this.view.scale * factor };
    }
    this.#shown = item && { ...this.size };
    this.invalidate();
  }

  forget(job) {
    for (const key of this.#squares.keys()) if (key.startsWith(`${job}/`)) this.#squares.delete(key);
  }

  // The whole picture.
  fit() {
    this.touched = false;
    const { width, height } = this.size, room = this.#room();
    const scale = Math.min((room.width - 2 * MARGIN) / width, (room.height - 2 * MARGIN) / height);
    if (!(scale > 0)) return; // the stage is not laid out yet
    this.view = { scale, x: (width - room.width / scale) / 2, y: (height - room.height / scale) / 2 };
    this.#moved();
  }

  // Keeps what lies at (x, y) of the stage there.
  zoomTo(scale, x = this.#room().width / 2, y = this.#room().height / 2) {
    this.touched = true;
    const smallest = Math.min(1, 40 / Math.max(this.size.width, this.size.height));
    const next = Math.min(64, Math.max(smallest, scale)), { view } = this;
    this.view = { scale: next, x: view.x + x / view.scale - x / next, y: view.y + y / view.scale - y / next };
    this.#moved();
  }

  zoomBy(factor, x, y) { this.zoomTo(this.view.scale * factor, x, y); }

  // One pixel of the screen for each of the enlargement's.
  oneToOne() { this.zoomTo(1 / devicePixelRatio); }

  move(dx, dy) {
    this.touched = true;
    this.view.x += dx / this.view.scale;
    this.view.y += dy / this.view.scale;
    this.#moved();
  }

  setMode(mode) {
    const { x, y } = this.#middle();
    this.mode = mode;
    if (this.touched) this.#centre(x, y);
    else if (this.#item) this.fit();
    clearInterval(this.#blinker);
    this.#swapped = false;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (mode === "blink" && !still) this.#blinker = setInterval(() => this.swap(), BLINK_MS);
    this.invalidate();
  }

  swap() {
    this.#swapped = !this.#swapped;
    this.invalidate();
  }

  get swapped() { return this.#swapped; }

  // The middle of what is seen, as a rectangle of the enlargement with sides of at most `longest`.
  middle(longest) {
    const { width, height } = this.size, { x, y } = this.#middle();
    const columns = Math.min(longest, width), rows = Math.min(longest, height);
    const left = Math.round(Math.min(Math.max(0, x - columns / 2), width - columns));
    const top = Math.round(Math.min(Math.max(0, y - rows / 2), height - rows));
    return { left, top, columns, rows };
  }

  #middle() {
    const room = this.#room(), { x, y, scale } = this.view;
    return { x: x + room.width / scale / 2, y: y + room.height / scale / 2 };
  }

  #centre(x, y) {
    const room = this.#room(), { scale } = this.view;
    this.view = { scale, x: x - room.width / scale / 2, y: y - room.height / scale / 2 };
    this.#moved();
  }

  invalidate() {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => { this.#frame = 0; this.#draw(); });
  }

  // What one picture has of the stage.
  #room() {
    const { width, height } = this.#box;
    return { width: this.mode === "beside" ? (width - 2) / 2 : width, height };
  }

  #moved() {
    const { width, height } = this.size, room = this.#room(), { scale } = this.view;
    // Half of the stage stays within the picture.
    const keep = (at, length, seen) => Math.min(Math.max(at, -seen / 2), length - seen / 2);
    this.view.x = keep(this.view.x, width, room.width / scale);
    this.view.y = keep(this.view.y, height, room.height / scale);
    this.invalidate();
    this.dispatchEvent(new Event("view"));
  }

  #resize() {
    const { width, height } = this.#box;
    this.#canvas.width = Math.round(width * devicePixelRatio);
    this.#canvas.height = Math.round(height * devicePixelRatio);
    if (this.#item && !this.touched) this.fit();
    this.invalidate();
  }

  #draw() {
    const context = this.#context, { width, height } = this.#box, item = this.#item;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    this.hint = "";
    this.#wanted = [];
    if (item) {
      const after = ["enlarged", this.map].filter(Boolean);
      if (this.mode === "divider") {
        const at = Math.round(width * this.divider);
        this.#side([this.before], 0, at, 0);
        this.#side(after, at, width, 0);
      } else if (this.mode === "beside") {
        const half = this.#room().width;
        this.#side([this.before], 0, half, 0);
        this.#side(after, half + 2, width, half + 2);
      } else this.#side(this.#swapped ? [this.before] : after, 0, width, 0);
    }
    this.#fetch();
    this.dispatchEvent(new Event("drawn"));
  }

  // Layers over each other between two columns of the stage; the view begins at `origin`.
  #side(layers, left, right, origin) {
    const context = this.#context, { height } = this.#box, { view } = this, item = this.#item;
    context.save();
    context.beginPath();
    context.rect(left, 0, Math.max(0, right - left), height);
    context.clip();
    context.translate(origin - view.x * view.scale, -view.y * view.scale);
    context.scale(view.scale, view.scale);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    if (item.bitmap) context.drawImage(item.bitmap, 0, 0, this.size.width, this.size.height);
    const seen = {
      left: view.x + (left - origin) / view.scale, right: view.x + (right - origin) / view.scale,
      top: view.y, bottom: view.y + height / view.scale,
    };
    for (const layer of layers) {
      context.globalAlpha = layer === this.map ? this.strength : 1;
      this.#layer(layer, seen);
    }
    context.restore();
  }

  #layer(layer, seen) {
    const job = this.#item.job;
    if (!job?.done || (OF_WHOLE.includes(layer) && job.state !== "done")) return;
    const reduction = Math.log2(1 / (this.view.scale * devicePixelRatio));
    const level = Math.min(MAX_LEVEL, Math.max(0, Math.floor(reduction + 0.25)));
    if (OF_FP32.includes(layer) && level > Math.max(...this.#offers.fp32_levels)) {
      this.hint = "Zoom in: fp32 is computed for what you see";
      return;
    }
    this.#context.imageSmoothingEnabled = this.view.scale * devicePixelRatio < 2;
    // Coarser squares that are there stand in for those that are still to come.
    for (let coarse = level + 3; coarse >= level; coarse--) this.#squaresOf(layer, coarse, seen, coarse === level);
  }

  #squaresOf(layer, level, seen, fetch) {
    const { width, height } = this.size, job = this.#item.job, side = this.#offers.square * 2 ** level;
    const rows = [Math.max(0, Math.floor(seen.top / side)), Math.min(Math.ceil(height / side), Math.ceil(seen.bottom / side))];
    const columns = [Math.max(0, Math.floor(seen.left / side)), Math.min(Math.ceil(width / side), Math.ceil(seen.right / side))];
    for (let row = rows[0]; row < rows[1]; row++) {
      const bottom = Math.min(height, (row + 1) * side);
      if (layer !== "bicubic" && job.state !== "done" && bottom > job.rows) continue; // not enlarged yet
      for (let column = columns[0]; column < columns[1]; column++) {
        const key = `${job.job}/${layer}/${level}/${row}/${column}`, found = this.#squares.get(key);
        if (found?.image) {
          this.#squares.delete(key); // and back in, as the latest that was used
          this.#squares.set(key, found);
          const x = column * side, y = row * side;
          this.#context.drawImage(found.image, x, y, Math.min(side, width - x), bottom - y);
        } else if (found?.failure) this.hint ||= found.failure;
        else if (fetch && !found) this.#wanted.push({ key, job: job.job, layer, square: { level, row, column } });
      }
    }
  }

  #fetch() {
    if (this.#computing || this.#wanted.some(wanted => OF_FP32.includes(wanted.layer))) this.hint ||= "Computing fp32 …";
    while (this.#running < AT_ONCE && this.#wanted.length) {
      const wanted = this.#wanted.shift(), slowly = OF_FP32.includes(wanted.layer);
      if (slowly && this.#computing) continue; // one after the other; the next drawing asks again
      this.#running++;
      if (slowly) this.#computing = true;
      this.#squares.set(wanted.key, { loading: true });
      server.layer(wanted.job, wanted.layer, wanted.square)
        // One that is refused is not asked for again.
        .then(image => ({ image }), error => ({ failure: error instanceof server.Refused ? error.message : "" }))
        .then(square => this.#squares.set(wanted.key, square))
        .finally(() => {
          this.#running--;
          if (slowly) this.#computing = false;
          for (const key of this.#squares.keys()) {
            if (this.#squares.size <= MAX_SQUARES) break;
            this.#squares.delete(key);
          }
          this.invalidate();
        });
    }
  }

  #wheel(event) {
    if (!this.#item) return;
    event.preventDefault();
    const { x, y } = this.#at(event);
    const step = event.deltaMode === 1 ? 20 : 1; // lines or pixels
    this.zoomBy(Math.exp(-event.deltaY * step / 400), x, y);
  }

  // Where an event is, in the half of the stage that it is in.
  #at(event) {
    const box = this.#canvas.getBoundingClientRect(), half = this.#room().width + 2;
    const x = event.clientX - box.left;
    return { x: this.mode === "beside" && x > half ? x - half : x, y: event.clientY - box.top };
  }

  #point(event) {
    const { x, y } = this.#at(event), { view } = this;
    return { x: (view.x + x / view.scale) / this.size.width, y: (view.y + y / view.scale) / this.size.height };
  }

  #tell(kind, event) { this.dispatchEvent(new CustomEvent(kind, { detail: this.#point(event) })); }

  #pointer(event) {
    if (!this.#item) return;
    const before = this.#pointers.get(event.pointerId);
    if (event.type === "pointerdown") {
      this.#canvas.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, { ...this.#at(event), travelled: 0 });
    } else if (event.type === "pointermove" && before) {
      const now = this.#at(event), travelled = before.travelled + Math.hypot(now.x - before.x, now.y - before.y);
      const [other] = [...this.#pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      if (other) {
        const apart = at => Math.max(1, Math.hypot(at.x - other.x, at.y - other.y));
        this.zoomBy(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
      }
      this.move((before.x - now.x) / (other ? 2 : 1), (before.y - now.y) / (other ? 2 : 1));
      this.#pointers.set(event.pointerId, { ...now, travelled });
    } else if (event.type === "pointermove") this.#tell("point", event);
    else if (event.type === "pointerup" && before) {
      this.#pointers.delete(event.pointerId);
      if (before.travelled < 5) this.#tell("hold", event);
    } else this.#pointers.delete(event.pointerId);
  }

  #key(event) {
    if (!this.#item || event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const zooms = { "+": 1.25, "=": 1.25, "-": 0.8 };
    if (moves[event.key]) this.move(NUDGE * moves[event.key][0], NUDGE * moves[event.key][1]);
    else if (zooms[event.key]) this.zoomBy(zooms[event.key]);
    else if (event.key === "0") this.fit();
    else if (event.key === "1") this.oneToOne();
    else return;
    event.preventDefault();
    const middle = this.middle(0);
    const detail = { x: middle.left / this.size.width, y: middle.top / this.size.height };
    this.dispatchEvent(new CustomEvent("hold", { detail: { ...detail, byKey: true } }));
  }
}
