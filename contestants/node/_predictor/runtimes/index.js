/**
 * The registry of runtimes. Each is a module with
 *   open(model, threads) -> Promise of infer
 *   infer(x: Float32Array) -> the model's output, Float32Array, or a Promise of it
 * and the key of model.json's formats that it loads. Loaded only when it is asked for.
 */
export const RUNTIMES = {
  onnxruntime: { format: 'onnx', load: () => import('./onnxruntime.js') },
  tfjs: { format: 'tfjs', load: () => import('./tfjs.js') },
};
