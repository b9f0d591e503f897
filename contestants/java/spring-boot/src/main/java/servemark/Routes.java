package servemark;

import static org.springframework.http.MediaType.APPLICATION_JSON_VALUE;
import static org.springframework.http.MediaType.APPLICATION_OCTET_STREAM_VALUE;
import static org.springframework.http.MediaType.IMAGE_JPEG_VALUE;
import static org.springframework.http.MediaType.IMAGE_PNG_VALUE;
import static org.springframework.http.MediaType.MULTIPART_FORM_DATA_VALUE;

import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestPart;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.multipart.MultipartFile;
import servemark.predictor.Failure;
import servemark.predictor.Predictor;
import servemark.predictor.Refusal;
import servemark.predictor.Upload;

@RestController
final class Routes {
    private final Predictor predictor;

    Routes(Predictor predictor) {
        this.predictor = predictor;
    }

    @GetMapping(path = "/", produces = APPLICATION_JSON_VALUE)
    String predictTestImage() {
        return predictor.predictTestImage();
    }

    @PostMapping(path = "/", consumes = MULTIPART_FORM_DATA_VALUE, produces = APPLICATION_JSON_VALUE)
    String predictForm(@RequestPart("image") MultipartFile image) throws IOException {
        return predictor.predict(image.getBytes());
    }

    @PostMapping(
            path = "/",
            consumes = {IMAGE_JPEG_VALUE, IMAGE_PNG_VALUE, APPLICATION_OCTET_STREAM_VALUE},
            produces = APPLICATION_JSON_VALUE)
    String predictBody(HttpServletRequest request) throws IOException {
        Upload.of(request.getContentType()); // Spring takes none for application/octet-stream
        int most = (int) Math.min(predictor.settings().maxBodyBytes(), Integer.MAX_VALUE - 1);
        if (request.getContentLengthLong() > most) {
            throw new Refusal(Failure.TOO_LARGE);
        }
        byte[] image = request.getInputStream().readNBytes(most + 1);
        if (image.length > most) {
            throw new Refusal(Failure.TOO_LARGE);
        }
        return predictor.predict(image);
    }

    @GetMapping(path = "/healthz", produces = APPLICATION_JSON_VALUE)
    String health() {
        return Predictor.HEALTH;
    }
}
