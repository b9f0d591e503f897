import sharp from 'sharp';
import { Failure } from './failure.js';

const MAX_SIDE = 4096; // pixels
const PNG_MAGIC = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

sharp.cache(false); // libvips would remember the results of operations
sharp.concurrency(1); // one thread per image; images are decoded side by side by libuv's threads

const OPTIONS = {
  autoOrient: false,
  ignoreIcc: true, // the values as they are stored: no colour management
  limitInputPixels: MAX_SIDE * MAX_SIDE,
};

/** Decodes a JPEG or PNG and gives the model's input, Float32Array. Throws a Failure. */
export async function pixelsOf(image, model) {
  const { width, height } = sizeOf(image);
  if (width > MAX_SIDE || height > MAX_SIDE) throw Failure.tooManyPixels();
  let decoded;
  try {
    decoded = await sharp(image, OPTIONS).raw().toBuffer({ resolveWithObject: true });
  } catch {
    throw Failure.undecodable();
  }
  const resize = model.input.resize === 'bilinear' ? interpolate : sample;
  return resize(decoded.data, decoded.info, model);
}

/**
 * Width and height, from the header alone. (sharp's metadata() tells them too,
 * for a third of the time that decoding a small image takes.)
 */
export function sizeOf(image) {
  let size;
  if (image.length >= 24 && PNG_MAGIC.equals(image.subarray(0, 8))) {
    size = { width: image.readUInt32BE(16), height: image.readUInt32BE(20) }; // IHDR comes first
  } else if (image.length >= 4 && image[0] === 0xff && image[1] === 0xd8) {
    size = jpegSize(image);
  }
  if (!size?.width || !size.height) throw Failure.undecodable();
  return size;
}

/** Goes from segment to segment to the start of frame (SOF0 to SOF15, without DHT, JPG and DAC). */
function jpegSize(image) {
  for (let at = 2; at + 9 <= image.length && image[at] === 0xff;) {
    const marker = image[at + 1];
    if (marker === 0xff) {
      at += 1; // a fill byte
    } else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { height: image.readUInt16BE(at + 5), width: image.readUInt16BE(at + 7) };
    } else {
      at += 2 + image.readUInt16BE(at + 2);
    }
  }
  return undefined;
}

/**
 * Nearest neighbour: destination (r, c) takes source (floor(r H / height), floor(c W / width)).
 * data: H x W x C bytes, C = 1 to 4, of which an alpha channel is dropped.
 */
export function sample(data, { width: W, height: H, channels: C }, { input, normal }) {
  const { height, width, channels } = input;
  const plane = height * width;
  const x = new Float32Array(plane * channels);
  const green = C < 3 ? 0 : 1;
  const blue = C < 3 ? 0 : 2;
  for (let r = 0, pixel = 0; r < height; r += 1) {
    const row = Math.floor((r * H) / height) * W;
    for (let c = 0; c < width; c += 1, pixel += 1) {
      const at = (row + Math.floor((c * W) / width)) * C;
      if (channels === 1) {
        x[pixel] = normal[0][luma(data[at], data[at + green], data[at + blue])];
      } else {
        const [first, step] = input.layout === 'NHWC' ? [pixel * channels, 1] : [pixel, plane];
        x[first] = normal[0][data[at]];
        x[first + step] = normal[1][data[at + green]];
        x[first + 2 * step] = normal[2][data[at + blue]];
      }
    }
  }
  return x;
}

/**
 * Bilinear between pixel centres: destination r takes (r + 1/2) H / height - 1/2, held to the image.
 * data: as of sample.
 */
export function interpolate(data, { width: W, height: H, channels: C }, { input }) {
  const { height, width, channels, offset, scale } = input;
  const plane = height * width;
  const x = new Float32Array(plane * channels);
  const [step, apart] = input.layout === 'NHWC' ? [channels, 1] : [1, plane];
  const value = (pixel, channel) => {
    const at = pixel * C;
    if (C < 3) return data[at];
    return channels === 1 ? luma(data[at], data[at + 1], data[at + 2]) : data[at + channel];
  };
  const columns = Array.from({ length: width }, (_, c) => between(c, width, W));
  for (let r = 0; r < height; r += 1) {
    const [above, below, down] = between(r, height, H);
    for (let c = 0; c < width; c += 1) {
      const [left, right, across] = columns[c];
      for (let channel = 0; channel < channels; channel += 1) {
        const line = (row) => value(row * W + left, channel) * (1 - across) + value(row * W + right, channel) * across;
        const mixed = line(above) * (1 - down) + line(below) * down;
        x[(r * width + c) * step + channel * apart] = (mixed + offset[channel]) * scale[channel];
      }
    }
  }
  return x;
}

/** The two neighbours of a position, and how far it is from the first. */
function between(position, count, there) {
  const at = Math.min(Math.max(((position + 0.5) * there) / count - 0.5, 0), there - 1);
  const first = Math.floor(at);
  return [first, Math.min(first + 1, there - 1), at - first];
}

/** BT.601, with OpenCV's coefficients: 0.299, 0.587 and 0.114 in 2^-15, which sum to 1. */
export function luma(red, green, blue) {
  return (9798 * red + 19235 * green + 3735 * blue + 16384) >> 15;
}
