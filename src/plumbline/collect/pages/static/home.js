// The home page says of each study how far this person is.

import { ask } from "./api.js";
import { slot } from "./elements.js";
import { standingInWords } from "./work/standing_words.js";
import { sendWaiting } from "./work/waiting.js";

for (const card of document.querySelectorAll("[data-study]")) {
  ask("GET", `/api/v1/studies/${card.dataset.study}/standing`).then(
    (told) => { slot(card, "standing").textContent = standingInWords(told); },
    () => {},
  );
}

sendWaiting();
