// The page: pictures come in, are enlarged, looked at, and taken home.

import { Divider } from "./divider.js";
import { Download } from "./download.js";
import { Incoming } from "./incoming.js";
import { listenForKeys } from "./keys.js";
import { Magnifier } from "./magnifier.js";
import { Maps } from "./maps.js";
import { Network } from "./network.js";
import { Numbers } from "./numbers.js";
import { Pictures } from "./pictures.js";
import * as server from "./server.js";
import { Size } from "./size.js";
import { Stage } from "./stage.js";
import { Viewer } from "./viewer.js";

const DELAY_MS = 400; // after the last change of a setting, before a picture is enlarged anew

const $ = id => document.getElementById(id);
let isOpen = false;
let timer = 0;

const network = new Network($("network"), networkChanged);
const pictures = new Pictures($("queue"), item => network.order(item));
const viewer = new Viewer($("canvas"));
const divider = new Divider($("divider"), share => {
  viewer.divider = share;
  viewer.invalidate();
});
const maps = new Maps($("trust"), $("legend"), viewer);
const stage = new Stage($("viewing"), viewer, maps, $("divider"), () => magnifier.render());
const magnifier = new Magnifier($("magnifier"), () => ({
  item: pictures.current, ...network.magnifies(shown()), before: stage.before,
}));
const size = new Size($("size"), targetChanged);
const numbers = new Numbers($("trust"), viewer, refresh);
const download = new Download($("out"), pictures, network, refresh);
const incoming = new Incoming($("stage"), { files: $("files"), folder: $("folder") }, files => {
  if (isOpen && files.length) pictures.add(files, size.target);
});

server.open({ welcome, changed: job => pictures.changed(job), gone });

function welcome(offers) {
  const { artifact } = offers;
  pictures.limits = offers.limits;
  viewer.use(offers);
  for (const part of [network, stage, maps, numbers, download]) part.offer(offers);
  if (artifact) {
    $("tagline").textContent = `${artifact.name} beside fp32`;
    $("report").hidden = false;
    if (artifact.scale !== "any") size.fix(artifact.scale);
  }
  isOpen = true;
  document.body.dataset.ready = "yes";
  refresh();
}

function gone() {
  isOpen = false;
  $("gone").hidden = false;
  document.body.dataset.ready = "gone";
  for (const control of document.querySelectorAll("main button, main select, aside input")) control.disabled = true;
}

function refresh() {
  if (!isOpen) return;
  for (const part of [stage, size, maps, numbers, download]) part.show(pictures.current);
  network.show(shown());
}

// The picture that is looked at, or what the next one becomes.
function shown() { return pictures.current ?? { picture: null, target: size.target }; }

function targetChanged(target) {
  if (pictures.current) pictures.current.target = target;
  refresh();
  enlargeSoon();
}

function networkChanged() {
  refresh();
  magnifier.render();
  enlargeSoon();
}

function enlargeSoon() {
  clearTimeout(timer);
  const item = pictures.current;
  if (item?.picture) timer = setTimeout(() => pictures.enlarge(item), DELAY_MS);
}

function enlargeAll() {
  clearTimeout(timer);
  for (const item of pictures.items) {
    if (item !== pictures.current) item.target = size.target;
    pictures.enlarge(item);
  }
}

pictures.addEventListener("selected", () => {
  refresh();
  viewer.show(pictures.current?.size ? pictures.current : null);
  magnifier.reset();
  download.say("");
});
pictures.addEventListener("changed", event => {
  if (event.detail === pictures.current) viewer.show(event.detail.size ? event.detail : null);
  refresh();
});
pictures.addEventListener("forgotten", event => viewer.forget(event.detail));
viewer.addEventListener("point", event => magnifier.point(event.detail));
viewer.addEventListener("hold", event => magnifier.hold(event.detail));

for (const button of document.querySelectorAll("[data-pick]"))
  button.addEventListener("click", () => incoming.pick(button.dataset.pick));
$("again").addEventListener("click", enlargeAll);
$("show-keys").addEventListener("click", () => $("keys").showModal());

const actions = {
  "[": () => divider.moveBy(-0.05),
  "]": () => divider.moveBy(0.05),
  b: () => stage.blink(),
  m: () => maps.next(),
  j: () => pictures.step(1),
  k: () => pictures.step(-1),
  o: () => incoming.pick("files"),
  d: () => download.start(),
  escape: () => magnifier.letGo(),
};
listenForKeys(Object.fromEntries(Object.entries(actions).map(([key, action]) => [key, () => isOpen && action()])));
