"use strict";

// The history of one figure of a contestant, chosen from those that come with the page.

const histories = JSON.parse(document.getElementById("history-data").textContent);
const historySpec = JSON.parse(document.getElementById("history-spec").textContent);
const historyChoice = document.getElementById("history-choice");
const historyPlace = document.getElementById("history-chart");

function selector(name, labels) {
  const select = element("select");
  labels.forEach((label, index) => select.append(element("option", label, { value: index })));
  const label = element("label", `${name} `);
  label.append(select);
  label.hidden = labels.length < 2;
  historyChoice.append(label);
  select.addEventListener("change", showHistory);
  return select;
}

const lines = histories.flatMap((track) => track.lines.map((line) => ({ ...line, track })));
const distinct = (of) => [...new Set(lines.map(of))];
const choices = {
  board: selector("Board", distinct((line) => line.track.title)),
  server: selector("Server", distinct((line) => line.variant)),
  figure: selector("Figure", distinct((line) => line.figure)),
};

function chosen() {
  const text = (select) => select.selectedOptions[0]?.textContent;
  return lines.find(
    (line) =>
      line.track.title === text(choices.board) &&
      line.variant === text(choices.server) &&
      line.figure === text(choices.figure),
  );
}

/** The geometric mean: what levels are. */
function level(points) {
  const logs = points.filter(([, value]) => value > 0).map(([, value]) => Math.log(value));
  return logs.length ? Math.exp(logs.reduce((sum, each) => sum + each, 0) / logs.length) : 0;
}

async function showHistory() {
  const line = chosen();
  if (!line) {
    historyPlace.textContent = "That was not measured.";
    return;
  }
  const { runs } = line.track;
  const time = (run) => runs[run][1];
  const points = line.points.map(([run, value, low, high]) => ({
    when: time(run), value, low: low ?? value, high: high ?? value, run: runs[run][0],
    text: number(value, line.unit),
    interval: low === null ? "–" : `${number(low, line.unit)} – ${number(high, line.unit)}`,
  }));
  const ends = [...line.events.map(([run]) => run), Infinity];
  const first = line.points[0][0], last = line.points.at(-1)[0];
  const levels = line.events.length
    ? [line.events[0][1], ...line.events.map(([, , after]) => after)].map((value, index) => ({
        from: time(index ? ends[index - 1] : first),
        to: time(Math.min(ends[index], last)),
        value,
      }))
    : [{ from: time(first), to: time(last), value: level(line.points) }];
  const changes = line.events.map(([run, before, after, better, what]) => ({
    when: time(run), value: after, better,
    label: `${after >= before ? "+" : "−"}${Math.abs(100 * (after / before - 1)).toFixed(1)} %`,
    new: what || "nothing that servemark knows of",
  }));
  const format = line.unit === "bytes" || line.unit === "ns" ? ".3~s" : ",~r";
  const spec = structuredClone(historySpec);
  spec.datasets = { points, levels, changes };
  // Vega warns of the extent of data without a row.
  if (!changes.length) spec.layer = spec.layer.filter((layer) => layer.data.name !== "changes");
  for (const layer of spec.layer) {
    if (layer.encoding?.y?.scale) {
      layer.encoding.y.axis = { format, tickCount: 5 };
      layer.encoding.y.title = { "1/s": "per second", ns: "seconds", bytes: "bytes" }[line.unit] ?? line.unit;
    }
  }
  if (line.unit === "ns") {
    for (const rows of [points, levels]) {
      for (const row of rows) for (const key of ["value", "low", "high"]) if (key in row) row[key] /= 1e9;
    }
  }
  await draw(historyPlace, spec);
  document.documentElement.dataset.history = "yes";
}

showHistory();
