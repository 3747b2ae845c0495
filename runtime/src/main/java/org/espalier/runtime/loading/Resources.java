package org.espalier.runtime.loading;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/**
 * Things to close, last come first. Opened in a {@code try} that builds something out of them:
 * whatever fails on the way, all of them are closed, unless they are {@linkplain #keep() kept}.
 */
public final class Resources implements AutoCloseable {
  private final Deque<Runnable> releases;

  /** None yet. */
  public Resources() {
    this(new ArrayDeque<>());
  }

  private Resources(Deque<Runnable> releases) {
    this.releases = releases;
  }

  /** Takes charge of one, and gives it back. */
  public <T> T add(T resource, Consumer<? super T> close) {
    releases.push(() -> close.accept(resource));
    return resource;
  }

  /** All of them under a new owner; closing this one does nothing from now on. */
  public Resources keep() {
    Resources kept = new Resources(new ArrayDeque<>(releases));
    releases.clear();
    return kept;
  }

  /** Closes all, even if one of them fails; the first failure is thrown at the end. */
  @Override
  public void close() {
    RuntimeException failure = null;
    while (!releases.isEmpty()) {
      try {
        releases.pop().run();
      } catch (RuntimeException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
