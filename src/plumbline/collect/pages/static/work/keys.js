// Keys: numbers for the scale, g for guidelines, n for the next item, ? for the list; never while somebody writes, and never with a modifier
// that belongs to the browser or to a screen reader. Who speaks to their machine, or rests a hand on it, switches single
// keys off.

import { byId, slot } from "../elements.js";
import { openDialog } from "./dialogs.js";
import { keepSetting, readSetting } from "./kept.js";
import { press } from "./scale.js";
import { isVeiled, unveil } from "./veil.js";

const WRITES = "textarea, input:not([type=radio]):not([type=checkbox]), select, [contenteditable]";

/** `form()` gives the form that is shown, `retrace(way)` takes back the last change ("undo") or brings it back ("redo"), `own(key)` presses a key of the act's own. */
export function listenToKeys({ form, retrace, own = () => false }) {
  const switchedOn = byId("single-keys");
  if (switchedOn) {
    switchedOn.checked = readSetting("single-keys") !== false;
    const hint = () => document.body.classList.toggle("no-single-keys", !switchedOn.checked);
    hint();
    switchedOn.addEventListener("change", () => {
      keepSetting("single-keys", switchedOn.checked);
      hint();
    });
  }
  addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.altKey || event.isComposing) return;
    const writes = event.target.matches?.(WRITES);
    const control = event.ctrlKey || event.metaKey;
    if (control && event.key === "Enter") {
      event.preventDefault();
      send(form());
    } else if (control && !writes && ["z", "Z", "y"].includes(event.key)) {
      event.preventDefault();
      retrace(event.key === "z" && !event.shiftKey ? "undo" : "redo");
    } else if (writes && event.key === "Escape") {
      byId("main").focus({ preventScroll: true }); // the writing is over: single keys mean something again
    } else if (!writes && !control && plainKey(event, form(), own)) event.preventDefault();
  });
}

/** Whether the key did something. */
function plainKey(event, form, own) {
  if (event.key === "Enter") return isIdle(event.target) && (begin() || send(form));
  if (event.repeat || byId("single-keys")?.checked === false) return false;
  if (event.key === "g") openDialog("guidelines");
  else if (event.key === "?") openKeys(form);
  else if (event.key === "s") unveil();
  else if (event.key === "n" && canSkip()) byId("skip").click();
  else if (event.key === "c" && byId("change")) byId("change").click();
  else if (!form || form.inert || form.closest("[inert]")) return false;
  else return own(event.key) || (/^[0-9]$/.test(event.key) && press(form, Number(event.key)));
  return true;
}

const canSkip = () => byId("skip")?.disabled === false;

/** Presses the button of what stands before the first item; whether it was there. */
function begin() {
  const button = document.querySelector('#act > section [data-do="begin"]:enabled');
  button?.click();
  return Boolean(button);
}

/** The list of keys: those that do something where the page is now. */
export function openKeys(form) {
  const has = (selector) => Boolean(form?.querySelector(selector));
  const steps = [...(form?.querySelectorAll("[data-scale] input[type=radio]") ?? [])].map((each) => Number(each.value));
  const works = {
    always: true, form: Boolean(form), scale: steps.length > 0, harms: has("[data-harms][data-keys]"), tags: has("[data-tag-key]"),
    send: has("[type=submit]") && !has("textarea[name=text]"), write: has("textarea"), change: Boolean(byId("change")), veil: isVeiled(), skip: canSkip(),
  };
  const dialog = byId("keys");
  for (const row of dialog.querySelectorAll("[data-when]")) row.hidden = !works[row.dataset.when];
  if (steps.length) {
    slot(dialog, "first-step").textContent = String(Math.min(...steps));
    slot(dialog, "last-step").textContent = String(Math.max(...steps));
  }
  openDialog("keys");
}

/** Where Enter means nothing of its own. */
const isIdle = (target) => target === document.body || target.matches?.("main, [data-focus], [type=radio], [type=checkbox]");

function send(form) {
  if (!form || form.inert || form.closest("[inert]")) return false;
  form.requestSubmit();
  return true;
}
