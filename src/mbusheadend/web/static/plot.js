"use strict";
// Draws <figure data-plot="ADDRESS"> from what the address gives; without this script the figure shows a link to the table instead.
const plots = (() => {
  const LIVE_SECONDS = 5;
  const WHOLE_AGAIN_SECONDS = 300;
  const NEAR_PIXELS = 30;
  const { inkName, markText, dashOf, element, swatch, STEPS, splitsOf } = plotParts;

  class Plot {
    constructor(figure) {
      this.figure = figure;
      this.address = new URL(figure.dataset.plot, location.href);
      this.texts = figure.dataset;
      this.area = element("div", "area");
      this.area.tabIndex = 0;
      this.area.setAttribute("role", "application");
      this.area.setAttribute("aria-label", this.texts.label);
      this.tools = element("div", "tools");
      this.tip = element("div", "tip");
      this.tip.hidden = true;
      this.spoken = element("p", "unseen");
      this.spoken.setAttribute("aria-live", "polite");
      this.key = element("table", this.texts.bars === undefined ? "key" : "key bars");
      this.summary = element("p", "summary");
      this.summary.id = `plot-summary-${document.querySelectorAll(".plot .summary").length}`;
      this.area.setAttribute("aria-describedby", this.summary.id);
      this.hidden = new Set();
      this.inks = new Map();
      this.asked = 0;
    }

    async begin() {
      const data = await this.ask({});
      if (!data) return;
      for (const old of this.figure.querySelectorAll("[data-fallback]")) old.hidden = true;
      const keyBox = element("div", "scroll");
      keyBox.append(this.key);
      this.area.append(this.tip);
      this.figure.prepend(this.tools, this.area, keyBox, this.summary, this.spoken);
      this.makeTools();
      this.take(data);
      this.listen();
    }

    // Asks for the whole time, or for a part of it. An answer that is overtaken by another question is dropped.
    async ask(query) {
      const number = ++this.asked;
      this.area.classList.add("waiting");
      const data = await this.fetch(query);
      if (number !== this.asked) return null;
      this.area.classList.remove("waiting");
      return data;
    }

    async fetch(query) {
      const address = new URL(this.address);
      for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
      try {
        const answer = await fetch(address, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        const data = await answer.json();
        this.say("");
        return data;
      } catch {
        this.say(this.texts.lost);
        return null;
      }
    }

    say(text) {
      if (this.state) this.state.textContent = text || (this.whole?.open ? this.texts.live : "");
    }

    take(data) {
      this.whole = data;
      this.shown = data;
      this.fetched = Date.now();
      this.formats = plotFormats.made(data.habits);
      this.draw();
      this.describe();
      this.say("");
    }

    // What is pale takes no colour from the others.
    inkOf(place) {
      return this.shown.series.slice(0, place).filter((series) => !series.pale).length;
    }

    get isBars() {
      return this.whole.kind === "bars";
    }

    ink(name) {
      if (!this.inks.has(name)) {
        const style = getComputedStyle(this.printed ? this.paper : this.figure);
        this.inks.set(name, style.getPropertyValue(name).trim());
      }
      return this.inks.get(name);
    }

    // On paper the colours are those of the light theme.
    get paper() {
      if (!this.light) {
        this.light = element("span", "unseen");
        this.light.dataset.theme = "light";
        this.figure.append(this.light);
      }
      return this.light;
    }

    draw() {
      this.plot?.destroy();
      const size = this.size();
      const tables = this.shown.series.map((series) => [series.t, series.v]);
      // A gap reaches over the times of the other registers.
      const data = tables.length ? uPlot.join(tables, tables.map(() => [2, 2])) : [[]];
      this.infos = this.shown.series.map((series) => this.infoOf(series));
      this.plot = new uPlot(this.options(size), data, this.area);
      this.area.prepend(this.plot.root);
      plotTouch(this.plot, {
        look: (left) => this.plot.setCursor({ left, top: 10 }),
        show: (min, max) => this.show(min, max),
        range: () => this.range(),
      });
    }

    size() {
      const width = Math.max(240, this.area.clientWidth || this.figure.clientWidth);
      return { width, height: Math.round(Math.min(420, Math.max(250, width * 0.45))) };
    }

    infoOf(series) {
      const info = new Map();
      for (const [place, marks] of Object.entries(series.m ?? {})) info.set(series.t[place], { marks });
      for (const [place, own] of Object.entries(series.o ?? {})) {
        info.set(series.t[place], { ...info.get(series.t[place]), own });
      }
      return info;
    }

    options({ width, height }) {
      const units = [...new Set(this.shown.series.map((series) => series.unit))];
      const isSeen = (unit) => this.shown.series.some((series) => series.unit === unit && !this.hidden.has(series.id));
      const seen = units.filter(isSeen);
      const scales = {
        x: { time: false, range: (_, min, max) => (this.isBars ? [-0.6, this.shown.labels.length - 0.4] : (this.view ?? [this.whole.since, this.whole.until])) },
      };
      units.forEach((unit) => {
        scales[`y ${unit}`] = { range: (_, min, max) => this.limits(min, max) };
      });
      return {
        width,
        height,
        padding: [10, seen.length > 1 ? 4 : 14, 0, 0],
        legend: { show: false },
        scales,
        cursor: {
          y: false,
          drag: { x: !this.isBars, y: false, setScale: false, dist: 8 },
          points: { size: 8 },
          dataIdx: (plot, series, closest) => this.nearest(plot, series, closest),
          bind: { dblclick: () => () => this.show(null) },
        },
        axes: [this.timeAxis(), ...seen.slice(0, 2).map((unit, place) => this.valueAxis(unit, place))],
        series: [{}, ...this.shown.series.map((series, place) => this.line(series, place))],
        hooks: {
          setCursor: [() => this.look()],
          setSelect: [(plot) => this.selected(plot)],
          draw: [(plot) => this.drawMarks(plot)],
        },
      };
    }

    limits(min, max) {
      if (min === null || max === null) return [0, 1];
      if (this.isBars) return [Math.min(0, min * 1.05), Math.max(0, max * 1.05) || 1];
      const room = (max - min) * 0.06 || Math.abs(max) * 0.02 || 1;
      return [min >= 0 && min - room < 0 ? 0 : min - room, max + room];
    }

    timeAxis() {
      const labels = this.shown.labels;
      return {
        stroke: () => this.ink("--plot-text"),
        grid: { show: !this.isBars, stroke: () => this.ink("--plot-grid"), width: 1 },
        ticks: { stroke: () => this.ink("--plot-grid"), width: 1 },
        font: "12px system-ui, sans-serif",
        size: 44,
        space: this.isBars ? 70 : 76,
        incrs: this.isBars ? [1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 50, 100] : STEPS,
        splits: this.isBars ? undefined : (plot, axis, min, max, step) => splitsOf(min, max, step),
        values: this.isBars
          ? (plot, splits) => splits.map((place) => labels[place] ?? "")
          : (plot, splits, axis, space, step) => splits.map((one, place) => this.formats.tick(one, step, place === 0)),
      };
    }

    valueAxis(unit, place) {
      return {
        scale: `y ${unit}`,
        side: place ? 1 : 3,
        stroke: () => this.ink("--plot-text"),
        grid: { show: place === 0, stroke: () => this.ink("--plot-grid"), width: 1 },
        ticks: { show: false },
        font: "12px system-ui, sans-serif",
        labelFont: "12px system-ui, sans-serif",
        label: unit || undefined,
        labelSize: unit ? 18 : 0,
        gap: 4,
        size: (plot, values) => 14 + 7 * Math.max(2, ...(values ?? []).map((text) => text.length)),
        values: (plot, splits, axis, space, step) => {
          const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
          return splits.map((one) => this.formats.number(one, Math.min(9, digits)));
        },
      };
    }

    line(series, place) {
      const stroke = () => this.ink(inkName(this.inkOf(place), series));
      const common = { scale: `y ${series.unit}`, show: !this.hidden.has(series.id), stroke };
      if (!this.isBars) return { ...common, width: series.thinned ? 1 : 1.75, alpha: series.thinned ? 0.7 : 1, dash: dashOf(place), spanGaps: false, points: { size: 5 } };
      const paths = uPlot.paths.bars({ size: [this.shown.series.length > 1 ? 0.38 : 0.7, 60], align: this.shown.series.length > 1 ? (place ? 1 : -1) : 0 });
      return { ...common, width: 0, fill: stroke, paths, points: { show: false } };
    }

    // Of each register the value that lies nearest to the pointer, where one is near.
    nearest(plot, series, closest) {
      const values = plot.data[series];
      const times = plot.data[0];
      if (series === 0 || !times.length) return closest;
      for (let step = 0; step < times.length; step++) {
        for (const place of [closest - step, closest + step]) {
          if (values[place] === null || values[place] === undefined) continue;
          const away = Math.abs(plot.valToPos(times[place], "x") - plot.valToPos(times[closest], "x"));
          return away <= NEAR_PIXELS ? place : null;
        }
        if (closest - step < 0 && closest + step >= times.length) break;
      }
      return null;
    }

    lookedAt() {
      const { idxs, left } = this.plot.cursor;
      if (left === undefined || left < 0) return [];
      return this.shown.series
        .map((series, place) => ({ series, place, at: idxs[place + 1] }))
        .filter(({ at, place }) => at !== null && at !== undefined && this.plot.series[place + 1].show)
        .map((one) => ({ ...one, time: this.plot.data[0][one.at], value: this.plot.data[one.place + 1][one.at] }))
        .filter(({ value }) => value !== null && value !== undefined);
    }

    lines({ series, place, time, value }) {
      const info = this.infos[place].get(time) ?? {};
      const said = `${this.formats.number(value)}${series.unit ? ` ${series.unit}` : ""}`;
      const small = [];
      if (this.isBars) small.push([`${(series.labels ?? this.shown.labels)[time]}`, ""]);
      else small.push([this.formats.moment(time), ""]);
      if (info.own !== undefined) small.push([`${this.texts.own} ${this.formats.moment(info.own)}`, ""]);
      for (const mark of info.marks ?? []) small.push([markText(this.texts, mark), "doubt"]);
      return { name: series.name, said, small };
    }

    look() {
      const found = this.lookedAt();
      this.tip.hidden = !found.length;
      if (!found.length) return;
      this.tip.replaceChildren(
        ...found.map((one) => {
          const { name, said, small } = this.lines(one);
          const part = element("p");
          const strong = element("strong", "", said);
          part.append(swatch(this.inkOf(one.place), one.series), strong, ` ${name}`);
          for (const [text, look] of small) part.append(element("small", look, text));
          return part;
        }),
      );
      const { left, top } = this.plot.cursor;
      const over = this.plot.over;
      const room = this.area.clientWidth;
      const place = over.offsetLeft + left;
      const width = this.tip.offsetWidth;
      this.tip.style.left = `${Math.max(0, place + 14 + width > room ? Math.max(0, place - width - 14) : place + 14)}px`;
      this.tip.style.top = `${Math.max(0, Math.min(over.offsetTop + top, over.clientHeight - this.tip.offsetHeight))}px`;
    }

    drawMarks(plot) {
      const { ctx } = plot;
      const size = 4 * devicePixelRatio;
      ctx.save();
      ctx.strokeStyle = this.ink("--plot-mark");
      ctx.lineWidth = 1.5 * devicePixelRatio;
      this.shown.series.forEach((series, place) => {
        if (!plot.series[place + 1].show) return;
        const [min, max] = this.isBars ? [-1, Infinity] : this.range();
        for (const index of Object.keys(series.m ?? {})) {
          if (series.t[index] < min || series.t[index] > max || series.v[index] === null) continue;
          const x = plot.valToPos(series.t[index], "x", true);
          const y = plot.valToPos(series.v[index], `y ${series.unit}`, true);
          ctx.beginPath();
          ctx.moveTo(x, y - size);
          ctx.lineTo(x + size, y + size);
          ctx.lineTo(x - size, y + size);
          ctx.closePath();
          ctx.stroke();
        }
      });
      ctx.restore();
    }

    range() {
      return this.view ?? [this.whole.since, this.whole.until];
    }

    selected(plot) {
      const { left, width } = plot.select;
      if (width <= 0) return;
      const [min, max] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
      plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      this.show(min, max);
    }

    // Shows a part of the time, at once with what is there and then with all that there is; `null` is the whole time again.
    show(min, max) {
      if (this.isBars) return;
      const least = 60;
      this.view = min === null ? null : [min, Math.max(max, min + least)];
      if (min === null) {
        this.shown = this.whole;
        this.draw();
        this.describe();
        return;
      }
      this.plot.setScale("x", { min: this.view[0], max: this.view[1] });
      clearTimeout(this.wait);
      this.wait = setTimeout(async () => {
        const [since, until] = this.view ?? [];
        if (since === undefined) return;
        const data = this.whole.exact ? this.whole : await this.ask({ from: since, to: until });
        if (!data || !this.view) return;
        this.shown = data;
        this.draw();
        this.describe();
      }, 250);
    }

    move(share, scale) {
      const [min, max] = this.range();
      const middle = (min + max) / 2 + (max - min) * share;
      const half = ((max - min) / 2) * scale;
      const whole = this.whole.until - this.whole.since;
      if (half * 2 >= whole && scale > 1) this.show(null);
      else this.show(middle - half, middle + half);
    }

    step(by) {
      const times = this.plot.data[0];
      if (!times.length) return;
      const [min, max] = this.isBars ? [0, times.length] : this.range();
      const inside = times.map((time, place) => place).filter((place) => times[place] >= min && times[place] <= max);
      const left = (place) => this.plot.valToPos(times[place], "x");
      const begun = this.plot.cursor.left;
      // What is drawn at the same place is one step.
      const next = by > 0 ? inside.find((place) => begun < 0 || left(place) > begun + 1) : inside.findLast((place) => begun < 0 || left(place) < begun - 1);
      if (next === undefined) return;
      this.plot.setCursor({ left: left(next), top: 20 });
      this.spoken.textContent = this.lookedAt()
        .map((one) => this.lines(one))
        .map(({ name, said, small }) => [name, said, ...small.map(([text]) => text)].join(", "))
        .join("; ");
    }

    makeTools() {
      const tool = (name, sign, work) => {
        const button = element("button", "", sign);
        button.type = "button";
        button.title = this.texts[name];
        button.setAttribute("aria-label", this.texts[name]);
        button.addEventListener("click", work);
        this.tools.append(button);
      };
      if (this.texts.bars === undefined) {
        tool("earlier", "←", () => this.move(-0.5, 1));
        tool("later", "→", () => this.move(0.5, 1));
        tool("closer", "+", () => this.move(0, 0.5));
        tool("wider", "−", () => this.move(0, 2));
        tool("all", "⤢", () => this.show(null));
      }
      tool("save", "CSV", () => plotFormats.save("plot.csv", plotFormats.csv(plotKey.rows(this))));
      this.state = element("span", "state");
      this.state.setAttribute("role", "status");
      this.tools.append(this.state);
    }

    describe() {
      plotKey.fill(this);
      this.summary.textContent = this.shown.series
        .map((series) => `${series.name}: ${this.formats.number(series.count)} ${this.texts.values}`)
        .concat(this.shown.notes ?? [])
        .join(". ");
    }

    toggle(series, button) {
      const show = this.hidden.has(series.id);
      if (show) this.hidden.delete(series.id);
      else this.hidden.add(series.id);
      button.setAttribute("aria-pressed", String(show));
      this.draw();
    }

    listen() {
      const keys = {
        ArrowLeft: (event) => (event.shiftKey || this.isBars ? this.step(-1) : this.move(-0.25, 1)),
        ArrowRight: (event) => (event.shiftKey || this.isBars ? this.step(1) : this.move(0.25, 1)),
        "+": () => this.move(0, 0.5),
        "-": () => this.move(0, 2),
        0: () => this.show(null),
        Home: () => this.show(null),
      };
      this.area.addEventListener("keydown", (event) => {
        const work = event.ctrlKey || event.altKey || event.metaKey ? null : keys[event.key];
        if (!work) return;
        event.preventDefault();
        work(event);
      });
      this.area.addEventListener(
        "wheel",
        (event) => {
          if (!event.ctrlKey || this.isBars) return;
          event.preventDefault();
          const share = (event.clientX - this.plot.over.getBoundingClientRect().left) / this.plot.over.clientWidth - 0.5;
          const scale = event.deltaY > 0 ? 1.25 : 0.8;
          this.move(share * (1 - scale), scale);
        },
        { passive: false },
      );
      new ResizeObserver(() => {
        const size = this.size();
        if (size.width !== this.plot.width) this.plot.setSize(size);
      }).observe(this.figure);
      const repaint = () => {
        this.inks.clear();
        this.plot.redraw(false);
      };
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
      window.addEventListener("beforeprint", () => {
        this.printed = true;
        repaint();
      });
      window.addEventListener("afterprint", () => {
        this.printed = false;
        repaint();
      });
      this.timer = setInterval(() => this.follow(), LIVE_SECONDS * 1000);
      window.addEventListener("pagehide", () => clearInterval(this.timer));
    }

    // New readings come to the end; now and then everything is asked for again, for what came late.
    async follow() {
      if (!this.whole.open || document.hidden || this.following || !this.figure.isConnected) return;
      this.following = true;
      try {
        const isWhole = (Date.now() - this.fetched) / 1000 > WHOLE_AGAIN_SECONDS && !this.view;
        if (isWhole) {
          const data = await this.ask({});
          if (data && !this.view) this.take(data);
          return;
        }
        const news = await this.fetch({ after: plotNews.begin(this.whole) });
        if (news) this.append(news);
      } finally {
        this.following = false;
      }
    }

    append(news) {
      const count = plotNews.add(this.whole, news);
      if (this.view || this.plot.cursor.left >= 0 && !count) return;
      this.draw();
      if (count) this.describe();
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const figure of document.querySelectorAll("figure[data-plot]")) new Plot(figure).begin();
  });
  return { Plot };
})();
