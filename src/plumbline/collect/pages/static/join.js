// An invitation's code stands behind the # of the address: it is read here, sent in a body, and taken out of the address.

import { ask, inWords } from "./api.js";
import { byId, tell } from "./elements.js";
import { onSubmit } from "./forms.js";
import { offerOutside } from "./outside.js";

const code = location.hash.slice(1);
const form = byId("join");

function unusable(why) {
  byId("reading").hidden = true;
  byId("why").textContent = why;
  byId("unusable").hidden = false;
}

async function begin() {
  if (!code) return unusable("The link has no code in it. Open the whole link that you were given.");
  let told;
  try {
    told = await ask("POST", "/api/v1/invitations/read", { code });
  } catch (error) {
    return unusable(inWords(error));
  }
  history.replaceState(null, "", location.pathname);
  const where = told.study ? ` in the study ${told.study}` : "";
  byId("invited").textContent = told.for_somebody
    ? told.has_account ? "Choose a new password." : "Choose a name and a password."
    : `You are invited as ${told.role === "owner" ? "an" : "a"} ${told.role}${where}. Choose a name and a password.`;
  if (told.for_somebody) form.elements.name.required = !told.has_account;
  byId("ends").hidden = !told.for_somebody;
  byId("reading").hidden = true;
  form.hidden = false;
  form.elements.name.focus();
}

onSubmit(form, async (data) => {
  const name = data.get("name");
  await ask("POST", "/api/v1/invitations/accepted", { code, password: data.get("password"), ...(name ? { name } : {}) });
  location.replace("/");
});
offerOutside(() => ({ invitation: code }));
begin().catch((error) => tell(byId("reading"), inWords(error)));
