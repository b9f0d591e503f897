import { readFile } from 'node:fs/promises';
import { Failure } from './failure.js';
import { pixelsOf } from './image.js';
import { readModel } from './model.js';
import { RUNTIMES } from './runtimes/index.js';

const STAGE_PROBABILITY = 0.123456789; // what the stages before the inference answer

/** Answers for one model. */
export class Predictor {
  #infer;
  #model;
  #stage;
  #testImage;

  /** Loads everything; has answered TEST_IMAGE once when it resolves. */
  static async open(settings) {
    const predictor = new Predictor();
    const { format, load } = RUNTIMES[settings.runtime];
    predictor.maxBodyBytes = settings.maxBodyBytes;
    predictor.#stage = settings.stage;
    predictor.#model = await readModel(settings.modelDir, settings.runtime, format);
    predictor.#testImage = await readFile(settings.testImage).catch((error) => {
      throw new Error(`TEST_IMAGE cannot be read: ${error.message}`);
    });
    const { open } = await load();
    predictor.#infer = await open(predictor.#model, settings.threads).catch((error) => {
      throw new Error(`the model ${predictor.#model.file} cannot be loaded: ${error.message}`);
    });
    await predictor.#answer(predictor.#testImage, 'full').catch((error) => {
      throw new Error(`TEST_IMAGE ${settings.testImage} cannot be predicted: ${error.message}`);
    });
    return predictor;
  }

  /** {"data": {...}} for the image that GET / stands for. */
  predictTestImage() {
    return this.predict(this.#testImage);
  }

  /** {"data": {...}} for a Buffer with a JPEG or PNG. Throws a Failure. */
  async predict(image) {
    if (!image?.length) throw Failure.empty();
    return this.#answer(image, this.#stage);
  }

  async #answer(image, stage) {
    if (stage === 'receive') return this.#data(0, STAGE_PROBABILITY);
    const x = await this.decode(image);
    if (stage === 'decode') {
      const sum = Math.floor(x.reduce((total, value) => total + value, 0)); // exact: doubles hold every sum of these float32
      const { length } = this.#model.labels;
      return this.#data(((sum % length) + length) % length, STAGE_PROBABILITY); // of a negative sum % is negative
    }
    return this.answerOf(await this.infer(x));
  }

  /** A Promise of the model's input for a Buffer with a JPEG or PNG. */
  decode(image) {
    return pixelsOf(image, this.#model);
  }

  /** The model's output for an input, or a Promise of it. */
  infer(x) {
    return this.#infer(x);
  }

  /** {"data": {...}} for an output. */
  answerOf(output) {
    const { labels, output: { activation } } = this.#model;
    if (output.length !== labels.length) throw new Error(`${output.length} outputs for ${labels.length} labels`);
    let best = 0;
    for (let i = 1; i < output.length; i += 1) if (output[i] > output[best]) best = i;
    if (activation !== 'logits') return this.#data(best, output[best]);
    const sum = output.reduce((total, logit) => total + Math.exp(logit - output[best]), 0);
    return this.#data(best, 1 / sum); // softmax, of which one value is wanted
  }

  #data(index, probability) {
    return { data: { [this.#model.answer]: index, probability } };
  }
}
