// Webhooks: add, try, send again, remove. A secret is shown once, and kept nowhere.

import { ask, inWords } from "../api.js";
import { byId, tell } from "../elements.js";
import { onSubmit } from "../forms.js";
import { keepFresh } from "./live.js";
import { shownOnce } from "./shown_once.js";
import { sure } from "./sure.js";

const API = "/api/v1/webhooks";

const live = byId("live");
const look = keepFresh(live, byId("connection"));

if (byId("add")) prepareAdding();

function prepareAdding() {
  const showSecret = shownOnce("secret");
  onSubmit(byId("add"), async (data) => {
    const made = await ask("POST", API, {
      url: data.get("url").trim(), events: data.getAll("events"), study: data.get("study") || null,
    });
    showSecret(made.secret);
  });
}

const SOON = "It is on its way. What becomes of it shows below.";

const ACTS = {
  async try(webhook) {
    await ask("POST", `${API}/${webhook}/test`, {});
    byId("webhooks-told").textContent = SOON;
  },
  async remove(webhook) {
    if (!(await sure(byId("sure")))) return;
    await ask("DELETE", `${API}/${webhook}`);
  },
  async again(webhook, delivery) {
    await ask("POST", `${API}/${webhook}/deliveries/${delivery}/again`, {});
    byId("webhooks-told").textContent = SOON;
  },
};

// The list is replaced as messages arrive: what is pressed is looked for anew.
live.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-do], [data-again]");
  if (!button) return;
  tell(byId("webhooks-problem"), "");
  byId("webhooks-told").textContent = "";
  button.disabled = true;
  try {
    await ACTS[button.dataset.do ?? "again"](button.closest("[data-webhook]").dataset.webhook, button.dataset.again);
    await look();
  } catch (error) {
    tell(byId("webhooks-problem"), inWords(error));
  } finally {
    button.disabled = false;
  }
});
