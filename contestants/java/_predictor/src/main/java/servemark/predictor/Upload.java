package servemark.predictor;

import java.util.Locale;

/** How a POST carries the image. */
public enum Upload {
    FORM,
    BODY;

    /** From the Content-Type header, which may be missing (null). Throws a Refusal for all others. */
    public static Upload of(String contentType) {
        String type = contentType == null ? "" : contentType.split(";", 2)[0].strip();
        return switch (type.toLowerCase(Locale.ROOT)) {
            case "multipart/form-data" -> FORM;
            case "image/jpeg", "image/png", "application/octet-stream" -> BODY;
            default -> throw new Refusal(Failure.UNSUPPORTED);
        };
    }
}
