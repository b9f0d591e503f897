package servemark.predictor;

import java.nio.file.Path;
import java.util.function.UnaryOperator;

/** The contract's variables. */
public record Settings(
        String host,
        int port,
        int workers,
        int threads,
        Path modelDir,
        Path testImage,
        Stage stage,
        long maxBodyBytes) {

    /** How far a request is taken. */
    enum Stage { RECEIVE, DECODE, FULL }

    static final class Wrong extends Exception {
        Wrong(String message) {
            super(message);
        }
    }

    static Settings read(UnaryOperator<String> variable) throws Wrong {
        if (!text(variable, "RUNTIME", "onnxruntime").equals("onnxruntime")) {
            throw new Wrong("RUNTIME must be onnxruntime, not " + variable.apply("RUNTIME"));
        }
        return new Settings(
                text(variable, "HOST", "127.0.0.1"),
                (int) number(variable, "PORT", "", 65_535),
                (int) number(variable, "WORKERS", "1", 1024),
                (int) number(variable, "THREADS", "1", 1024),
                Path.of(text(variable, "MODEL_DIR", "")),
                Path.of(text(variable, "TEST_IMAGE", "")),
                stage(text(variable, "STAGE", "full")),
                number(variable, "MAX_BODY_BYTES", "1048576", 1L << 40));
    }

    private static String text(UnaryOperator<String> variable, String name, String otherwise) throws Wrong {
        String value = variable.apply(name);
        value = value == null || value.isEmpty() ? otherwise : value;
        if (value.isEmpty()) {
            throw new Wrong(name + " is not set");
        }
        return value;
    }

    private static long number(UnaryOperator<String> variable, String name, String otherwise, long most) throws Wrong {
        String value = text(variable, name, otherwise);
        long number = value.matches("\\d{1,15}") ? Long.parseLong(value) : 0;
        if (number < 1 || number > most) {
            throw new Wrong(name + " must be a whole number from 1 to " + most + ", not " + value);
        }
        return number;
    }

    private static Stage stage(String value) throws Wrong {
        return switch (value) {
            case "receive" -> Stage.RECEIVE;
            case "decode" -> Stage.DECODE;
            case "full" -> Stage.FULL;
            default -> throw new Wrong("STAGE must be receive, decode or full, not " + value);
        };
    }
}
