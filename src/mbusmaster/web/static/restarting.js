"use strict";
// Asks which start of the master answers, until it is another one; then goes on.
document.addEventListener("DOMContentLoaded", () => {
  const text = document.querySelector("[data-start]");
  if (!text) return;
  const { start, ask, then, late } = text.dataset;
  let left = 60;
  const look = async () => {
    try {
      const answer = await fetch(ask, { cache: "no-store" });
      // A login that ended with the restart leads elsewhere: that is another start too.
      if (answer.status < 500 && (await answer.text()) !== start) {
        window.location.replace(then);
        return;
      }
    } catch {
      // Nobody answers while the master is down.
    }
    left -= 1;
    if (left === 0) text.textContent = late;
    setTimeout(look, left > 0 ? 1000 : 5000);
  };
  setTimeout(look, 1000);
});
