// Blur until asked: texts stand blurred, and hidden from a screen reader, until the worker asks to see them. The item can be
// skipped before that; its topics, where they are known, are told first.

import { byId, copyOf, onPress, plain, slot } from "../elements.js";

const WITHOUT_TEXTS = ["consent", "describe"];
let current = null;
let seen = null;

/** Veils what is shown, where the study says so, until it is asked for once an item; whether it does. `goOn` follows then. */
export function showVeil(place, assignment, step, goOn) {
  dropVeil();
  if (place.dataset.blur !== "yes" || seen === assignment || !hasText(step)) return false;
  const made = copyOf("veil");
  const topics = step.fields?.topics ?? [];
  if (topics.length) slot(made, "about").textContent = `This is about: ${topics.map(plain).join("; ")}. The text is blurred until you ask for it.`;
  byId("conversation").before(made);
  setVeiled(true);
  current = { made, goOn: () => { seen = assignment; goOn(); } };
  const button = made.querySelector("button");
  onPress(button, unveil);
  button.focus();
  return true;
}

/** Shows what is blurred. */
export function unveil() {
  if (!current) return;
  const { goOn } = current;
  dropVeil();
  goOn();
}

/** Takes the veil away with what was under it. */
function dropVeil() {
  current?.made.remove();
  current = null;
  setVeiled(false);
}

const hasText = ({ act, conversation, replies }) => !WITHOUT_TEXTS.includes(act) && (conversation?.length ?? 0) + (replies?.length ?? 0) > 0;

function setVeiled(veiled) {
  for (const each of [byId("conversation"), byId("act")]) {
    each.classList.toggle("veiled", veiled);
    each.inert = veiled;
  }
}
