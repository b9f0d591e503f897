package servemark.predictor;

import ai.onnxruntime.OrtException;
import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import javax.imageio.ImageIO;
import servemark.predictor.Settings.Stage;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * What the Java contestants share: from an image's bytes to the answer of the model in MODEL_DIR.
 * Any number of threads may use it; WORKERS of them at a time decode and infer.
 */
public final class Predictor {
    public static final String HEALTH = "{\"status\":\"ok\"}";
    public static final String JSON = "application/json";

    private static final double STAGE_PROBABILITY = 0.1234567890; // what the stages before the inference answer

    private final Settings settings;
    private final String answer; // the name of the answer field, quoted for JSON
    private final int labels;
    private final boolean logits;
    private final byte[] testImage;
    private final BlockingQueue<Session> sessions;

    private Predictor(Settings settings) throws Settings.Wrong {
        this.settings = settings;
        Model model = Model.read(settings.modelDir());
        answer = '"' + new String(JsonStringEncoder.getInstance().quoteAsString(model.answer())) + '"';
        labels = model.labels().size();
        logits = model.output().isLogits();
        sessions = new ArrayBlockingQueue<>(settings.workers());
        try {
            testImage = Files.readAllBytes(settings.testImage());
        } catch (IOException e) {
            throw new Settings.Wrong("TEST_IMAGE " + settings.testImage() + " cannot be read");
        }
        ImageIO.setUseCache(false); // no temporary files
        try {
            byte[] onnx = Files.readAllBytes(settings.modelDir().resolve(model.formats().onnx()));
            for (int i = 0; i < settings.workers(); i++) {
                sessions.add(new Session(model, onnx, settings.threads()));
            }
        } catch (IOException | OrtException e) {
            throw new Settings.Wrong("the ONNX model " + model.formats().onnx() + " cannot be loaded: " + e.getMessage());
        }
        try {
            predict(testImage, Stage.FULL);
        } catch (Refusal e) {
            throw new Settings.Wrong("TEST_IMAGE " + settings.testImage() + " cannot be predicted: " + e.getMessage());
        }
    }

    /**
     * Reads the settings from the environment and loads the model; it has answered TEST_IMAGE once when
     * this returns. Where that cannot be done, it ends the program.
     */
    public static Predictor open() {
        try {
            return new Predictor(Settings.read(System::getenv));
        } catch (Settings.Wrong | RuntimeException | LinkageError e) {
            throw exit(e);
        }
    }

    /** Ends a program that cannot start: one line on stderr, status 1. */
    public static Error exit(Throwable why) {
        String reason = why instanceof Settings.Wrong ? why.getMessage() : why.toString();
        System.err.println("cannot start: " + reason.strip().replaceAll("\\R", "; "));
        Runtime.getRuntime().halt(1);
        return new Error(why);
    }

    /**
     * Calls stop at SIGTERM or SIGINT, and then ends the program. A shutdown hook would be too late:
     * ONNX Runtime has one of its own, which at once takes away what requests in flight need.
     */
    public static void onStop(Runnable stop) {
        SignalHandler handler = signal -> {
            try {
                stop.run();
            } finally {
                System.exit(0);
            }
        };
        Signal.handle(new Signal("TERM"), handler);
        Signal.handle(new Signal("INT"), handler);
    }

    public Settings settings() {
        return settings;
    }

    /** The answer for the image that GET / stands for. */
    public String predictTestImage() {
        return predict(testImage);
    }

    /** The answer for one JPEG or PNG, as JSON. Throws a Refusal; what the caller must not see goes to the log. */
    public String predict(byte[] image) {
        return predict(image, settings.stage());
    }

    private String predict(byte[] image, Stage stage) {
        if (image.length == 0) {
            throw new Refusal(Failure.EMPTY);
        }
        if (stage == Stage.RECEIVE) {
            return json(0, STAGE_PROBABILITY);
        }
        Session session = take();
        try {
            session.decoder.fill(session.input, image);
            return stage == Stage.DECODE ? sum(session.input) : best(session.run());
        } catch (OrtException e) {
            System.err.println(e.getMessage().strip());
            throw new Refusal(Failure.INTERNAL);
        } finally {
            sessions.add(session);
        }
    }

    Session take() {
        try {
            return sessions.take();
        } catch (InterruptedException e) { // the server is stopping
            Thread.currentThread().interrupt();
            throw new Refusal(Failure.INTERNAL);
        }
    }

    private String sum(FloatBuffer x) {
        double sum = 0; // exact: double holds every sum of this many floats of this range
        for (int i = 0; i < x.capacity(); i++) {
            sum += x.get(i);
        }
        return json((int) Math.floorMod((long) Math.floor(sum), (long) labels), STAGE_PROBABILITY);
    }

    String best(FloatBuffer probabilities) {
        int best = 0;
        for (int i = 1; i < labels; i++) {
            if (probabilities.get(i) > probabilities.get(best)) {
                best = i;
            }
        }
        double largest = probabilities.get(best);
        return json(best, logits ? softmax(probabilities, largest) : largest);
    }

    /** Of the largest logit. */
    private double softmax(FloatBuffer logits, double largest) {
        double sum = 0;
        for (int i = 0; i < labels; i++) {
            sum += Math.exp(logits.get(i) - largest);
        }
        return 1 / sum;
    }

    private String json(int index, double probability) {
        return "{\"data\": {" + answer + ": " + index + ", \"probability\": " + probability + "}}";
    }
}
