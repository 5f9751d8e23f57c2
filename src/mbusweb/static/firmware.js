"use strict";
// Takes a release file by drag-and-drop or from the button, looks at name and size, and shows how far the upload is.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-upload]");
  const area = form.querySelector("fieldset");
  const input = form.querySelector('input[type="file"]');
  const problem = form.querySelector("#file-problem");
  const progress = form.querySelector("progress");
  const name = new RegExp(`^(?:${form.dataset.pattern})$`);
  form.querySelector("[data-drop-hint]").hidden = area.disabled;

  const wrong = (file) => {
    if (form.dataset.refusal) return form.dataset.refusal;
    if (!name.test(file.name)) return form.dataset.wrongName;
    return file.size > Number(form.dataset.limit) ? form.dataset.tooBig : "";
  };
  const send = (file) => {
    problem.textContent = wrong(file);
    if (problem.textContent) return;
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("X-CSRF-Token", form.elements.csrf.value);
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.setRequestHeader("HX-Request", "true");
    request.setRequestHeader("Content-Type", "application/x-tar");
    area.disabled = true;
    progress.hidden = false;
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress.value = (100 * event.loaded) / event.total;
    });
    const fail = () => {
      area.disabled = false;
      progress.hidden = true;
      problem.textContent = form.dataset.failed;
    };
    request.addEventListener("load", () => {
      const path = request.getResponseHeader("HX-Redirect");
      if (path) window.location.assign(path);
      else fail();
    });
    request.addEventListener("error", fail);
    request.send(file);
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.files.length) send(input.files[0]);
  });
  for (const kind of ["dragover", "dragenter"]) {
    area.addEventListener(kind, (event) => {
      event.preventDefault();
      area.classList.toggle("over", !area.disabled);
    });
  }
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  // Also where no file is taken: else the browser would open it in the place of the page.
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    if (event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
  });
});
