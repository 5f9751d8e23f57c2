"use strict";
// Puts new transactions on top as they happen and keeps the newest few hundred. Paused, nothing is asked for; on continuing, what the
// master still has comes after.
document.addEventListener("DOMContentLoaded", () => {
  const list = document.querySelector("ol[data-events]");
  if (!list) return;
  const state = document.querySelector("[data-state]");
  const pause = document.querySelector("[data-pause]");
  const empty = document.querySelector("[data-empty]");
  const most = Number(list.dataset.most);
  const pauseText = pause.textContent;
  let last = Number(list.dataset.last);
  let source = null;
  let timer = null;
  let failures = 0;

  const show = (name) => {
    state.textContent = state.dataset[name];
  };
  const listen = () => {
    source = new EventSource(`${list.dataset.events}&after=${last}`);
    source.addEventListener("open", () => show("live"));
    source.addEventListener("traffic", (event) => {
      failures = 0;
      list.insertAdjacentHTML("afterbegin", event.data);
      last = Number(list.firstElementChild.dataset.number);
      while (list.childElementCount > most) list.lastElementChild.remove();
      empty.hidden = true;
    });
    source.addEventListener("users", (event) => {
      failures = 0;
      document.getElementById("bus-users").innerHTML = event.data;
    });
    source.addEventListener("line", (event) => {
      const line = document.getElementById("bus-line");
      if (line) line.innerHTML = event.data;
    });
    source.addEventListener("missed", (event) => {
      document.getElementById("missed").textContent = event.data;
    });
    source.addEventListener("error", () => {
      stop();
      failures += 1;
      if (failures > 8) {
        show("over");
        return;
      }
      show("lost");
      timer = setTimeout(listen, 1000 * failures);
    });
  };
  const stop = () => {
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  };

  document.querySelector("[data-reload]").hidden = true;
  pause.hidden = false;
  let paused = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? pause.dataset.continue : pauseText;
    if (paused) {
      stop();
      show("paused");
    } else {
      failures = 0;
      listen();
    }
  });
  window.addEventListener("pagehide", stop);
  listen();
});
