// The model behind Fastify.
import multipart from '@fastify/multipart';
import Fastify from 'fastify';
import { declaredSizeFits, Failure, failureOf, serve } from '../_predictor/index.js';

await serve(async (predictor) => {
  const limit = predictor.maxBodyBytes;
  const refuse = (error, request, reply) => {
    const failure = failureOf(error);
    reply.code(failure.status).send(failure.toJSON()); // Fastify has a form of its own for an Error
  };
  const app = Fastify({ bodyLimit: limit, frameworkErrors: refuse });
  app.setErrorHandler(refuse);
  app.setNotFoundHandler((request, reply) => { // Fastify tells no wrong method from a wrong path
    const [url] = request.url.split('?', 1);
    const allowed = ['GET', 'HEAD', 'POST'].filter((method) => app.hasRoute({ url, method }));
    if (allowed.length === 0) throw Failure.notFound();
    reply.header('Allow', allowed.join(', '));
    throw Failure.methodNotAllowed();
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ['image/jpeg', 'image/png', 'application/octet-stream'],
    { parseAs: 'buffer' },
    async (request, body) => body,
  );
  await app.register(multipart, { limits: { fileSize: limit, fieldSize: limit, parts: 10 } });

  /** The image of a form, whose parts are read one after the other. */
  async function formImage(request) {
    declaredSizeFits(request.headers, limit);
    let bytes = 0; // the plugin's limits are per part, and a chunked body says its size only at its end
    request.raw.on('data', (chunk) => { bytes += chunk.length; });
    let image;
    try {
      for await (const part of request.parts()) {
        if (part.type !== 'file') continue;
        const content = await part.toBuffer();
        if (part.fieldname === 'image') image ??= content;
      }
    } catch (error) {
      throw error.statusCode === 413 ? error : Failure.brokenForm();
    }
    if (bytes > limit) throw Failure.tooLarge();
    if (!image) throw Failure.noImage();
    return image;
  }

  // With a schema, Fastify compiles a serializer for the answer.
  const numbers = { type: 'object', additionalProperties: { type: 'number' } };
  const schema = { response: { 200: { type: 'object', properties: { data: numbers } } } };
  app.get('/', { schema }, () => predictor.predictTestImage());
  app.post('/', { schema }, async (request) =>
    predictor.predict(request.isMultipart() ? await formImage(request) : request.body));
  app.get('/healthz', () => ({ status: 'ok' }));

  await app.ready();
  return app.routing;
});
