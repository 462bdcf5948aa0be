// Who enlarges: weights and their precision, or the artifact that the server was given, and its effort.

import { fill } from "./select.js";
import { isEnlargedBy } from "./size.js";

const EFFORT = "Percent of an average photograph that the bigger network makes, where it gains most.";

export class Network {
  #weights; #precision; #effort; #section;
  #artifact = null;
  #routed = null; // the orders that can have an effort; null where none can

  // `changed`: is called when another network is chosen, or another effort.
  constructor(section, changed) {
    this.#section = section;
    [this.#weights, this.#precision, this.#effort] = ["#weights", "#precision", "#effort"].map(id => section.querySelector(id));
    for (const select of [this.#weights, this.#precision]) select.addEventListener("change", changed);
    this.#effort.addEventListener("input", () => {
      section.querySelector("#effort-value").value = this.#effort.value;
      changed();
    });
  }

  offer({ artifact, effort, weights, precisions }) {
    this.#artifact = artifact;
    this.#routed = effort;
    fill(this.#weights, artifact ? [artifact.name] : ["auto", ...weights]);
    fill(this.#precision, artifact ? ["int8"] : precisions, artifact ? ["its own"] : precisions);
    this.#weights.disabled = this.#precision.disabled = Boolean(artifact);
    for (const part of this.#section.querySelectorAll("#effort-label, #effort-help")) part.hidden = !effort;
  }

  // What the server is asked to enlarge `item` by; it has no choice with an artifact.
  order(item) {
    const effort = this.#takesEffort(item) ? Number(this.#effort.value) : 0;
    return { weights: this.#asked, precision: this.#precision.value, effort };
  }

  // What renders `item` at any zoom: an artifact of one scale cannot.
  magnifies(item) {
    const { weights, precision, effort } = this.order(item);
    return {
      weights: effort ? this.#routed.weights.at(-1) : weights, // what `auto` is with an effort
      by: this.#hasOneScale || precision === "fp32" ? "fp32" : "network",
    };
  }

  show(item) {
    const takesEffort = this.#takesEffort(item);
    this.#effort.disabled = !takesEffort;
    if (this.#routed) this.#section.querySelector("#effort-help").textContent = takesEffort ? EFFORT : needs(this.#routed);
    // What it chose for the file may not suit the size.
    const { weights, reason } = item?.job ?? item?.picture ?? {}, isAuto = this.#weights.value === "auto";
    const chosen = isAuto && reason ? `auto chose ${weights}: ${reason}` : "";
    const given = `The artifact that liif-edge serve was given.${this.#hasOneScale ? " The magnifier is its fp32 network." : ""}`;
    this.#section.querySelector("#chosen").textContent = this.#artifact ? given : chosen;
  }

  // The command's options for an `order` of before.
  options({ weights, precision, effort }) {
    const words = this.#artifact ? ["--artifact", "DIR"] : [];
    if (weights !== "auto") words.push("--weights", weights);
    if (precision !== "int8") words.push("--precision", precision);
    if (effort) words.push("--effort", effort);
    if (effort && this.#routed.bigger) words.push("--bigger", "DIR");
    return words;
  }

  #takesEffort(item) {
    const routed = this.#routed;
    return routed !== null && routed.weights.includes(this.#asked) && routed.precision === this.#precision.value
      && isEnlargedBy(item, routed.scale);
  }

  get #asked() { return this.#artifact ? "auto" : this.#weights.value; }

  get #hasOneScale() { return this.#artifact !== null && this.#artifact.scale !== "any"; }
}

const needs = ({ weights, precision, scale }) => `Effort is for the weights ${weights.join(" or ")}, in ${precision} and at ×${scale}.`;
