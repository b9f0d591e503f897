package servemark;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.support.GenericApplicationContext;
import servemark.predictor.Predictor;

/** The model behind Spring MVC on Tomcat: a worker is a core and a session for inference. */
@SpringBootApplication
public class Server {
    private static final int THREADS_A_WORKER = 8; // a slow sender occupies one; those that work take turns

    public static void main(String[] arguments) {
        Predictor predictor = Predictor.open();
        SpringApplication application = new SpringApplication(Server.class);
        application.setDefaultProperties(
                Map.of("server.tomcat.threads.max", THREADS_A_WORKER * predictor.settings().workers()));
        application.addInitializers(context -> ((GenericApplicationContext) context)
                .registerBean(Predictor.class, () -> predictor));
        try {
            ConfigurableApplicationContext context = application.run(arguments);
            Predictor.onStop(context::close);
        } catch (RuntimeException e) {
            Predictor.exit(e);
        }
    }
}
