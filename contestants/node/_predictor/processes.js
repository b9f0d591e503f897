import { once } from 'node:events';
import { Predictor } from './predictor.js';
import { readSettings } from './settings.js';

export const STOP_WITHIN_MS = 4000; // the contract gives 5 s

/**
 * Runs a contestant in as many processes as WORKERS says, from the settings to SIGTERM.
 * host(predictor, settings) gives a Promise of { listen, stop }: listen() resolves
 * when the port is open, stop() ends the process when what is in flight is answered.
 * fork() gives a further process of the same program, which has process.send.
 */
export async function run(host, fork) {
  try {
    const settings = readSettings(process.env);
    if (settings.workers > 1 && !process.send) supervise(Array.from({ length: settings.workers }, fork));
    else await work(settings, host);
  } catch (error) {
    await fail(error.message);
  }
}

async function work(settings, host) {
  const predictor = await Predictor.open(settings);
  const { listen, stop } = await host(predictor, settings);
  if (process.send) {
    process.send({ loaded: true });
    await once(process, 'message'); // no worker listens before all have loaded
  }
  await listen();
  let stopping = false;
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect']) { // disconnect: the parent is gone
    process.once(event, () => {
      if (!stopping) stop();
      stopping = true;
    });
  }
}

function supervise(workers) {
  let loaded = 0;
  let ended = 0;
  let stopping = false;
  let exitStatus = 0;
  const end = (status) => {
    stopping = true;
    exitStatus = status;
    for (const worker of workers) worker.kill('SIGTERM');
    setTimeout(() => workers.forEach((worker) => worker.kill('SIGKILL')), STOP_WITHIN_MS + 500);
  };
  process.once('SIGTERM', () => end(0));
  process.once('SIGINT', () => end(0));
  for (const worker of workers) {
    worker.on('message', (message) => {
      if (stopping) return;
      if (message.failed) {
        console.error(message.failed);
        end(1);
      } else if (message.loaded && (loaded += 1) === workers.length) {
        for (const each of workers) each.send('listen');
      }
    });
    worker.on('exit', (code, signal) => {
      ended += 1;
      if (!stopping) { // a dead worker ends the whole: whoever started it restarts it whole
        console.error(`worker ${worker.pid} ended with ${signal ?? code}`);
        end(1);
      }
      if (ended === workers.length) process.exit(exitStatus);
    });
  }
}

/** One line on stderr, status 1. A worker leaves the line to its parent, which prints the first. */
async function fail(message) {
  const line = `cannot start: ${message.trim().replaceAll(/\s*\n\s*/g, '; ')}`;
  if (process.send) await new Promise((sent) => process.send({ failed: line }, sent));
  else console.error(line);
  process.exit(1);
}
