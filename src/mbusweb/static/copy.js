"use strict";
// A button with data-copy="id" copies what stands in the field of that id; without scripts the field is there to copy by hand.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const field = document.getElementById(button.dataset.copy);
    button.hidden = false;
    button.addEventListener("click", async () => {
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
      } catch {
        // Browsers have no clipboard for pages without TLS, only this older way.
        if (!document.execCommand("copy")) return;
      }
      button.textContent = button.dataset.copied;
    });
  }
});
