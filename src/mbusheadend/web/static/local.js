"use strict";
// Shows of the form of a local master only the fields of the way that is chosen; without scripts all of them are there.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-ways]");
  const way = form.elements.way;
  const update = () => {
    for (const part of form.querySelectorAll("[data-way]")) {
      part.hidden = !part.dataset.way.split(" ").includes(way.value);
    }
  };
  way.addEventListener("change", update);
  update();
});
