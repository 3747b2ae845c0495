package org.espalier.downloads;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/** Reads from a connection, and closes it when nothing has come for too long. */
final class SilenceGuard implements AutoCloseable {
  private final InputStream in;
  private final Duration silence;
  private final Thread watch;
  private volatile long heard = System.nanoTime();
  private volatile boolean lost;

  SilenceGuard(InputStream in, Duration silence) {
    this.in = in;
    this.silence = silence;
    this.watch = Thread.ofVirtual().start(this::watch);
  }

  private void watch() {
    try {
      long left = silence.toNanos();
      while (left > 0) {
        Thread.sleep(Duration.ofNanos(left));
        left = heard + silence.toNanos() - System.nanoTime();
      }
      lost = true;
      in.close();
    } catch (InterruptedException | IOException _) {
      // it is over
    }
  }

  /** As {@link InputStream#read(byte[])}. */
  int read(byte[] target) throws IOException {
    try {
      int count = in.read(target);
      if (!lost) {
        heard = System.nanoTime();
        return count;
      }
    } catch (IOException e) {
      if (!lost) {
        throw e;
      }
    }
    throw new IOException("the connection was silent for %d s".formatted(silence.toSeconds()));
  }

  @Override
  public void close() {
    watch.interrupt();
  }
}
