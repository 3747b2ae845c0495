package org.espalier.server.http;

import io.helidon.common.socket.HelidonSocket;
import java.io.UncheckedIOException;

/**
 * One client's connection, and what it is doing. Whatever it does is given a limited time: a client
 * that sends too slowly, reads too slowly or says nothing at all is cut off from another thread.
 */
public final class Connection {
  private final HelidonSocket socket;
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

  Connection(HelidonSocket socket) {
    this.socket = socket;
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

  /** From now on it is noticed when the client goes away, until the next request is read. */
  void watch() {
    socket.idle();
  }

  /** Whether the client was seen to have gone away. */
  boolean isGone() {
    return !socket.isConnected();
  }

  /** Ends it from any thread. */
  void cut() {
    try {
      socket.close();
    } catch (UncheckedIOException _) {
      // closed already
    }
  }
}
