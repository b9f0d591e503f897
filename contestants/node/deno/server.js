// The model behind Deno's own server.
import { Failure, failureOf, serveFetch, uploadedImage } from '../_predictor/index.js';

const ALLOW = { '/': 'GET, HEAD, POST', '/healthz': 'GET, HEAD' };

await serveFetch((predictor) => {
  const limit = predictor.maxBodyBytes;
  const refuse = (failure, headers) => Response.json(failure, { status: failure.status, headers });

  async function answer(request) {
    const path = new URL(request.url).pathname;
    const method = request.method === 'HEAD' ? 'GET' : request.method; // Deno leaves the body out
    switch (`${method} ${path}`) {
      case 'GET /': return Response.json(await predictor.predictTestImage());
      case 'POST /': return Response.json(await predictor.predict(await uploadedImage(request, limit)));
      case 'GET /healthz': return Response.json({ status: 'ok' });
    }
    if (!Object.hasOwn(ALLOW, path)) throw Failure.notFound();
    return refuse(Failure.methodNotAllowed(), { Allow: ALLOW[path] });
  }

  return { fetch: (request) => answer(request).catch((error) => refuse(failureOf(error))) };
});
