// Run in a built environment, where the dependencies are: cd {env}/_predictor && npm test
import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { bodyKind } from './body.js';
import { failureOf } from './failure.js';
import { uploadedImage } from './fetch.js';
import { luma, pixelsOf, sizeOf } from './image.js';
import { normalTable } from './model.js';
import { readSettings } from './settings.js';

const identity = (channels) => Array(channels).fill(Float32Array.from({ length: 256 }, (_, value) => value));
const model = (layout, channels) => ({ input: { height: 2, width: 3, layout, channels }, normal: identity(channels) });
const png = (data, width, height, channels) => sharp(Uint8Array.from(data), { raw: { width, height, channels } }).png().toBuffer();
const x = async (image, layout = 'NHWC', channels = 1) => [...(await pixelsOf(image, model(layout, channels)))];
const status = (code) => (error) => error.status === code;

test('luma is BT.601 rounded to the nearest', () => {
  for (let red = 0; red < 256; red += 5) {
    for (let green = 0; green < 256; green += 1) {
      for (let blue = 0; blue < 256; blue += 3) {
        const exact = 0.299 * red + 0.587 * green + 0.114 * blue;
        assert.ok(Math.abs(luma(red, green, blue) - exact) <= 0.51, `${red} ${green} ${blue}`);
      }
    }
  }
});

test('nearest neighbour takes the floored pixel', async () => {
  const data = Array.from({ length: 35 }, (_, i) => 10 * Math.floor(i / 7) + (i % 7)); // 7 x 5: rows 0, 2; columns 0, 2, 4
  assert.deepEqual(await x(await png(data, 7, 5, 1)), [0, 2, 4, 20, 22, 24]);
});

test('bilinear mixes the neighbours', async () => {
  const data = Array.from({ length: 24 }, (_, i) => 10 * Math.floor(i / 6) + (i % 6)); // 6 x 4
  const image = await png(data, 6, 4, 1);
  const bilinear = { ...model('NHWC', 1).input, resize: 'bilinear', offset: [1], scale: [2] };
  assert.deepEqual([...(await pixelsOf(image, { input: bilinear }))], [13, 17, 21, 53, 57, 61]);
});

test('alpha is dropped, not blended', async () => {
  const data = Array.from({ length: 6 }, (_, i) => [100, 100, 100, 50 * i]).flat();
  assert.deepEqual(await x(await png(data, 3, 2, 4)), [100, 100, 100, 100, 100, 100]);
});

test('of 16 bits the upper 8 are taken', async () => {
  const data = Uint16Array.from([0x00ff, 0x01ff, 0x02ff, 0x03ff, 0x04ff, 0x05ff]);
  const image = await sharp(data, { raw: { width: 3, height: 2, channels: 1 } }).toColourspace('grey16').png().toBuffer();
  assert.equal(image[24], 16); // the bit depth in IHDR
  assert.deepEqual(await x(image), [0, 1, 2, 3, 4, 5]);
});

test('colour models in both layouts', async () => {
  const image = await png(Array.from({ length: 6 }, (_, i) => [i, 10 + i, 20 + i]).flat(), 3, 2, 3);
  assert.deepEqual(await x(image, 'NHWC', 3), [0, 10, 20, 1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24, 5, 15, 25]);
  assert.deepEqual(await x(image, 'NCHW', 3), [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25]);
});

test('the size comes from the header, of a progressive JPEG too', async () => {
  const image = sharp({ create: { width: 31, height: 17, channels: 3, background: 'white' } });
  for (const options of [{}, { progressive: true }]) {
    assert.deepEqual(sizeOf(await image.clone().jpeg(options).toBuffer()), { width: 31, height: 17 });
  }
  assert.deepEqual(sizeOf(await image.clone().png().toBuffer()), { width: 31, height: 17 });
});

test('what cannot be decoded is refused', async () => {
  const good = await png(Array(900).fill(7), 30, 30, 1);
  const jpeg = await sharp(good).jpeg().toBuffer();
  for (const image of [Buffer.from('hello'), good.subarray(0, 33), good.subarray(0, -20), jpeg.subarray(0, 100), jpeg.subarray(0, 2)]) {
    await assert.rejects(x(image), status(422));
  }
  await assert.rejects(x(await png(Array(4097).fill(0), 4097, 1, 1)), /4096/);
  await assert.rejects(x(await png(Array(4097).fill(0), 1, 4097, 1)), /4096/);
});

test('normalising is done in float32', () => {
  const [table] = normalTable({ channels: 1, offset: [-255], scale: [-0.00392156862745098] });
  assert.ok(table[255] === 0);
  assert.equal(table[0], Math.fround(255 * Math.fround(0.00392156862745098)));
});

test('content types', () => {
  assert.equal(bodyKind('Multipart/Form-Data; boundary=x'), 'form');
  assert.equal(bodyKind('image/png'), 'raw');
  assert.throws(() => bodyKind('text/plain'), status(415));
  assert.throws(() => bodyKind(undefined), status(415));
});

test('a framework error keeps its status, without its details', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(failureOf({ status: 413, message: 'x' }))), {
    data: null,
    error: 'The request body is too large.',
  });
});

test('a sender that has gone is no fault of the server', () => {
  assert.equal(failureOf(new DOMException('closed', 'AbortError')).status, 400);
  assert.equal(failureOf(Object.assign(new Error('body'), { name: 'BadResource' })).status, 400); // Deno's
  assert.equal(failureOf(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })).status, 400);
});

const post = (body, headers) => new Request('http://host/', { method: 'POST', body, headers, duplex: 'half' });
const formWith = (field) => {
  const form = new FormData();
  form.append(field, new File(['content'], 'a.png'));
  return form;
};

test('a fetch handler finds the image in either kind of body, of known and of unknown length', async () => {
  const headers = { 'Content-Type': 'image/png' };
  for (const request of [
    post('content', headers),
    post('content', { ...headers, 'Content-Length': '7' }),
    post(new Blob(['con', 'tent']).stream(), headers),
    post(formWith('image')),
  ]) {
    assert.equal((await uploadedImage(request, 1000)).toString(), 'content');
  }
});

test('a fetch handler refuses what is too large, declared or not, and what holds no image', async () => {
  const headers = { 'Content-Type': 'image/png' };
  await assert.rejects(uploadedImage(post('content', { ...headers, 'Content-Length': '7' }), 6), status(413));
  await assert.rejects(uploadedImage(post('content', headers), 6), status(413));
  await assert.rejects(uploadedImage(post('content'), 1000), status(415));
  await assert.rejects(uploadedImage(post(formWith('other')), 1000), status(400));
  await assert.rejects(uploadedImage(post('--x', { 'Content-Type': 'multipart/form-data; boundary=x' }), 1000), status(400));
});

test('settings name the variable that is wrong', () => {
  const good = { PORT: '8000', MODEL_DIR: 'm', TEST_IMAGE: 'i' };
  const settings = readSettings(good);
  assert.deepEqual([settings.host, settings.workers, settings.stage, settings.maxBodyBytes], ['127.0.0.1', 1, 'full', 1 << 20]);
  for (const [name, value] of Object.entries({ PORT: 'x', WORKERS: '0', THREADS: '1.5', STAGE: 'half', RUNTIME: 'other', MAX_BODY_BYTES: '-1', MODEL_DIR: '' })) {
    assert.throws(() => readSettings({ ...good, [name]: value }), new RegExp(name));
  }
});
