package org.espalier.server.scheduling;

/** A text that could not be taken in; another try may succeed. */
public final class Refusal extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Why. */
  public enum Reason {
    /** As many wait as may. */
    FULL,
    /** It waited too long for its turn. */
    WAITED_TOO_LONG,
    /** The server is about to end. */
    STOPPING
  }

  private final Reason reason;
  private final int retryAfterSeconds;

  Refusal(Reason reason, String message, int retryAfterSeconds) {
    super(message);
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Why. */
  public Reason reason() {
    return reason;
  }

  /** When another try is worth while. */
  public int retryAfterSeconds() {
    return retryAfterSeconds;
  }
}
