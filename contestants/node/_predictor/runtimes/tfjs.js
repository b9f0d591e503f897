import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';

export async function open(model, threads) {
  // The backend starts its threads from a blob: URL, which only browsers allow.
  if (threads > 1) throw new Error('THREADS must be 1: TensorFlow.js has no WebAssembly threads under Node');
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const backend = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${path.dirname(backend)}/`);
  if (!(await tf.setBackend('wasm'))) throw new Error('the WebAssembly backend of TensorFlow.js cannot be set up');

  const graph = await loadGraphModel({ load: () => readGraph(model.file) });
  return (x) => tf.tidy(() => graph.predict({ [model.input.name]: tf.tensor(x, model.shape) }).dataSync());
}

/** The files that the converter writes, as tf.io wants them; without tfjs-node there is no file handler. */
async function readGraph(file) {
  const { weightsManifest, ...artifacts } = JSON.parse(await readFile(file, 'utf8'));
  const shards = weightsManifest.flatMap((group) => group.paths);
  const weights = Buffer.concat(await Promise.all(shards.map((shard) => readFile(path.join(path.dirname(file), shard)))));
  return {
    ...artifacts,
    weightSpecs: weightsManifest.flatMap((group) => group.weights),
    weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength),
  };
}
