// Tables, filters, downloads; what the reader chose stands in the address.

const FACETS = ["language", "server", "runtime", "model", "division"];
const filters = document.getElementById("filters");

document.addEventListener("click", (event) => {
  if (sortByClick(event)) keepInAddress();
});

// Filters: a variant is shown that has every word of the search and a chosen value of each facet.

const checkedOf = (name) =>
  [...(filters?.querySelectorAll(`input[name="${name}"]:checked`) ?? [])].map((each) => each.value);

function filterVariants() {
  const words = document.getElementById("words")?.value.toLowerCase().split(/\s+/) ?? [];
  const wanted = FACETS.map((facet) => [facet, new Set(checkedOf(facet))]);
  const passes = (each) =>
    words.every((word) => `${each.variant} ${each.name} ${each.title}`.toLowerCase().includes(word)) &&
    wanted.every(([facet, values]) => !values.size || values.has(each[facet]));
  view.kept = new Set(variants.filter(passes).map((each) => each.variant));
}

function showFiltered() {
  filterVariants();
  for (const row of document.querySelectorAll("tr[data-variant], details[data-variant]")) {
    row.hidden = !view.kept.has(row.dataset.variant);
  }
  if (filters) {
    const all = view.kept.size === variants.length;
    filters.querySelector("output").textContent = all
      ? `${variants.length} servers`
      : `${view.kept.size} of ${variants.length} servers`;
    filters.querySelector("[type=reset]").hidden = all;
    for (const facet of filters.querySelectorAll(".facet")) {
      const values = [...facet.querySelectorAll("input:checked")].map((each) => each.value);
      facet.querySelector(".chosen").textContent = values.length ? `: ${values.join(", ")}` : "";
    }
  }
  offerLines();
  refresh();
}

// Lines to compare: a box for each variant that passes the filters.

function offerLines() {
  const place = document.getElementById("lines");
  const compared = [...charts.values()].filter((chart) => chart.spec.usermeta.compared);
  if (!place || !compared.length) return;
  const all = compared[0].variants.filter((variant) => view.kept.has(variant));
  const lines = new Set(linesOf(all));
  place.hidden = all.length < 2;
  place.querySelector(".most").textContent = MOST_LINES;
  place.querySelector("div").replaceChildren(
    ...all.map((variant) => {
      const label = document.createElement("label");
      const box = document.createElement("input");
      Object.assign(box, { type: "checkbox", value: variant, checked: lines.has(variant) });
      box.disabled = !box.checked && lines.size >= MOST_LINES;
      label.append(box, ` ${nameOf.get(variant)}`);
      return label;
    }),
  );
}

document.getElementById("lines")?.addEventListener("change", (event) => {
  const boxes = [...event.currentTarget.querySelectorAll("input")];
  view.lines = boxes.filter((box) => box.checked).map((box) => box.value);
  for (const box of boxes) box.disabled = !box.checked && view.lines.length >= MOST_LINES;
  refresh((chart) => chart.spec.usermeta.compared);
  keepInAddress();
});

// The ranking by one cell at a time.

function showTab(cell) {
  for (const tab of document.querySelectorAll(".tab")) tab.hidden = tab.dataset.cell !== cell;
}

function rankedBoxes() {
  return [...document.querySelectorAll('input[name="ranked"]')];
}

// The address holds what was chosen, so that a link leads to the same view.

function keepInAddress() {
  const query = new URLSearchParams();
  const words = document.getElementById("words")?.value.trim();
  if (words) query.set("q", words);
  for (const facet of FACETS) for (const value of checkedOf(facet)) query.append(facet, value);
  const ranked = rankedBoxes();
  const tab = ranked.find((each) => each.checked);
  if (tab && tab !== ranked[0]) query.set("ranked", tab.value);
  for (const line of view.lines ?? []) query.append("line", line);
  for (const head of document.querySelectorAll("th[aria-sort]")) {
    const direction = head.getAttribute("aria-sort");
    const table = head.closest("table").id;
    const first = table.startsWith("ranking-table") && head.cellIndex === 0;
    if (first && direction === head.dataset.first) continue;
    query.append("sort", `${table}.${head.cellIndex}.${direction}`);
  }
  const text = query.toString();
  history.replaceState(null, "", `${location.pathname}${text && `?${text}`}${location.hash}`);
}

function takeFromAddress() {
  const query = new URLSearchParams(location.search);
  if (filters) {
    document.getElementById("words").value = query.get("q") ?? "";
    for (const box of filters.querySelectorAll("input[type=checkbox]")) {
      box.checked = query.getAll(box.name).includes(box.value);
    }
  }
  const known = new Set(variants.map((each) => each.variant));
  const lines = query.getAll("line").filter((each) => known.has(each));
  if (lines.length) view.lines = lines.slice(0, MOST_LINES);
  const boxes = rankedBoxes();
  const tab = boxes.find((each) => each.value === query.get("ranked")) ?? boxes[0];
  if (tab) {
    tab.checked = true;
    tab.closest("fieldset").hidden = false;
    showTab(tab.value);
  }
  for (const sort of query.getAll("sort")) {
    const [table, column, direction] = sort.split(".");
    const head = document.getElementById(table)?.tHead?.rows[0].cells[column];
    if (head && ["ascending", "descending"].includes(direction)) sortBy(head, direction);
  }
}

document.addEventListener("change", (event) => {
  if (event.target.name !== "ranked") return;
  showTab(event.target.value);
  keepInAddress();
});
filters?.addEventListener("submit", (event) => event.preventDefault());
filters?.addEventListener("input", () => {
  showFiltered();
  keepInAddress();
});
filters?.addEventListener("reset", () =>
  setTimeout(() => {
    showFiltered();
    keepInAddress();
    document.getElementById("words").focus();
  }),
);

// A facet's list closes when the reader goes elsewhere or presses Escape.

document.addEventListener("click", (event) => {
  for (const facet of document.querySelectorAll(".facet[open]")) {
    if (!facet.contains(event.target)) facet.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const facet = event.target.closest?.(".facet[open]");
  if (event.key !== "Escape" || !facet) return;
  facet.open = false;
  facet.querySelector("summary").focus();
});

// Downloads: the files are in the page.

document.addEventListener("click", async (event) => {
  const name = event.target.dataset?.file;
  if (!name) return;
  const source = document.querySelector(`script[data-content="${name}"]`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await unpacked(source).blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});

async function open() {
  for (const each of document.querySelectorAll("#filters, .downloads")) each.hidden = false;
  takeFromAddress();
  filterVariants();
  await loadCharts();
  showFiltered();
  document.documentElement.dataset.ready = "yes";
}

open();
