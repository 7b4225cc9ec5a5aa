// Somebody comes back from the log-in of another house: what the address says goes into a body, and out of the address.

import { ask, inWords } from "./api.js";
import { byId } from "./elements.js";

const said = new URLSearchParams(location.search);

async function finish() {
  const answer = { state: said.get("state") ?? "" };
  for (const name of ["code", "error", "iss"]) if (said.get(name)) answer[name] = said.get(name);
  history.replaceState(null, "", location.pathname);
  location.replace((await ask("POST", "/api/v1/openid/answers", answer)).goes_on_to);
}

finish().catch((error) => {
  byId("finishing").hidden = true;
  byId("failed").hidden = false;
  byId("why").textContent = inWords(error, { namesFields: false });
  byId("code").textContent = error.code ?? "";
  byId("to-account").hidden = !document.querySelector('meta[name="pseudonym"]');
  byId("heading").focus();
});
