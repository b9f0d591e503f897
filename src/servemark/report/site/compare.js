"use strict";

// Two runs side by side, from their digests: Welch's t on the logarithms of the blocks, or on the
// figures as they are where a block is 0.

const metrics = Object.fromEntries(JSON.parse(document.getElementById("metrics").textContent));
const [selectA, selectB, selectCell, selectMetric] = ["a", "b", "cell", "metric"].map((id) =>
  document.getElementById(id),
);
const result = document.getElementById("result");
const LEVEL = 0.95;

/** ln Γ(x) by the approximation of Lanczos (g = 7, n = 9): 15 digits. */
function logGamma(x) {
  const terms = [
    676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const t = x + 6.5;
  const sum = terms.reduce((total, term, i) => total + term / (x + i), 0.99999999999980993);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The regularised incomplete beta function by its continued fraction (DLMF 8.17.22, Lentz). */
function incompleteBeta(a, b, x) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(b, a, 1 - x);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    fraction *= c * d;
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-14) break;
  }
  return front * fraction;
}

/** The probability of Student's t beyond ± t. */
function twoTails(t, freedom) {
  return incompleteBeta(freedom / 2, 0.5, freedom / (freedom + t * t));
}

/** The t that two tails of that probability lie beyond. */
function tQuantile(probability, freedom) {
  let [low, high] = [0, 1];
  while (twoTails(high, freedom) > probability) high *= 2;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (twoTails(middle, freedom) > probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** B ÷ A of two figures [value, low, high, blocks, mean of logs, deviation of logs]; null where it cannot be told. */
function compareFigures(a, b) {
  const known = (figure) => figure && figure[3] > 1;
  if (!known(a) || !known(b)) return null;
  if (a[5] === null || b[5] === null) return compareMeans(a, b);
  const difference = b[4] - a[4];
  const { error, freedom, p } = welch(difference, [a, b].map((figure) => figure[5] ** 2 / figure[3]), [a[3], b[3]]);
  const arm = error && tQuantile(1 - LEVEL, freedom) * error;
  return { ratio: Math.exp(difference), low: Math.exp(difference - arm), high: Math.exp(difference + arm), p };
}

/** The same by the means, where a block without a logarithm is among them; the interval is Fieller's. */
function compareMeans(a, b) {
  const squares = [a, b].map(([value, , high, blocks]) => ((high - value) / tQuantile(1 - LEVEL, blocks - 1)) ** 2);
  const { freedom, p } = welch(b[0] - a[0], squares, [a[3], b[3]]);
  const ratio = a[0] ? b[0] / a[0] : b[0] ? Infinity : 1;
  const wide = tQuantile(1 - LEVEL, freedom) ** 2;
  const square = a[0] ** 2 - wide * squares[0];
  if (!a[0] && !b[0]) return { ratio, low: 1, high: 1, p };
  if (square <= 0) return { ratio, low: 0, high: Infinity, p };
  const middle = a[0] * b[0];
  const arm = Math.sqrt(Math.max(middle ** 2 - square * (b[0] ** 2 - wide * squares[1]), 0));
  return { ratio, low: Math.max((middle - arm) / square, 0), high: (middle + arm) / square, p };
}

/** Of a difference of two means with those squared errors and blocks: its error, Welch's freedom, the p-value. */
function welch(difference, squares, blocks) {
  const error = Math.sqrt(squares[0] + squares[1]);
  if (error === 0) return { error, freedom: Math.min(...blocks) - 1, p: difference ? 0 : 1 };
  const freedom = error ** 4 / (squares[0] ** 2 / (blocks[0] - 1) + squares[1] ** 2 / (blocks[1] - 1));
  return { error, freedom, p: twoTails(Math.abs(difference) / error, freedom) };
}

/** P-values by Holm's step-down method, in place, as servemark compare adjusts them. */
function adjust(comparisons) {
  const found = comparisons.filter(Boolean).sort((one, two) => one.p - two.p);
  let least = 0;
  found.forEach((each, index) => {
    least = Math.max(least, each.p * (found.length - index));
    each.p = Math.min(least, 1);
  });
}

function word(compared, { better, words }) {
  if (!compared) return "not comparable";
  if (compared.p >= 1 - LEVEL || compared.ratio === 1) return "same";
  return words[compared.ratio > 1 === (better === "higher") ? 0 : 1];
}

function figuresOf(digest, cell, metric) {
  const standings = digest?.cells[cell]?.standings ?? [];
  return new Map(standings.filter((each) => metric in each.figures).map((each) => [each.variant, each.figures[metric]]));
}

const digests = new Map();

async function digestOf(slug) {
  if (!slug) return null;
  if (!digests.has(slug)) {
    const answer = await fetch(`data/runs/${encodeURIComponent(slug)}.json`);
    if (!answer.ok) throw new Error(`the run ${slug} is not part of this site`);
    digests.set(slug, await answer.json());
  }
  return digests.get(slug);
}

function fill(select, options, wanted) {
  select.replaceChildren(...options.map(([value, label]) => element("option", label, { value })));
  select.value = options.some(([value]) => value === wanted) ? wanted : (options[0]?.[0] ?? "");
}

function obstacles(a, b) {
  const names = [...new Set([...Object.keys(a.conditions), ...Object.keys(b.conditions)])];
  return names.filter((name) => a.conditions[name] !== b.conditions[name]);
}

function row(values) {
  const made = element("tr");
  for (const { text, value, small, head } of values) {
    const place = head ? element("th", undefined, { scope: "row" }) : element("td", text, { class: "number" });
    if (head) place.append(...breakable(text));
    if (value !== undefined) place.dataset.value = value;
    if (small) place.append(element("small", small));
    made.append(place);
  }
  return made;
}

function figureCell(figure, unit) {
  if (!figure) return { text: "–" };
  const [value, low, high] = figure;
  const interval = low === null ? undefined : `${number(low, unit)} – ${number(high, unit)}`;
  return { text: number(value, unit), value, small: interval };
}

function ratioCells(compared, metric) {
  if (!compared) return [{ text: "–" }, { text: "not comparable" }];
  const said = word(compared, metric);
  const text = Number.isFinite(compared.ratio) ? compared.ratio.toFixed(3) : "from 0";
  const small = Number.isFinite(compared.high) ? `${compared.low.toFixed(3)}–${compared.high.toFixed(3)}` : undefined;
  return [
    { text, value: compared.ratio, small },
    { text: said, value: compared.p },
  ];
}

/** The comparisons of one metric over all cells, by cell and variant, with adjusted p-values. */
function comparisons(a, b, metric) {
  const found = new Map();
  for (const cell of Object.keys(b.cells)) {
    const before = figuresOf(a, cell, metric);
    for (const [variant, figure] of figuresOf(b, cell, metric)) {
      found.set(`${cell} ${variant}`, compareFigures(before.get(variant), figure));
    }
  }
  adjust([...found.values()]);
  return found;
}

function tableOf(a, b, cell, metric) {
  const { unit, title } = metrics[metric];
  const [before, after] = [figuresOf(a, cell, metric), figuresOf(b, cell, metric)];
  const compared = a ? comparisons(a, b, metric) : new Map();
  const heads = ["variant", ...(a ? ["A"] : []), a ? "B" : title, ...(a ? ["B ÷ A", "verdict"] : [])];
  const table = element("table", undefined, { id: "comparison" });
  const top = element("tr");
  for (const head of heads) {
    const place = element("th", undefined, { scope: "col", "data-first": head === "variant" ? "ascending" : "descending" });
    if (head !== "variant") place.className = "number";
    place.append(element("button", head, { type: "button" }));
    top.append(place);
  }
  table.createCaption().textContent = `${title}, ${b.cells[cell].title}`;
  table.createTHead().append(top);
  const body = table.createTBody();
  for (const variant of new Set([...after.keys(), ...before.keys()])) {
    const [old, now] = [before.get(variant), after.get(variant)];
    const pair = a ? [figureCell(old, unit), figureCell(now, unit), ...ratioCells(compared.get(`${cell} ${variant}`), metrics[metric])] : [figureCell(now, unit)];
    body.append(row([{ text: variant, value: variant, head: true }, ...pair]));
  }
  const scroll = element("div", undefined, { class: "scroll", role: "region", tabindex: "0", "aria-label": title });
  scroll.append(table);
  return scroll;
}

function complain(error) {
  const served = location.protocol !== "file:";
  const text = served
    ? `The figures cannot be read: ${error.message}.`
    : "Comparing needs a web server: python3 -m http.server in the folder of the site.";
  result.replaceChildren(element("p", text, { class: "warning" }));
}

async function show(address = true) {
  const parts = [];
  try {
    const [a, b] = await Promise.all([digestOf(selectA.value), digestOf(selectB.value)]);
    if (!b) return;
    fill(selectCell, Object.entries(b.cells).map(([id, { title }]) => [id, title]), selectCell.value || b.main_cell);
    const kept = new Set(b.cells[selectCell.value].standings.flatMap((each) => Object.keys(each.figures)));
    fill(selectMetric, Object.keys(metrics).filter((name) => kept.has(name)).map((name) => [name, metrics[name].title]), selectMetric.value || b.cells[selectCell.value].ranked_by);
    const different = a ? obstacles(a, b) : [];
    if (different.length) {
      parts.push(element("p", `Not to be compared: the runs differ in ${different.map((name) => `${name} (${a.conditions[name] ?? "none"} and ${b.conditions[name] ?? "none"})`).join(", ")}.`, { class: "warning" }));
    }
    parts.push(element("p", a ? "B ÷ A with its 95 % interval; the verdicts bound the chance of even one false difference in this figure to 5 % (Holm)." : "Choose a run A to compare it with.", { class: "quiet" }));
    parts.push(tableOf(a, b, selectCell.value, selectMetric.value));
    if (address) history.replaceState(null, "", `?${new URLSearchParams({ ...(selectA.value && { a: selectA.value }), b: selectB.value })}`);
  } catch (error) {
    return complain(error);
  }
  result.replaceChildren(...parts);
  document.documentElement.dataset.compared = "yes";
}

async function begin() {
  let runs = [];
  try {
    runs = await (await fetch("data/runs.json")).json();
  } catch (error) {
    return complain(error);
  }
  const wanted = new URLSearchParams(location.search);
  const options = runs.map(({ slug, run, board }) => [slug, `${run} (${board})`]).reverse();
  fill(selectB, options, wanted.get("b") ?? "");
  const track = runs.find(({ slug }) => slug === selectB.value)?.track;
  const earlier = runs.filter((each) => each.track === track && each.slug < selectB.value);
  fill(selectA, [["", "none"], ...options], wanted.has("b") ? (wanted.get("a") ?? "") : (earlier.at(-1)?.slug ?? ""));
  for (const select of [selectA, selectB, selectCell, selectMetric]) select.addEventListener("change", () => show());
  await show(false);
}

begin();
