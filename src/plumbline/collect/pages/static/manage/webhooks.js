// Webhooks: add, try, send again, remove. A secret is shown once, and kept nowhere.

import { ask, inWords } from "../api.js";
import { byId, onPress, tell } from "../elements.js";
import { onSubmit } from "../forms.js";
import { sure } from "./sure.js";

const API = "/api/v1/webhooks";

onPress(byId("secret-copy"), async () => {
  try {
    await navigator.clipboard.writeText(byId("secret-text").value);
    byId("secret-copied").textContent = "Copied.";
  } catch {
    byId("secret-text").select();
    byId("secret-copied").textContent = "Marked: copy it with Ctrl C.";
  }
});

onSubmit(byId("add"), async (data) => {
  const made = await ask("POST", API, {
    url: data.get("url").trim(), events: data.getAll("events"), study: data.get("study") || null,
  });
  const place = byId("secret-text");
  place.value = made.secret;
  byId("secret-copied").textContent = "";
  byId("secret").addEventListener("close", () => { place.value = ""; location.reload(); }, { once: true });
  byId("secret").showModal();
  place.select();
});

const SOON = "It is on its way; load the page again in a moment to see what became of it.";

const ACTS = {
  async try(webhook) {
    await ask("POST", `${API}/${webhook}/test`, {});
    byId("webhooks-told").textContent = SOON;
  },
  async remove(webhook) {
    if (!(await sure(byId("sure")))) return;
    await ask("DELETE", `${API}/${webhook}`);
    location.reload();
  },
  async again(webhook, delivery) {
    await ask("POST", `${API}/${webhook}/deliveries/${delivery}/again`, {});
    byId("webhooks-told").textContent = SOON;
  },
};

for (const button of document.querySelectorAll("[data-webhook] :is([data-do], [data-again])")) {
  onPress(button, async () => {
    tell(byId("webhooks-problem"), "");
    byId("webhooks-told").textContent = "";
    try {
      await ACTS[button.dataset.do ?? "again"](button.closest("[data-webhook]").dataset.webhook, button.dataset.again);
    } catch (error) {
      tell(byId("webhooks-problem"), inWords(error));
    }
  });
}
