// For contestants whose application is a fetch handler: (Request) => Response.
import { fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { bodyKind, declaredSizeFits } from './body.js';
import { Failure } from './failure.js';
import { run, STOP_WITHIN_MS } from './processes.js';
import { serve } from './serve.js';

/**
 * Runs a contestant on the server of the runtime that it is started with.
 * makeApp(predictor) gives what that server takes: { fetch }, and what else it knows.
 * adapt(fetch) gives a node:http request listener, for a contestant that Node runs too.
 */
export function serveFetch(makeApp, adapt) {
  const start = globalThis.Bun ? startBun : globalThis.Deno && startDeno;
  if (!start) return serve((predictor) => adapt(makeApp(predictor).fetch));
  return run(
    async (predictor, settings) => {
      const app = makeApp(predictor);
      let server;
      return {
        listen: async () => {
          // Worker processes share the port by SO_REUSEPORT.
          server = start(app, { hostname: settings.host, port: settings.port, reusePort: settings.workers > 1 });
        },
        stop: async () => {
          setTimeout(() => process.exit(0), STOP_WITHIN_MS);
          await server.stop();
          process.exit(0);
        },
      };
    },
    () => fork(process.argv[1]),
  );
}

function startBun(app, address) {
  // Bun would answer 413 with a page of its own: uploadedImage counts bytes.
  const limits = { idleTimeout: 65, maxRequestBodySize: Number.MAX_SAFE_INTEGER };
  const server = Bun.serve({ ...address, ...app, ...limits, development: false });
  return { stop: () => server.stop() };
}

function startDeno(app, address) {
  let inFlight = 0;
  const server = Deno.serve({ ...address, onListen() {} }, async (request) => {
    inFlight += 1;
    try {
      return await app.fetch(request);
    } finally {
      inFlight -= 1;
    }
  });
  return {
    stop: async () => {
      // shutdown() cuts off the bodies that are still arriving (seen in Deno 2.9.6).
      for (let tries = 0; inFlight > 0 && tries < 150; tries += 1) await sleep(20);
      await server.shutdown();
    },
  };
}

/** The image's bytes out of a POST, whichever way it was sent. Throws a Failure. */
export async function uploadedImage(request, limitBytes) {
  const length = request.headers.get('content-length');
  declaredSizeFits({ 'content-length': length }, limitBytes);
  const kind = bodyKind(request.headers.get('content-type') ?? '');
  const declared = length !== null && !request.headers.has('transfer-encoding');
  const body = declared ? request : await limited(request, limitBytes);
  return kind === 'raw' ? rawImage(body) : formImage(body);
}

async function rawImage(body) {
  return Buffer.from(await body.arrayBuffer().catch(() => {
    throw Failure.brokenBody();
  }));
}

async function formImage(body) {
  const form = await body.formData().catch(() => {
    throw Failure.brokenForm();
  });
  const file = form.get('image');
  if (!(file instanceof Blob)) throw Failure.noImage();
  return Buffer.from(await file.arrayBuffer());
}

/** The body of a request that does not say its length beforehand. */
async function limited(request, limitBytes) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw Failure.tooLarge();
    chunks.push(chunk);
  }
  return new Response(Buffer.concat(chunks), { headers: { 'Content-Type': request.headers.get('content-type') } });
}
