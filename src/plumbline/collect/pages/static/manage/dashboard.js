// The dashboard: keeps itself up to date; pauses, opens and closes the study.

import { ask, inWords } from "../api.js";
import { byId, onPress, tell } from "../elements.js";
import { keepFresh } from "./live.js";
import { keepFolds } from "./folds.js";

const live = byId("live");
const dialog = byId("change");
let state = "";

keepFolds(live);
const look = keepFresh(live, byId("connection"));

// The buttons are replaced as the page changes: what is pressed is looked for anew.
live.addEventListener("click", (event) => {
  const button = event.target.closest("[data-state]");
  if (!button) return;
  state = button.dataset.state;
  byId("change-question").textContent = button.dataset.question;
  byId("change-says").textContent = button.dataset.says;
  byId("change-do").textContent = button.textContent;
  tell(byId("change-problem"), "");
  dialog.showModal();
});

onPress(byId("change-do"), async () => {
  try {
    await ask("PUT", `${live.dataset.api}/state`, { state });
  } catch (error) {
    return tell(byId("change-problem"), inWords(error));
  }
  dialog.close();
  await look();
});
