// The model behind template-name; busboy takes forms apart as they arrive.
import busboy from 'busboy';
import { bodyKind, declaredSizeFits, Failure, failureOf, limitBody, serve } from '../_predictor/index.js';

const ALLOW = { '/': 'GET, HEAD, POST', '/healthz': 'GET, HEAD' };

await serve((predictor) => {
  const limit = predictor.maxBodyBytes;

  async function answer(request, response) {
    const [path] = request.url.split('?', 1);
    const method = request.method === 'HEAD' ? 'GET' : request.method; // node:http leaves the body out
    switch (`${method} ${path}`) {
      case 'GET /': return predictor.predictTestImage();
      case 'POST /': return predictor.predict(await upload(request));
      case 'GET /healthz': return { status: 'ok' };
    }
    if (!Object.hasOwn(ALLOW, path)) throw Failure.notFound();
    response.setHeader('Allow', ALLOW[path]);
    throw Failure.methodNotAllowed();
  }

  function upload(request) {
    declaredSizeFits(request.headers, limit);
    return bodyKind(request.headers['content-type']) === 'raw' ? rawImage(request) : formImage(request);
  }

  function rawImage(request) {
    return new Promise((resolve, reject) => {
      const chunks = [];
      let bytes = 0;
      request.on('data', (chunk) => {
        bytes += chunk.length;
        if (bytes > limit) reject(Failure.tooLarge());
        else chunks.push(chunk);
      });
      request.on('end', () => resolve(Buffer.concat(chunks)));
      request.on('error', () => reject(Failure.brokenBody()));
    });
  }

  function formImage(request) {
    return new Promise((resolve, reject) => {
      const refuse = (error) => reject(error instanceof Failure ? error : Failure.brokenForm());
      let parser;
      try {
        parser = busboy({ headers: request.headers, limits: { fieldSize: limit } });
      } catch (error) { // a form without a boundary
        refuse(error);
        return;
      }
      let image;
      parser.on('file', (name, stream) => {
        stream.on('error', refuse);
        if (name === 'image') image ??= stream.toArray().then(Buffer.concat);
        else stream.resume();
      });
      parser.on('error', refuse);
      parser.on('close', () => image ? image.then(resolve, refuse) : reject(Failure.noImage()));
      request.on('error', refuse);
      limitBody(limit)(request, parser);
    });
  }

  return async (request, response) => {
    let status = 200;
    const document = await answer(request, response).catch((error) => {
      const failure = failureOf(error);
      status = failure.status;
      return failure;
    });
    const body = JSON.stringify(document);
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  };
});
