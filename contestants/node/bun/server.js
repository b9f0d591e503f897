// The model behind Bun's own server.
import { Failure, failureOf, serveFetch, uploadedImage } from '../_predictor/index.js';

await serveFetch((predictor) => {
  const refuse = (failure, headers) => Response.json(failure, { status: failure.status, headers });
  const methodNotAllowed = (allow) => () => refuse(Failure.methodNotAllowed(), { Allow: allow });
  const post = async (request) =>
    Response.json(await predictor.predict(await uploadedImage(request, predictor.maxBodyBytes)));

  // What has no method of its own goes to fetch, and so do unknown paths.
  return {
    routes: {
      '/': { GET: async () => Response.json(await predictor.predictTestImage()), POST: post },
      '/healthz': { GET: () => Response.json({ status: 'ok' }) },
    },
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === '/') return methodNotAllowed('GET, HEAD, POST')();
      if (pathname === '/healthz') return methodNotAllowed('GET, HEAD')();
      return refuse(Failure.notFound());
    },
    error: (error) => refuse(failureOf(error)),
  };
});
