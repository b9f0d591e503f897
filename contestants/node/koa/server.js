// The model behind Koa.
import multer from '@koa/multer';
import Router from '@koa/router';
import Koa from 'koa';
import rawBody from 'raw-body';
import { bodyKind, declaredSizeFits, Failure, failureOf, limitBody, serve } from '../_predictor/index.js';

await serve((predictor) => {
  const limit = predictor.maxBodyBytes;
  const form = multer({
    storage: multer.memoryStorage(),
    fileFilter: (request, file, keep) => keep(null, file.fieldname === 'image'),
    streamHandler: limitBody(limit),
  }).any();

  /** Puts the image into ctx.state.image, whichever way it was sent. */
  async function upload(ctx, next) {
    declaredSizeFits(ctx.headers, limit);
    if (bodyKind(ctx.get('Content-Type')) === 'raw') {
      ctx.state.image = await rawBody(ctx.req, { limit, length: ctx.request.length });
    } else {
      await form(ctx, async () => {}).catch((error) => {
        throw error instanceof Failure ? error : Failure.brokenForm();
      });
      ctx.state.image = ctx.files?.[0]?.buffer;
      if (!ctx.state.image) throw Failure.noImage();
    }
    return next();
  }

  const app = new Koa();
  app.silent = true; // the middleware below logs; what is left are connections that broke
  app.use(async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404) throw Failure.notFound();
      if (ctx.status === 405) throw Failure.methodNotAllowed(); // allowedMethods has set Allow
    } catch (error) {
      const failure = failureOf(error);
      ctx.status = failure.status;
      ctx.body = failure.toJSON();
    }
  });
  const router = new Router({ strict: true });
  router.get('/', async (ctx) => { ctx.body = await predictor.predictTestImage(); });
  router.post('/', upload, async (ctx) => { ctx.body = await predictor.predict(ctx.state.image); });
  router.get('/healthz', (ctx) => { ctx.body = { status: 'ok' }; });
  app.use(router.routes()).use(router.allowedMethods());
  return app.callback();
});
