// The page: pictures come in, are enlarged, looked at, and taken home.

import { Magnifier } from "./magnifier.js";
import { Pictures } from "./pictures.js";
import * as server from "./server.js";
import { Viewer } from "./viewer.js";

const DELAY_MS = 400; // after the last change of a setting, before a picture is enlarged anew
const COMPARED = 512; // pixels a side of what is compared with fp32

const $ = id => document.getElementById(id);
let offers = null;
let target = { scale: 2 }; // of pictures that come
let timer = 0;

const pictures = new Pictures($("queue"), network);
const viewer = new Viewer($("canvas"));
const magnifier = new Magnifier([$("magnified-before"), $("caption-before")], [$("magnified-after"), $("caption-after")], () => ({
  item: pictures.current, ...network(), before: $("before").value, name: networkName(),
}));

server.open({ welcome, changed: job => pictures.changed(job), gone });

function welcome(told) {
  offers = told;
  viewer.use(told);
  pictures.limits = told.limits;
  const { artifact } = told;
  fill($("weights"), artifact ? [artifact.name] : ["auto", ...told.weights]);
  fill($("precision"), artifact ? ["int8"] : told.precisions);
  if (artifact) {
    $("weights").disabled = $("precision").disabled = true;
    $("tagline").textContent = `${artifact.name} beside fp32`;
    $("report").hidden = false;
    $("before").value = viewer.before = "fp32";
    $("precision").options[0].textContent = "its own";
    if (artifact.scale !== "any") fixScale(artifact.scale);
    if (artifact.routed) offerEffort();
  }
  const names = Object.entries(told.formats).filter(([suffix]) => ![".jpeg", ".tiff"].includes(suffix));
  fill($("format"), names.map(([suffix]) => suffix), names.map(([, format]) => (format.name === "WEBP" ? "WebP" : format.name)));
  document.body.dataset.ready = "yes";
  refresh();
}

function fixScale(scale) {
  target = { scale };
  for (const control of document.querySelectorAll("#scale, #width, #height, #proportions, .chips button")) control.disabled = true;
}

function offerEffort() {
  for (const id of ["effort-label", "effort-help", "share"]) $(id).hidden = false;
  const option = $("map").querySelector("[value=routing]");
  option.hidden = option.disabled = false;
}

function gone() {
  $("gone").hidden = false;
  document.body.dataset.ready = "gone";
  for (const control of document.querySelectorAll("main button, main select, aside input")) control.disabled = true;
}

function fill(select, values, names = values) {
  select.replaceChildren(...values.map((value, index) => new Option(names[index], value)));
}

// ---- in

function take(files) {
  const list = [...files].filter(file => file.size > 0 || file.name);
  if (offers && list.length && $("gone").hidden) pictures.add(list, target);
}

async function pick(kind) {
  if (kind === "sample") take([new File([await server.sample()], "sample.png", { type: "image/png" })]);
  else $(kind).click();
}

for (const button of document.querySelectorAll("[data-pick]")) button.addEventListener("click", () => pick(button.dataset.pick));
for (const input of [$("files"), $("folder")])
  input.addEventListener("change", () => {
    const files = [...input.files].sort((a, b) => (a.webkitRelativePath || a.name).localeCompare(b.webkitRelativePath || b.name));
    take(input.id === "folder" ? picturesOf(files) : files);
    input.value = "";
  });

addEventListener("paste", event => take(event.clipboardData.files));
addEventListener("dragover", event => {
  event.preventDefault();
  $("stage").classList.add("over");
});
addEventListener("dragleave", event => { if (!event.relatedTarget) $("stage").classList.remove("over"); });
addEventListener("drop", async event => {
  event.preventDefault();
  $("stage").classList.remove("over");
  const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.some(entry => entry.isDirectory)) take(picturesOf((await Promise.all(entries.map(filesOf))).flat()));
  else take(event.dataTransfer.files);
});

// A folder's other files are no pictures.
function picturesOf(files) {
  return files.filter(file => /\.(png|jpe?g|webp|avif|tiff?|gif|bmp)$/i.test(file.name));
}

// All files of a file or a folder that was dropped.
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 a time
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(filesOf))).flat());
  }
}

// ---- size and network

