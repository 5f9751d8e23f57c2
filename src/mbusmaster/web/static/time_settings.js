"use strict";
// Shows the clock of this computer beside the master's, and hands it over when "Use PC time" is saved.
document.addEventListener("DOMContentLoaded", () => {
  const cell = (name) => document.querySelector(`[data-clock="${name}"]`);
  const ahead = Date.parse(cell("master").dataset.now) - Date.now();
  const text = (milliseconds) => {
    const iso = new Date(milliseconds).toISOString();
    return `${iso.slice(0, 4)} ${iso.slice(5, 7)}/${iso.slice(8, 10)} ${iso.slice(11, 19)}`;
  };
  const show = () => {
    const now = Date.now();
    cell("master").textContent = text(now + ahead);
    cell("pc").textContent = text(now);
    cell("difference").textContent = Math.round(ahead / 1000);
  };
  for (const row of document.querySelectorAll('[data-shown-by="clock"]')) row.hidden = false;
  show();
  setInterval(show, 1000);
  const given = document.querySelector('input[name="pc_time"]');
  given.form.addEventListener("submit", () => {
    given.value = new Date().toISOString();
  });
});
