"use strict";
// Small parts of plots: inks, signs of the key, lines of the time axis.
const plotParts = (() => {
  const INKS = 6;
  const DASHES = [[], [6, 4], [2, 3]];

  const inkName = (place, series) => (series.pale ? "--plot-pale" : `--plot-${(place % INKS) + 1}`);
  const dashOf = (place) => DASHES[Math.floor(place / INKS) % DASHES.length];

  // The page has a text for each mark.
  const markText = (texts, mark) => texts[`mark${mark[0].toUpperCase()}${mark.slice(1)}`] ?? mark;

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const swatch = (place, series) => {
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    picture.setAttribute("class", "swatch");
    picture.setAttribute("aria-hidden", "true");
    for (const [name, value] of Object.entries({ x1: 0, y1: "50%", x2: "100%", y2: "50%" })) line.setAttribute(name, value);
    const dash = Math.floor(place / INKS) % DASHES.length;
    line.setAttribute("class", `${series.pale ? "ink-pale" : `ink-${(place % INKS) + 1}`}${dash ? ` dash-${dash + 1}` : ""}`);
    picture.append(line);
    return picture;
  };

  const MINUTE = 60, HOUR = 3600, DAY = 86400, MONTH = 28 * DAY;
  const STEPS = [
    1, 5, 15, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
    DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY, MONTH, 3 * MONTH, 6 * MONTH, 13 * MONTH, 26 * MONTH, 65 * MONTH,
  ];

  // Lines of the time axis: whole days, and first days of months.
  const splitsOf = (min, max, step) => {
    const found = [];
    if (step < MONTH) {
      for (let at = Math.ceil(min / step) * step; at <= max; at += step) found.push(at);
      return found;
    }
    const months = Math.max(1, step >= 13 * MONTH ? 12 * Math.round(step / (13 * MONTH)) : Math.round(step / MONTH));
    const first = new Date(min * 1000);
    let month = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
    for (;;) {
      const at = Date.UTC(Math.floor(month / 12), month % 12, 1) / 1000;
      if (at > max) return found;
      if (at >= min) found.push(at);
      month += months;
    }
  };

  return { inkName, markText, dashOf, element, swatch, STEPS, splitsOf };
})();
