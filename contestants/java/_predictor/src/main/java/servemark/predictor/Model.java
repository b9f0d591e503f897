package servemark.predictor;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What model.json says of the model's input, output and answer. */
@JsonIgnoreProperties(ignoreUnknown = true)
record Model(int schema, Input input, Output output, String answer, List<String> labels, Formats formats) {

    /** A null in the shape is the batch. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Input(
            String name,
            List<Long> shape,
            String layout,
            String dtype,
            int height,
            int width,
            int channels,
            float[] offset,
            float[] scale,
            String resize) {

        /** The shape with a batch of one. */
        long[] batchOfOne() {
            return shape.stream().mapToLong(side -> side == null ? 1 : side).toArray();
        }

        int values() {
            return height * width * channels;
        }
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Output(String name, String activation) {

        /** Whether it still lacks its softmax. */
        boolean isLogits() {
            return activation.equals("logits");
        }
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Formats(String onnx) {}

    static Model read(Path folder) throws Settings.Wrong {
        Path path = folder.resolve("model.json");
        byte[] text;
        try {
            text = Files.readAllBytes(path);
        } catch (IOException e) {
            throw new Settings.Wrong("MODEL_DIR has no readable " + path);
        }
        Model model;
        try {
            model = new ObjectMapper()
                    .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
                    .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
                    .readValue(text, Model.class);
        } catch (IOException e) {
            throw new Settings.Wrong(path + " is not a model description: " + e.getMessage());
        }
        String problem = model.problem();
        if (problem != null) {
            throw new Settings.Wrong(path + ": " + problem);
        }
        return model;
    }

    /** Why this predictor cannot serve the model, or null. */
    private String problem() {
        if (schema != 1) {
            return "schema is " + schema + ", and 1 is what is understood";
        }
        if (!"NHWC".equals(input.layout) && !"NCHW".equals(input.layout)) {
            return "input.layout must be NHWC or NCHW, not " + input.layout;
        }
        if (!"float32".equals(input.dtype)) {
            return "input.dtype must be float32, not " + input.dtype;
        }
        if (!"nearest".equals(input.resize) && !"bilinear".equals(input.resize)) {
            return "input.resize must be nearest or bilinear, not " + input.resize;
        }
        if (input.channels != 1 && input.channels != 3) {
            return "input.channels must be 1 or 3, not " + input.channels;
        }
        if (input.offset.length != input.channels || input.scale.length != input.channels) {
            return "input.offset and input.scale must have one number per channel";
        }
        long values = 1;
        for (long side : input.batchOfOne()) {
            values *= side;
        }
        if (input.values() < 1 || values != input.values()) {
            return "input.shape must hold height x width x channels values, at least 1";
        }
        if (!List.of("softmax", "logits", "none").contains(output.activation)) {
            return "output.activation must be softmax, logits or none, not " + output.activation;
        }
        return labels.isEmpty() ? "labels must not be empty" : null;
    }
}
