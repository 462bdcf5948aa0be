// What the page asks of its server. edge/page/server.py has the addresses.

const base = new URL(".", location.href);
let session = "";

// What the server refuses, in its own words.
export class Refused extends Error {}

// Opens the session. `welcome` is told what there is, `changed` of every job that changes, `gone` of the end.
export function open({ welcome, changed, gone }) {
  const events = new EventSource(new URL("events", base));
  events.addEventListener("welcome", event => {
    const offers = JSON.parse(event.data);
    session = offers.session;
    welcome(offers);
  });
  events.addEventListener("job", event => changed(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    events.close(); // a new connection would be a new session, without these pictures
    gone();
  });
  addEventListener("pagehide", () => events.close());
}

async function ask(path, options) {
  const answer = await fetch(new URL(path, base), options);
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => null);
  throw new Refused(said?.error ?? `expected an answer, found ${answer.status} ${answer.statusText}`);
}

const query = values => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== undefined && value !== ""));

export const sample = async () => (await ask("sample.png")).blob();

export const addPicture = async file =>
  (await ask(`${session}/pictures?${query({ name: file.name })}`, { method: "POST", body: file })).json();

export const removePicture = picture => ask(`${session}/pictures/${picture}`, { method: "DELETE" });

export const addJob = async order =>
  (await ask(`${session}/jobs`, { method: "POST", body: JSON.stringify(order) })).json();

export const cancelJob = job => ask(`${session}/jobs/${job}/cancel`, { method: "POST" });

export const removeJob = job => ask(`${session}/jobs/${job}`, { method: "DELETE" });

export const layer = async (job, name, square) =>
  createImageBitmap(await (await ask(`${session}/jobs/${job}/layers/${name}?${query(square)}`)).blob());

// The pixels, and by what they were rendered, in words.
export async function magnified(picture, region) {
  const answer = await ask(`${session}/pictures/${picture}/magnified?${query(region)}`);
  return { image: await createImageBitmap(await answer.blob()), by: decodeURIComponent(answer.headers.get("rendered-by")) };
}

export const againstFp32 = async (job, region) => (await ask(`${session}/jobs/${job}/fp32?${query(region)}`)).json();

// The file, and the name that the server gives it.
export async function file(job, saving) {
  const answer = await ask(`${session}/jobs/${job}/file?${query(saving)}`);
  const told = answer.headers.get("content-disposition") ?? "";
  const [, plain] = told.match(/filename="([^"]*)"/) ?? [];
  const [, encoded] = told.match(/filename\*=utf-8''([^;]*)/i) ?? [];
  return { blob: await answer.blob(), name: encoded ? decodeURIComponent(encoded) : plain };
}
