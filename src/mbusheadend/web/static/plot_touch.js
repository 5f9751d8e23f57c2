"use strict";
// Fingers on a plot: one looks at values and moves what is zoomed in, two zoom. Up and down the page still scrolls.
const plotTouch = (plot, { look, show, range }) => {
  const over = plot.over;
  const fingers = new Map();
  let before = null;

  const spread = () => {
    const places = [...fingers.values()].map((event) => event.clientX - over.getBoundingClientRect().left);
    return { middle: places.reduce((sum, one) => sum + one, 0) / places.length, width: Math.abs(places[0] - (places[1] ?? places[0])) };
  };
  const begin = () => {
    const { middle, width } = spread();
    before = { middle, width, range: range() };
  };
  const moved = () => {
    const { middle, width } = spread();
    const [min, max] = before.range;
    const perPixel = (max - min) / over.clientWidth;
    if (fingers.size < 2) {
      look(middle);
      return;
    }
    const scale = before.width > 10 && width > 10 ? before.width / width : 1;
    const fixed = min + before.middle * perPixel;
    const left = fixed - middle * perPixel * scale;
    show(left, left + (max - min) * scale);
  };

  over.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    fingers.set(event.pointerId, event);
    begin();
    look(spread().middle);
  });
  over.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, event);
    moved();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    over.addEventListener(name, (event) => {
      if (fingers.delete(event.pointerId) && fingers.size) begin();
    });
  }
};
