// What all pages do: actions with the page's secret, and parts that follow the server's events.

const meta = document.querySelector('meta[name="secret"]');
const trouble = document.getElementById("trouble");

export function complain(text) {
  trouble.textContent = text ?? "";
  trouble.hidden = !text;
}

/** POST to the dashboard; what it answers, or an error that says what to do. */
export async function post(address, body, options = {}) {
  const headers = { ...options.headers, [meta.dataset.header]: meta.content };
  let response;
  try {
    response = await fetch(address, { method: "POST", body, headers, signal: options.signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The dashboard does not answer: is servemark ui still there?");
  }
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  const answer = isJson ? await response.json() : { error: await response.text() };
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

async function act(address, body, button) {
  complain("");
  button.disabled = true;
  try {
    const answer = await post(address, body);
    if (answer.location) location.assign(answer.location);
  } catch (error) {
    complain(error.message);
    button.disabled = false;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-act]");
  if (!form) return;
  event.preventDefault();
  act(form.dataset.act, new FormData(form), form.querySelector("button[type=submit]"));
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (!button || (button.dataset.ask && !confirm(button.dataset.ask))) return;
  act(button.dataset.act, null, button);
});

// Two of the list, and no more, can be compared.

for (const form of document.querySelectorAll("form[data-two]")) {
  const boxes = [...form.elements[form.dataset.two].length ? form.elements[form.dataset.two] : [form.elements[form.dataset.two]]];
  const refresh = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    form.querySelector("button[type=submit]").disabled = chosen !== 2;
    form.querySelector("[data-hint]").textContent = ["Choose two runs.", "Choose one more.", ""][chosen] ?? "Only two.";
  };
  form.addEventListener("change", refresh);
  refresh();
}

/** Makes an element what the fresh one is and keeps what is equal, so that marks move, folds stay
    open and what is selected stays selected. */
export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  morphChildren(old, [...fresh.childNodes]);
}

function morphChildren(old, fresh) {
  const named = new Map([...old.children].filter((each) => each.id).map((each) => [each.id, each]));
  let place = old.firstChild;
  for (const child of fresh) {
    let match = child.id ? named.get(child.id) : place;
    if (!child.id && match?.id) match = undefined;
    if (!match) {
      old.insertBefore(child, place);
      continue;
    }
    if (match === place) place = place.nextSibling;
    else old.insertBefore(match, place);
    morph(match, child);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

for (const part of document.querySelectorAll("[data-events]")) {
  const events = new EventSource(part.dataset.events);
  events.addEventListener("part", ({ data }) => {
    complain("");
    const fresh = new DOMParser().parseFromString(data, "text/html").body;
    morphChildren(part, [...fresh.childNodes]);
    part.dataset.updates = Number(part.dataset.updates ?? 0) + 1;
  });
  events.addEventListener("go", ({ data }) => location.replace(data));
  events.addEventListener("failed", ({ data }) => {
    events.close();
    complain(data);
  });
  events.addEventListener("error", () => {
    complain("The dashboard does not answer, so this page stands still. Runs go on without it.");
  });
  window.addEventListener("pagehide", () => events.close());
}
