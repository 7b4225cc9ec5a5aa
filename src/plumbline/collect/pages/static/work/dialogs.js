// Dialogs: the browser's own, which keep the focus and close at Esc.

import { byId, element, slot } from "../elements.js";
import { inFormWords } from "./form_state.js";
import { kindsOfPersonalData } from "./personal_data.js";

/** Opens a dialog, where the page has it; what was focused before has the focus again when it closes. */
export function openDialog(id) {
  const dialog = byId(id);
  if (dialog && !dialog.open) {
    dialog.showModal();
    dialog.dispatchEvent(new Event("opened"));
  }
  return dialog;
}

/** Which of two versions of a form holds. */
export function chooseVersion(form, here, there) {
  const dialog = openDialog("conflict");
  for (const [name, state] of Object.entries({ here, there })) slot(dialog, name).replaceChildren(...inFormWords(form, state).flatMap(line));
  return new Promise((decide) => {
    const ending = new AbortController();
    const { signal } = ending;
    dialog.addEventListener("click", (event) => {
      const value = event.target.closest("button")?.value;
      if (!value) return;
      ending.abort();
      dialog.close();
      decide(value === "there" ? there : here);
    }, { signal });
    // One of the two has to be chosen; a browser lets a second Esc close any dialog.
    dialog.addEventListener("cancel", (event) => event.preventDefault(), { signal });
    dialog.addEventListener("close", () => dialog.showModal(), { signal });
  });
}

const line = ([what, value]) => [element("dt", what), element("dd", value)];

/** Whether texts may be sent: at once where nothing in them looks like personal data, else as the writer says. Who changes one is in it. */
export async function confirmPersonalData(texts, form) {
  const suspect = texts.filter((text) => kindsOfPersonalData(text).length);
  if (!suspect.length) return true;
  slot(byId("personal-data"), "kinds").textContent = [...new Set(suspect.flatMap(kindsOfPersonalData))].join(", ");
  if (await confirmed("personal-data", "send")) return true;
  const field = [...form.querySelectorAll("textarea")].find((each) => suspect.some((text) => text.trim() === each.value.trim()));
  const folded = field?.closest("details");
  if (folded) folded.open = true;
  field?.focus();
  return false;
}

/** Whether an item is given back: asked where turns of its conversation were judged, or something is filled in. */
export async function confirmLeaving({ begun, filledIn }) {
  if (begun) return confirmed("leave", "leave");
  return !filledIn || confirmed("leave-filled-in", "leave");
}

/** By dialog, how to decide the question that it asks. */
const asked = new Map();

/** Opens a dialog; whether it was closed by the button of this value, not by another one or Esc. */
function confirmed(id, value) {
  // The browser tells of a closing some time after it: who asks again before that ends the first question unconfirmed,
  // and the late word of that first closing finds the dialog open and decides nothing.
  asked.get(id)?.(false);
  const dialog = openDialog(id);
  dialog.returnValue = "";
  return new Promise((decide) => {
    asked.set(id, decide);
    dialog.onclose = () => { if (!dialog.open) decide(dialog.returnValue === value); };
  });
}
