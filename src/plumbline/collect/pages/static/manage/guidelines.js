// The guidelines' editor: preview as the server renders it, and publishing on top of the version that was read. A version
// cannot be taken back, so that publishing asks first.

import { ask, inWords } from "../api.js";
import { fetchedDocument } from "../documents.js";
import { byId, onPress, tell } from "../elements.js";
import { sure } from "./sure.js";

const form = byId("editor");
const text = byId("text");
const problem = byId("problem");
const published = text.value;

const PUBLISHED = "published";
if (new URLSearchParams(location.search).has(PUBLISHED)) {
  history.replaceState(null, "", location.pathname);
  byId("told").textContent = byId("told").dataset.published;
}

const isChanged = () => text.value !== published;
const bytes = () => new TextEncoder().encode(text.value).length;

onPress(byId("preview"), async () => {
  tell(problem, "");
  try {
    const { responseXML: page } = await fetchedDocument(location.pathname.replace(/edit$/, "preview"), { text: text.value });
    byId("previewed").replaceChildren(...[...page.getElementById("previewed").childNodes].map((node) => document.adoptNode(node)));
    byId("told").textContent = isChanged() ? "Not published yet." : "";
  } catch (request) {
    const refused = "The server could not show this text. Load the page again; your text stays in this window until then, so copy it first.";
    tell(problem, request.status === 0 ? "The server does not answer. Look at your connection, and try again." : refused);
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