function retarget(next) {
  $("size-note").textContent = "";
  const item = pictures.current;
  if (item) item.target = next;
  if (next.scale) target = next;
  refresh();
  soon();
}

function soon() {
  clearTimeout(timer);
  const item = pictures.current;
  if (item?.picture) timer = setTimeout(() => pictures.enlarge(item), DELAY_MS);
}

// The size that a target makes of a picture.
function sizeOf(item) {
  const { picture, target } = item;
  if (!picture) return null;
  if (target.width) return target;
  const grown = length => Math.max(length, Math.round(length * target.scale));
  return { width: grown(picture.width), height: grown(picture.height) };
}

$("scale").addEventListener("input", () => retarget({ scale: Number($("scale").value) }));
for (const button of document.querySelectorAll("[data-scale]"))
  button.addEventListener("click", () => retarget({ scale: Number(button.dataset.scale) }));
for (const button of document.querySelectorAll("[data-within]"))
  button.addEventListener("click", () => {
    const { picture } = pictures.current ?? {};
    if (!picture) return;
    const [width, height] = button.dataset.within.split("x").map(Number);
    const scale = Math.min(width / picture.width, height / picture.height);
    if (scale < 1) $("size-note").textContent = `The picture is larger than ${button.textContent} already.`;
    else retarget({ width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
  });
for (const side of ["width", "height"])
  $(side).addEventListener("change", () => {
    const item = pictures.current, value = Math.round(Number($(side).value));
    if (!item?.picture || !(value > 0)) return refresh();
    const size = { ...sizeOf(item), [side]: value }, other = side === "width" ? "height" : "width";
    if ($("proportions").checked) size[other] = Math.max(1, Math.round(value * item.picture[other] / item.picture[side]));
    retarget({ width: size.width, height: size.height });
  });
for (const id of ["weights", "precision"])
  $(id).addEventListener("change", () => {
    refresh();
    magnifier.render();
    soon();
  });
$("effort").addEventListener("input", () => {
  $("effort-value").value = $("effort").value;
  soon();
});
$("again").addEventListener("click", () => {
  clearTimeout(timer);
  for (const item of pictures.items) {
    if (target.scale && item !== pictures.current) item.target = target;
    pictures.enlarge(item);
  }
});

// What the server is asked to enlarge by; it has no choice with an artifact.
function network() {
  return { weights: offers.artifact ? "auto" : $("weights").value, precision: $("precision").value, effort: Number($("effort").value) };
}

function networkName() {
  if (offers?.artifact) return offers.artifact.scale === "any" ? offers.artifact.name : "fp32, as the artifact has one scale";
  const chosen = $("weights").value === "auto" ? pictures.current?.picture?.weights ?? "network" : $("weights").value;
  return `${chosen}, ${$("precision").value}`;
}

// ---- look

for (const input of document.querySelectorAll("[name=mode]"))
  input.addEventListener("change", () => { viewer.setMode(input.value); refresh(); });
$("before").addEventListener("change", () => {
  viewer.before = $("before").value;
  viewer.invalidate();
  magnifier.render();
});
$("map").addEventListener("change", () => setMap($("map").value));
$("strength").addEventListener("input", () => { viewer.strength = $("strength").value / 100; viewer.invalidate(); });
$("zoom-in").addEventListener("click", () => viewer.zoomBy(1.25));
$("zoom-out").addEventListener("click", () => viewer.zoomBy(0.8));
$("fit").addEventListener("click", () => viewer.fit());
$("one").addEventListener("click", () => viewer.oneToOne());
$("magnification").addEventListener("input", () => {
  magnifier.zoom = Number($("magnification").value);
  $("magnification-value").value = `${magnifier.zoom}×`;
  magnifier.render();
});
viewer.addEventListener("point", event => magnifier.point(event.detail));
viewer.addEventListener("hold", event => {
  magnifier.hold(event.detail);
  tellHeld();
});

function tellHeld() {
  $("held").textContent = magnifier.held ? "The place is held. Another click lets it go." : "A click holds the place.";
}

viewer.addEventListener("drawn", () => {
  $("hint").textContent = viewer.hint;
  const item = pictures.current, blink = viewer.mode === "blink";
  $("zoom").value = item ? `${Math.round(100 * viewer.view.scale * devicePixelRatio)} %` : "–";
  $("tag-before").hidden = !item || (blink && !viewer.swapped);
  $("tag-after").hidden = !item || (blink && viewer.swapped);
  $("tag-before").textContent = $("before").value;
  $("tag-after").textContent = viewer.map ? $("map").selectedOptions[0].text : "enlarged";
});

function setMap(name) {
  $("map").value = viewer.map = name;
  $("legend").hidden = !name;
  $("strength").disabled = !name;
  const peak = offers.peaks[name];
  for (const [kind, of] of [["signed", "added"], ["routed", "routing"]]) $("legend").firstElementChild.classList.toggle(kind, name === of);
  $("legend-text").textContent = {
    added: `darker by ${peak}, the same, lighter by ${peak} of 255`, routing: "the smaller network, the bigger one",
  }[name] ?? `0 to ${peak} of 255 and more`;
  viewer.invalidate();
}

function moveDivider(share) {
  viewer.divider = Math.min(1, Math.max(0, share));
  placeDivider();
  viewer.invalidate();
}

function placeDivider() {
  const percent = Math.round(100 * viewer.divider);
  $("divider").style.left = `${100 * viewer.divider}%`;
  $("divider").setAttribute("aria-valuenow", percent);
  $("divider").setAttribute("aria-valuetext", `${percent} % before`);
}

$("divider").addEventListener("pointerdown", event => {
  event.preventDefault();
  $("divider").focus();
  $("divider").setPointerCapture(event.pointerId);
});
$("divider").addEventListener("pointermove", event => {
  if (!$("divider").hasPointerCapture(event.pointerId)) return;
  const box = $("stage").getBoundingClientRect();
  moveDivider((event.clientX - box.left) / box.width);
});
$("divider").addEventListener("keydown", event => {
  const steps = { ArrowLeft: -0.02, ArrowRight: 0.02, ArrowDown: -0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1 };
  const ends = { Home: 0, End: 1 };
  if (event.key in steps) moveDivider(viewer.divider + steps[event.key]);
  else if (event.key in ends) moveDivider(ends[event.key]);
  else return;
  event.preventDefault();
  event.stopPropagation();
});

const keys = {
  "[": () => moveDivider(viewer.divider - 0.05),
  "]": () => moveDivider(viewer.divider + 0.05),
  b: () => {
    document.querySelector("[name=mode][value=blink]").checked = true;
    if (viewer.mode !== "blink") viewer.setMode("blink");
    viewer.swap();
    refresh();
  },
  m: () => {
    const options = [...$("map").options].filter(option => !option.disabled);
    setMap(options[(options.indexOf($("map").selectedOptions[0]) + 1) % options.length].value);
  },
  j: () => pictures.step(1),
  k: () => pictures.step(-1),
  o: () => pick("files"),
  escape: () => {
    magnifier.held = false;
    tellHeld();
  },
  d: () => { if (!$("download").disabled) $("download").click(); },
};
addEventListener("keydown", event => {
  const typing = event.target.matches("input:not([type=radio], [type=checkbox], [type=range]), select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !$("gone").hidden || document.querySelector("dialog[open]")) return;
  keys[event.key.toLowerCase()]?.();
});
$("show-keys").addEventListener("click", () => $("keys").showModal());

// ---- trust

const units = {
  added_mean: "of 255", added_largest: "of 255", consistency_psnr_db: "dB", consistency_largest: "of 255", psnr_db: "dB", largest: "of 255", share_percent: "%",
};

function number(name, value) {
  const digits = { dB: 1, "%": 0 }[units[name]] ?? 2;
  const text = value === undefined ? "–" : value === null ? "equal" : `${value.toFixed(digits)} ${units[name]}`;
  document.querySelector(`[data-number=${name}]`).textContent = text;
}

$("against-fp32").addEventListener("click", async () => {
  const item = pictures.current;
  if (!item?.job) return;
  const { job } = item.job;
  $("against-fp32").disabled = true;
  const region = viewer.middle(COMPARED);
  $("compared").textContent = "Computing fp32 …";
  try {
    item.fp32 = { job, ...(await server.againstFp32(job, region)) };
    $("compared").textContent = `Of ${region.columns}×${region.rows} pixels from column ${region.left}, row ${region.top}.`;
  } catch (error) {
    $("compared").textContent = error.message;
  }
  refresh();
});

// ---- out

function saving() {
  const lossy = offers.formats[$("format").value].lossy;
  return {
    format: $("format").value,
    quality: lossy ? $("quality").value : "",
    background: $("flatten").checked ? $("background").value : "",
    strip: $("strip").checked ? "yes" : "",
  };
}

async function download(item) {
  const { blob, name } = await server.file(item.job.job, saving());
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return name;
}

async function downloadAll(items) {
  $("download").disabled = $("download-all").disabled = true;
  try {
    for (const item of items) {
      say(`writing ${item.name} …`);
      say(`${await download(item)} is in your downloads`);
    }
  } catch (error) {
    say(error.message);
  }
  refresh();
}

$("download").addEventListener("click", () => downloadAll([pictures.current]));
$("download-all").addEventListener("click", () => downloadAll(pictures.items.filter(isDone)));
for (const id of ["format", "quality", "strip", "flatten", "background"]) $(id).addEventListener("change", () => refresh());

const isDone = item => item?.job?.state === "done";
const say = text => { $("said").textContent = text; };

// The command that makes the same file.
function command(item) {
  const quoted = text => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const { job, picture } = item, { format, quality, background, strip } = saving();
  const stem = item.name.replace(/\.[^.]*$/, "");
  const words = ["liif-edge", "upscale", quoted(item.name), quoted(`${stem}-${job.width}x${job.height}${format}`)];
  words.push("--size", `${job.width}x${job.height}`);
  if (offers.artifact) {
    words.push("--artifact", "DIR");
    if (job.effort) words.push("--effort", job.effort);
    if (job.effort && offers.artifact.bigger) words.push("--bigger", "DIR");
  } else {
    if ($("weights").value !== "auto") words.push("--weights", $("weights").value);
    if ($("precision").value !== "int8") words.push("--precision", $("precision").value);
  }
  if (quality) words.push("--quality", quality);
  if (background) words.push("--background", quoted(background));
  if (strip) words.push("--strip");
  return words.join(" ");
}

// ---- what follows from all of that

function refresh() {
  if (!offers || !$("gone").hidden) return;
  const item = pictures.current, job = item?.job, size = item && sizeOf(item);
  const scale = item?.target.scale ?? (size ? size.width / item.picture.width : target.scale);
  $("welcome").hidden = Boolean(item);
  $("divider").hidden = !item || viewer.mode !== "divider";
  $("scale").value = scale;
  $("scale-value").value = `×${Number(scale.toFixed(2))}`;
  for (const button of document.querySelectorAll("[data-scale]"))
    button.setAttribute("aria-pressed", Number(button.dataset.scale) === item?.target.scale || (!item && Number(button.dataset.scale) === target.scale));
  $("width").value = size?.width ?? "";
  $("height").value = size?.height ?? "";
  const auto = $("weights").value === "auto" && item?.picture;
  $("chosen").textContent = offers.artifact ? "The artifact that liif-edge serve was given." : auto ? `auto chose ${item.picture.weights}: ${item.picture.reason}` : "";
  const numbers = { ...job?.numbers, ...(item?.fp32?.job === job?.job ? item?.fp32 : {}) };
  for (const name in units) number(name, numbers[name]);
  $("against-fp32").disabled = !isDone(item);
  $("download").disabled = !isDone(item);
  $("download-all").disabled = pictures.items.filter(isDone).length < 2;
  $("quality").disabled = !offers.formats[$("format").value]?.lossy;
  $("command").textContent = isDone(item) ? command(item) : "";
  $("canvas").setAttribute("aria-label", item ? described(item) : "No picture yet");
}

function described(item) {
  const size = item.size ? `, enlarged to ${item.size.width} by ${item.size.height} pixels` : "";
  return `${item.name}${isDone(item) ? size : ", being enlarged"}`;
}

pictures.addEventListener("selected", () => {
  refresh();
  viewer.show(pictures.current?.size ? pictures.current : null);
  magnifier.reset();
  tellHeld();
  say("");
});
pictures.addEventListener("changed", event => {
  if (event.detail === pictures.current) viewer.show(event.detail.size ? event.detail : null);
  refresh();
});
pictures.addEventListener("forgotten", event => viewer.forget(event.detail));

placeDivider();
