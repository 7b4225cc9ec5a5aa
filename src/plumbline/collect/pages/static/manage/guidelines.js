// The guidelines' editor: preview as the server renders it, and publishing on top of the version that was read. A version
// cannot be taken back, so that publishing asks first.

import { ask, inWords } from "../api.js";
import { byId, onPress, tell } from "../elements.js";
import { sure } from "./sure.js";

const form = byId("editor");
const text = byId("text");
const problem = byId("problem");
const token = document.querySelector('meta[name="csrf-token"]').content;
const published = text.value;

const PUBLISHED = "published";
if (new URLSearchParams(location.search).has(PUBLISHED)) {
  history.replaceState(null, "", location.pathname);
  byId("told").textContent = byId("told").dataset.published;
}

const isChanged = () => text.value !== published;
const bytes = () => new TextEncoder().encode(text.value).length;

/** A page that the server made of the text; no markup is made from text here. */
function previewed() {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${location.pathname.replace(/\/edit$/, "")}/preview`);
    request.responseType = "document";
    request.timeout = 30_000;
    request.setRequestHeader("Content-Type", "application/json");
    request.setRequestHeader("X-CSRF-Token", token);
    request.onload = () => resolve(request.status === 200 ? request.responseXML?.getElementById("previewed") : null);
    request.onerror = request.ontimeout = () => reject(new Error("the server does not answer"));
    request.send(JSON.stringify({ text: text.value }));
  });
}

onPress(byId("preview"), async () => {
  tell(problem, "");
  try {
    const made = await previewed();
    if (!made) return tell(problem, "The server could not show this text. Load the page again; your text stays in this window until then, so copy it first.");
    byId("previewed").replaceChildren(...[...made.childNodes].map((node) => document.adoptNode(node)));
    byId("told").textContent = isChanged() ? "Not published yet." : "";
  } catch {
    tell(problem, "The server does not answer. Look at your connection, and try again.");
  }
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  tell(problem, "");
  if (!text.value.trim()) return tell(problem, "There is no text.");
  if (bytes() > Number(form.dataset.bytes)) return tell(problem, `The text has ${bytes()} bytes; at most ${form.dataset.bytes} are taken.`);
  if (!isChanged()) return tell(problem, "Nothing is changed: this is the version that workers see.");
  if (!(await sure(byId("sure")))) return;
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  try {
    await ask("POST", form.dataset.api, { text: text.value, after_version: Number(form.dataset.version) });
    removeEventListener("beforeunload", warn);
    location.assign(`${location.pathname}?${PUBLISHED}`);
  } catch (error) {
    const meanwhile = "Somebody else published another version meanwhile. Copy your text, load the page again, and put both together.";
    tell(problem, error.code === "PL-COL-036" ? meanwhile : inWords(error));
  } finally {
    button.disabled = false;
  }
});

function warn(event) {
  if (isChanged()) event.preventDefault();
}
addEventListener("beforeunload", warn);
