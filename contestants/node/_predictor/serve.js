import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { run, STOP_WITHIN_MS } from './processes.js';

/**
 * Runs a contestant on node:http. makeListener(predictor) gives the request
 * listener, or a Promise of it. Worker processes share the port by node:cluster.
 */
export function serve(makeListener) {
  return run(
    async (predictor, settings) => {
      const server = createServer(
        { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 },
        await makeListener(predictor),
      );
      const listen = async () => {
        server.listen(settings.port, settings.host);
        await once(server, 'listening');
      };
      return { listen, stop: () => stop(server) };
    },
    () => cluster.fork().process,
  );
}

/** Finishes what is in flight: close() takes no new connections and drops idle ones. */
function stop(server) {
  server.prependListener('request', (request, response) => response.setHeader('Connection', 'close'));
  server.close(() => process.exit(0));
  setInterval(() => server.closeIdleConnections(), 20);
  setTimeout(() => process.exit(0), STOP_WITHIN_MS);
}
