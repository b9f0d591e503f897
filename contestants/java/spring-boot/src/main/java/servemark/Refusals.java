package servemark;

import org.slf4j.LoggerFactory;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.ErrorResponse;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;
import org.springframework.web.multipart.MaxUploadSizeExceededException;
import org.springframework.web.multipart.MultipartException;
import org.springframework.web.multipart.support.MissingServletRequestPartException;
import servemark.predictor.Failure;
import servemark.predictor.Refusal;

/** What goes wrong, as the contract's failures. */
@RestControllerAdvice
final class Refusals {

    @ExceptionHandler
    ResponseEntity<String> refuse(Exception why) {
        Failure failure = failureOf(why);
        if (failure == Failure.INTERNAL) {
            LoggerFactory.getLogger(Refusals.class).error("A request failed", why);
        }
        HttpHeaders headers = new HttpHeaders();
        if (why instanceof ErrorResponse response) {
            headers.addAll(response.getHeaders()); // which methods are allowed
        }
        headers.setContentType(MediaType.APPLICATION_JSON);
        return ResponseEntity.status(failure.status).headers(headers).body(failure.body);
    }

    private static Failure failureOf(Exception why) {
        if (why instanceof Refusal refusal) {
            return refusal.failure;
        }
        if (why instanceof MissingServletRequestPartException) {
            return Failure.NO_IMAGE;
        }
        if (why instanceof MaxUploadSizeExceededException) {
            return Failure.TOO_LARGE;
        }
        if (why instanceof MultipartException) {
            return Failure.MULTIPART;
        }
        int status = why instanceof ErrorResponse response ? response.getStatusCode().value() : 500;
        return switch (status) {
            case 400 -> Failure.BODY;
            case 404 -> Failure.NOT_FOUND;
            case 405 -> Failure.METHOD_NOT_ALLOWED;
            case 415 -> Failure.UNSUPPORTED;
            default -> Failure.INTERNAL;
        };
    }
}
