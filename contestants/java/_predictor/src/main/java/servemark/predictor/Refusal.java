package servemark.predictor;

/** A request that is refused. It has no stack trace: it is an answer, not a fault. */
public final class Refusal extends RuntimeException {
    public final Failure failure;

    public Refusal(Failure failure) {
        super(failure.name(), null, false, false);
        this.failure = failure;
    }
}
