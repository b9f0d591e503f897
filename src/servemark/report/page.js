"use strict";

// Charts: the specifications come with the page; colours, fonts and widths are taken from it.

const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");
const shown = new Map();

function look(narrow) {
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(name).trim();
  const [ink, quiet, line, card] = ["--ink", "--quiet", "--line", "--card"].map(value);
  return {
    font: value("--sans"),
    background: "transparent",
    lineBreak: "\n",
    view: { stroke: null },
    range: { category: value("--series").split(",").map((colour) => colour.trim()) },
    axis: {
      labelColor: ink, titleColor: quiet, gridColor: line, domainColor: line, tickColor: line,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
    },
    axisX: { titleAnchor: "end" },
    axisY: narrow
      ? { labelAlign: "left", labelBaseline: "line-bottom", labelPadding: 0, labelOffset: -7 }
      : { labelPadding: 8 },
    legend: { labelColor: ink, labelFontSize: 12, symbolFillColor: quiet, symbolStrokeColor: quiet },
    header: { labelColor: ink, labelFontWeight: 500 },
    style: {
      figure: { color: ink, fill: ink, fontSize: 12 },
      halo: { color: card, fill: card, stroke: card, strokeWidth: 4, strokeJoin: "round" },
      reference: { color: quiet, stroke: quiet, strokeWidth: 1 },
    },
  };
}

const NARROW = 480; // below it, names stand above their rows instead of beside them
const NARROW_ROW = 38;
const EDGE = 12; // what Vega leaves free around a chart

/** The specification for a place of that width: rows fit in, and small panels fill it. */
function fit(spec, width) {
  const { rows, leastWidth, spacing } = spec.usermeta;
  if (rows) return width < NARROW ? { ...spec, height: rows * NARROW_ROW } : spec;
  const columns = Math.max(1, Math.floor((width - EDGE + spacing) / (leastWidth + spacing)));
  const panel = Math.floor((width - EDGE - spacing * (columns - 1)) / columns);
  return { ...spec, columns, spec: { ...spec.spec, width: panel } };
}

async function draw(place, spec) {
  const width = place.clientWidth;
  const before = shown.get(place);
  const { view } = await vegaEmbed(place, fit(structuredClone(spec), width), {
    actions: false,
    ast: true, // expressions are interpreted, so that the page needs no right to evaluate code
    config: look(width < NARROW),
    renderer: "svg",
    tooltip: { theme: darkScheme.matches ? "dark" : "light" },
  });
  before?.view.finalize();
  shown.set(place, { view, spec, width });
}

async function drawAll() {
  for (const source of document.querySelectorAll("script[data-chart]")) {
    const place = document.getElementById(source.dataset.chart);
    try {
      await draw(place, JSON.parse(source.textContent));
    } catch (error) {
      place.textContent = "This chart could not be drawn; the tables hold its figures.";
      console.error(error);
    }
  }
  document.documentElement.dataset.drawn = "yes";
}

async function redraw(needed) {
  for (const [place, chart] of [...shown]) {
    if (needed(place, chart)) await draw(place, chart.spec);
  }
}

let waiting;
window.addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(
    () => redraw((place, chart) => place.clientWidth !== chart.width),
    150,
  );
});
darkScheme.addEventListener("change", () => redraw(() => true));

// Tables: a click on a column's head sorts by it, a second one the other way; gaps stay last.

function sortBy(head) {
  const table = head.closest("table");
  const column = head.cellIndex;
  const other = { ascending: "descending", descending: "ascending" };
  const current = head.getAttribute("aria-sort");
  const direction = current ? other[current] : head.dataset.first;
  for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const numeric = head.classList.contains("number");
  const valueOf = (row) => row.cells[column].dataset.value;
  const rows = [...table.tBodies[0].rows].sort((one, two) => {
    const [a, b] = [valueOf(one), valueOf(two)];
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    return sign * (numeric ? Number(a) - Number(b) : a.localeCompare(b));
  });
  table.tBodies[0].append(...rows);
}

document.addEventListener("click", (event) => {
  const head = event.target.closest("thead th[data-first]");
  if (head && event.target.closest("button")) sortBy(head);
});

drawAll();
