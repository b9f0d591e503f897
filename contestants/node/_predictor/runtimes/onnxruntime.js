import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';

export async function open(model, threads) {
  const session = await InferenceSession.create(await readFile(model.file), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 4, // what matters comes back as an error
  });
  return async (x) => {
    const outputs = await session.run({ [model.input.name]: new Tensor('float32', x, model.shape) });
    return outputs[model.output.name].data;
  };
}
