// node ceiling.js FOLDER WARM_UP_S MEASURE_S: what the predictor does with no
// server. Decodes and infers the files of FOLDER round after round, one at a
// time, first to warm up, then to measure, and prints one JSON object: the
// images and times of the measured rounds, and the last answers.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Predictor } from './predictor.js';
import { readSettings } from './settings.js';

const nanoseconds = (milliseconds) => Math.round(milliseconds * 1e6);

try {
  const [folder, warmUp, measure] = process.argv.slice(2);
  const predictor = await Predictor.open(readSettings(process.env));
  const names = (await readdir(folder)).sort();
  const images = await Promise.all(names.map((name) => readFile(path.join(folder, name))));
  await rounds(predictor, images, Number(warmUp));
  console.log(JSON.stringify(await rounds(predictor, images, Number(measure))));
} catch (error) {
  console.error(`cannot measure: ${error.message}`);
  process.exitCode = 1;
}

/** As many whole rounds as begin within that time: images differ in what they cost. */
async function rounds(predictor, images, seconds) {
  const answers = [];
  let count = 0;
  let decode = 0;
  let infer = 0;
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  let now = start;
  while (now - start < seconds * 1000) {
    for (let i = 0; i < images.length; i += 1) {
      const x = await predictor.decode(images[i]);
      const decoded = performance.now();
      const output = await predictor.infer(x);
      const inferred = performance.now();
      answers[i] = predictor.answerOf(output);
      decode += decoded - now;
      infer += inferred - decoded;
      now = performance.now();
    }
    count += images.length;
  }
  const cpu = process.cpuUsage(cpuBefore); // in µs, all threads together
  return {
    images: count,
    ns: nanoseconds(now - start),
    cpu_ns: (cpu.user + cpu.system) * 1000,
    decode_ns: nanoseconds(decode),
    infer_ns: nanoseconds(infer),
    answers,
  };
}
