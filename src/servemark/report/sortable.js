// Tables: a click on a column's head sorts by it, a second one the other way; gaps stay last.

function sortBy(head, direction) {
  const table = head.closest("table");
  const column = head.cellIndex;
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

/** Sorts where that click was on a column's head; whether it was. */
function sortByClick(event) {
  const head = event.target.closest("thead th[data-first]");
  if (!head || !event.target.closest("button")) return false;
  const other = { ascending: "descending", descending: "ascending" };
  sortBy(head, other[head.getAttribute("aria-sort")] ?? head.dataset.first);
  return true;
}
