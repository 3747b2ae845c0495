package org.espalier.api;

import java.util.function.Function;

/**
 * The answer to every negotiation between modules: a value, or one sentence that says why not.
 *
 * <p>A declined offer is no failure. Whoever asked several parties collects the reasons and, when
 * nobody accepted, reports them all.
 *
 * @param <T> what was asked for
 */
public sealed interface Offer<T> {

  /**
   * Yes.
   *
   * @param value what was asked for
   */
  record Accepted<T>(T value) implements Offer<T> {}

  /**
   * No.
   *
   * @param reason one sentence for a person: what stands in the way and, where known, what to do
   */
  record Declined<T>(String reason) implements Offer<T> {}

  /** An accepted offer of {@code value}. */
  static <T> Offer<T> accepted(T value) {
    return new Accepted<>(value);
  }

  /** A declined offer; {@code reason} is one sentence for a person. */
  static <T> Offer<T> declined(String reason) {
    return new Declined<>(reason);
  }

  /** The same answer about {@code function} of the value. */
  default <R> Offer<R> map(Function<? super T, ? extends R> function) {
    return switch (this) {
      case Accepted<T>(T value) -> accepted(function.apply(value));
      case Declined<T>(String reason) -> declined(reason);
    };
  }

  /** The value, or the exception that {@code failure} makes of the reason. */
  default T orElseThrow(Function<String, ? extends EspalierException> failure) {
    return switch (this) {
      case Accepted<T>(T value) -> value;
      case Declined<T>(String reason) -> throw failure.apply(reason);
    };
  }
}
