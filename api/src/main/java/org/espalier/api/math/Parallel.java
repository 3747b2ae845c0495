package org.espalier.api.math;

/**
 * Runs independent pieces of work, on as many threads as whoever made it chose. What a piece does
 * must not depend on which pieces ran before it, so that results are the same at any thread count.
 */
@FunctionalInterface
public interface Parallel {

  /** One after another on the calling thread. */
  Parallel SERIAL =
      (count, task) -> {
        for (int piece = 0; piece < count; piece++) {
          task.run(piece);
        }
      };

  /**
   * Runs the pieces 0 to {@code count} − 1 and returns when all are done. What the pieces wrote is
   * visible to the caller then.
   *
   * @throws RuntimeException or Error of a piece that failed
   */
  void run(int count, Task task);

  /** A piece of work. */
  @FunctionalInterface
  interface Task {
    /** Does the piece with the given number, maybe while others run. */
    void run(int piece);
  }
}
