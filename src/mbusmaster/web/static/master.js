// What pages do beyond htmx. Each page works without it.
"use strict";

const token = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRF-Token"];

// A button that is held: it says so every second, and that it was let go.
function holdable(button) {
  const path = button.dataset.hold;
  const bar = document.createElement("progress");
  let timer = null;
  let begun = 0;
  const tell = (state) =>
    fetch(path, {
      method: "POST",
      headers: { "X-CSRF-Token": token() },
      body: new URLSearchParams({ state }),
      keepalive: true,
    });
  const press = (event) => {
    event.preventDefault();
    if (timer !== null) return;
    begun = Date.now();
    bar.max = 10;
    bar.value = 0;
    bar.setAttribute("aria-label", button.textContent);
    button.after(bar);
    tell("pressed");
    timer = setInterval(() => {
      bar.value = (Date.now() - begun) / 1000;
      // Refused: this page's login is gone, so the button was held for long enough.
      tell("pressed").then((answer) => answer.ok || location.reload());
    }, 1000);
  };
  const release = () => {
    if (timer === null) return;
    clearInterval(timer);
    timer = null;
    const held = Date.now() - begun;
    bar.remove();
    tell("released").then(() => {
      if (held >= 10000) location.reload();
    });
  };
  const isKey = (event) => event.key === " " || event.key === "Enter";
  button.addEventListener("pointerdown", press);
  button.addEventListener("keydown", (event) => isKey(event) && press(event));
  button.addEventListener("keyup", (event) => isKey(event) && release());
  button.addEventListener("click", (event) => event.preventDefault());
  button.addEventListener("blur", release);
  for (const name of ["pointerup", "pointercancel", "pagehide"]) window.addEventListener(name, release);
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-hold]").forEach(holdable);
});
