// A participant of Prolific or a worker of MTurk begins: what the address says of them goes into a body, and out of the address.

import { ask, inWords } from "./api.js";
import { byId, onPress, tell } from "./elements.js";

const arrival = byId("arrival");
const begin = byId("begin");

const WAYS = {
  prolific: () => {
    const said = new URLSearchParams(location.search);
    return { participant: said.get("PROLIFIC_PID"), study_of_provider: said.get("STUDY_ID"), visit: said.get("SESSION_ID") };
  },
  mturk: () => {
    const said = new URLSearchParams(location.hash.slice(1));
    return { participant: said.get("worker"), visit: said.get("assignment") };
  },
};

if (begin) {
  const { provider, study } = arrival.dataset;
  const who = WAYS[provider]();
  if (!who.participant || !who.visit) {
    begin.hidden = true;
    tell(byId("problem"), `This link is not whole. Open the study from ${arrival.dataset.providerName} again, and do not copy the address.`);
  }
  onPress(begin, async () => {
    try {
      await ask("POST", "/api/v1/arrivals", { provider, study, ...who });
      location.replace(`/studies/${study}`);
    } catch (error) {
      tell(byId("problem"), inWords(error, { namesFields: false }));
    }
  });
}
