// What became of an answer, told quietly: that it was sent and can be changed, and what a tab closed too early left behind.

import { inWords } from "../api.js";
import { byId, element, tell } from "../elements.js";
import { ANSWERED } from "./delivery.js";

/** What is missing, said where it is missing, and the focus there. */
export function tellUnfinished(form, { message, field }) {
  forgetUnfinished(form);
  const place = field?.closest("fieldset, .field");
  const said = [...(place?.querySelectorAll("[role=status]") ?? [])].find((each) => !each.hidden && each.textContent === message);
  // What stands there already is not told twice, only louder.
  if (said) {
    said.classList.add("told");
    said.setAttribute("role", "alert");
    said.replaceChildren(message);
  } else if (place) place.append(element("p", message, { class: "problem missing", role: "alert" }));
  else tell(byId("problem"), message);
  field?.focus();
}

/** Once something was changed, nothing is said to be missing. */
export function forgetUnfinished(form) {
  for (const each of form.querySelectorAll(".missing")) each.remove();
  for (const each of form.querySelectorAll(".told")) {
    each.classList.remove("told");
    each.setAttribute("role", "status");
  }
  tell(byId("problem"), "");
}

/** Acts whose judgement a correction may take the place of. */
export const CORRECTABLE = ["judge-turn", "close", "rate-self", "judge-pair", "label", "rank", "review", "rule", "check-writing"];

/** "Sent. Change it", in the bar, where nothing else moves for it; without a judgement nothing. */
export function tellSent(judgement, study) {
  const place = byId("sent");
  if (!judgement) return place.replaceChildren();
  place.replaceChildren("Sent. ", element("a", "Change it", { href: `/studies/${study}/mine/${judgement}`, id: "change", "aria-keyshortcuts": "c" }));
}

/** What became of answers that were waiting: see `deliverWaiting`. `study` is null where they may be of several. */
export function tellDelivered(outcomes, study) {
  if (!outcomes.length) return;
  const lines = new Set(outcomes.map(({ told, error }) => {
    if (told?.outcome === "late") return "An answer of yours came after its item had gone to somebody else. It is kept, but does not count.";
    if (told) return "What you had answered before is sent now.";
    if (ANSWERED.includes(error.code)) return "An answer of yours was not taken: there was another to the same question, and that one stands.";
    return `An answer of yours was not taken. ${inWords(error)}`;
  }));
  const notice = byId("notice");
  const link = study ? [element("a", "Your judgements", { href: `/studies/${study}/mine` })] : [];
  notice.replaceChildren(...[...lines].map((line) => element("p", line)), ...link);
  notice.hidden = false;
}
