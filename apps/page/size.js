// The size that a picture is enlarged to: a factor, a common target, or width and height.

export class Size {
  #section; #changed;
  #item = null;

  target = { scale: 2 }; // of pictures that come

  // `changed`: is given another target, {scale} or {width, height}, for the picture that is shown.
  constructor(section, changed) {
    this.#section = section;
    this.#changed = changed;
    const scale = this.#find("#scale");
    scale.addEventListener("input", () => this.#set({ scale: Number(scale.value) }));
    for (const button of section.querySelectorAll("[data-scale]"))
      button.addEventListener("click", () => this.#set({ scale: Number(button.dataset.scale) }));
    for (const button of section.querySelectorAll("[data-within]"))
      button.addEventListener("click", () => this.#within(button));
    for (const side of ["width", "height"]) this.#find(`#${side}`).addEventListener("change", () => this.#typed(side));
  }

  // An artifact of one scale leaves no choice.
  fix(scale) {
    this.target = { scale };
    this.#find("#size-note").textContent = `The artifact makes ×${scale} only.`;
    for (const control of this.#section.querySelectorAll("input, button")) control.disabled = true;
  }

  show(item) {
    this.#item = item;
    const size = item && sizeOf(item), scale = item?.target.scale ?? (size ? size.width / item.picture.width : this.target.scale);
    this.#find("#scale").value = scale;
    this.#find("#scale-value").value = `×${Number(scale.toFixed(2))}`;
    const pressed = item ? item.target.scale : this.target.scale;
    for (const button of this.#section.querySelectorAll("[data-scale]"))
      button.setAttribute("aria-pressed", Number(button.dataset.scale) === pressed);
    this.#find("#width").value = size?.width ?? "";
    this.#find("#height").value = size?.height ?? "";
  }

  #find(selector) { return this.#section.querySelector(selector); }

  #set(target) {
    this.#find("#size-note").textContent = "";
    if (target.scale) this.target = target;
    this.#changed(target);
  }

  // As large as fits into a common size.
  #within(button) {
    const picture = this.#item?.picture;
    if (!picture) return;
    const [width, height] = button.dataset.within.split("x").map(Number);
    const scale = Math.min(width / picture.width, height / picture.height);
    if (scale < 1) this.#find("#size-note").textContent = `The picture is larger than ${button.textContent} already.`;
    else this.#set({ width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
  }

  #typed(side) {
    const item = this.#item, value = Math.round(Number(this.#find(`#${side}`).value));
    if (!item?.picture || !(value > 0)) return this.show(item);
    const size = { ...sizeOf(item), [side]: value }, other = side === "width" ? "height" : "width";
    if (this.#find("#proportions").checked) size[other] = Math.max(1, Math.round(value * item.picture[other] / item.picture[side]));
    this.#set({ width: size.width, height: size.height });
  }
}

// Whether both sides of a picture become `scale` times as long; before it is read, by its target.
export function isEnlargedBy(item, scale) {
  const size = sizeOf(item);
  if (!size) return item.target.scale === scale;
  return size.width === scale * item.picture.width && size.height === scale * item.picture.height;
}

// The size that its target makes of a picture; null before it is read.
function sizeOf({ picture, target }) {
  if (!picture) return null;
  if (target.width) return target;
  const grown = length => Math.max(length, Math.round(length * target.scale));
  return { width: grown(picture.width), height: grown(picture.height) };
}
