// Blur until asked: texts stand blurred, and hidden from a screen reader, until the worker asks to see them. The item can be
// skipped before that; its topics, where they are known, are told first.

import { byId, copyOf, onPress, plain, slot } from "../elements.js";

const WITHOUT_TEXTS = ["consent", "describe"];
const SEEN = "plumbline:unveiled";
let current = null;
let seen = readSeen();

/** The item whose texts were asked for last: kept as long as the tab, so that a page that is loaded again does not ask again. */
function readSeen() {
  try { return sessionStorage.getItem(SEEN); } catch { return null; }
}

function wasSeen(assignment) {
  seen = String(assignment);
  try { sessionStorage.setItem(SEEN, seen); } catch { /* this page remembers it */ }
}

/** Veils what is shown, where the study says so, until it is asked for once an item; whether it does. `goOn` follows then. */
export function showVeil(place, assignment, step, goOn) {
  dropVeil();
  if (place.dataset.blur !== "yes" || seen === String(assignment) || !hasText(step)) return false;
  const made = copyOf("veil");
  const topics = step.fields?.topics ?? [];
  if (topics.length) slot(made, "about").textContent = `This is about: ${topics.map(plain).join("; ")}. The text is blurred until you ask for it.`;
  // In a conversation that goes on, what stands there already stays in its place.
  byId(step.turn > 1 || step.replies?.length ? "act" : "conversation").before(made);
  setVeiled(true, saidByThemselves(step));
  current = { made, goOn: () => { wasSeen(assignment); goOn(); } };
  const button = made.querySelector("button");
  onPress(button, unveil);
  button.focus();
  return true;
}

/** Whether something is blurred now. */
export const isVeiled = () => current !== null;

/** Shows what is blurred. */
export function unveil() {
  if (!current) return;
  const { goOn } = current;
  dropVeil();
  goOn();
}

/** Takes the veil away with what was under it. */
export function dropVeil() {
  current?.made.remove();
  current = null;
  setVeiled(false);
}

const hasText = ({ act, conversation, replies }) => !WITHOUT_TEXTS.includes(act) && (conversation?.length ?? 0) + (replies?.length ?? 0) > 0;

/** Whether every message of a human is the worker's own: in a chat there is one each turn, and more where the item brings some. */
const saidByThemselves = ({ turn, conversation }) => Boolean(turn) && conversation?.filter(({ role }) => role === "human").length === turn;

/** What is judged stands blurred; the questions about it can be seen, and rest: nobody answers what they have not read. */
function setVeiled(veiled, own = false) {
  byId("conversation").classList.toggle("own-words", own);
  for (const each of [byId("conversation"), byId("act")]) {
    each.classList.toggle("texts-veiled", veiled);
    each.inert = veiled;
  }
}
