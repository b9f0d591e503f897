"use strict";

// Charts: the specifications come with the page. Here they get colours, the width that there is, and
// the variants that the reader wants to see; a chart is drawn when it comes near the window.

const NARROW = 480; // below it, names stand above their rows instead of beside them
const ROW = 24;
const NARROW_ROW = 38;
const WIDEST_PANEL = 320;
const MOST_LINES = 8; // as many as there are colours and dashes to tell them apart
const FIRST_LINES = 6;
const CHARACTER = 7; // of a legend, about
const SYMBOL = 45;

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");
const looks = read("looks");
const variants = read("variants"); // in the order of the ranking
const nameOf = new Map(variants.map((each) => [each.variant, each.name]));
const charts = new Map(); // by the element that a chart is drawn in

/** What the reader chose: the variants to show, the lines to compare, and charts shown whole. */
const view = { kept: new Set(variants.map((each) => each.variant)), lines: null, whole: new Set() };

/** The content of an element that holds a compressed file. */
function unpacked(element) {
  const bytes = Uint8Array.from(atob(element.textContent), (char) => char.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
}

/** Where a specification has its lists of values: objects, each with the name of a list in it. */
function* dataOf(spec) {
  if (spec.data?.values) yield [spec.data, "values"];
  for (const name of Object.keys(spec.datasets ?? {})) yield [spec.datasets, name];
  for (const layer of spec.layer ?? []) yield* dataOf(layer);
  if (spec.spec) yield* dataOf(spec.spec);
}

/** The variants in a chart, in the order of the ranking. */
function variantsIn(spec) {
  const named = new Set();
  for (const [data, name] of dataOf(spec)) for (const row of data[name]) named.add(row.variant);
  return variants.map((each) => each.variant).filter((variant) => named.has(variant));
}

/** The lines that charts which compare show: those that were chosen, or else the first. */
function linesOf(all) {
  return (view.lines ?? all.slice(0, FIRST_LINES)).filter((variant) => all.includes(variant));
}

/** The variants that a chart shows now, and how many there would be. */
function chosen(chart) {
  const { cut, most, compared } = chart.spec.usermeta;
  const all = chart.variants.filter((variant) => view.kept.has(variant));
  const limit = view.whole.has(chart.place.id) ? Infinity : (cut ?? most ?? Infinity);
  return { shown: compared ? linesOf(all).slice(0, MOST_LINES) : all.slice(0, limit), all };
}

/** The specification with those variants alone, for a place of that width. */
function fitted(chart, shown, width) {
  const spec = structuredClone(chart.spec);
  const { rows, leastWidth, spacing, edge } = spec.usermeta;
  const keep = new Set(shown);
  for (const [data, name] of dataOf(spec)) {
    data[name] = data[name].filter((row) => row.variant === undefined || keep.has(row.variant));
  }
  if (rows) {
    const count = chart.variants.length ? shown.length : rows;
    spec.height = count * (width < NARROW ? NARROW_ROW : ROW);
  } else if (leastWidth) {
    const fits = Math.max(1, Math.floor((width - edge + spacing) / (leastWidth + spacing)));
    const columns = Math.min(fits, shown.length);
    const room = width - edge - spacing * (columns - 1);
    spec.columns = columns;
    spec.spec.width = Math.min(Math.floor(room / columns), WIDEST_PANEL);
  }
  return spec;
}

/** The configuration for light or dark, with what a narrow place needs. */
function look(chart, shown, width) {
  const config = structuredClone(looks[darkScheme.matches ? "dark" : "light"]);
  if (width < NARROW) {
    if (chart.spec.usermeta.rows) {
      const above = { labelAlign: "left", labelBaseline: "line-bottom", labelPadding: 0 };
      config.axisY = { ...above, labelOffset: -7 };
    }
  }
  if (chart.spec.usermeta.compared) {
    const longest = Math.max(...shown.map((variant) => nameOf.get(variant).length));
    config.legend.columns = Math.max(1, Math.floor(width / (longest * CHARACTER + SYMBOL)));
  }
  return config;
}

function erase(chart) {
  chart.view?.finalize();
  chart.view = null;
}

async function embed(chart, shown, width) {
  erase(chart);
  const { view: drawn } = await vegaEmbed(chart.place, fitted(chart, shown, width), {
    actions: false,
    ast: true, // expressions are interpreted, so that the page needs no right to evaluate code
    config: look(chart, shown, width),
    renderer: "svg",
    tooltip: { theme: darkScheme.matches ? "dark" : "light" },
  });
  chart.view = drawn;
}

async function draw(chart) {
  const { place } = chart;
  const { shown, all } = chosen(chart);
  const width = place.clientWidth;
  chart.stale = false;
  chart.width = width;
  say(chart, shown, all);
  if (chart.variants.length && !shown.length) {
    erase(chart);
    place.textContent = "No server that is shown has these figures.";
    place.style.minHeight = "";
    return;
  }
  await embed(chart, shown, width);
  // How far the labels of panels reach beyond them is known only once they are drawn.
  const over = place.scrollWidth - width;
  if (over > 0 && chart.spec.usermeta.leastWidth) await embed(chart, shown, width - over);
  place.style.minHeight = "";
}

/** Below a chart: what it leaves out, and how to see it. */
function say(chart, shown, all) {
  const place = chart.place.closest("figure").querySelector(".rest");
  const { cut, most, compared } = chart.spec.usermeta;
  place.replaceChildren();
  place.hidden = Boolean(compared) || (shown.length === all.length && !view.whole.has(chart.place.id));
  if (place.hidden) return;
  const whole = shown.length === all.length;
  place.append(whole ? "" : `The first ${shown.length} of ${all.length}. `);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  button.textContent = whole ? `Show the first ${cut ?? most} alone` : `Show all ${all.length}`;
  button.addEventListener("click", () => {
    const { id } = chart.place;
    if (!view.whole.delete(id)) view.whole.add(id);
    refresh((each) => each === chart);
    place.querySelector("button")?.focus();
  });
  place.append(button);
}

// One chart is drawn after the other, and the page answers its reader in between.

let drawing = Promise.resolve();

function enqueue(chart) {
  if (chart.queued) return;
  chart.queued = true;
  drawing = drawing
    .then(() => new Promise((resolve) => setTimeout(resolve)))
    .then(() => {
      chart.queued = false;
      return draw(chart);
    })
    .catch((error) => {
      chart.place.textContent = "This chart could not be drawn; the tables hold its figures.";
      console.error(error);
    })
    .finally(() => (chart.place.dataset.drawn = chart.stale ? "no" : "yes"));
}

/** Draw anew what a change concerns: at once where it is near, else when it comes near. */
function refresh(concerned = () => true) {
  for (const chart of charts.values()) {
    if (!concerned(chart)) continue;
    chart.stale = true;
    chart.place.dataset.drawn = "no";
    if (chart.near) enqueue(chart);
  }
}

function drawEverything() {
  for (const chart of charts.values()) if (chart.stale) enqueue(chart);
  return drawing;
}

const nearness = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const chart = charts.get(entry.target);
      chart.near = entry.isIntersecting;
      if (chart.near && chart.stale) enqueue(chart);
    }
  },
  { rootMargin: "400px" },
);

async function loadCharts() {
  const sources = [...document.querySelectorAll("script[data-chart]")];
  const specs = await Promise.all(sources.map((source) => unpacked(source).json()));
  sources.forEach((source, index) => {
    const place = document.getElementById(source.dataset.chart);
    const spec = specs[index];
    const chart = { place, spec, variants: variantsIn(spec), stale: true, near: false };
    const { rows, cut, height } = spec.usermeta;
    place.style.minHeight = `${height ?? Math.min(rows ?? 12, cut ?? Infinity) * ROW + 40}px`;
    charts.set(place, chart);
  });
  for (const place of charts.keys()) nearness.observe(place);
}

let waiting;
window.addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => refresh((chart) => chart.place.clientWidth !== chart.width), 150);
});
darkScheme.addEventListener("change", () => refresh());
window.addEventListener("beforeprint", drawEverything);
document.addEventListener(
  "toggle", // what was closed had no width
  (event) => refresh((chart) => event.target.contains(chart.place)),
  true,
);
