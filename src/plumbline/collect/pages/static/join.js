// An invitation's code stands behind the # of the address: it is read here, sent in a body, and taken out of the address.

import { ask, inWords } from "./api.js";
import { byId, onPress, tell } from "./elements.js";
import { onSubmit } from "./forms.js";
import { logOut } from "./leaving.js";
import { offerOutside } from "./outside.js";

const code = location.hash.slice(1);
const form = byId("join");
const somebody = byId("somebody");
const ROLES = ["worker", "reviewer", "manager", "owner"];

function unusable(why) {
  byId("reading").hidden = true;
  byId("why").textContent = why;
  byId("unusable").hidden = false;
}

const withArticle = (role) => `${role === "owner" ? "an" : "a"} ${role}`;

/** Who is logged in is told who they are, and what the link would do, instead of getting a second account unawares. */
function tellSomebody(told) {
  const { role, onlyStudy } = somebody.dataset;
  const reaches = (!onlyStudy || onlyStudy === told.study) && ROLES.indexOf(role) >= ROLES.indexOf(told.role);
  const where = told.study ? ` in the study ${told.study}` : "";
  if (told.for_somebody) byId("adds").textContent = "This link gives somebody who has been here before a new way to log in. If that is you, log out and open it.";
  else if (reaches) byId("adds").textContent = "Your account can do everything that this link is for. The link is for somebody new.";
  else byId("adds").textContent = `This link is for somebody new, who becomes ${withArticle(told.role)}${where}. Your account stays what it is, ${withArticle(role)}${onlyStudy ? ` in the study ${onlyStudy}` : ""}: it cannot take the link. If it was meant for you, ask whoever sent it before you go on.`;
  byId("not-both").hidden = told.for_somebody;
  byId("reading").hidden = true;
  somebody.hidden = false;
  somebody.querySelector("a").focus();
  onPress(byId("as-new"), async () => {
    try {
      if (!(await logOut())) return;
    } catch (error) {
      return tell(byId("leaving-problem"), inWords(error));
    }
    history.replaceState(null, "", `${location.pathname}#${code}`);
    location.reload();
  });
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
  if (somebody) return tellSomebody(told);
  const where = told.study ? ` in the study ${told.study}` : "";
  byId("invited").textContent = told.for_somebody
    ? told.has_account ? "Choose a new password." : "Choose a name and a password."
    : `You are invited as ${withArticle(told.role)}${where}. Choose a name and a password.`;
  if (told.for_somebody) form.elements.name.required = !told.has_account;
  byId("ends").hidden = !told.ends_others;
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
