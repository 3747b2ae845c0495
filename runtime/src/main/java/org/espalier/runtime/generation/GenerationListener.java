package org.espalier.runtime.generation;

/** Follows generation as it happens, on the generating thread. */
public interface GenerationListener {

  /** The prompt is going in: so many of its tokens are done. */
  default void prompt(int done, int total) {}

  /** A token was drawn. Its text may be empty as long as a character or stop text is incomplete. */
  default void token(int token, String text) {}

  /** Drawing a token took so long, without the forward pass before it. */
  default void sampled(long nanos) {}

  /** Text that was held back and turned out to belong to the output after all. */
  default void flush(String text) {}

  /** Asked before every pass; true ends generation with {@link FinishReason#CANCELLED}. */
  default boolean cancelled() {
    return false;
  }
}
