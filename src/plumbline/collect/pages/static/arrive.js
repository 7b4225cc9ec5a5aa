// A participant of Prolific begins: what the address says of them goes into a body, and out of the address.

import { ask, inWords } from "./api.js";
import { byId, onPress, tell } from "./elements.js";

const said = new URLSearchParams(location.search);
const arrival = byId("arrival");
const begin = byId("begin");

if (begin) {
  onPress(begin, async () => {
    try {
      await ask("POST", "/api/v1/arrivals", {
        provider: "prolific", study: arrival.dataset.study,
        participant: said.get("PROLIFIC_PID"), study_of_provider: said.get("STUDY_ID"), visit: said.get("SESSION_ID"),
      });
      location.replace(`/studies/${arrival.dataset.study}`);
    } catch (error) {
      tell(byId("problem"), inWords(error, { namesFields: false }));
    }
  });
}
