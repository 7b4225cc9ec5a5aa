// A HIT in MTurk's frame: what the address says of the worker goes into the link to the study and into the form to MTurk.

import { byId } from "./elements.js";

const said = new URLSearchParams(location.search);
const assignment = said.get("assignmentId");
const open = byId("open");
const form = byId("submit");

if (open && form) {
  // Behind the #: browsers send it to nobody.
  open.hash = new URLSearchParams({ worker: said.get("workerId"), assignment }).toString();
  form.elements.assignmentId.value = assignment;
}
