// The export's form: what is left empty is not sent.

for (const field of document.querySelectorAll("[data-optional]")) {
  field.disabled = false;
  field.form.addEventListener("submit", () => {
    field.disabled = !field.value.trim();
    setTimeout(() => { field.disabled = false; });
  });
}
