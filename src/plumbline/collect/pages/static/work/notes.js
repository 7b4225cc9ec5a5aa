// What reviewers wrote on one's writing: told on the work page, between two items, until it was read, there or elsewhere.

import { byId } from "../elements.js";
import { keepSetting, readSetting } from "./kept.js";

const nameOf = (study) => `note:${study}`;

/** Tells that there is a note which was not read; `newest`: when the newest was written, null where there is none. */
export function tellNote(study, newest) {
  const read = readSetting(nameOf(study));
  const news = byId("note-news");
  news.hidden = !newest || (read !== null && Date.parse(newest) <= Date.parse(read));
  // It goes with the next item: who comes back from the note finds the page as they left it.
  news.querySelector("a").onclick = () => keepSetting(nameOf(study), newest);
}

/** The notes of a page count as read once they are seen. */
export function readNotes(study) {
  const notes = document.querySelector("[data-newest-note]");
  if (!notes) return;
  new IntersectionObserver((seen, observer) => {
    if (!seen.some((each) => each.isIntersecting)) return;
    observer.disconnect();
    keepSetting(nameOf(study), notes.dataset.newestNote);
  }).observe(notes);
}
