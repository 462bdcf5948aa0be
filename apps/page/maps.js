// Maps that are laid over the enlargement, each with its legend.

export class Maps {
  #section; #select; #legend; #viewer;
  #peaks = {};
  #routing; // the option of the cells

  // `legend`: lies beside the map.
  constructor(section, legend, viewer) {
    this.#section = section;
    this.#legend = legend;
    this.#select = section.querySelector("#map");
    this.#routing = this.#select.querySelector("[value=routing]");
    this.#viewer = viewer;
    this.#select.addEventListener("change", () => this.#set(this.#select.value));
    section.querySelector("#strength").addEventListener("input", event => {
      viewer.strength = event.target.value / 100;
      viewer.invalidate();
    });
  }

  offer({ peaks, effort }) {
    this.#peaks = peaks;
    this.#routing.hidden = !effort;
  }

  // An enlargement without a router has no map of its cells.
  show(item) { this.#routing.disabled = this.#routing.hidden || item?.job?.numbers?.share_percent === null; }

  // In words; empty without a map.
  get name() { return this.#viewer.map && this.#select.selectedOptions[0].text; }

  next() {
    const options = [...this.#select.options].filter(option => !option.disabled);
    this.#set(options[(options.indexOf(this.#select.selectedOptions[0]) + 1) % options.length].value);
  }

  #set(map) {
    this.#select.value = this.#viewer.map = map;
    const legend = this.#legend, peak = this.#peaks[map];
    legend.hidden = !map;
    this.#section.querySelector("#strength").disabled = !map;
    for (const [kind, of] of [["signed", "added"], ["routed", "routing"]]) legend.firstElementChild.classList.toggle(kind, map === of);
    legend.lastElementChild.textContent = {
      added: `−${peak} to +${peak} of 255`, routing: "the smaller network, the bigger one",
    }[map] ?? `0 to ${peak} of 255 and more`;
    this.#viewer.invalidate();
  }
}
