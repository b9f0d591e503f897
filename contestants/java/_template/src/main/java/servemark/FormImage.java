package servemark;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerFileUpload;
import io.vertx.core.http.HttpServerRequest;
import servemark.predictor.Failure;
import servemark.predictor.Refusal;

/** Takes the file of a form into memory, where Vert.x-Web's BodyHandler would write it to disk. */
final class FormImage {
    private final Promise<Buffer> promise = Promise.promise();
    private final HttpServerRequest request;
    private final long most;
    private final Buffer image = Buffer.buffer();
    private boolean found;
    private boolean complete;

    private FormImage(HttpServerRequest request, long most) {
        this.request = request;
        this.most = most;
    }

    static Future<Buffer> read(HttpServerRequest request, long most) {
        FormImage form = new FormImage(request, most);
        try {
            request.setExpectMultipart(true);
        } catch (RuntimeException e) { // there is no boundary
            return Future.failedFuture(new Refusal(Failure.MULTIPART));
        }
        request.uploadHandler(form::receive);
        request.exceptionHandler(error -> form.fail(Failure.MULTIPART));
        request.endHandler(end -> form.end());
        return form.promise.future();
    }

    private void receive(HttpServerFileUpload upload) {
        boolean isImage = !found && upload.name().equals("image") && !upload.filename().isEmpty();
        upload.handler(chunk -> {
            if (request.bytesRead() > most) {
                fail(Failure.TOO_LARGE);
            } else if (isImage) {
                image.appendBuffer(chunk);
            }
        });
        if (isImage) {
            found = true;
            upload.endHandler(end -> complete = true);
        }
    }

    private void end() {
        if (request.bytesRead() > most) {
            fail(Failure.TOO_LARGE);
        } else if (!found) {
            fail(Failure.NO_IMAGE);
        } else if (!complete) {
            fail(Failure.MULTIPART);
        } else {
            promise.tryComplete(image);
        }
    }

    private void fail(Failure failure) {
        promise.tryFail(new Refusal(failure));
    }
}
