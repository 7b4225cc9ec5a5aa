// Answers that a tab left behind are sent from any page that a worker comes to, not from the work page alone.

import { byId, tell } from "../elements.js";
import { deliverWaiting } from "./delivery.js";
import { unsentCount } from "./kept.js";
import { tellDelivered } from "./told.js";

/** Sends what waits, and says so in the page's notice; `study` as in `tellDelivered`. Who has to log in again is asked on the work page. */
export async function sendWaiting(study = null) {
  const count = unsentCount();
  if (!count) return;
  const notice = byId("notice");
  tell(notice, count === 1 ? "An answer of yours is on its way." : `${count} answers of yours are on their way.`);
  const trouble = (error) => tell(notice, error ? "The server cannot be reached. What you answered is kept here, and sent as soon as it can be." : "");
  try {
    tellDelivered(await deliverWaiting(trouble), study);
  } catch {
    tell(notice, "An answer of yours is kept here, and not sent yet: go on working, and it will be.");
  }
}
