package servemark.predictor;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Map;

/** ONNX Runtime's session with a decoder and tensors of its own. For one thread at a time. */
final class Session {
    // What matters comes back as an exception; a log line would be a second voice.
    private static final OrtEnvironment ENVIRONMENT =
            OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, "servemark");

    final Decoder decoder;
    final FloatBuffer input;
    private final FloatBuffer output;
    private final OrtSession session;
    private final Map<String, OnnxTensor> inputs;
    private final Map<String, OnnxTensor> outputs;

    Session(Model model, byte[] onnx, int threads) throws OrtException {
        decoder = new Decoder(model.input());
        input = direct(model.input().values());
        output = direct(model.labels().size());
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            options.setIntraOpNumThreads(threads);
            session = ENVIRONMENT.createSession(onnx, options);
        }
        long[] answers = {1, model.labels().size()};
        // The tensors are the buffers themselves: nothing is copied or allocated for a request.
        inputs = Map.of(
                model.input().name(), OnnxTensor.createTensor(ENVIRONMENT, input, model.input().batchOfOne()));
        outputs = Map.of(model.output().name(), OnnxTensor.createTensor(ENVIRONMENT, output, answers));
    }

    /** The probabilities for what is in the input. */
    FloatBuffer run() throws OrtException {
        session.run(inputs, outputs).close();
        return output;
    }

    private static FloatBuffer direct(int values) {
        return ByteBuffer.allocateDirect(values * Float.BYTES)
                .order(ByteOrder.nativeOrder())
                .asFloatBuffer();
    }
}
