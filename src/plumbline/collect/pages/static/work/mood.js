// The mood survey: ten feelings, from not at all to very much; it can always be declined.

import { ask } from "../api.js";
import { byId, copyOf, plain, slot, tell } from "../elements.js";
import { showConversation } from "./conversation.js";
import { chosen, wordedScale } from "./scale.js";

/** Asks for `feelings` on the `scale` of the standing, and goes on once it is answered or declined; a failure to send it never stops the work. */
export function moodSurvey(study, { feelings, feeling_scale: scale }) {
  const card = copyOf("mood");
  slot(card, "feelings").append(...feelings.map((feeling) => wordedScale(feeling, plain(feeling), [...scale.entries()])));
  showConversation([]);
  byId("act").replaceChildren(card);
  scrollTo({ top: 0 });
  card.querySelector("h2").focus();
  return new Promise((goOn) => {
    const send = async (body) => {
      card.inert = true;
      try { await ask("POST", `/api/v1/studies/${study}/moods`, body, { seconds: 10 }); } catch { /* the next one will do */ }
      goOn();
    };
    card.addEventListener("submit", (event) => {
      event.preventDefault();
      const open = feelings.find((feeling) => chosen(card, feeling) === null);
      if (!open) return send({ feelings: Object.fromEntries(feelings.map((feeling) => [feeling, chosen(card, feeling)])) });
      tell(card.querySelector(".problem"), "Please say something to each of them, or rather not at all.");
      card.elements[open][0].focus();
    });
    card.querySelector("[data-do=decline]").addEventListener("click", () => send({ declined: true }));
  });
}
