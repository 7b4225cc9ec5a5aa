// A question comes into the page: the conversation above it grows, what goes on moves there, and nothing jumps.

import { byId } from "../elements.js";
import { moveIn, placesOfTexts, showConversation } from "./conversation.js";
import { dropVeil } from "./veil.js";

/** The next item: at the top, and with no height kept. */
export function startAnew() {
  dropVeil();
  showConversation([]);
  byId("act").replaceChildren();
  byId("work").style.minHeight = "";
  scrollTo({ top: 0 });
}

/** Shows a conversation and what is asked about it. */
export function present(messages, content) {
  const [work, act] = [byId("work"), byId("act")];
  const isGoingOn = act.children.length > 0;
  const places = placesOfTexts(act);
  if (isGoingOn) work.style.minHeight = `${work.offsetHeight}px`;
  const added = showConversation(messages);
  // Another element, not the same with something else in it: where that one stood, nothing moves from.
  const fresh = document.createElement("div");
  fresh.id = act.id;
  fresh.append(content);
  act.replaceWith(fresh);
  if (!isGoingOn) return;
  work.style.minHeight = `${heightToSeenEnd(work)}px`;
  moveIn(added, places);
}

/** How high something has to be to reach the end of what is seen: were the page shorter, it would slide down. */
function heightToSeenEnd(element) {
  const below = document.documentElement.scrollHeight - scrollY - element.getBoundingClientRect().bottom;
  return Math.max(0, innerHeight - element.getBoundingClientRect().top - below);
}
