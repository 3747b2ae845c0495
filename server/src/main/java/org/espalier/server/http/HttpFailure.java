package org.espalier.server.http;

import java.util.OptionalInt;
import org.espalier.api.EspalierException;
import org.espalier.server.scheduling.Refusal;

/** A request that ends with an error status. */
public final class HttpFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final String type;
  private final transient OptionalInt retryAfterSeconds;

  private HttpFailure(int status, String type, String message, OptionalInt retryAfterSeconds) {
    super(message);
    this.status = status;
    this.type = type;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** The client asked for something that cannot be. */
  public static HttpFailure badRequest(String message) {
    return of(400, message);
  }

  /** Any status; the type follows from it. */
  public static HttpFailure of(int status, String message) {
    String type =
        switch (status) {
          case 401 -> "authentication_error";
          case 403 -> "permission_error";
          case 404 -> "not_found_error";
          case 429 -> "rate_limit_error";
          case 503 -> "unavailable_error";
          default -> status < 500 ? "invalid_request_error" : "server_error";
        };
    return new HttpFailure(status, type, message, OptionalInt.empty());
  }

  /** The body is longer than the server allows. */
  static HttpFailure tooLarge(long limit) {
    return of(
        413,
        "the body is larger than the limit of %,d bytes: send less at a time, or start the server with a larger --max-body"
            .formatted(limit));
  }

  /** The model is not there yet. */
  public static HttpFailure loading() {
    return new HttpFailure(
        503, "unavailable_error", "the model is being loaded: try again soon", OptionalInt.of(2));
  }

  /** What a failure of the work itself means to the client; empty for a defect. */
  public static java.util.Optional<HttpFailure> of(Throwable thrown) {
    return java.util.Optional.ofNullable(
        switch (thrown) {
          case HttpFailure failure -> failure;
          case Refusal refusal ->
              new HttpFailure(
                  refusal.reason() == Refusal.Reason.FULL ? 429 : 503,
                  refusal.reason() == Refusal.Reason.FULL
                      ? "rate_limit_error"
                      : "unavailable_error",
                  String.valueOf(refusal.getMessage()),
                  OptionalInt.of(refusal.retryAfterSeconds()));
          case EspalierException.InvalidRequest e -> badRequest(String.valueOf(e.getMessage()));
          case EspalierException.Unsupported e -> badRequest(String.valueOf(e.getMessage()));
          case EspalierException.DeviceFailure e -> of(503, String.valueOf(e.getMessage()));
          case EspalierException e -> of(500, String.valueOf(e.getMessage()));
          default -> null;
        });
  }

  /** The status code. */
  public int status() {
    return status;
  }

  /** A word for programs. */
  public String type() {
    return type;
  }

  /** When another try is worth while. */
  public OptionalInt retryAfterSeconds() {
    return retryAfterSeconds;
  }
}
