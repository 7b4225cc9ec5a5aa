// A worker's sheet: blocks them, and lifts it.

import { ask, inWords } from "../api.js";
import { byId, onPress, tell } from "../elements.js";
import { sure } from "./sure.js";

const button = byId("block");
if (button) {
  onPress(button, async () => {
    const blocked = button.dataset.blocked === "yes";
    if (blocked && !(await sure(byId("block-sure")))) return;
    try {
      await ask("PUT", `${button.dataset.api}/blocked`, { blocked });
    } catch (error) {
      return tell(byId("problem"), inWords(error));
    }
    location.reload();
  });
}
