// What the Node contestants share: from an image's bytes to the answer of the
// model in MODEL_DIR, and the contract's settings, failures and signals.
export { Failure, failureOf } from './failure.js';
export { bodyKind, declaredSizeFits, limitBody } from './body.js';
export { serve } from './serve.js';
export { serveFetch, uploadedImage } from './fetch.js';
