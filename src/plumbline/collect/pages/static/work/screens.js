// What stands in the place of a question: waiting, nothing to do, paused, complete.

import { byId, copyOf, onPress, slot } from "../elements.js";
import { showConversation } from "./conversation.js";

const KEEP_CONVERSATION = ["waiting", "replies", "no-replies"];

/** Shows a screen with texts in its places; `again` and `begin` are what its buttons do. Gives the screen. */
export function screen(name, { again, begin, ...texts } = {}) {
  const made = copyOf(`screen-${name}`);
  for (const [place, text] of Object.entries(texts)) slot(made, place).textContent = text;
  for (const [does, act] of Object.entries({ again, begin })) {
    const button = made.querySelector(`[data-do="${does}"]`);
    if (button && act) onPress(button, act);
  }
  if (!KEEP_CONVERSATION.includes(name)) showConversation([]);
  byId("act").replaceChildren(made);
  (made.querySelector("[data-focus]") ?? made.querySelector("button, a"))?.focus({ preventScroll: true });
  return made;
}

/** Two places where replies are going to stand, so that nothing moves when they come. */
export function showWaitingReplies() {
  if (!byId("act").querySelector(".pending")) screen("replies");
}
