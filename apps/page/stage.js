// What is around the picture: how it is compared, its zoom, and what is said over it.

import { isDone, stateOf } from "./pictures.js";

export class Stage {
  #section; #viewer; #maps; #divider;
  #item = null;

  // `changed`: is called when the picture is compared with something else.
  constructor(section, viewer, maps, divider, changed) {
    this.#section = section;
    this.#viewer = viewer;
    this.#maps = maps;
    this.#divider = divider;
    for (const input of section.querySelectorAll("[name=mode]")) input.addEventListener("change", () => this.#setMode(input.value));
    const before = this.#find("#before");
    before.addEventListener("change", () => {
      viewer.before = before.value;
      viewer.invalidate();
      changed();
    });
    const actions = {
      "zoom-in": () => viewer.zoomBy(1.25), "zoom-out": () => viewer.zoomBy(0.8), fit: () => viewer.fit(), one: () => viewer.oneToOne(),
    };
    for (const [id, action] of Object.entries(actions)) this.#find(`#${id}`).addEventListener("click", action);
    viewer.addEventListener("drawn", () => this.#tell());
  }

  // An artifact is beside fp32 at first.
  offer({ artifact }) {
    if (artifact) this.#find("#before").value = this.#viewer.before = "fp32";
  }

  get before() { return this.#find("#before").value; }

  show(item) {
    this.#item = item;
    this.#find("#welcome").hidden = Boolean(item);
    this.#divider.hidden = !item?.size || this.#viewer.mode !== "divider";
    this.#find("#canvas").setAttribute("aria-label", item ? described(item) : "No picture yet");
  }

  blink() {
    this.#find("[name=mode][value=blink]").checked = true;
    if (this.#viewer.mode !== "blink") this.#setMode("blink");
    this.#viewer.swap();
  }

  #setMode(mode) {
    this.#viewer.setMode(mode);
    this.show(this.#item);
  }

  #tell() {
    const viewer = this.#viewer, item = this.#item, blink = viewer.mode === "blink";
    this.#find("#hint").textContent = item?.failure || viewer.hint;
    this.#find("#zoom").value = item?.size ? `${Math.round(100 * viewer.view.scale * devicePixelRatio)} %` : "–";
    const before = this.#find("#tag-before"), after = this.#find("#tag-after");
    before.hidden = !item?.size || (blink && !viewer.swapped);
    after.hidden = !item?.size || (blink && viewer.swapped);
    before.textContent = this.before;
    if (item) after.textContent = this.#maps.name || (isDone(item) ? "enlarged" : stateOf(item));
  }

  #find(selector) { return this.#section.querySelector(selector); }
}

function described(item) {
  if (isDone(item)) return `${item.name}, enlarged to ${item.size.width} by ${item.size.height} pixels`;
  return `${item.name}, ${item.failure || item.job?.state === "cancelled" ? "not" : "being"} enlarged`;
}
