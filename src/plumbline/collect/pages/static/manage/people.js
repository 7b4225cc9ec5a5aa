// People: invitations, new password links, blocking, ending sessions. A link is shown once, and kept nowhere.

import { ask, inWords } from "../api.js";
import { byId, onPress, tell } from "../elements.js";
import { onSubmit } from "../forms.js";
import { shownOnce } from "./shown_once.js";
import { sure } from "./sure.js";

const API = "/api/v1";

/** A moment as the rest of the page writes it. */
const inUtc = (moment) => `${moment.slice(0, 16).replace("T", " ")} UTC`;

const showOnce = shownOnce("link");

function showLink(made, says) {
  byId("link-says").textContent = says;
  showOnce(new URL(made.link_path, location.origin).href);
}

onSubmit(byId("invite"), async (data) => {
  const study = data.get("study");
  const made = await ask("POST", `${API}/invitations`, {
    role: data.get("role"), ...(study ? { study } : {}), days: Number(data.get("days")), uses: Number(data.get("uses")),
    note: data.get("note").trim() || null,
  });
  const many = made.uses === 1 ? "one person" : `${made.uses} people`;
  showLink(made, `It lets ${many} in as ${made.role}${study ? ` in ${study}` : ""}, until ${inUtc(made.expires_at)}.`);
});

byId("invitations")?.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-revoke]");
  if (!button) return;
  button.disabled = true;
  try {
    await ask("DELETE", `${API}/invitations/${button.dataset.revoke}`);
    location.reload();
  } catch (error) {
    button.disabled = false;
    tell(byId("invitations-problem"), inWords(error));
  }
});

async function confirmed(heading, says, yes) {
  byId("sure-head").textContent = heading;
  byId("sure-says").textContent = says;
  byId("sure-yes").textContent = yes;
  return sure(byId("sure"));
}

const ACTS = {
  async link(pseudonym) {
    const made = await ask("POST", `${API}/invitations`, { pseudonym });
    showLink(made, `With it, ${pseudonym} sets a password, until ${inUtc(made.expires_at)}. It works once, and ends every other way in that they have.`);
  },
  async end(pseudonym) {
    const says = "Their browsers are logged out, and their tokens for programs end. They can log in again.";
    if (!(await confirmed(`Log ${pseudonym} out everywhere?`, says, "Log out"))) return;
    const { revoked } = await ask("DELETE", `${API}/people/${pseudonym}/tokens`);
    byId("people-told").textContent = `${pseudonym}: ${revoked} ${revoked === 1 ? "session or token" : "sessions and tokens"} ended.`;
  },
  async block(pseudonym) {
    const says = "They get no more work in any study and may submit none, also what they have in hand. What they did stays and counts. You can lift it at any time.";
    if (!(await confirmed(`Block ${pseudonym}?`, says, "Block"))) return;
    await ask("PUT", `${API}/people/${pseudonym}/blocked`, { blocked: true });
    location.reload();
  },
  async unblock(pseudonym) {
    await ask("PUT", `${API}/people/${pseudonym}/blocked`, { blocked: false });
    location.reload();
  },
};

for (const button of document.querySelectorAll("[data-pseudonym] [data-do]")) {
  onPress(button, async () => {
    tell(byId("people-problem"), "");
    try {
      await ACTS[button.dataset.do](button.closest("[data-pseudonym]").dataset.pseudonym);
    } catch (error) {
      tell(byId("people-problem"), inWords(error));
    }
  });
}
