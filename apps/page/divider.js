// The divider between before and after: moved by mouse, finger and key.

const STEPS = { ArrowLeft: -0.02, ArrowRight: 0.02, ArrowDown: -0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1 };
const ENDS = { Home: 0, End: 1 };

export class Divider {
  #handle; #moved;
  #share = 0.5; // of the stage's width

  // `moved`: is given the share that it lies at.
  constructor(handle, moved) {
    this.#handle = handle;
    this.#moved = moved;
    handle.addEventListener("pointerdown", event => {
      event.preventDefault();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", event => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = handle.parentElement.getBoundingClientRect();
      this.#moveTo((event.clientX - box.left) / box.width);
    });
    handle.addEventListener("keydown", event => {
      if (event.key in STEPS) this.moveBy(STEPS[event.key]);
      else if (event.key in ENDS) this.#moveTo(ENDS[event.key]);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    this.#moveTo(this.#share);
  }

  moveBy(share) { this.#moveTo(this.#share + share); }

  #moveTo(share) {
    this.#share = Math.min(1, Math.max(0, share));
    const percent = Math.round(100 * this.#share);
    this.#handle.style.left = `${100 * this.#share}%`;
    this.#handle.setAttribute("aria-valuenow", percent);
    this.#handle.setAttribute("aria-valuetext", `${percent} % before`);
    this.#moved(this.#share);
  }
}
