// Logging out, which also forgets what this browser kept of this person's work.

import { ask } from "./api.js";
import { forgetAll, unsentCount } from "./work/kept.js";

/** Whether somebody is logged out now; not where they would rather keep what was not sent. */
export async function logOut() {
  const unsent = unsentCount();
  if (unsent && !confirm(`${unsent} of your answers ${unsent === 1 ? "was" : "were"} not sent yet and would be lost. Log out all the same?`)) return false;
  try {
    await ask("DELETE", "/api/v1/sessions/current");
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  forgetAll();
  return true;
}
