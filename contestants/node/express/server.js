// The model behind Express.
import express from 'express';
import multer from 'multer';
import { bodyKind, declaredSizeFits, Failure, failureOf, limitBody, serve } from '../_predictor/index.js';

await serve((predictor) => {
  const limit = predictor.maxBodyBytes;
  const raw = express.raw({ type: () => true, limit, inflate: false });
  const form = multer({
    storage: multer.memoryStorage(),
    fileFilter: (request, file, keep) => keep(null, file.fieldname === 'image'),
    streamHandler: limitBody(limit),
  }).any();

  /** Puts the image into request.image, whichever way it was sent. */
  function upload(request, response, next) {
    declaredSizeFits(request.headers, limit);
    if (bodyKind(request.headers['content-type']) === 'raw') {
      raw(request, response, (error) => {
        request.image = request.body;
        next(error);
      });
    } else {
      form(request, response, (error) => {
        request.image = request.files?.[0]?.buffer;
        if (error) next(error instanceof Failure ? error : Failure.brokenForm());
        else next(request.image ? undefined : Failure.noImage());
      });
    }
  }

  const refuse = (failure, allow) => (request, response) => {
    if (allow) response.set('Allow', allow);
    response.status(failure.status).json(failure);
  };

  const app = express().disable('x-powered-by').disable('etag');
  app.get('/', async (request, response) => response.json(await predictor.predictTestImage()));
  app.post('/', upload, async (request, response) => response.json(await predictor.predict(request.image)));
  app.get('/healthz', (request, response) => response.json({ status: 'ok' }));
  app.all('/', refuse(Failure.methodNotAllowed(), 'GET, HEAD, POST'));
  app.all('/healthz', refuse(Failure.methodNotAllowed(), 'GET, HEAD'));
  app.use(refuse(Failure.notFound()));
  // Express knows an error handler by its four parameters.
  app.use((error, request, response, next) => {
    const failure = failureOf(error);
    response.status(failure.status).json(failure);
  });
  return app;
});
