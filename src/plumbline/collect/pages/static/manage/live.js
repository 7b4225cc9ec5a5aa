// A page that fetches itself and takes over what has changed: what stays alike is not touched, so that places, focus,
// marked text and opened tables stay. Nothing is fetched while nobody looks.

import { fetchedDocument } from "../documents.js";
import { byId, tell } from "../elements.js";

const SLOWER = 6;
const SOON = 1;

/** The parts of a region, by id: its elements; of sections, which may be folded, what says something and each panel. */
const partsOf = (root) => [...root.querySelectorAll(":scope > [id]:not(.section), :scope > .section > [id], :scope > .section > .panels > [id]")];
const shapeOf = (root) => [...root.querySelectorAll(":scope > [id], :scope > .section > [id], :scope > .section > .panels > [id]")].map((part) => part.id).join(" ");

/** What is open and where the focus is, within an element. */
function stateOf(root) {
  const focused = root.contains(document.activeElement) ? document.activeElement.id : "";
  return {
    opened: [...root.querySelectorAll("details[open]")].map((each) => each.id),
    scrolled: [...root.querySelectorAll(".scroll[id]")].map((each) => [each.id, each.scrollLeft]),
    focused,
  };
}

function restore({ opened, scrolled, focused }) {
  for (const id of opened) byId(id)?.setAttribute("open", "");
  for (const [id, left] of scrolled) if (byId(id)) byId(id).scrollLeft = left;
  if (focused) byId(focused)?.focus({ preventScroll: true });
}

/** Takes over what differs. Opened tables are opened in what came, before the two are compared. */
function takeOver(live, came) {
  const state = stateOf(live);
  for (const id of state.opened) came.querySelector(`details[id="${id}"]`)?.setAttribute("open", "");
  const [x, y] = [scrollX, scrollY];
  if (shapeOf(live) !== shapeOf(came)) {
    live.replaceChildren(...[...came.childNodes].map((node) => document.adoptNode(node)));
  } else {
    const news = new Map(partsOf(came).map((part) => [part.id, part]));
    for (const part of partsOf(live)) {
      if (!part.isEqualNode(news.get(part.id))) part.replaceWith(document.adoptNode(news.get(part.id)));
    }
  }
  restore(state);
  scrollTo(x, y);
}

/** Keeps a region of the page up to date. Gives a function that does it now. */
export function keepFresh(live, connection) {
  const seconds = Number(live.dataset.seconds) || 5;
  let failures = 0, since = null, timer = null, underWay = false;

  async function look() {
    clearTimeout(timer);
    if (underWay) return;
    underWay = true;
    try {
      const request = await fetchedDocument(location.href);
      if (new URL(request.responseURL).pathname === "/login") return location.reload();
      const came = request.responseXML.getElementById(live.id);
      if (!came) return location.reload();
      takeOver(live, came);
      failures = 0;
      since = null;
      tell(connection, "");
    } catch (request) {
      if (request instanceof Error) throw request;
      failures += 1;
      since ??= new Date();
      const why = request.status ? "The server cannot give newer figures" : "The server does not answer";
      tell(connection, `${why} since ${since.toLocaleTimeString()}. What you see is as old as that.`);
    } finally {
      underWay = false;
      plan();
    }
  }

  function plan() {
    clearTimeout(timer);
    if (document.hidden) return;
    // Old figures are told as such while newer ones are made: these are looked for sooner.
    const wait = live.querySelector("[data-old]") && !failures ? SOON : seconds;
    timer = setTimeout(look, 1000 * wait * Math.min(SLOWER, 1 + failures));
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
  plan();
  return look;
}
