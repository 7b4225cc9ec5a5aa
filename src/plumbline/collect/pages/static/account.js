// Another password; the login elsewhere; logging out.

import { ask, inWords } from "./api.js";
import { byId, onPress, tell } from "./elements.js";
import { onSubmit } from "./forms.js";
import { logOut } from "./leaving.js";
import { leaveFor } from "./outside.js";

const form = byId("password-form");
if (form) {
  onSubmit(form, async (data) => {
    byId("changed").textContent = "";
    const stays = byId("stays");
    const said = { old: data.get("old"), new: data.get("new"), disconnect: data.has("disconnect") };
    const done = await ask("PUT", "/api/v1/me/password", said);
    form.reset();
    if (!stays) byId("changed").textContent = "Changed.";
    else if (done.outside_connected) byId("changed").textContent = `Changed. ${stays.dataset.label} stays connected.`;
    else {
      byId("changed").textContent = `Changed. ${stays.dataset.label} is disconnected.`;
      stays.remove();
      byId("connected").remove();
    }
  });
}

const connecting = byId("connect-form");
if (connecting) onSubmit(connecting, async (data) => leaveFor("/api/v1/me/openid", { password: data.get("password") }));
const disconnect = byId("disconnect");
if (disconnect) {
  onPress(disconnect, async () => {
    try {
      await ask("DELETE", "/api/v1/me/openid");
      location.reload();
    } catch (error) {
      tell(byId("outside-problem"), inWords(error));
    }
  });
}

onPress(byId("log-out"), async () => {
  try {
    if (await logOut()) location.replace("/login");
  } catch (error) {
    alert(inWords(error));
  }
});
