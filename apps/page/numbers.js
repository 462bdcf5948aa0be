// Numbers of an enlargement, and of a part of it against fp32.

import { isDone } from "./pictures.js";
import * as server from "./server.js";

const COMPARED = 512; // pixels a side of what is compared with fp32
const UNITS = {
  added_mean: "of 255", added_largest: "of 255", consistency_psnr_db: "dB", consistency_largest: "of 255", share_percent: "%",
  psnr_db: "dB", largest: "of 255",
};

export class Numbers {
  #section; #viewer; #changed;
  #item = null;

  // `changed`: is called when a picture has other numbers.
  constructor(section, viewer, changed) {
    this.#section = section;
    this.#viewer = viewer;
    this.#changed = changed;
    this.#find("#against-fp32").addEventListener("click", () => this.#compare());
  }

  offer({ effort }) { this.#find("#share").hidden = !effort; }

  show(item) {
    this.#item = item;
    const job = item?.job, fp32 = item?.fp32?.job === job?.job ? item?.fp32 : null;
    const numbers = { ...job?.numbers, ...fp32?.numbers };
    if (numbers.share_percent === null) delete numbers.share_percent; // no router, and no error
    for (const [name, unit] of Object.entries(UNITS)) this.#find(`[data-number=${name}]`).textContent = inWords(numbers[name], unit);
    this.#find("#against-fp32").disabled = !isDone(item) || fp32?.isRunning;
    const said = fp32?.said ?? `Of ${COMPARED}×${COMPARED} pixels in the middle of the view.`;
    if (this.#find("#compared").textContent !== said) this.#find("#compared").textContent = said; // else it is read out again
  }

  async #compare() {
    const item = this.#item;
    if (!item?.job) return;
    const { job } = item.job, region = this.#viewer.middle(COMPARED);
    const said = `Of ${region.columns}×${region.rows} pixels from column ${region.left}, row ${region.top}.`;
    item.fp32 = { job, said: "Computing fp32 …", isRunning: true };
    this.#changed();
    try {
      item.fp32 = { job, said, numbers: await server.againstFp32(job, region) };
    } catch (error) {
      item.fp32 = { job, said: error.message };
    }
    this.#changed();
  }

  #find(selector) { return this.#section.querySelector(selector); }
}

// The server has null for what has no error at all.
function inWords(value, unit) {
  if (value === undefined) return "–";
  return value === null ? "equal" : `${value.toFixed({ dB: 1, "%": 0 }[unit] ?? 2)} ${unit}`;
}
