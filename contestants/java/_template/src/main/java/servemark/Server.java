package servemark;

import static io.vertx.core.http.HttpHeaders.ALLOW;
import static io.vertx.core.http.HttpHeaders.CONTENT_TYPE;

import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import java.util.concurrent.TimeUnit;
import servemark.predictor.Failure;
import servemark.predictor.Predictor;
import servemark.predictor.Refusal;
import servemark.predictor.Upload;

/** The model behind template-name: a worker is an event loop, which also infers, with a verticle of its own. */
public final class Server extends VerticleBase {
    private final Predictor predictor;
    private HttpServer server;

    private Server(Predictor predictor) {
        this.predictor = predictor;
    }

    @Override
    public Future<?> start() {
        HttpServerOptions options = new HttpServerOptions()
                .setHost(predictor.settings().host())
                .setPort(predictor.settings().port())
                .setHandle100ContinueAutomatically(true)
                .setIdleTimeout(75); // seconds
        server = vertx.createHttpServer(options).requestHandler(routes());
        return server.listen();
    }

    @Override
    public Future<?> stop() {
        return server.shutdown(4, TimeUnit.SECONDS);
    }

    private Router routes() {
        Router router = Router.router(vertx);
        router.get("/").handler(context -> reply(context, predictor.predictTestImage()));
        router.post("/").handler(this::predictForm);
        router.post("/").handler(BodyHandler.create(false).setBodyLimit(predictor.settings().maxBodyBytes()));
        router.post("/").handler(this::predictBody);
        router.get("/healthz").handler(context -> reply(context, Predictor.HEALTH));
        router.route().failureHandler(Server::refuse);
        router.errorHandler(404, context -> reply(context, Failure.NOT_FOUND));
        router.errorHandler(405, context -> {
            context.response().putHeader(ALLOW, context.request().path().equals("/") ? "GET, POST" : "GET");
            reply(context, Failure.METHOD_NOT_ALLOWED);
        });
        router.errorHandler(500, context -> reply(context, Failure.INTERNAL));
        return router;
    }

    private void predictForm(RoutingContext context) {
        HttpServerRequest request = context.request();
        if (Upload.of(request.getHeader(CONTENT_TYPE)) != Upload.FORM) {
            context.next();
            return;
        }
        FormImage.read(request, predictor.settings().maxBodyBytes())
                .map(image -> predictor.predict(image.getBytes()))
                .onSuccess(answer -> reply(context, answer))
                .onFailure(context::fail);
    }

    private void predictBody(RoutingContext context) {
        Buffer image = context.body().buffer();
        reply(context, predictor.predict(image == null ? new byte[0] : image.getBytes()));
    }

    private static void reply(RoutingContext context, String body) {
        context.response().putHeader(CONTENT_TYPE, Predictor.JSON).end(body);
    }

    private static void reply(RoutingContext context, Failure failure) {
        context.response().setStatusCode(failure.status);
        reply(context, failure.body);
    }

    private static void refuse(RoutingContext context) {
        if (context.failure() instanceof Refusal refusal) {
            reply(context, refusal.failure);
        } else if (context.statusCode() == 413) { // BodyHandler's
            reply(context, Failure.TOO_LARGE);
        } else {
            context.next(); // Vert.x logs it and answers 500
        }
    }

    public static void main(String[] arguments) {
        Predictor predictor = Predictor.open();
        int workers = predictor.settings().workers();
        Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(workers));
        Predictor.onStop(() -> vertx.close().await());
        vertx.deployVerticle(() -> new Server(predictor), new DeploymentOptions().setInstances(workers))
                .onFailure(Predictor::exit);
    }
}
