// Who enlarges: weights and their precision, or the artifact that the server was given, and its effort.

import { fill } from "./select.js";

export class Network {
  #weights; #precision; #effort; #section;
  #artifact = null;

  // `changed`: is called when another network is chosen; `moved`: when the effort is.
  constructor(section, changed, moved) {
    this.#section = section;
    [this.#weights, this.#precision, this.#effort] = ["#weights", "#precision", "#effort"].map(id => section.querySelector(id));
    for (const select of [this.#weights, this.#precision]) select.addEventListener("change", changed);
    this.#effort.addEventListener("input", () => {
      section.querySelector("#effort-value").value = this.#effort.value;
      moved();
    });
  }

  offer({ artifact, weights, precisions }) {
    this.#artifact = artifact;
    fill(this.#weights, artifact ? [artifact.name] : ["auto", ...weights]);
    fill(this.#precision, artifact ? ["int8"] : precisions, artifact ? ["its own"] : precisions);
    this.#weights.disabled = this.#precision.disabled = Boolean(artifact);
    for (const part of this.#section.querySelectorAll("#effort-label, #effort-help")) part.hidden = !artifact?.routed;
  }

  // What the server is asked to enlarge by; it has no choice with an artifact.
  get order() {
    return {
      weights: this.#artifact ? "auto" : this.#weights.value, precision: this.#precision.value, effort: Number(this.#effort.value),
    };
  }

  // What renders at any zoom: an artifact of one scale cannot.
  get magnifies() { return this.#hasOneScale || this.order.precision === "fp32" ? "fp32" : "network"; }

  show(item) {
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
    if (effort && this.#artifact.bigger) words.push("--bigger", "DIR");
    return words;
  }

  get #hasOneScale() { return this.#artifact !== null && this.#artifact.scale !== "any"; }
}
