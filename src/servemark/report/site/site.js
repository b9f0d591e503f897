"use strict";

// Charts: specifications come with the page; colours, fonts and widths are taken from it.

const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");
const EDGE = 12; // what Vega leaves free around a chart
const drawn = new Map();

function look() {
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(name).trim();
  const names = ["--ink", "--quiet", "--line", "--card", "--series", "--change"];
  const [ink, quiet, line, card, series, change] = names.map(value);
  return {
    aria: false, // the figure has a text, and tables hold what it draws
    font: value("--sans"),
    background: "transparent",
    view: { stroke: null },
    axis: { labelColor: ink, titleColor: quiet, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 12 },
    header: { labelColor: ink, labelFontWeight: 500 },
    style: {
      series: { color: series, fill: series, stroke: series },
      course: { color: series, stroke: series }, // a line with a fill would be an area
      change: { color: change, fill: change, stroke: change },
      changed: { color: ink, fill: ink, fontSize: 12, fontWeight: 600 },
      halo: { color: card, fill: card, stroke: card, strokeWidth: 4, strokeJoin: "round" },
    },
  };
}

/** Small panels fill the width of their place. */
function fit(spec, width) {
  if (!spec.usermeta) return spec;
  const { leastWidth, spacing } = spec.usermeta;
  const columns = Math.max(1, Math.floor((width - EDGE) / (leastWidth + 40 + spacing)));
  const panel = Math.floor((width - EDGE - (spacing + 40) * columns) / columns); // 40 for the numbers of its axis
  return { ...spec, columns, spec: { ...spec.spec, width: panel } };
}

async function draw(place, spec) {
  const former = drawn.get(place);
  const width = place.clientWidth;
  drawn.set(place, { spec, width });
  const { view } = await vegaEmbed(place, fit(structuredClone(spec), width), {
    actions: false,
    ast: true, // expressions are interpreted, so that the page needs no right to evaluate code
    config: look(),
    renderer: "svg",
    tooltip: { theme: darkScheme.matches ? "dark" : "light" },
  });
  former?.view?.finalize();
  drawn.get(place).view = view;
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
  for (const [place, chart] of [...drawn]) {
    if (needed(place, chart)) await draw(place, chart.spec);
  }
}

let waiting;
window.addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => redraw((place, chart) => place.clientWidth !== chart.width), 150);
});
darkScheme.addEventListener("change", () => redraw(() => true));

document.addEventListener("click", sortByClick);

// Numbers, as the rest of the site writes them: three significant digits.

function number(value, unit) {
  if (value === null || value === undefined) return "–";
  const short = (of) => Number(of.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });
  if (unit === "share") return `${short(100 * value)} %`;
  const scales = {
    ns: [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]],
    bytes: [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]],
  }[unit];
  if (!scales) return short(value);
  const [size, name] = scales.find(([least]) => value >= least) ?? scales.at(-1);
  return `${short(value / size)} ${name}`;
}

/** An element of that tag with that text, and no markup in it whatever the text is. */
function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** What to append for a name that may go on in another line between its parts. */
function breakable(name) {
  return name.split(/(?<=[/@+])(?=.)/).flatMap((part, index) => (index ? [element("wbr"), part] : [part]));
}

drawAll();
