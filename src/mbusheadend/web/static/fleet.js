// A box that chooses all rows of a page. Lists work without it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  for (const label of document.querySelectorAll("[data-all]")) {
    const all = label.querySelector("input");
    const boxes = () => document.querySelectorAll(`input[type="checkbox"][name="${label.dataset.all}"]`);
    const look = () => {
      const chosen = [...boxes()].filter((box) => box.checked).length;
      all.checked = chosen > 0 && chosen === boxes().length;
      all.indeterminate = chosen > 0 && chosen < boxes().length;
    };
    label.hidden = false;
    all.addEventListener("change", () => {
      for (const box of boxes()) box.checked = all.checked;
    });
    document.addEventListener("change", (event) => {
      if (event.target.name === label.dataset.all) look();
    });
    look();
  }
});
