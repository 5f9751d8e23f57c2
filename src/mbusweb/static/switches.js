"use strict";
// A switch with data-disables="id" greys out what has that id while it is on; with data-enables="id" while it is off.
// A radio button is off when another of its group is chosen, of which it hears nothing itself.
document.addEventListener("DOMContentLoaded", () => {
  const update = () => {
    for (const one of document.querySelectorAll("[data-disables]")) {
      document.getElementById(one.dataset.disables).disabled = one.checked;
    }
    for (const one of document.querySelectorAll("[data-enables]")) {
      document.getElementById(one.dataset.enables).disabled = !one.checked;
    }
  };
  document.addEventListener("change", update);
  update();
});
