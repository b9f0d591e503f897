import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Predictor } from './predictor.js';
import { readSettings } from './settings.js';

const STOP_WITHIN_MS = 4000; // the contract gives 5 s

/**
 * Runs a contestant: loads the model, listens, and stops at SIGTERM.
 * makeListener(predictor) gives node:http's request listener, or a Promise of it.
 */
export async function serve(makeListener) {
  try {
    const settings = readSettings(process.env);
    if (settings.workers > 1 && cluster.isPrimary) await supervise(settings.workers);
    else await work(settings, makeListener);
  } catch (error) {
    await fail(error.message);
  }
}

async function work(settings, makeListener) {
  const predictor = await Predictor.open(settings);
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 },
    await makeListener(predictor),
  );
  if (cluster.isWorker) {
    process.send({ loaded: true });
    await once(process, 'message'); // no worker listens before all have loaded
  }
  server.listen(settings.port, settings.host);
  await once(server, 'listening');
  process.once('SIGTERM', () => stop(server));
  process.once('SIGINT', () => stop(server));
}

/** Finishes what is in flight: close() takes no new connections and drops idle ones. */
function stop(server) {
  server.prependListener('request', (request, response) => response.setHeader('Connection', 'close'));
  server.close(() => process.exit(0));
  setInterval(() => server.closeIdleConnections(), 20);
  setTimeout(() => process.exit(0), STOP_WITHIN_MS);
}

async function supervise(count) {
  let stopping = false;
  const workers = Array.from({ length: count }, () => cluster.fork());
  const end = (status) => {
    stopping = true;
    for (const worker of workers) worker.process.kill('SIGTERM');
    setTimeout(() => workers.forEach((worker) => worker.process.kill('SIGKILL')), STOP_WITHIN_MS + 500);
    cluster.on('exit', () => workers.every((worker) => worker.isDead()) && process.exit(status));
  };
  process.once('SIGTERM', () => end(0));
  process.once('SIGINT', () => end(0));

  let loaded = 0;
  cluster.on('message', (worker, message) => {
    if (stopping) return;
    if (message.failed) {
      console.error(message.failed);
      end(1);
    } else if (message.loaded && (loaded += 1) === count) {
      for (const each of workers) each.send('listen');
    }
  });
  // A dead worker ends the whole: whoever started it restarts it whole.
  cluster.on('exit', (worker, code, signal) => {
    if (stopping) return;
    console.error(`worker ${worker.process.pid} ended with ${signal ?? code}`);
    end(1);
    if (workers.every((each) => each.isDead())) process.exit(1);
  });
}

/** One line on stderr, status 1. A worker leaves the line to the primary, which prints the first. */
async function fail(message) {
  const line = `cannot start: ${message.trim().replaceAll(/\s*\n\s*/g, '; ')}`;
  if (cluster.isWorker) await new Promise((sent) => process.send({ failed: line }, sent));
  else console.error(line);
  process.exit(1);
}
