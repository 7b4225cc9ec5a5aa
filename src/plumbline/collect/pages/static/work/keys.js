// Keys: numbers for the scale, g for guidelines, ? for the list; never while somebody writes, and never with a modifier
// that belongs to the browser or to a screen reader. Who speaks to their machine, or rests a hand on it, switches single
// keys off.

import { byId } from "../elements.js";
import { openDialog } from "./dialogs.js";
import { keepSetting, readSetting } from "./kept.js";
import { press } from "./scale.js";
import { unveil } from "./veil.js";

const WRITES = "textarea, input:not([type=radio]):not([type=checkbox]), select, [contenteditable]";

/** `form()` gives the form that is shown, `undo()` takes back the last change, `own(key)` presses a key of the act's own. */
export function listenToKeys({ form, undo, own = () => false }) {
  const switchedOn = byId("single-keys");
  if (switchedOn) {
    switchedOn.checked = readSetting("single-keys") !== false;
    switchedOn.addEventListener("change", () => keepSetting("single-keys", switchedOn.checked));
  }
  addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.altKey || event.isComposing) return;
    const writes = event.target.matches?.(WRITES);
    const control = event.ctrlKey || event.metaKey;
    if (control && event.key === "Enter") {
      event.preventDefault();
      send(form());
    } else if (control && event.key === "z" && !event.shiftKey && !writes) {
      event.preventDefault();
      undo();
    } else if (writes && event.key === "Escape") {
      byId("main").focus({ preventScroll: true }); // the writing is over: single keys mean something again
    } else if (!writes && !control && plainKey(event, form(), own)) event.preventDefault();
  });
}

/** Whether the key did something. */
function plainKey(event, form, own) {
  if (event.key === "Enter") return isIdle(event.target) && send(form);
  if (event.repeat || byId("single-keys")?.checked === false) return false;
  if (event.key === "g") openDialog("guidelines");
  else if (event.key === "?") openDialog("keys");
  else if (event.key === "s") unveil();
  else if (event.key === "c" && byId("change")) byId("change").click();
  else if (!form || form.inert || form.closest("[inert]")) return false;
  else return own(event.key) || (/^[0-9]$/.test(event.key) && press(form, Number(event.key)));
  return true;
}

/** Where Enter means nothing of its own. */
const isIdle = (target) => target === document.body || target.matches?.("main, [data-focus], [type=radio], [type=checkbox]");

function send(form) {
  if (!form || form.inert || form.closest("[inert]")) return false;
  form.requestSubmit();
  return true;
}
