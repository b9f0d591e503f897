// Reads names of JPEG files, one a line, and writes their luma planes one after the other: sharp's RGB, BT.601, rounded.
const fs = require("node:fs");
const sharp = require("sharp");

async function luma(name) {
  const { data, info } = await sharp(name).raw().toBuffer({ resolveWithObject: true });
  if (info.channels === 1) return data;
  const plane = Buffer.alloc(info.width * info.height);
  for (let at = 0; at < plane.length; at++) {
    const [r, g, b] = data.subarray(at * info.channels, at * info.channels + 3);
    plane[at] = Math.floor((299 * r + 587 * g + 114 * b + 500) / 1000);
  }
  return plane;
}

async function main() {
  const names = fs.readFileSync(0, "utf8").trim().split("\n");
  const planes = [];
  for (const name of names) planes.push(await luma(name));
  fs.writeSync(1, Buffer.concat(planes));
}

main();
