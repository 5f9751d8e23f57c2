"use strict";
// Numbers, times and CSV of plots, as the visitor's preferences want them. Times are UTC, as on all pages.
const plotFormats = (() => {
  const two = (number) => String(number).padStart(2, "0");

  // `habits` come from the server: patterns as in UTS 35, and what stands between digits.
  const made = (habits) => {
    const filled = (pattern, fields) => pattern.replace(/[a-zA-Z]+/g, (name) => fields[name] ?? name);
    const fieldsOf = (seconds) => {
      const moment = new Date(seconds * 1000);
      const hour = moment.getUTCHours();
      return {
        yyyy: String(moment.getUTCFullYear()).padStart(4, "0"),
        MM: two(moment.getUTCMonth() + 1),
        M: String(moment.getUTCMonth() + 1),
        dd: two(moment.getUTCDate()),
        d: String(moment.getUTCDate()),
        HH: two(hour),
        H: String(hour),
        h: String(hour % 12 || 12),
        mm: two(moment.getUTCMinutes()),
        ss: two(moment.getUTCSeconds()),
        a: hour < 12 ? habits.morning : habits.afternoon,
      };
    };
    const withoutYear = habits.date.replace(/[^a-zA-Z]*yyyy[^a-zA-Z]*/, "");
    const withoutSeconds = habits.time.replace(/[^a-zA-Z]ss/, "");
    const monthYear = habits.date.startsWith("yyyy") ? "yyyy-MM" : habits.date.includes(".") ? "MM.yyyy" : "MM/yyyy";
    const date = (seconds) => filled(habits.date, fieldsOf(seconds));
    const number = (value, digits) => {
      const text = digits === undefined ? plainDigits(value) : value.toFixed(digits);
      const [whole, part] = text.split(".");
      const grouped = whole.replace(/\B(?=(\d{3})+$)/g, habits.group);
      return grouped + (part ? habits.decimal + part : "");
    };
    return {
      date,
      number,
      moment: (seconds) => `${date(seconds)} ${filled(habits.time, fieldsOf(seconds))}`,
      // What stands at an axis that has a line every so many seconds.
      tick: (seconds, step, isFirst) => {
        const fields = fieldsOf(seconds);
        if (step >= 86400 * 28) return filled(monthYear, fields);
        if (step >= 86400) return filled(withoutYear, fields) + (isFirst ? `\n${fields.yyyy}` : "");
        const time = filled(step < 60 ? habits.time : withoutSeconds, fields);
        return seconds % 86400 === 0 || isFirst ? `${time}\n${filled(withoutYear, fields)}` : time;
      },
    };
  };

  // Never with an exponent: all the digits that there are.
  const plainDigits = (value) => {
    const text = String(value);
    return text.includes("e") ? value.toFixed(Math.min(20, Math.max(0, 6 - Math.floor(Math.log10(Math.abs(value)))))) : text;
  };

  // No cell may be a formula for a spreadsheet.
  const cell = (text) => {
    const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const csv = (rows) => "\uFEFF" + rows.map((row) => row.map((one) => cell(String(one))).join(",") + "\r\n").join("");

  const save = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  return { made, plainDigits, csv, save };
})();
