import { RUNTIMES } from './runtimes/index.js';

const STAGES = ['receive', 'decode', 'full'];

/** The contract's variables, checked. Throws an Error that names the variable that is wrong. */
export function readSettings(environment) {
  const text = (name, otherwise) => {
    const value = environment[name] || otherwise;
    if (!value) throw new Error(`${name} is not set`);
    return value;
  };
  const number = (name, otherwise, most) => {
    const value = text(name, otherwise);
    if (!/^\d+$/.test(value) || Number(value) < 1 || Number(value) > most) {
      throw new Error(`${name} must be a whole number from 1 to ${most}, not "${value}"`);
    }
    return Number(value);
  };
  const oneOf = (name, choices, otherwise) => {
    const value = text(name, otherwise);
    if (!choices.includes(value)) throw new Error(`${name} must be one of ${choices.join(', ')}, not "${value}"`);
    return value;
  };
  const runtimes = Object.keys(RUNTIMES);
  return Object.freeze({
    host: text('HOST', '127.0.0.1'),
    port: number('PORT', undefined, 65535),
    workers: number('WORKERS', '1', 1024),
    threads: number('THREADS', '1', 1024),
    modelDir: text('MODEL_DIR'),
    testImage: text('TEST_IMAGE'),
    runtime: oneOf('RUNTIME', runtimes, runtimes[0]),
    stage: oneOf('STAGE', STAGES, 'full'),
    maxBodyBytes: number('MAX_BODY_BYTES', '1048576', Number.MAX_SAFE_INTEGER),
  });
}
