// Name and password, then on to where the visitor wanted to go.

import { ask } from "./api.js";
import { byId } from "./elements.js";
import { onSubmit } from "./forms.js";

const form = byId("login");
onSubmit(form, async (data) => {
  await ask("POST", "/api/v1/sessions", { name: data.get("name"), password: data.get("password") });
  location.replace(form.dataset.next);
});
