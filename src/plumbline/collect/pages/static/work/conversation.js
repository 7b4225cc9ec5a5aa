// What was said so far. Messages that stand there already stay: only what is new comes in, so that nothing jumps. A text that
// is on the page already, a reply that goes on or a turn just written, moves from there to its place.

import { byId, copyOf, element, put, slot } from "../elements.js";
import { wordDifference } from "./word_difference.js";

const WHO = { human: "Human", assistant: "Assistant", system: "Note" };
const LETTERS = "AB";
const TAGS = { went: "del", came: "ins" };
const MOVE = { duration: 260, easing: "ease-out" };

export const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Shows these messages, each {role, text}; gives those that are new on the page. */
export function showConversation(messages) {
  const list = byId("conversation");
  const kept = commonLength([...list.children], messages);
  while (list.children.length > kept) list.lastElementChild.remove();
  const added = messages.slice(kept).map(shown);
  list.append(...added);
  list.hidden = messages.length === 0;
  return added;
}

/** The messages of a step; those that were edited with the edit: {original, and `text` where somebody else made it}. */
export function messagesOf({ conversation = [], fields }) {
  const edits = new Map((fields?.edited ?? []).map((edit) => [edit.message, edit]));
  return conversation.map((message, at) => (edits.has(at) ? { ...message, edit: edits.get(at) } : message));
}

function shown({ role, text, edit }) {
  const made = copyOf("message");
  made.classList.add(role);
  put(made, "who", WHO[role] ?? role);
  put(made, "text", text);
  if (edit) made.append(edit.text === undefined ? ownEdit(edit) : othersEdit(edit, edit.text === text));
  return made;
}

function ownEdit({ original }) {
  const made = copyOf("edited");
  put(made, "original", original);
  return made;
}

/** What somebody else changed, word by word. Not every reply that was edited went on. */
function othersEdit({ original, text }, wentOn) {
  const made = copyOf("edited-by-worker");
  put(made, "what", wentOn ? "Edited by whoever wrote here. What they changed" : "Whoever wrote here edited the other reply, which did not go on. What they changed");
  const parts = wordDifference(original, text).map(([kind, words]) => (TAGS[kind] ? element(TAGS[kind], words) : words));
  slot(made, "changes").append(...parts);
  return made;
}

function commonLength(elements, messages) {
  let at = 0;
  while (at < elements.length && at < messages.length
    && elements[at].classList.contains(messages[at].role) && slot(elements[at], "text").textContent === messages[at].text) at += 1;
  return at;
}

/** Where texts stand in an element now: replies, and what was written into its fields. */
export function placesOfTexts(root) {
  const places = new Map();
  for (const each of root.querySelectorAll(".reply > .text")) places.set(each.textContent, each.getBoundingClientRect());
  for (const each of root.querySelectorAll("textarea")) if (each.value && each.checkVisibility()) places.set(each.value, each.getBoundingClientRect());
  return places;
}

/** Lets new messages come from where their texts stood before; those that stood nowhere fade in. Only what is seen moves. */
export function moveIn(messages, places) {
  if (isCalm()) return;
  for (const message of messages) {
    const text = slot(message, "text");
    const from = places.get(text.textContent);
    const to = text.getBoundingClientRect();
    const start = from ? { translate: `${from.left - to.left}px ${from.top - to.top}px` } : { opacity: 0 };
    message.animate([start, { translate: "0 0", opacity: 1 }], MOVE);
  }
}

/** Two replies side by side: both are put into the page in one go. */
export function showReplies(place, replies) {
  place.replaceChildren(...replies.map((text, at) => {
    const made = copyOf("reply");
    put(made, "letter", LETTERS[at]);
    put(made, "text", text);
    return made;
  }));
}
