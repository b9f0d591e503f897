// The model behind Hono: on Node by @hono/node-server, on Bun and Deno by their own servers.
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { bodyKind, Failure, failureOf, serveFetch } from '../_predictor/index.js';

function makeApp(predictor) {
  const tooLarge = () => {
    throw Failure.tooLarge();
  };

  /** The image's bytes, whichever way it was sent. */
  async function upload(c) {
    if (bodyKind(c.req.header('Content-Type')) === 'raw') return Buffer.from(await c.req.arrayBuffer());
    const { image } = await c.req.parseBody().catch(() => {
      throw Failure.brokenForm();
    });
    if (!(image instanceof File)) throw Failure.noImage();
    return Buffer.from(await image.arrayBuffer());
  }

  const refuse = (failure, allow) => (c) => {
    if (allow) c.header('Allow', allow);
    return c.json(failure, failure.status);
  };

  const app = new Hono();
  app.get('/', async (c) => c.json(await predictor.predictTestImage()));
  app.post('/', bodyLimit({ maxSize: predictor.maxBodyBytes, onError: tooLarge }), async (c) =>
    c.json(await predictor.predict(await upload(c))));
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.all('/', refuse(Failure.methodNotAllowed(), 'GET, HEAD, POST'));
  app.all('/healthz', refuse(Failure.methodNotAllowed(), 'GET, HEAD'));
  app.notFound(refuse(Failure.notFound()));
  app.onError((error, c) => refuse(failureOf(error))(c));
  return app;
}

await serveFetch(makeApp, getRequestListener);
