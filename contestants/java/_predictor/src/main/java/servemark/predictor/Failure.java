package servemark.predictor;

/** Why a request is refused: the HTTP status, and one sentence that needs no escapes in JSON. */
public enum Failure {
    NO_IMAGE(400, "The form has no file field 'image'."),
    EMPTY(400, "The request carries no image: it is empty."),
    MULTIPART(400, "The multipart body cannot be read."),
    BODY(400, "The request body cannot be read."),
    NOT_FOUND(404, "There is nothing at this path."),
    METHOD_NOT_ALLOWED(405, "This method is not allowed here."),
    TOO_LARGE(413, "The request body is too large."),
    UNSUPPORTED(415, "Send multipart/form-data, image/jpeg, image/png or application/octet-stream."),
    UNDECODABLE(422, "The image cannot be decoded as JPEG or PNG."),
    TOO_MANY_PIXELS(422, "The image is wider or higher than 4096 pixels."),
    INTERNAL(500, "The server failed to answer.");

    public final int status;
    /** The response, as JSON. */
    public final String body;

    Failure(int status, String message) {
        this.status = status;
        this.body = "{\"data\": null, \"error\": \"" + message + "\"}";
    }
}
