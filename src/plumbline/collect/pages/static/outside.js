// To the log-in of another house: the API says where, and the browser keeps what it needs to come back.

import { ask, inWords } from "./api.js";
import { byId, onPress, tell } from "./elements.js";

/** Leaves for the address that the API gives. */
export async function leaveFor(path, body) {
  location.assign((await ask("POST", path, body)).address);
}

/** The button that logs in or joins, where the page has one; what is refused stands in #problem. */
export function offerOutside(body) {
  const button = byId("outside");
  if (!button) return;
  onPress(button, async () => {
    tell(byId("problem"), "");
    try {
      await leaveFor("/api/v1/openid/requests", body());
    } catch (error) {
      tell(byId("problem"), inWords(error, { namesFields: false }));
    }
  });
}
