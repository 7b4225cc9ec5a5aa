// Name and password, or the log-in of another house; then on to where the visitor wanted to go.

import { ask } from "./api.js";
import { byId } from "./elements.js";
import { onSubmit } from "./forms.js";
import { offerOutside } from "./outside.js";

const form = byId("login");
onSubmit(form, async (data) => {
  await ask("POST", "/api/v1/sessions", { name: data.get("name"), password: data.get("password") });
  location.replace(form.dataset.next);
});
offerOutside(() => ({ goes_on_to: form.dataset.next }));
