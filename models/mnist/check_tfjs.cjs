// Arguments: the folder of a TensorFlow.js graph model, the names of its input and output tensor, and an input's shape.
// Reads float32 rows from stdin and writes the model's output for each, row by row, to stdout.
const fs = require("node:fs");
const path = require("node:path");
const tf = require("@tensorflow/tfjs");

const [folder, input, output, ...sides] = process.argv.slice(2);
const shape = sides.map(Number);

const handler = {
  load: async () => {
    const { modelTopology, weightsManifest, format, signature } = JSON.parse(
      fs.readFileSync(path.join(folder, "model.json")),
    );
    const shards = weightsManifest.flatMap((group) => group.paths);
    const bytes = Buffer.concat(shards.map((shard) => fs.readFileSync(path.join(folder, shard))));
    return {
      modelTopology,
      format,
      signature,
      weightSpecs: weightsManifest.flatMap((group) => group.weights),
      weightData: new Uint8Array(bytes).buffer,
    };
  },
};

async function main() {
  const rows = new Float32Array(new Uint8Array(fs.readFileSync(0)).buffer);
  await tf.setBackend("cpu");
  const model = await tf.loadGraphModel(handler);
  const size = shape.reduce((product, side) => product * side, 1);
  const x = tf.tensor(rows, [rows.length / size, ...shape]);
  fs.writeSync(1, Buffer.from((await model.execute({ [input]: x }, output).data()).buffer));
}

main();
