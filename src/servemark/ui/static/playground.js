// Drawing, and asking contestants what it is.

import { complain, post } from "/static/dashboard.js";

const INK = 22; // of 280: what a pen is in MNIST's 28
const BOX = 20 / 28; // MNIST's digits fit a box of 20 pixels, centred by their mass
const place = document.getElementById("playground");
const canvas = document.getElementById("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });
const answers = document.getElementById("answers");
const hint = document.getElementById("hint");
const side = canvas.width;
let strokes = [];
let asking = new AbortController();
let uploaded = null;

function paint(target, transform = (point) => point, width = INK) {
  target.fillStyle = "#fff";
  target.fillRect(0, 0, side, side);
  target.strokeStyle = target.fillStyle = "#000";
  target.lineWidth = width;
  target.lineCap = target.lineJoin = "round";
  for (const stroke of strokes) {
    const points = stroke.map(transform);
    target.beginPath();
    target.moveTo(...points[0]);
    for (const point of points.slice(1)) target.lineTo(...point);
    if (points.length === 1) target.lineTo(points[0][0] + 0.01, points[0][1]);
    target.stroke();
  }
}

/** The strokes as MNIST has them: as large as the box allows, their mass in the middle. */
function centred() {
  const points = strokes.flat();
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const extent = Math.max(Math.max(...xs) - left, Math.max(...ys) - top);
  const scale = Math.min((side * BOX - INK) / Math.max(extent, 1), 3);
  const sheet = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true });
  paint(sheet, ([x, y]) => [(x - left) * scale + INK, (y - top) * scale + INK]);
  const pixels = sheet.getImageData(0, 0, side, side).data;
  let [mass, x, y] = [0, 0, 0];
  for (let index = 0; index < side * side; index += 1) {
    const ink = 255 - pixels[4 * index];
    mass += ink;
    x += ink * (index % side);
    y += ink * Math.floor(index / side);
  }
  const [right, down] = [side / 2 - x / mass, side / 2 - y / mass];
  paint(sheet, ([a, b]) => [(a - left) * scale + INK + right, (b - top) * scale + INK + down]);
  return sheet.canvas;
}

function pointOf(event) {
  const box = canvas.getBoundingClientRect();
  return [
    ((event.clientX - box.left) / box.width) * side,
    ((event.clientY - box.top) / box.height) * side,
  ];
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.isPrimary) return;
  canvas.setPointerCapture(event.pointerId);
  if (uploaded) clear();
  strokes.push([pointOf(event)]);
  paint(context);
  event.preventDefault();
});
canvas.addEventListener("pointermove", (event) => {
  if (!canvas.hasPointerCapture(event.pointerId)) return;
  for (const each of event.getCoalescedEvents?.() ?? [event]) strokes.at(-1).push(pointOf(each));
  paint(context);
});
canvas.addEventListener("pointerup", () => {
  if (strokes.length) ask();
});

function clear() {
  asking.abort();
  strokes = [];
  uploaded = null;
  document.getElementById("file").value = "";
  paint(context);
  answers.replaceChildren();
  hint.hidden = false;
  complain("");
}

async function picture() {
  if (uploaded) return uploaded;
  if (!strokes.length) return null;
  const source = document.getElementById("centre").checked ? centred() : canvas;
  if (source.convertToBlob) return source.convertToBlob({ type: "image/png" });
  return new Promise((resolve) => source.toBlob(resolve, "image/png"));
}

/** One contestant after the other, so that none waits for the core of another. */
async function ask() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const sent = await picture();
  if (!sent || signal.aborted) return;
  complain("");
  hint.hidden = true;
  const chosen = [...place.querySelectorAll("input[name=variant]:checked")];
  if (!chosen.length) {
    hint.hidden = false;
    hint.textContent = "Choose a contestant to be asked.";
  }
  const cards = chosen.map(({ value }) => cardOf(value));
  answers.replaceChildren(...cards);
  const form = place.querySelector("input[name=form]:checked").value;
  for (const card of cards) {
    const query = new URLSearchParams({ variant: card.dataset.variant, model: place.dataset.model, form });
    show(card, { waiting: "asking …" });
    const slow = setTimeout(() => show(card, { waiting: "its server is starting …" }), 400);
    try {
      const headers = { "Content-Type": sent.type || "application/octet-stream" };
      show(card, await post(`/playground/ask?${query}`, sent, { headers, signal }));
    } catch (error) {
      if (error.name === "AbortError") return;
      show(card, { problem: error.message });
    } finally {
      clearTimeout(slow);
    }
  }
}

function cardOf(variant) {
  const card = document.getElementById("answer").content.firstElementChild.cloneNode(true);
  card.dataset.variant = variant;
  card.querySelector("h3").textContent = variant;
  show(card, { waiting: "waits" });
  return card;
}

function show(card, found) {
  const [output, image, text] = ["output", "img", "p"].map((name) => card.querySelector(name));
  output.textContent = found.label ?? "";
  image.hidden = !found.seen;
  if (found.seen) image.src = found.seen;
  text.classList.toggle("problem", Boolean(found.problem));
  card.toggleAttribute("data-answered", !found.waiting);
  if (found.waiting || found.problem) {
    text.textContent = found.waiting ?? found.problem;
    return;
  }
  const first = found.first ? ", the first answer of a fresh server" : "";
  text.textContent = `${(100 * found.probability).toFixed(1)} % sure, in ${found.time}${first}`;
}

document.getElementById("clear").addEventListener("click", clear);
document.getElementById("file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  strokes = [];
  uploaded = file;
  paint(context);
  try {
    const image = await createImageBitmap(file);
    const scale = side / Math.max(image.width, image.height);
    context.drawImage(image, 0, 0, image.width * scale, image.height * scale);
  } catch {
    // It is no image to this browser: it is sent all the same, to see what a contestant says.
  }
  ask();
});
place.addEventListener("change", (event) => {
  if (event.target.matches("input[name=variant], input[name=form], #centre")) ask();
});
document.getElementById("model")?.addEventListener("change", (event) => {
  location.assign(`/playground?${new URLSearchParams({ model: event.target.value })}`);
});
paint(context);
