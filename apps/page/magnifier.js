// The magnifier: what lies under the pointer, rendered by the network at this zoom, and what it is beside.

import * as server from "./server.js";

const SIDE = 256; // pixels that are rendered

const PROMPT_MS = 150; // within which a pane shows something new

// One of two panes: the latest place that it was asked for is the next that it shows.
class Pane {
  #busy = false;
  #next = null;
  #cost = {}; // by label: milliseconds that all pixels took last

  constructor(canvas, caption) {
    this.context = canvas.getContext("2d");
    this.caption = caption;
  }

  clear() {
    this.#next = null;
    this.context.clearRect(0, 0, SIDE, SIDE);
  }

  async render(request) {
    this.#next = request;
    if (this.#busy) return;
    this.#busy = true;
    while (this.#next) {
      const wanted = this.#next;
      this.#next = null;
      try {
        for (const part of this.#parts(wanted)) {
          await this.#show(wanted, part);
          if (this.#next) break; // the pointer has gone on
        }
      } catch (error) {
        if (!(error instanceof server.Refused)) break; // the server has gone, which the page says
        this.caption.textContent = error.message;
      }
    }
    this.#busy = false;
  }

  // A network that is slow here renders every second or fourth pixel first, and all of them where the pointer rests.
  #parts({ label, zoom }) {
    const cost = this.#cost[label] ?? PROMPT_MS, first = cost > 4 * PROMPT_MS ? 4 : cost > PROMPT_MS ? 2 : 1;
    return first > 1 && zoom >= first ? [first, 1] : [1];
  }

  async #show({ picture, region, label }, part) {
    const started = performance.now(), of = length => Math.max(1, Math.round(length / part));
    const { width, height, rows, columns } = region;
    const image = await server.magnified(picture, {
      ...region, width: of(width), height: of(height), rows: of(rows), columns: of(columns),
      left: Math.floor(region.left / part), top: Math.floor(region.top / part),
    });
    this.context.clearRect(0, 0, SIDE, SIDE);
    this.context.drawImage(image, 0, 0, image.width * part, image.height * part);
    const took = performance.now() - started;
    if (part === 1) this.#cost[label] = took;
    this.caption.textContent = `${label} · ${Math.round(took)} ms`;
  }
}

export class Magnifier {
  zoom = 6;
  held = false;
  #place = null;

  constructor(before, after, settings) {
    this.before = new Pane(...before);
    this.after = new Pane(...after);
    this.settings = settings; // what to render by: {item, weights, precision, before, name}
  }

  point(place) {
    if (this.held) return;
    this.#place = place;
    this.render();
  }

  // Holds the place, or lets go of it.
  hold(place) {
    this.held = !this.held && !place.byKey;
    this.#place = place;
    this.render();
  }

  reset() {
    this.held = false;
    this.#place = { x: 0.5, y: 0.5 };
    this.before.clear();
    this.after.clear();
    this.render();
  }

  render() {
    const { item, weights, precision, before, name } = this.settings();
    if (!item?.picture || !this.#place) return;
    const size = { width: Math.round(item.picture.width * this.zoom), height: Math.round(item.picture.height * this.zoom) };
    const { zoom } = this;
    const start = (share, length) => Math.round(Math.min(Math.max(0, share * length - SIDE / 2), Math.max(0, length - SIDE)));
    const region = {
      ...size, left: start(this.#place.x, size.width), top: start(this.#place.y, size.height), rows: SIDE, columns: SIDE, weights,
    };
    const picture = item.picture.picture;
    this.before.render({ picture, region: { ...region, by: before }, label: before, zoom });
    this.after.render({ picture, region: { ...region, by: precision === "fp32" ? "fp32" : "network" }, label: name, zoom });
  }
}
