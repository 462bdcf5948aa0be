// The magnifier: what lies under the pointer, rendered by the network at this zoom, and what it is beside.

import * as server from "./server.js";

const SIDE = 256; // pixels that are rendered

const PROMPT_MS = 150; // within which a pane shows something new

// One of two panes: the latest place that it was asked for is the next that it shows.
class Pane {
  #name; // of what it shows at first
  #busy = false;
  #next = null;
  #cost = {}; // by network: milliseconds that all pixels took last

  constructor(canvas, caption) {
    this.context = canvas.getContext("2d");
    this.caption = caption;
    this.#name = caption.textContent;
  }

  clear() {
    this.#next = null;
    this.caption.textContent = this.#name;
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
  #parts({ region, zoom }) {
    const cost = this.#cost[networkOf(region)] ?? PROMPT_MS, first = cost > 4 * PROMPT_MS ? 4 : cost > PROMPT_MS ? 2 : 1;
    return first > 1 && zoom >= first ? [first, 1] : [1];
  }

  async #show({ picture, region }, part) {
    const started = performance.now(), of = length => Math.max(1, Math.round(length / part));
    const { width, height, rows, columns } = region;
    const { image, by } = await server.magnified(picture, {
      ...region, width: of(width), height: of(height), rows: of(rows), columns: of(columns),
      left: Math.floor(region.left / part), top: Math.floor(region.top / part),
    });
    this.context.clearRect(0, 0, SIDE, SIDE);
    this.context.drawImage(image, 0, 0, image.width * part, image.height * part);
    const took = performance.now() - started;
    if (part === 1) this.#cost[networkOf(region)] = took;
    this.caption.textContent = `${by} · ${Math.round(took)} ms`;
  }
}

const networkOf = ({ by, weights }) => `${by} ${weights}`;

export class Magnifier {
  #section; #before; #after; #settings;
  #zoom; #place = null;
  #held = false;

  // `settings`: gives what to render by: {item, weights, by}, and what is beside it: {before}.
  constructor(section, settings) {
    this.#section = section;
    this.#settings = settings;
    [this.#before, this.#after] = ["before", "after"].map(
      side => new Pane(this.#find(`#magnified-${side}`), this.#find(`#caption-${side}`)));
    const slider = this.#find("#magnification");
    this.#zoom = Number(slider.value);
    slider.addEventListener("input", () => {
      this.#zoom = Number(slider.value);
      this.#find("#magnification-value").value = `${this.#zoom}×`;
      this.render();
    });
  }

  point(place) {
    if (this.#held) return;
    this.#place = place;
    this.render();
  }

  // Holds the place, or lets go of it.
  hold(place) {
    this.#hold(!this.#held && !place.byKey);
    this.#place = place;
    this.render();
  }

  letGo() { this.#hold(false); }

  reset() {
    this.#hold(false);
    this.#place = { x: 0.5, y: 0.5 };
    this.#before.clear();
    this.#after.clear();
    this.render();
  }

  render() {
    const { item, weights, by, before } = this.#settings();
    if (!item?.picture || !this.#place) return;
    const zoom = this.#zoom, place = this.#place;
    const size = { width: Math.round(item.picture.width * zoom), height: Math.round(item.picture.height * zoom) };
    const start = (share, length) => Math.round(Math.min(Math.max(0, share * length - SIDE / 2), Math.max(0, length - SIDE)));
    const region = { ...size, left: start(place.x, size.width), top: start(place.y, size.height), rows: SIDE, columns: SIDE, weights };
    const picture = item.picture.picture;
    const beside = by === before ? "bicubic" : before; // fp32 beside itself would show nothing
    this.#before.render({ picture, region: { ...region, by: beside }, zoom });
    this.#after.render({ picture, region: { ...region, by }, zoom });
  }

  #hold(held) {
    this.#held = held;
    this.#find("#held").textContent = held ? "The place is held. Another click lets it go." : "A click holds the place.";
  }

  #find(selector) { return this.#section.querySelector(selector); }
}
