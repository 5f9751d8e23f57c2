"use strict";
// What a plot shows, as tables: the key below it, and the rows of a file.
const plotKey = (() => {
  const { element, markText, swatch } = plotParts;

  const cellOf = (name, text, scope) => {
    const cell = element(name, "", text);
    if (scope) cell.scope = scope;
    return cell;
  };

  // Registers with their signs, lowest, highest and last values; a register is shown and hidden by its name.
  const fill = (plot) => {
    const { number, moment } = plot.formats;
    const withUnit = (value, series) =>
      value === null || value === undefined ? "–" : `${number(value)}${series.unit ? ` ${series.unit}` : ""}`;
    const names = ["series", "lowest", "highest", ...(plot.isBars ? [] : ["last"])];
    const head = element("tr");
    head.append(...names.map((name) => cellOf("th", plot.texts[name], "col")));
    const rows = plot.shown.series.map((series, place) => {
      const toggle = element("button");
      toggle.type = "button";
      toggle.setAttribute("aria-pressed", String(!plot.hidden.has(series.id)));
      toggle.append(swatch(plot.inkOf(place), series), series.name);
      toggle.addEventListener("click", () => plot.toggle(series, toggle));
      const name = cellOf("th", undefined, "row");
      name.append(toggle);
      const row = element("tr");
      row.append(name, cellOf("td", withUnit(series.min, series)), cellOf("td", withUnit(series.max, series)));
      if (!plot.isBars) {
        const last = cellOf("td", withUnit(series.last?.[1], series));
        if (series.last) last.title = moment(series.last[0]);
        row.append(last);
      }
      return row;
    });
    const [front, body] = [element("thead"), element("tbody")];
    front.append(head);
    body.append(...rows);
    plot.key.replaceChildren(front, body);
  };

  // What is shown, register by register, with a line of titles.
  const rows = (plot) => {
    const { texts, isBars } = plot;
    const [min, max] = isBars ? [-1, Infinity] : plot.range();
    const found = [[texts.time, texts.series, texts.value, texts.unit, texts.own, texts.remark]];
    for (const series of plot.shown.series.filter((one) => !plot.hidden.has(one.id))) {
      series.t.forEach((time, place) => {
        if (series.v[place] === null || time < min || time > max) return;
        const own = series.o?.[place];
        found.push([
          isBars ? (series.labels ?? plot.shown.labels)[time] : new Date(time * 1000).toISOString(),
          series.name,
          plotFormats.plainDigits(series.v[place]),
          series.unit,
          own === undefined ? "" : new Date(own * 1000).toISOString().slice(0, 19),
          (series.m?.[place] ?? []).map((mark) => markText(texts, mark)).join(", "),
        ]);
      });
    }
    return found;
  };

  return { fill, rows };
})();
