package org.espalier.server.http;

import io.helidon.common.buffers.DataReader;
import io.helidon.common.socket.HelidonSocket;
import io.helidon.webserver.CloseConnectionException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One client's connection, and what it is doing. Whatever it does is given a limited time: a client
 * that sends too slowly, reads too slowly or says nothing at all is cut off from another thread.
 *
 * <p>While an answer is worked out, another thread reads ahead: the next request, if the client
 * sends it already, or the end, if the client has gone away.
 */
public final class Connection {
  private static final long MOST_DRAINED = 1 << 20;
  private static final long LONGEST_PAUSE_MILLIS = 300;

  private final HelidonSocket socket;
  private final DataReader begun;
  private Optional<CompletableFuture<byte[]>> ahead = Optional.empty();
  private volatile boolean gone;
  private volatile Doing doing = Doing.WAITING;
  private volatile long since = System.nanoTime();

  /** What a connection spends its time on. */
  enum Doing {
    /** The client has yet to send a request: its first line and its headers. */
    WAITING,
    /** The body of a request is on its way. */
    READING,
    /** The answer is being worked out. */
    WORKING,
    /** A part of the answer is on its way. */
    WRITING
  }

  /**
   * A connection.
   *
   * @param begun may hold bytes that were read before
   */
  Connection(HelidonSocket socket, DataReader begun) {
    this.socket = socket;
    this.begun = begun;
  }

  void begin(Doing what) {
    since = System.nanoTime();
    doing = what;
  }

  Doing doing() {
    return doing;
  }

  long since() {
    return since;
  }

  /** The next bytes that the client sends, at least one. */
  byte[] read() {
    if (begun.available() > 0) {
      return begun.readBytes(begun.available());
    }
    if (ahead.isEmpty()) {
      return receive();
    }
    CompletableFuture<byte[]> reading = ahead.get();
    ahead = Optional.empty();
    try {
      return reading.get();
    } catch (ExecutionException e) {
      throw new CloseConnectionException("the client has gone away", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CloseConnectionException("the server ends", e);
    }
  }

  private byte[] receive() {
    byte[] received;
    try {
      received = socket.get();
    } catch (UncheckedIOException e) {
      gone = true;
      throw new CloseConnectionException("the client has gone away", e);
    }
    if (received == null) {
      gone = true;
      throw new CloseConnectionException("the client has gone away");
    }
    return received;
  }

  /**
   * Reads on for a moment without looking. If a connection is closed while something unread
   * arrives, the client may never see the answer.
   */
  void drain() {
    try {
      long read = 0;
      while (read < MOST_DRAINED) {
        watch();
        CompletableFuture<byte[]> reading = ahead.orElseThrow();
        read += reading.get(LONGEST_PAUSE_MILLIS, TimeUnit.MILLISECONDS).length;
        ahead = Optional.empty();
      }
    } catch (TimeoutException | ExecutionException _) {
      // nothing more comes
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** From now on it is noticed when the client goes away, until the next request is read. */
  void watch() {
    if (ahead.isEmpty()) {
      CompletableFuture<byte[]> reading = new CompletableFuture<>();
      ahead = Optional.of(reading);
      Thread.ofVirtual()
          .name("watch")
          .start(() -> {
            try {
              reading.complete(receive());
            } catch (RuntimeException e) {
              reading.completeExceptionally(e);
            }
          });
    }
  }

  /** Whether the client was seen to have gone away. */
  boolean isGone() {
    return gone;
  }

  /** Ends it from any thread. */
  void cut() {
    gone = true;
    try {
      socket.close();
    } catch (UncheckedIOException _) {
      // closed already
    }
  }
}
