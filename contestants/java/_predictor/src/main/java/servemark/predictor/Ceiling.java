package servemark.predictor;

import ai.onnxruntime.OrtException;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Ceiling FOLDER WARM_UP_S MEASURE_S: predicts the files of FOLDER round after round with no server,
 * first to warm up, then to measure, and prints what it found as one JSON object, times in ns.
 */
public final class Ceiling {
    private final Predictor predictor;
    private final Session session;
    private final List<byte[]> images;

    private Ceiling(Predictor predictor, List<byte[]> images) {
        this.predictor = predictor;
        this.session = predictor.take();
        this.images = images;
    }

    public static void main(String[] arguments) throws IOException, OrtException {
        Ceiling ceiling = new Ceiling(Predictor.open(), readAll(Path.of(arguments[0])));
        ceiling.rounds(Double.parseDouble(arguments[1]));
        System.out.println(ceiling.rounds(Double.parseDouble(arguments[2])));
    }

    /** The contents of a folder's files in the order of their names. */
    private static List<byte[]> readAll(Path folder) throws IOException {
        List<byte[]> contents = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.sorted().toList()) {
                contents.add(Files.readAllBytes(file));
            }
        }
        return contents;
    }

    /** As many whole rounds as begin within that time: images differ in what they cost. */
    private String rounds(double seconds) throws OrtException {
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        List<String> answers = new ArrayList<>();
        long count = 0;
        long decode = 0;
        long infer = 0;
        long cpu = system.getProcessCpuTime();
        long start = System.nanoTime();
        long now = start;
        while (now - start < seconds * 1e9) {
            answers.clear();
            for (byte[] image : images) {
                session.decoder.fill(session.input, image);
                long decoded = System.nanoTime();
                FloatBuffer probabilities = session.run();
                long inferred = System.nanoTime();
                answers.add(predictor.best(probabilities));
                decode += decoded - now;
                infer += inferred - decoded;
                now = System.nanoTime();
            }
            count += images.size();
        }
        cpu = system.getProcessCpuTime() - cpu;
        return "{\"images\": " + count + ", \"ns\": " + (now - start) + ", \"cpu_ns\": " + cpu
                + ", \"decode_ns\": " + decode + ", \"infer_ns\": " + infer + ", \"answers\": " + answers + "}";
    }
}
