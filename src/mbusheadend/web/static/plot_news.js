"use strict";
// New readings of what a plot shows.
const plotNews = (() => {
  const LATE_SECONDS = 2 * 3600;

  // From when on to ask. Masters deliver one after the other: what one of them is behind by is asked for again.
  const begin = (whole) => {
    const lasts = whole.series.map((series) => series.last?.[0] ?? whole.since);
    return Math.max(whole.until - LATE_SECONDS, Math.min(whole.until, ...lasts));
  };

  const addTo = (series, fresh) => {
    const known = series.last?.[0] ?? -Infinity;
    let count = 0;
    fresh.t.forEach((time, place) => {
      if (time <= known) return;
      const value = fresh.v[place];
      const at = series.t.push(time) - 1;
      series.v.push(value);
      if (fresh.m?.[place]) (series.m ??= {})[at] = fresh.m[place];
      if (fresh.o?.[place] !== undefined) (series.o ??= {})[at] = fresh.o[place];
      if (value === null) return;
      count += 1;
      series.count += 1;
      series.last = [time, value];
      series.min = Math.min(series.min ?? value, value);
      series.max = Math.max(series.max ?? value, value);
    });
    return count;
  };

  // Adds them, moves the time on, and says how many there were.
  const add = (whole, news) => {
    const length = whole.until - whole.since;
    let count = 0;
    for (const fresh of news.series) {
      const series = whole.series.find((one) => one.id === fresh.id);
      if (series) count += addTo(series, fresh);
    }
    whole.until = news.until;
    whole.since = news.until - length;
    return count;
  };

  return { begin, add };
})();
