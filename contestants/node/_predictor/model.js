import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** model.json, checked, with the folder it is in and the table that normalises pixels. */
export async function readModel(folder, runtime, format) {
  const file = path.join(folder, 'model.json');
  let model;
  try {
    model = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Error(`MODEL_DIR has no readable model.json: ${error.message}`);
  }
  const problem = problemWith(model, runtime, format);
  if (problem) throw new Error(`${file}: ${problem}`);
  const shape = model.input.shape.map((dimension) => dimension ?? 1); // a batch of one
  return { ...model, folder, shape, file: path.join(folder, model.formats[format]), normal: normalTable(model.input) };
}

/** Per channel, for each 8-bit value: (value + offset) * scale, in float32. */
export function normalTable({ channels, offset, scale }) {
  return Array.from({ length: channels }, (_, channel) =>
    Float32Array.from({ length: 256 }, (_, value) =>
      Math.fround(Math.fround(value + Math.fround(offset[channel])) * Math.fround(scale[channel]))));
}

function problemWith(model, runtime, format) {
  if (model?.schema !== 1) return `schema is ${model?.schema}, and 1 is what is understood`;
  const { input, output, answer, labels, formats } = model;
  if (!input || !output?.name || !answer || !labels?.length) return 'input, output, answer or labels are missing';
  if (!['NHWC', 'NCHW'].includes(input.layout)) return `input.layout must be NHWC or NCHW, not ${input.layout}`;
  if (input.dtype !== 'float32') return `input.dtype must be float32, not ${input.dtype}`;
  if (!['nearest', 'bilinear'].includes(input.resize)) return `input.resize must be nearest or bilinear, not ${input.resize}`;
  if (![1, 3].includes(input.channels)) return `input.channels must be 1 or 3, not ${input.channels}`;
  if (input.offset?.length !== input.channels || input.scale?.length !== input.channels) {
    return 'input.offset and input.scale must have one number per channel';
  }
  const size = input.shape?.reduce((product, dimension) => product * (dimension ?? 1), 1);
  if (!(size > 0) || size !== input.height * input.width * input.channels) {
    return 'input.shape does not hold height x width x channels values';
  }
  if (!['softmax', 'logits', 'none'].includes(output.activation)) {
    return `output.activation must be softmax, logits or none, not ${output.activation}`;
  }
  if (!formats?.[format]) return `formats has no ${format}, which the runtime ${runtime} needs`;
  return undefined;
}
